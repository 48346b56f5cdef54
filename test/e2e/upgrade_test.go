package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// earlier are the commits of controllers that may have made the VMs which users have today.
var earlier = map[string]string{
	"without updates":            "a00db67905b7404a6919caf09a6a2bdc0b5e75fc", // the last that knew no spec.update
	"revisions without versions": "411036d76da9d02a31f9ecec0e90099e908b938d", // the last whose stamps are of version 1
}

const (
	image       = "vmgroup/vmgroup-controller:devel" // as artifacts/install.yaml has it
	oldImage    = "vmgroup/vmgroup-controller:old"
	newTemplate = "kopf-vm-template-2"
)

// TestUpgrade upgrades a controller of an earlier commit, and then asks for VMs to be replaced that are out of date. None is,
// so none is touched: what an earlier controller has made is up to date as long as nobody changes the spec.
func TestUpgrade(t *testing.T) {
	for name, commit := range earlier {
		t.Run(name, func(t *testing.T) {
			source := checkOut(t, commit)
			s := newSiteWith(t, "", vcsim.Options{Templates: []string{harness.Template, newTemplate}},
				map[string]string{oldImage: build(t, source)})
			install.Play(t, s, []install.Chapter[*site]{
				{Name: "the earlier controller makes groups", Play: func(s *site) { s.predates(source) }},
				{Name: "the controller is upgraded, and told to replace", Play: (*site).takesOver},
				{Name: "a group grows, and no other VM is touched", Play: (*site).growsOnly},
				{Name: "a group gets another template", Play: (*site).replaces},
				{Name: "everything is removed", Play: (*site).clears},
			})
		})
	}
}

// checkOut returns a directory with the source of an earlier commit.
func checkOut(t *testing.T, commit string) string {
	t.Helper()
	dir, root := t.TempDir(), absolute(t, harness.Root())
	if err := run(t, root, "git", "cat-file", "-e", commit+"^{commit}"); err != nil {
		t.Fatalf("this clone lacks the commit that the upgrade begins from; fetch the whole history: git fetch --unshallow (%v)", err)
	}
	archive := filepath.Join(dir, "source.tar")
	harness.Must(t, run(t, root, "git", "archive", "--output", archive, commit, "go.mod", "go.sum", "main.go", "pkg", "artifacts"))
	harness.Must(t, run(t, dir, "tar", "-xf", archive))
	return dir
}

// build returns the controller that is built from a directory.
func build(t *testing.T, source string) string {
	t.Helper()
	harness.Must(t, run(t, source, "go", "build", "-mod=readonly", "-buildvcs=false", "-o", "vmgroup-controller", "."))
	return filepath.Join(source, "vmgroup-controller")
}

