package plugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const newGroup = `
apiVersion: vsphere.vmware.com/v1alpha1
kind: VmGroup
metadata:
  name: new
spec:
  cpu: 2
  memory: 4
  template: kopf-vm-template
  replicas: 2
`

// TestPlanOfAFile plans what does not exist yet, and leaves it at that.
func TestPlanOfAFile(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	_, err := w.VCenter.Control.CreateFolder(t.Context(), "vmgroups") // by other tests' VmGroups it would have been lost
	harness.Must(t, err)
	kubectl := w.Kubectl()
	file := filepath.Join(t.TempDir(), "new.yaml")
	harness.Must(t, os.WriteFile(file, []byte(newGroup), 0o600))
	want(t, kubectl.Run("vmgroup", "plan", "-f", file, "-n", w.Namespace), 0,
		"VmGroup "+w.Namespace+"/new  PENDING (ScalingUp): 0 of 2 VMs available",
		"add finalizer", "make folder", w.FolderPath("new"),
		"clone ", "new-?????-0", "from /DC0/vm/kopf-vm-template, 2 CPUs, 4096 MiB", "new-?????-1", "Nothing was changed.")
	if _, err := w.Get("new"); !apierrors.IsNotFound(err) {
		t.Errorf("the VmGroup was created: %v", err)
	}
	calls, err := w.VCenter.Control.Calls(t.Context())
	harness.Must(t, err)
	for method := range calls.Methods {
		if strings.HasSuffix(method, "_Task") || method == "CreateFolder" {
			t.Errorf("%s was called", method)
		}
	}
	for name, tc := range map[string]struct {
		change []string
		code   int
		parts  []string
	}{
		"a wrong template":      {[]string{"kopf-vm-template", "nowhere"}, 0, []string{"ERROR (TemplateNotFound): ", "nowhere", "nothing to do now"}},
		"the default":           {[]string{"  replicas: 2\n", ""}, 0, []string{"0 of 1 VMs available"}},
		"a value out of bounds": {[]string{"cpu: 2", "cpu: 0"}, 1, []string{"error: ", "spec.cpu", "greater than or equal to 1"}},
		"an unknown field":      {[]string{"replicas", "replica"}, 1, []string{"error: ", `unknown field "spec.replica"`}},
		"another kind":          {[]string{"kind: VmGroup", "kind: VmGang"}, 1, []string{"error: ", "holds something else than VmGroups"}},
		"nothing":               {[]string{newGroup, "# nothing\n"}, 1, []string{"error: ", "holds no VmGroup"}},
		"another namespace":     {[]string{"name: new", "name: new\n  namespace: other"}, 2, []string{"error: ", `"other"`, w.Namespace}},
		"two":                   {[]string{newGroup, newGroup + "---" + strings.Replace(newGroup, "name: new", "name: newer", 1)}, 0, []string{"/new ", "/newer ", "newer-?????-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer(tc.change...).Replace(newGroup)
			want(t, kubectl.RunWith(text, "vmgroup", "plan", "-f", "-", "-n", w.Namespace), tc.code, tc.parts...)
		})
	}
	want(t, kubectl.Run("vmgroup", "plan", "-f", file+".gone", "-n", w.Namespace), 1, "error: ", "no such file")
}

