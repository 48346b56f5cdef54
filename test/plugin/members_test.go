package plugin

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// deletions are what spec.members says of instances.
type deletions map[string]v1alpha1.MemberDeletion

// marks returns spec.members of a group.
func marks(t *testing.T, w *harness.World, name string) deletions {
	t.Helper()
	vg, err := w.Get(name)
	harness.Must(t, err)
	all := deletions{}
	for _, m := range vg.Spec.Members {
		all[m.Instance] = m.Deletion
	}
	return all
}

// wantMarks checks spec.members of a group.
func wantMarks(t *testing.T, w *harness.World, name string, want deletions) {
	t.Helper()
	if got := marks(t, w, name); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("spec.members has %v, want %v", got, want)
	}
}

// as writes to a group as another person, with a field manager of theirs.
func as(t *testing.T, w *harness.World, manager, name, patch string) {
	t.Helper()
	_, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager})
	harness.Must(t, err)
}

const (
	never = v1alpha1.DeletionNever
	first = v1alpha1.DeletionFirst
	now   = v1alpha1.DeletionNow
)

// TestMembers protects VMs, by name and by instance, takes it back, and leaves everything as it was where something is wrong.
func TestMembers(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	w.Create(w.Group("web", 3))
	vms := w.Ready("web", 3).Status.VMs
	c.Stop()                                // so that what is written stays without consequences
	kubectl := w.Kubectl().With("VC_HOST=") // the status is enough
	run := func(args ...string) harness.Ran {
		t.Helper()
		return kubectl.Run(append([]string{"vmgroup", args[0], "web", "-n", w.Namespace}, args[1:]...)...)
	}
	a, b, other := vms[0].Instance, vms[1].Instance, vms[2].Instance

	want(t, run("protect", vms[0].Name, "-dry-run=server"), 0, "VM "+vms[0].Name+" protected (server dry run)")
	wantMarks(t, w, "web", nil)
	want(t, run("protect", vms[0].Name, "web-of-lies"), 1, `error: there is no VM "web-of-lies" in VmGroup web, and nothing was changed`, "kubectl vmgroup tree web -n "+w.Namespace)
	wantMarks(t, w, "web", nil)
	want(t, run("protect", vms[0].Name, strings.ToUpper(b), vms[0].Name, a), 0, "VM "+vms[0].Name+" protected\nVM "+vms[1].Name+" protected\n")
	wantMarks(t, w, "web", deletions{a: never, b: never})
	want(t, run("protect", vms[0].Name), 0, "VM "+vms[0].Name+" already protected")

	want(t, run("replace", vms[2].Name, vms[0].Name), 1, "error: VM "+vms[0].Name+" is protected, and nothing was changed", "kubectl vmgroup unprotect web "+vms[0].Name)
	wantMarks(t, w, "web", deletions{a: never, b: never})
	want(t, run("replace", vms[2].Name), 0, "VM "+vms[2].Name+" to be replaced")
	wantMarks(t, w, "web", deletions{a: never, b: never, other: now})
	want(t, run("unprotect", vms[2].Name, vms[1].Name), 0, vms[2].Name+" not to be replaced any more", vms[1].Name+" not protected any more")
	want(t, run("unprotect", vms[1].Name), 0, "VM "+vms[1].Name+" has no entry in spec.members")
	wantMarks(t, w, "web", deletions{a: never})
	want(t, run("replace", vms[1].Name), 0, "to be replaced")
	want(t, run("protect", vms[1].Name), 0, "VM "+vms[1].Name+" protected") // it is never too early to keep one
	wantMarks(t, w, "web", deletions{a: never, b: never})

	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	want(t, run("replace", vms[2].Name), 0, "to be replaced", "VmGroup web is paused")
	want(t, run("unprotect", a, b, other), 0)
	wantMarks(t, w, "web", nil)
	w.Delete("web")
	want(t, run("protect", vms[0].Name), 1, "error: VmGroup web is being deleted")
}

