package vim_test

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// The service of storage policies has the session of vCenter. It may be away while vCenter is there: only zones that were never
// looked up notice.
func TestTheServiceOfStoragePoliciesIsAway(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{TemplateFolder: "templates", Inventory: "testdata/storage.yaml"})
	cfg := configFor(sim, &notifier{})
	cfg.Datastore = "shared"
	v, _ := run(t, cfg)
	awaitSynced(t, v)
	class := func(zones ...string) vsphere.ClassSpec {
		spec := vsphere.ClassSpec{Name: "gold", TemplateFolder: "templates"}
		for _, name := range zones {
			spec.Zones = append(spec.Zones, vsphere.ZoneSpec{Name: name, Cluster: "c1", StoragePolicy: "fast"})
		}
		spec.Zones = append(spec.Zones, vsphere.ZoneSpec{Name: "plain", Cluster: "c1", Datastore: "shared"})
		return spec
	}
	// offered waits until a class has zones, and returns what is wrong with them.
	offered := func(spec vsphere.ClassSpec) (wrong []vsphere.Class) {
		t.Helper()
		v.SetClasses([]vsphere.ClassSpec{spec})
		await(t, "the class is offered", func() bool {
			offer, err := v.Offer(t.Context(), "gold")
			wrong = nil
			for _, zone := range offer.Zones {
				class := vsphere.Class("")
				if zone.Err != nil {
					class = zone.Err.Class
				}
				wrong = append(wrong, class)
			}
			return err == nil && len(offer.Zones) == len(spec.Zones)
		})
		return wrong
	}
	if wrong := offered(class("a")); wrong[0] != "" || wrong[1] != "" {
		t.Fatalf("zones %q", wrong)
	}
	must(t, sim.Control.AddFault(t.Context(), control.Fault{Method: "PbmQueryProfile", Type: control.Unavailable}))
	if wrong := offered(class("a", "b")); wrong[0] != "" || wrong[1] != vsphere.ClassTransient || wrong[2] != "" {
		t.Errorf("one that was looked up, one that never was, one with a datastore: %q", wrong)
	}
	must(t, sim.Control.ClearFaults(t.Context()))
	if wrong := offered(class("a")); wrong[0] != "" {
		t.Errorf("after all: %q", wrong)
	}
	calls, err := sim.Control.Calls(t.Context())
	if must(t, err); calls.LoginsOK != 1 || !v.State().Synced {
		t.Errorf("%d logins; in step: %t", calls.LoginsOK, v.State().Synced)
	}
}
