package classes

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// TestNetworks connects NICs to networks of each kind, makes VMs only where all of them are, and replaces VMs when they change.
func TestNetworks(t *testing.T) {
	w := harness.NewWorld(t, cluster, vcsim.Options{Inventory: "testdata/inventory.yaml", TemplateFolder: templates})
	invariants.Watch(w, invariants.Options{})
	gold := class("networks", "vc7")
	gold.Spec.Zones = []v1alpha1.ZoneSpec{{Name: "a", Cluster: "c1"}, {Name: "b", Cluster: "c2"}}
	gold.Spec.Networks = []v1alpha1.ClassNetwork{
		{Name: "web", Path: "front"}, {Name: "data", Path: "/DC0/network/db"}, {Name: "nsx", Path: "segment"}, {Name: "typo", Path: "fornt"},
	}
	create(w, gold)
	start(w, "vc7")
	ready(w, "networks", metav1.ConditionFalse, v1alpha1.ReasonNetworkNotFound)

	connect := func(vg *v1alpha1.VmGroup, names ...string) *v1alpha1.VmGroup {
		vg.Spec.Networks = nil
		for _, name := range names {
			vg.Spec.Networks = append(vg.Spec.Networks, v1alpha1.NetworkSpec{Name: name})
		}
		return vg
	}
	web := connect(groupOf(w, "web", "networks", 2), "web", "data")
	web.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace}
	w.Create(web)
	w.Ready("web", 2)
	wantNetworks(w, "web", "a", "front", "db")
	w.Create(connect(groupOf(w, "typo", "networks", 1), "typo"))
	stalled(w, "typo", v1alpha1.ReasonNetworkNotFound)
	w.Create(connect(groupOf(w, "dmz", "networks", 1), "dmz"))
	stalled(w, "dmz", v1alpha1.ReasonNetworkNotOffered)
	w.Create(connect(groupOf(w, "nowhere", "networks", 1), "data", "nsx"))
	stalled(w, "nowhere", v1alpha1.ReasonNetworkNotFound)

	w.Update("web", func(vg *v1alpha1.VmGroup) { connect(vg, "nsx") })
	w.Ready("web", 2)
	wantNetworks(w, "web", "b", "segment")
	change(w, "networks", func(c *v1alpha1.VmGroupClass) { c.Spec.Networks[3].Path = "front" })
	ready(w, "networks", metav1.ConditionTrue, v1alpha1.ReasonClassResolved)
	w.Ready("typo", 1)
	w.Update("dmz", func(vg *v1alpha1.VmGroup) { vg.Spec.Networks = nil })
	w.Ready("dmz", 1)
	wantNetworks(w, "dmz", "", "VM Network")
}

// wantNetworks checks by the simulator's own books what the NICs of a group's VMs are connected to, and the zone by the status.
func wantNetworks(w *harness.World, name, zone string, networks ...string) {
	w.T.Helper()
	vg, err := w.Get(name)
	harness.Must(w.T, err)
	for _, vm := range w.VMs(vg) {
		if got := vm.Networks(); !slices.Equal(got, networks) {
			w.T.Errorf("%s is connected to %q, want %q", vm.Name, got, networks)
		}
	}
	for _, vm := range vg.Status.VMs {
		if zone != "" && vm.Zone != zone {
			w.T.Errorf("%s is in zone %s, want %s", vm.Name, vm.Zone, zone)
		}
	}
}
