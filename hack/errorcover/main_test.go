package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	const example = "./testdata/example"
	profile := filepath.Join(t.TempDir(), "cover")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-coverprofile", profile, example)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out bytes.Buffer
	ok, err := run(&out, []string{profile}, []string{example}, true)
	if err != nil || ok {
		t.Errorf("%t, %v", ok, err)
	}
	const name = "github.com/vmgroup/vmgroup-controller/hack/errorcover/testdata/example"
	want := name + `/example.go:14: executed: errors.Is(err, ErrOdd)
` + name + `/example.go:19: executed: err == nil
` + name + `/example.go:19: executed: what follows err == nil
` + name + `/example.go:23: not executed: case errors.Is(err, ErrOdd):
` + name + `/example.go:25: executed: case n == 4:
` + name + `/example.go:27: not executed: default:
` + name + `/example.go:41: said to be unreachable: err != nil
` + name + `: 4 of 6 branches that handle an error are executed, 1 are said to be unreachable
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := run(&out, []string{profile}, []string{"."}, false); err == nil {
		t.Error("a package that is in no profile: no error")
	}
}
