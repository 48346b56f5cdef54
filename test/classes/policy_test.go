package classes

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// TestPolicy applies the ValidatingAdmissionPolicy that ships: the API server refuses what a class does not offer, and nothing else.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	policed := class("policed", "vc9")
	policed.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(2)), Memory: new(int32(4)), Disk: new(int32(20))}
	policed.Spec.Networks = []v1alpha1.ClassNetwork{{Name: "front", Path: "front"}, {Name: "db", Path: "db"}}
	create(w, policed)
	free := class("free", "vc9")
	free.Spec.Networks = []v1alpha1.ClassNetwork{{Name: "front", Path: "front"}, {Name: "dmz", Path: "dmz"}}
	create(w, free)
	policy := install.Artifact("class-policy.yaml")
	_, err := w.Cluster.Kubectl(t.Context(), "apply", "-f", policy)
	harness.Must(t, err)
	t.Cleanup(func() { _, _ = w.Cluster.Kubectl(contextOf(w), "delete", "-f", policy) })

	try := func(name, class string, change func(*v1alpha1.VmGroup)) error {
		vg := groupOf(w, name, class, 1)
		change(vg)
		_, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Create(t.Context(), vg, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	cpus := func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 3 }
	memory := func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 5 }
	disk := func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = new(int32(21)) }
	network := func(vg *v1alpha1.VmGroup) { vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "front"}, {Name: "dmz"}} }
	w.Eventually("the policy is in force", func() error {
		if err := try("web", "policed", cpus); err != nil && strings.Contains(err.Error(), "at most 2 CPUs") {
			return nil
		}
		return apierrors.NewTimeoutError("3 CPUs are taken", 0)
	})
	for text, change := range map[string]func(*v1alpha1.VmGroup){
		"at most 4 GiB of memory": memory, "at most 20 GiB of disk": disk, "offers no such network; it offers: front, db": network,
	} {
		if err := try("web", "policed", change); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
		for _, other := range []string{"free", "no-such-class", ""} {
			if err := try("web", other, change); err != nil {
				t.Errorf("class %q: %v", other, err)
			}
		}
	}
	all := func(vg *v1alpha1.VmGroup) {
		vg.Spec.CPU, vg.Spec.Memory, vg.Spec.Disk = 2, 4, new(int32(20))
		vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "db"}, {Name: "front"}}
	}
	if err := try("web", "policed", all); err != nil {
		t.Errorf("as much as is allowed: %v", err)
	}
}
