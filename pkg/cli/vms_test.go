package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func TestMatchVMs(t *testing.T) {
	const a, b = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
	list := []v1alpha1.VMStatus{
		{Name: "web-1", State: v1alpha1.VMPending, Message: "being cloned"}, {Name: "web-0", Instance: a}, {Name: "twice", Instance: a + "1"},
		{Name: "twice", Instance: b}, {State: v1alpha1.VMPending},
	}
	for name, tc := range map[string]struct {
		words   []string
		want    []namedVM
		unknown []string
		err     string
	}{
		"by name":                 {words: []string{"web-0"}, want: []namedVM{{"web-0", a}}},
		"by instance, as written": {words: []string{strings.ToUpper(b)}, want: []namedVM{{"twice", b}}},
		"one VM, two words":       {words: []string{"web-0", a, "web-0"}, want: []namedVM{{"web-0", a}}},
		"unknown":                 {words: []string{"web-7", "web-0", "web-8"}, want: []namedVM{{"web-0", a}}, unknown: []string{"web-7", "web-8"}},
		"part of a name":          {words: []string{"web"}, unknown: []string{"web"}},
		"nothing":                 {words: []string{""}, unknown: []string{""}},
		"a name of two":           {words: []string{"twice"}, err: `2 VMs have the name "twice"`},
		"a clone":                 {words: []string{"web-1"}, err: `VM "web-1" cannot be marked now, for it is Pending (being cloned)`},
	} {
		t.Run(name, func(t *testing.T) {
			got, unknown, err := matchVMs(list, tc.words)
			if tc.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tc.err) {
					t.Errorf("got %v, want %s", err, tc.err)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(namedVM{})); diff != "" || !slices.Equal(unknown, tc.unknown) || err != nil {
				t.Errorf("unknown %q, %v: %s", unknown, err, diff)
			}
		})
	}
}