// TestPlanOfAGroup plans changes of a group that exists, and what has happened to its VMs.
func TestPlanOfAGroup(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	c := w.StartController()
	w.Create(w.Group("new", 1))
	w.Ready("new", 1)
	w.Scale("new", 2) // the second is the younger one, and goes first
	vg := w.Ready("new", 2)
	vms := w.VMs(vg)
	kubectl := w.Kubectl()
	want(t, kubectl.Run("vmgroup", "plan", "new", "-n", w.Namespace), 0, "READY: 2 of 2 VMs available", "nothing to do now")
	one := strings.NewReplacer("replicas: 2", "replicas: 1").Replace(newGroup)
	want(t, kubectl.RunWith(one, "vmgroup", "plan", "-f", "-", "-n", w.Namespace), 0,
		"PENDING (ScalingDown): 2 of 1 VMs available, 1 to be removed", "power off", vms[1].Name, vms[1].MoRef, "Nothing was changed.")

	c.Stop()
	harness.Must(t, w.VCenter.Control.PowerOff(t.Context(), vms[0].MoRef))
	harness.Must(t, w.VCenter.Control.DestroyVM(t.Context(), vms[1].MoRef))
	want(t, kubectl.Run("vmgroup", "plan", "new", "-n", w.Namespace), 0,
		"PENDING (ScalingUp)", "power on", vms[0].Name, vms[0].MoRef, "clone", vms[1].Name, "1 CPU, 1024 MiB")
	w.Update("new", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = true })
	want(t, kubectl.Run("vmgroup", "plan", "new", "-n", w.Namespace), 0,
		"PENDING (Paused): spec.paused holds back: 1 clone, 1 to power on", "nothing to do now")
	w.Update("new", func(vg *v1alpha1.VmGroup) { vg.Spec.Paused = false })
	w.Delete("new")
	want(t, kubectl.Run("vmgroup", "plan", "new", "-n", w.Namespace), 0, "PENDING (Deleting)", "destroy", vms[0].Name)
	w.StartController()
	w.Eventually("the VmGroup goes", func() error {
		_, err := w.Get("new")
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
	want(t, kubectl.Run("vmgroup", "plan", "new", "-n", w.Namespace), 1, "error: there is no VmGroup new in namespace "+w.Namespace)
}

func replacing(vg *v1alpha1.VmGroup) {
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace}
}

func cpus(n int32) func(*v1alpha1.VmGroup) { return func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = n } }

// TestPlanInAll says what a change will come to, before the next step, and then it does.
func TestPlanInAll(t *testing.T) {
	w := newWorld(t, vcsim.Options{})
	w.StartController()
	w.Create(w.Group("new", 3))
	vg := w.Ready("new", 3)
	kubectl := w.Kubectl()
	larger := strings.NewReplacer("replicas: 2", "replicas: 3", "memory: 4", "memory: 1").Replace(newGroup) // 2 CPUs
	inAll := func(file string, parts ...string) {
		t.Helper()
		want(t, kubectl.RunWith(file, "vmgroup", "plan", "-f", "-", "-n", w.Namespace), 0, append([]string{"VmGroup "}, append(parts, "Nothing was changed.")...)...)
	}
	if ran := kubectl.Run("vmgroup", "plan", "new", "-n", w.Namespace); strings.Contains(ran.Stdout, "in all") {
		t.Errorf("there is something to do: %s", ran)
	}
	inAll(larger, "in all: 3 VMs out of date, and none is replaced: no spec.update.strategy\n", "nothing to do now")
	replace := larger + "  update: {strategy: Replace}\n"
	inAll(replace, "in all: 3 VMs to replace, at most 1 at a time (up to 1 more for a while, 3 stay available)\n", "STEP", "clone")
	inAll(larger+"  update: {strategy: OnDelete}\n", "in all: 3 VMs out of date, and none is replaced: strategy OnDelete\n", "nothing to do now")
	name, instance := vg.Status.VMs[0].Name, vg.Status.VMs[0].Instance
	inAll(replace+fmt.Sprintf("  members: [{instance: %s, deletion: Never}]\n", instance), "in all: 2 VMs to replace, at most 1 at a time", "; "+name+" out of date and protected\n")
	inAll(strings.Replace(larger, "replicas: 3", "replicas: 5", 1)+"  update: {strategy: Replace, maxSurge: 0, maxUnavailable: 2}\n",
		"in all: 2 VMs to make; 3 VMs to replace, at most 2 at a time (3 stay available)\n")

	w.Update("new", func(vg *v1alpha1.VmGroup) { replacing(vg); cpus(2)(vg) })
	w.Ready("new", 3)
	w.Meets("new", func(vg *v1alpha1.VmGroup) error {
		if ptr.Deref(vg.Status.UpdatedReplicas, 0) != 3 {
			return errors.New("not all are updated")
		}
		return nil
	})
}
