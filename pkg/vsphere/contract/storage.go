package contract

import (
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// What there is in the storage cluster, see World.StorageCluster.
const (
	// SSDPod is the datastore cluster of SSD1 and SSD2. FarPod is another one, of FarStore, which the storage cluster does not mount.
	SSDPod, FarPod = "ssd", "far"
	SSD1, SSD2     = "ssd-1", "ssd-2"
	// FastPolicy is satisfied by SSD1 and SSD2, FarPolicy by FarStore alone.
	FastPolicy, FarPolicy = "fast", "remote"
	FarStore              = "far-1"
)

var storageScenarios = []scenario{
	{name: "clones go to the datastore that is recommended", run: func(f *fixture) {
		f.SetDatastore(SSD1, 100, false)
		f.SetDatastore(SSD2, 50, false)
		f.offer(gold, f.podZone("a"), f.zone("b", 1))
		f.wantStore(f.madeIn(f.rocky(), 0, "a"), SSD1, "")
	}},
	{name: "and not where there is no room", run: func(f *fixture) {
		f.SetDatastore(SSD1, 1, false)
		f.offer(gold, f.podZone("a"))
		f.wantStore(f.madeIn(f.rocky(), 0, "a"), SSD2, "")
	}},
	{name: "nor to one in maintenance", run: func(f *fixture) {
		f.SetDatastore(SSD2, 100, true)
		f.offer(gold, f.podZone("a"))
		f.wantStore(f.madeIn(f.rocky(), 0, "a"), SSD1, "")
	}},
	{name: "a datastore cluster without room takes none, and other zones go on", run: func(f *fixture) {
		f.SetDatastore(SSD1, 1, false)
		f.SetDatastore(SSD2, 100, true)
		f.offer(gold, f.podZone("a"), f.zone("b", 1))
		template := f.rocky()
		spec := f.spec(f.folder(f.group), 0)
		spec.Place = vsphere.Place{Class: gold, Zone: "a"}
		f.mustBe(vsphere.ClassExhausted, f.startFrom(template, f.group, vmName(f.group, 0), spec))
		s := f.await(f.group, "it is told", func(s vsphere.Snapshot) bool { return idle(s) && len(s.Failures) == 1 })
		if s.Failures[0].Place != spec.Place || f.count(vmName(f.group, 0)) > 0 {
			f.t.Errorf("the failure is of %+v: %s", s.Failures[0].Place, describe(s))
		}
		f.madeIn(template, 1, "b")
		f.SetDatastore(SSD2, 100, false)
		f.wantStore(f.madeIn(template, 0, "a"), SSD2, "")
		f.await(f.group, "it is over", func(s vsphere.Snapshot) bool { return len(s.Failures) == 0 })
	}},
	{name: "a VM and its disks are made with the storage policy, on the datastore with the most free space", run: func(f *fixture) {
		f.SetDatastore(SSD1, 50, false)
		f.SetDatastore(SSD2, 100, false)
		f.offer(gold, f.policyZone("a", FastPolicy), f.zone("b", 1))
		template := f.rocky()
		f.wantStore(f.madeIn(template, 0, "a"), SSD2, FastPolicy)
		if vm := f.madeIn(template, 1, "b"); f.PolicyOf(vm.Ref) != "" {
			f.t.Errorf("the VM of another zone has the policy %q", f.PolicyOf(vm.Ref))
		}
	}},
	{name: "so are linked clones, which hang on the template where it lies", run: func(f *fixture) {
		f.SetDatastore(SSD1, 100, false)
		f.SetDatastore(SSD2, 50, false)
		f.offer(gold, f.podZone("a"), f.policyZone("b", FastPolicy))
		ref := f.AddTemplate(goldFolder, "rocky")
		f.TakeNamedSnapshot(ref, "v1")
		template := f.foundIn(gold, "rocky", ref)
		for slot, tt := range []struct{ zone, policy string }{{"a", ""}, {"b", FastPolicy}} {
			spec := f.linkedSpec(slot, "v1")
			spec.Folder, spec.Place = f.folder(f.group), vsphere.Place{Class: gold, Zone: tt.zone}
			vm := f.madeFrom(template, slot, spec)
			f.wantStore(vm, SSD1, tt.policy)
			if parent := f.DiskParent(vm.Ref); parent == "" || strings.HasPrefix(parent, "["+SSD1+"]") {
				f.t.Errorf("zone %s: its disk hangs on %q", tt.zone, parent)
			}
		}
	}},
	{name: "storage that is not there, or takes nothing, is told, and other zones go on", run: func(f *fixture) {
		wrong := f.podZone("pod")
		wrong.DatastoreCluster = "no-such-pod"
		far := f.podZone("far")
		far.DatastoreCluster = FarPod
		want := map[string]string{
			"pod": v1alpha1.ReasonDatastoreClusterNotFound, "far": v1alpha1.ReasonDatastoreClusterUnusable,
			"policy": v1alpha1.ReasonStoragePolicyNotFound, "remote": v1alpha1.ReasonStoragePolicyUnsatisfied, "fast": "",
		}
		zones := []vsphere.ZoneSpec{wrong, far, f.policyZone("policy", "no-such-policy"), f.policyZone("remote", FarPolicy), f.policyZone("fast", FastPolicy)}
		f.Client().SetClasses([]vsphere.ClassSpec{{Name: gold, TemplateFolder: goldFolder, Zones: zones}})
		for _, zone := range f.class(gold, func(o vsphere.Offer) bool { return len(o.Zones) == len(zones) }).Zones {
			reason := ""
			if zone.Err != nil {
				reason = zone.Err.Reason
			}
			if reason != want[zone.Name] {
				f.t.Errorf("zone %s: %v, want %q", zone.Name, zone.Err, want[zone.Name])
			}
		}
		f.madeIn(f.rocky(), 0, "fast")
	}},
}

// podZone is a zone in the storage cluster that names a datastore cluster.
func (f *fixture) podZone(name string) vsphere.ZoneSpec {
	return vsphere.ZoneSpec{Name: name, Cluster: f.StorageCluster(), DatastoreCluster: SSDPod}
}

// policyZone is a zone in the storage cluster that names a storage policy.
func (f *fixture) policyZone(name, policy string) vsphere.ZoneSpec {
	return vsphere.ZoneSpec{Name: name, Cluster: f.StorageCluster(), StoragePolicy: policy}
}

// rocky makes a template of the class gold.
func (f *fixture) rocky() vsphere.Template {
	f.t.Helper()
	return f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky"))
}

// wantStore fails the test unless a VM is on a datastore, and was made with a storage policy, or with none.
func (f *fixture) wantStore(vm vsphere.VM, store, policy string) {
	f.t.Helper()
	if got := f.StoreOf(vm.Ref); got != store {
		f.t.Errorf("%s is on %q, want %q", vm.Name, got, store)
	}
	if got := f.PolicyOf(vm.Ref); got != policy {
		f.t.Errorf("%s has the storage policy %q, want %q", vm.Name, got, policy)
	}
}
