package classes

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// stores counts the VMs of a group by the datastore that they are on and the storage policy that they were made with.
func stores(w *harness.World, vg *v1alpha1.VmGroup) map[string]int {
	w.T.Helper()
	out := map[string]int{}
	for _, vm := range w.VMs(vg) {
		out[strings.Join(vm.Datastores, ",")+" "+vm.StoragePolicy]++
	}
	return out
}

// TestStorage makes VMs on a datastore cluster and by a storage policy, leaves out a datastore cluster that is full, and tells the
// administrator of a policy that is not there.
func TestStorage(t *testing.T) {
	w := harness.NewWorld(t, cluster, vcsim.Options{TemplateFolder: templates, Inventory: "testdata/storage.yaml"})
	invariants.Watch(w, invariants.Options{})
	gold := class("storage", "vc-storage")
	gold.Spec.Zones = []v1alpha1.ZoneSpec{
		{Name: "a", Cluster: "c1", DatastoreCluster: "ssd"}, {Name: "b", Cluster: "c1", StoragePolicy: "cheap"},
	}
	create(w, gold)
	start(w, "vc-storage", "-cluster", "c1", "-datastore", "shared")
	ready(w, "storage", metav1.ConditionTrue, v1alpha1.ReasonClassResolved)

	w.Create(groupOf(w, "web", "storage", 4))
	vg := w.Ready("web", 4)
	if got := stores(w, vg); got["ssd-1 "]+got["ssd-2 "] != 2 || got["shared cheap"] != 2 {
		t.Errorf("VMs are on %v", got)
	}

	full := int64(0)
	for _, store := range []string{"ssd-1", "ssd-2"} {
		harness.Must(t, w.VCenter.Control.SetDatastore(t.Context(), store, &full, false))
	}
	w.Scale("web", 6)
	vg = w.Ready("web", 6)
	if got := stores(w, vg); got["shared cheap"] != 4 {
		t.Errorf("VMs are on %v", got)
	}
	w.Eventually("the group says why", func() error {
		vg, err := w.Get("web")
		if err == nil && !strings.Contains(vg.Status.Message, "zone a takes no VMs") {
			err = fmt.Errorf("it says %q", vg.Status.Message)
		}
		return err
	})

	change(w, "storage", func(c *v1alpha1.VmGroupClass) { c.Spec.Zones[1].StoragePolicy = "no-such-policy" })
	wrong := ready(w, "storage", metav1.ConditionFalse, v1alpha1.ReasonStoragePolicyNotFound)
	if !strings.Contains(wrong.Message, "there is cheap") {
		t.Errorf("the class says %q", wrong.Message)
	}
}
