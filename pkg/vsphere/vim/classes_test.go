package vim_test

import (
	"sync"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// firstWord keeps how it stood with vCenter when everybody was notified first.
type firstWord struct {
	vCenter *vim.VCenter

	mu    sync.Mutex
	heard bool
	state vim.State
}

func (f *firstWord) Notify(vsphere.GroupID) {}

func (f *firstWord) NotifyAll() {
	state := f.vCenter.State()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.heard {
		f.heard, f.state = true, state
	}
}

// Whoever starts waits for the first word, and takes it that there is a view of vCenter then: neither places nor template folders
// that are found on the way wake anybody.
func TestTheFirstWordIsThatTheInventoryIsInStep(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Templates: []string{"linux"}, TemplateFolder: "templates"})
	first := &firstWord{}
	cfg := configFor(sim, first)
	cfg.TemplateFolder = "templates"
	v, err := vim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	first.vCenter = v
	v.SetClasses([]vsphere.ClassSpec{{Name: "gold", TemplateFolder: "templates", Zones: []vsphere.ZoneSpec{{Name: "a", Cluster: "DC0_C0"}}}})
	runThis(t, v)
	awaitSynced(t, v)
	await(t, "the first word", func() bool {
		first.mu.Lock()
		defer first.mu.Unlock()
		return first.heard
	})
	if !first.state.Synced {
		t.Errorf("the first word comes while it stands so: %+v", first.state)
	}
	if offer, err := v.Offer(t.Context(), "gold"); err != nil || len(offer.Zones) != 1 || offer.Zones[0].Err != nil || offer.TemplatesErr != nil {
		t.Errorf("a class that was set before the connection comes to %+v, %v", offer, err)
	}
}
