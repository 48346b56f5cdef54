package vim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// The numbers are those of namesBelow; 3 is checkFolders.
func TestFolders(t *testing.T) {
	const vmFolder = "/EMEA/DC0/machines"
	type answer struct{ Root, Templates []string }
	for _, tt := range []struct {
		rule            string
		root, templates string
		want            answer
		refused         string // words of the error
	}{
		{"1", "vmgroups", "", answer{[]string{"vmgroups"}, nil}, ""},
		{"1", "k8s//vmgroups/", "golden", answer{[]string{"k8s", "vmgroups"}, []string{"golden"}}, ""},
		{"1: a slash within a name", `a%2fb\c`, "", answer{[]string{`a/b\c`}, nil}, ""},
		{"1: like a whole path, without the slash", "EMEA/DC0/machines/k8s", "", answer{[]string{"EMEA", "DC0", "machines", "k8s"}, nil}, ""},
		{"2", "/EMEA/DC0/machines/k8s", "/EMEA/DC0/machines/golden/linux", answer{[]string{"k8s"}, []string{"golden", "linux"}}, ""},
		{"2: the usual name of the folder", "/EMEA/DC0/vm/k8s", "", answer{}, "-folder is"},
		{"2: another datacenter", "/APAC/DC0/machines/k8s", "", answer{}, "below the datacenter's VM folder /EMEA/DC0/machines"},
		{"2: too short", "/vmgroups", "", answer{}, "leave the slash out"},
		{"2: the VM folder itself", "/EMEA/DC0/machines", "", answer{}, "-folder is"},
		{"2: templates elsewhere", "vmgroups", "/golden", answer{}, "-template-folder is"},
		{"3: the VM folder itself", "//", "", answer{}, "-folder is"},
		{"3: one in the other, one of them whole", "k8s", "/EMEA/DC0/machines/k8s/golden", answer{}, "must not overlap"},
		{"3: one in the other, the other whole", "/EMEA/DC0/machines/golden/k8s", "golden", answer{}, "must not overlap"},
		{"3: the same, in two forms", "a%2fb", "a%2Fb", answer{}, "must not overlap"},
		{"3: side by side", "golden", "golden2", answer{[]string{"golden"}, []string{"golden2"}}, ""},
		{"3: upwards", "k8s", "golden/..", answer{}, `may hold the name ".."`},
		{"3: to itself", "./k8s", "", answer{}, `may hold the name "."`},
	} {
		root, templates, err := siteFolders(tt.root, tt.templates, vsphere.PathNames(vmFolder))
		if diff := cmp.Diff(tt.want, answer{root, templates}); diff != "" {
			t.Errorf("%s: -folder %q -template-folder %q: %s", tt.rule, tt.root, tt.templates, diff)
		}
		if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
			t.Errorf("%s: -folder %q -template-folder %q: error %v, want %q", tt.rule, tt.root, tt.templates, err, tt.refused)
		}
		if err != nil {
			wantClass(t, tt.rule, err, vsphere.ClassInvalid)
		}
	}
}

// What can be seen to be wrong is refused before there is a connection; what depends on the datacenter is not.
func TestPathsAreComparedAtOnce(t *testing.T) {
	for _, tt := range []struct {
		root, templates string
		ok              bool
	}{
		{"a", "a/b", false}, {"/DC0/vm/a", "/DC0/vm", false}, {"a", "/DC0/vm/a", true}, {"/DC0/vm/a", "a", true}, {"a", "b", true},
		{"/", "a", false}, {"/DC0/vm/a", "", true}, {"..", "", false},
	} {
		if err := comparePaths(tt.root, tt.templates); (err == nil) != tt.ok {
			t.Errorf("-folder %q -template-folder %q: %v", tt.root, tt.templates, err)
		}
	}
}
