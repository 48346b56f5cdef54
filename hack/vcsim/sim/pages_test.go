package sim_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// A read answers as many objects as were asked for, each once, and no token serves twice.
func TestReadsHavePages(t *testing.T) {
	e := start(t, sim.Options{ForeignVMs: 20})
	dc, err := object.NewSearchIndex(e.client.Client).FindByInventoryPath(e.ctx, "/DC0")
	e.must(err)
	v := newView(e, dc.Reference(), []string{"VirtualMachine"})
	collector := e.client.ServiceContent.PropertyCollector
	spec := types.PropertyFilterSpec{
		PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
		ObjectSet: []types.ObjectSpec{{
			Obj: v.Reference(), Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "ContainerView", Path: "view"}},
		}},
	}
	read := func(pageSize int32) *types.RetrieveResult {
		t.Helper()
		res, err := methods.RetrievePropertiesEx(e.ctx, e.client.Client, &types.RetrievePropertiesEx{
			This: collector, SpecSet: []types.PropertyFilterSpec{spec}, Options: types.RetrieveOptions{MaxObjects: pageSize},
		})
		e.must(err)
		return res.Returnval
	}
	next := func(token string) (*types.ContinueRetrievePropertiesExResponse, error) {
		return methods.ContinueRetrievePropertiesEx(e.ctx, e.client.Client, &types.ContinueRetrievePropertiesEx{This: collector, Token: token})
	}
	const all = 21 // the template is one
	if page := read(0); len(page.Objects) != all || page.Token != "" {
		t.Errorf("without a limit: %d objects, token %q", len(page.Objects), page.Token)
	}
	if page := read(all); len(page.Objects) != all || page.Token != "" {
		t.Errorf("with a limit that suffices: %d objects, token %q", len(page.Objects), page.Token)
	}
	seen, pages := map[types.ManagedObjectReference]bool{}, 0
	for page := read(8); ; pages++ {
		if len(page.Objects) > 8 {
			t.Errorf("page %d has %d objects", pages, len(page.Objects))
		}
		for _, o := range page.Objects {
			seen[o.Obj] = true
		}
		if page.Token == "" {
			break
		}
		used := page.Token
		res, err := next(used)
		e.must(err)
		if _, err := next(used); err == nil {
			t.Errorf("token %q serves twice", used)
		}
		page = &res.Returnval
	}
	if len(seen) != all || pages != 2 {
		t.Errorf("%d objects after %d more pages, want %d after 2", len(seen), pages, all)
	}
	token := read(8).Token
	_, err = methods.CancelRetrievePropertiesEx(e.ctx, e.client.Client, &types.CancelRetrievePropertiesEx{This: collector, Token: token})
	e.must(err)
	if _, err := next(token); err == nil {
		t.Error("a read that was cancelled goes on")
	}
}