// run runs a command in a directory. Packages are compiled as those of the controller that ships are, and so only once.
func run(t *testing.T, dir, name string, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// predates installs an earlier controller as it shipped, under the name of another image, and has it make groups: that of the
// example, one of another size that was scaled, and one without VMs.
func (s *site) predates(source string) {
	manifest, err := os.ReadFile(filepath.Join(source, "artifacts", "install.yaml"))
	harness.Must(s.T, err)
	old := strings.ReplaceAll(string(manifest), "image: "+image, "image: "+oldImage)
	harness.Must(s.T, os.WriteFile(s.File("old.yaml"), []byte(old), 0o600))
	s.Configure()
	s.WriteSecret()
	for _, file := range []string{"old.yaml", install.ConfigFile, install.SecretFile} {
		s.Admin("apply", "-f", s.File(file))
	}
	s.RolledOut()
	for _, pod := range s.Pods() {
		if got := pod.Spec.Containers[0].Image; got != oldImage {
			s.T.Errorf("Pod %s runs %s", pod.Name, got)
		}
	}
	s.User("create", "-f", filepath.Join(source, "artifacts", "examples", "example.yaml"))
	large, none := s.Group("large", 1), s.Group("none", 0)
	large.Spec.CPU, large.Spec.Memory = 4, 3
	s.Create(large)
	s.Create(none)
	s.Ready("large", 1)
	s.User("scale", "vg/large", "--replicas=3")
	s.User("scale", "vg/large", "--replicas=2")
	for name, n := range s.sizes() {
		s.Ready(name, n)
	}
}

// sizes are the groups, and how many VMs each wants.
func (s *site) sizes() map[string]int32 {
	return map[string]int32{install.Web: 3, "large": 2, "none": 0}
}

// takesOver upgrades as docs/install.md says, and asks for VMs to be replaced, and for nothing else.
func (s *site) takesOver() {
	before := s.machines()
	s.Checker.Mark()
	s.Admin("apply", "-f", install.Artifact("install.yaml"))
	s.RolledOut()
	for _, pod := range s.Pods() {
		if got := pod.Spec.Containers[0].Image; got != image && pod.DeletionTimestamp == nil {
			s.T.Errorf("Pod %s runs %s", pod.Name, got)
		}
	}
	for name := range s.sizes() {
		s.User("patch", "vg/"+name, "--type=merge", "-p", `{"spec":{"update":{"strategy":"Replace"}}}`)
	}
	for name, n := range s.sizes() {
		s.upToDate(name, n)
	}
	if _, changes := s.Checker.Quiet(); changes > 0 {
		s.T.Errorf("vCenter got %d calls that change something", changes)
	}
	if diff := cmp.Diff(before, s.machines()); diff != "" {
		s.T.Errorf("VMs before and after the upgrade (-before +after):\n%s", diff)
	}
}

// growsOnly has all VMs of a group looked at again, in a plan that changes something.
func (s *site) growsOnly() {
	before := s.machines()
	s.User("scale", "vg/"+install.Web, "--replicas=4")
	s.upToDate(install.Web, 4)
	after := s.machines()
	for ref := range maps.Keys(before) {
		if diff := cmp.Diff(before[ref], after[ref]); diff != "" {
			s.T.Errorf("%s before and after the group has grown (-before +after):\n%s", ref, diff)
		}
	}
	if len(after) != len(before)+1 {
		s.T.Errorf("there are %d VMs now, and there were %d", len(after), len(before))
	}
}

// replaces shows that the strategy was at work all the time: another template replaces every VM of the group, and of no other.
func (s *site) replaces() {
	before := s.machines()
	s.User("patch", "vg/"+install.Web, "--type=merge", "-p", `{"spec":{"template":"`+newTemplate+`"}}`)
	s.upToDate(install.Web, 4)
	after := s.machines()
	for ref, vm := range before {
		web := strings.Contains(vm.Path, "/"+install.Web+"/")
		if _, left := after[ref]; left == web {
			s.T.Errorf("%s is left: %t", vm.Name, left)
		}
	}
}

// upToDate waits until a group is READY, and all of its VMs are as its spec has them.
func (s *site) upToDate(name string, n int32) {
	s.T.Helper()
	vg := s.Ready(name, n)
	c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
	if c == nil || c.Reason != v1alpha1.ReasonAllReplicasUpdated || ptr.Deref(vg.Status.UpdatedReplicas, -1) != n {
		s.T.Errorf("%s has %d VMs that are up to date, want %d: %+v", name, ptr.Deref(vg.Status.UpdatedReplicas, -1), n, c)
	}
}

// machines are the VMs that have a stamp, all that the simulator's books say of each.
func (s *site) machines() map[string]control.VM {
	s.T.Helper()
	vms, err := s.VCenter.Control.VMs(s.T.Context())
	harness.Must(s.T, err)
	out := map[string]control.VM{}
	for _, vm := range slices.DeleteFunc(vms, func(vm control.VM) bool { return vm.Stamp == "" }) {
		out[vm.MoRef] = vm
	}
	return out
}

func (s *site) clears() {
	s.User("delete", "vg", "--all", "--timeout=90s")
	s.Admin("delete", "-f", install.Artifact("install.yaml"), "--timeout=90s")
	s.stopped()
}