// TestMembersOfOthers keeps what others have written, and says who they are.
func TestMembersOfOthers(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	w.Create(w.Group("web", 3))
	vms := w.Ready("web", 3).Status.VMs
	c.Stop()
	a, b, other := vms[0].Instance, vms[1].Instance, vms[2].Instance
	as(t, w, "kubectl-edit", "web", fmt.Sprintf(`{"spec":{"members":[{"instance":%q,"deletion":"First"},{"instance":%q,"deletion":"Never"}]}}`, a, b))
	kubectl := w.Kubectl()
	run := func(command string, vm v1alpha1.VMStatus) harness.Ran {
		t.Helper()
		return kubectl.Run("vmgroup", command, "web", vm.Name, "-n", w.Namespace)
	}
	for _, command := range []string{"protect", "replace", "unprotect"} {
		want(t, run(command, vms[0]), 1, "error: VM "+vms[0].Name, `field manager "kubectl-edit"`, "deletion to First", "nothing was changed", a, "kubectl edit vg web -n "+w.Namespace)
	}
	for _, command := range []string{"replace", "unprotect"} {
		want(t, run(command, vms[1]), 1, "error: VM "+vms[1].Name, `field manager "kubectl-edit"`, "deletion to Never", "nothing was changed")
	}
	want(t, run("protect", vms[2]), 0, "protected")
	wantMarks(t, w, "web", deletions{a: first, b: never, other: never})
	want(t, run("protect", vms[1]), 0, "already protected") // by both of them now
	want(t, run("unprotect", vms[1]), 1, `field manager "kubectl-edit"`)
	want(t, run("replace", vms[1]), 1, `field manager "kubectl-edit"`)
	want(t, run("unprotect", vms[2]), 0, "not protected any more")
	wantMarks(t, w, "web", deletions{a: first, b: never})

	// Somebody has taken away who owns what: what is there stays.
	as(t, w, "kubectl-edit", "web", `{"metadata":{"managedFields":[{}]}}`)
	want(t, run("unprotect", vms[1]), 1, "somebody has set its deletion to Never")
	want(t, run("protect", vms[2]), 0, "protected")
	wantMarks(t, w, "web", deletions{a: first, b: never, other: never})
}

// TestMembersAtOnce marks VMs by several calls at the same time: none loses what another has written.
func TestMembersAtOnce(t *testing.T) {
	const n = 8
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", n))
	vms := w.Ready("web", n).Status.VMs
	kubectl := w.Kubectl()
	var all sync.WaitGroup
	wanted := deletions{}
	for _, vm := range vms {
		wanted[vm.Instance] = never
		all.Go(func() { want(t, kubectl.Run("vmgroup", "protect", "web", vm.Name, "-n", w.Namespace), 0, "protected") })
	}
	all.Wait()
	wantMarks(t, w, "web", wanted)
}

// TestReplace has one VM replaced in a group without a strategy, and then another, which also clears the entry of the first.
func TestReplace(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", 2))
	before := w.Ready("web", 2).Status.VMs
	kubectl := w.Kubectl()
	replace := func(vm v1alpha1.VMStatus) []v1alpha1.VMStatus {
		t.Helper()
		want(t, kubectl.Run("vmgroup", "replace", "web", vm.Name, "-n", w.Namespace), 0, vm.Name+" to be replaced")
		want(t, kubectl.Run("wait", "--for=condition=Ready", "vg", "web", "-n", w.Namespace, "--timeout=5m"), 0)
		var left []v1alpha1.VMStatus
		w.Meets("web", func(vg *v1alpha1.VmGroup) error {
			left = vg.Status.VMs
			for _, is := range left {
				if is.Instance == vm.Instance {
					return errors.New("it is still there")
				}
			}
			if vg.Status.Phase != v1alpha1.PhaseReady || len(left) != 2 {
				return errors.New("there is no other yet")
			}
			return nil
		})
		return left
	}
	left := replace(before[0])
	wantMarks(t, w, "web", deletions{before[0].Instance: now})
	if !strings.Contains(fmt.Sprint(left), before[1].Instance) {
		t.Errorf("another went too: %v", left)
	}
	replace(before[1])
	wantMarks(t, w, "web", deletions{before[1].Instance: now})
	want(t, kubectl.Run("vmgroup", "unprotect", "web", before[1].Instance, "-n", w.Namespace), 0, before[1].Instance+" not to be replaced any more")
	wantMarks(t, w, "web", nil)
}

