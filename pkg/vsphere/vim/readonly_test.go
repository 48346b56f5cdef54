package vim_test

import (
	"errors"
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// A controller that may change nothing sees all that a class names.
func TestAClassIsReadWhereNothingMayBeChanged(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{TemplateFolder: "templates", Inventory: "testdata/storage.yaml"})
	must(t, sim.Control.AddCustomizationSpec(t.Context(), control.CustomizationSpec{Name: "join", NICs: 1}))
	cfg := configFor(sim, &notifier{})
	cfg.Datastore = "shared"
	cfg.Guard = func() error { return errors.New("-read-only is set") }
	v, _ := run(t, cfg)
	v.SetClasses([]vsphere.ClassSpec{{
		Name: "gold", TemplateFolder: "templates", CustomizationSpecs: []string{"join"},
		Zones: []vsphere.ZoneSpec{
			{Name: "pod", Cluster: "c1", DatastoreCluster: "pod"},
			{Name: "policy", Cluster: "c1", StoragePolicy: "fast"},
		},
	}})
	awaitSynced(t, v)
	var offer vsphere.Offer
	await(t, "the class is offered", func() (ok bool) {
		var err error
		offer, err = v.Offer(t.Context(), "gold")
		return err == nil && len(offer.Zones) == 2
	})
	for _, zone := range offer.Zones {
		if zone.Err != nil {
			t.Errorf("zone %s: %v", zone.Name, zone.Err)
		}
	}
	if len(offer.CustomizationErrs) > 0 {
		t.Errorf("customization specifications: %v", offer.CustomizationErrs)
	}
}
