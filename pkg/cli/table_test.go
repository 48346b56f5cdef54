package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	var out strings.Builder
	table := newTable(&out, "  ", "NAME", "EMPTY", "STATE", "MESSAGE")
	table.row("├─ a", "", "Available")
	table.row("├─ long-name", "", "", "it is\n\x1b[2Kodd")
	table.row("└─ and more")
	if err := table.print(); err != nil {
		t.Fatal(err)
	}
	want := `  NAME           STATE       MESSAGE
  ├─ a           Available
  ├─ long-name   -           it is  [2Kodd
  └─ and more    -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		done, of int32
		want     string
	}{
		{0, 3, "[--------------------]"},
		{1, 3, "[######--------------]"},
		{3, 3, "[####################]"},
		{5, 3, "[####################]"},
		{0, 0, "[####################]"},
		{9999, 10000, "[###################-]"},
	} {
		if got := bar(tc.done, tc.of); got != tc.want {
			t.Errorf("%d of %d: got %s, want %s", tc.done, tc.of, got, tc.want)
		}
	}
}