// TestMembersOfManyVMs names one that the status has no room for: vCenter knows it.
func TestMembersOfManyVMs(t *testing.T) {
	const n = 102
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("web", n))
	vg := w.Ready("web", n)
	listed := map[string]bool{}
	for _, vm := range vg.Status.VMs {
		listed[vm.Name] = true
	}
	name := ""
	for _, vm := range w.VMs(vg) {
		if !listed[vm.Name] {
			name = vm.Name
		}
	}
	kubectl := w.Kubectl()
	want(t, kubectl.With("VC_HOST=").Run("vmgroup", "protect", "web", name, "-n", w.Namespace), 1,
		"error: VM ", name, "not in the status of VmGroup web, which lists 100 of 102 VMs", "VC_HOST", "nothing was changed")
	want(t, kubectl.Run("vmgroup", "protect", "web", vg.Status.VMs[0].Name, name, "nobody", "-n", w.Namespace), 1, `there is no VM "nobody"`, "nothing was changed")
	wantMarks(t, w, "web", nil)
	want(t, kubectl.Run("vmgroup", "protect", "web", vg.Status.VMs[0].Name, name, "-n", w.Namespace), 0, vg.Status.VMs[0].Name+" protected", name+" protected")
	if got := marks(t, w, "web"); len(got) != 2 || got[vg.Status.VMs[0].Instance] != never {
		t.Errorf("spec.members has %v", got)
	}
	want(t, kubectl.With("VC_HOST=").Run("vmgroup", "protect", "web", vg.Status.VMs[1].Name, "-n", w.Namespace), 0, "protected")
}

// TestWritePermissions writes with the roles that ship: vmgroup-edit may, vmgroup-view may not.
func TestWritePermissions(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	w.Create(w.Group("web", 1))
	vm := w.Ready("web", 1).Status.VMs[0]
	c.Stop()
	want(t, w.Kubectl().Run("apply", "-f", "artifacts/user-roles.yaml"), 0)
	for role, verb := range map[string]string{"vmgroup-view": "get", "vmgroup-edit": "patch"} {
		want(t, w.Kubectl().Run("create", "rolebinding", role, "--clusterrole="+role, "--user="+role, "-n", w.Namespace), 0)
		w.Eventually("the role counts", func() error {
			_, err := w.Cluster.Kubectl(t.Context(), "auth", "can-i", verb, "vmgroups", "-n", w.Namespace, "--as", role)
			return err
		})
	}
	viewer := w.Kubectl().With("KUBECONFIG=" + w.Impersonate("vmgroup-view"))
	for _, more := range [][]string{nil, {"-dry-run=server"}} {
		args := append([]string{"vmgroup", "protect", "web", vm.Name, "-n", w.Namespace}, more...)
		want(t, viewer.Run(args...), 1, "error: ", "denies it; ask for a role that may", `User "vmgroup-view" cannot patch resource "vmgroups"`)
	}
	wantMarks(t, w, "web", nil)
	editor := w.Kubectl().With("KUBECONFIG=" + w.Impersonate("vmgroup-edit"))
	want(t, editor.Run("vmgroup", "protect", "web", vm.Name, "-n", w.Namespace), 0, "protected")
	wantMarks(t, w, "web", deletions{vm.Instance: never})
}

// TestFilesBeside applies a file beside what the plugin has written, as docs/updates.md tells it.
func TestFilesBeside(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	kubectl := w.Kubectl()
	plain, updating := newGroup, newGroup+"  update: {strategy: Replace}\n"
	apply := func(file string, more ...string) harness.Ran {
		t.Helper()
		return kubectl.RunWith(file, append([]string{"apply", "-n", w.Namespace, "-f", "-"}, more...)...)
	}
	want(t, apply(updating, "--server-side"), 0)
	vms := w.Ready("new", 2).Status.VMs
	c.Stop()
	want(t, kubectl.Run("vmgroup", "protect", "new", vms[0].Name, "-n", w.Namespace), 0)
	want(t, kubectl.Run("vmgroup", "rollout", "restart", "new", "-n", w.Namespace), 0)
	other := fmt.Sprintf("  members: [{instance: %s, deletion: First}]\n", vms[1].Instance)
	want(t, apply(updating+other, "--server-side"), 0)
	wantMarks(t, w, "new", deletions{vms[0].Instance: never, vms[1].Instance: first})
	want(t, apply(plain, "--server-side"), 1, "spec.update.strategy", "Required")
	wantMarks(t, w, "new", deletions{vms[0].Instance: never, vms[1].Instance: first})
	want(t, apply(updating+other), 0)
	wantMarks(t, w, "new", deletions{vms[1].Instance: first})
	want(t, kubectl.Run("vmgroup", "protect", "new", vms[0].Name, "-n", w.Namespace), 0, vms[0].Name+" protected")
	wantMarks(t, w, "new", deletions{vms[0].Instance: never, vms[1].Instance: first})
}
