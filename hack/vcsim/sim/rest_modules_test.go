package sim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// clusters returns the clusters, in the order of their names.
func (e *env) clusters() []types.ManagedObjectReference {
	e.t.Helper()
	view := newView(e, e.client.ServiceContent.RootFolder, []string{"ClusterComputeResource"})
	var found []types.ObjectContent
	e.must(view.Retrieve(e.ctx, []string{"ClusterComputeResource"}, []string{"name"}, &found))
	slices.SortFunc(found, func(a, b types.ObjectContent) int {
		return strings.Compare(a.PropSet[0].Val.(string), b.PropSet[0].Val.(string))
	})
	var refs []types.ManagedObjectReference
	for _, o := range found {
		refs = append(refs, o.Obj)
	}
	return refs
}

func (e *env) wantModules(want ...control.Module) {
	e.t.Helper()
	got, err := e.control.Modules(e.ctx)
	e.must(err)
	if diff := cmp.Diff(append([]control.Module{}, want...), got); diff != "" {
		e.t.Errorf("modules: %s", diff)
	}
}

func TestModules(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	c := e.clusters()[0]
	m := cluster.NewManager(e.rest())
	_, err := m.CreateModule(e.ctx, types.ManagedObjectReference{Type: "ClusterComputeResource", Value: "domain-c0"})
	wantStatus(t, err, http.StatusBadRequest)
	one, err := m.CreateModule(e.ctx, c)
	e.must(err)
	two, err := m.CreateModule(e.ctx, c)
	e.must(err)
	list, err := m.ListModules(e.ctx)
	e.must(err)
	if diff := cmp.Diff([]cluster.ModuleSummary{{Cluster: c.Value, Module: one}, {Cluster: c.Value, Module: two}}, list); diff != "" {
		t.Error(diff)
	}
	e.must(m.DeleteModule(e.ctx, one))
	e.wantModules(control.Module{ID: two, Cluster: c.Value})
	wantStatus(t, m.DeleteModule(e.ctx, one), http.StatusNotFound)
	_, err = m.ListModuleMembers(e.ctx, one)
	wantStatus(t, err, http.StatusNotFound)
	_, err = m.AddModuleMembers(e.ctx, one)
	wantStatus(t, err, http.StatusNotFound)
	_, err = m.RemoveModuleMembers(e.ctx, one)
	wantStatus(t, err, http.StatusNotFound)
	e.must(e.control.RemoveModule(e.ctx, two))
	e.wantModules()
	if err := e.control.RemoveModule(e.ctx, two); err == nil {
		t.Error("one module was removed twice")
	}
}

func TestModuleMembers(t *testing.T) {
	e := start(t, sim.Options{Clusters: 2})
	here, elsewhere := e.clusters()[0], e.clusters()[1]
	a, b := e.clone("a"), e.clone("b")
	if e.truth("a").Cluster == "DC0_C1" { // which pool is the first is left to chance
		here, elsewhere = elsewhere, here
	}
	m := cluster.NewManager(e.rest())
	id, err := m.CreateModule(e.ctx, here)
	e.must(err)
	other, err := m.CreateModule(e.ctx, elsewhere)
	e.must(err)
	members := func(want ...types.ManagedObjectReference) {
		t.Helper()
		got, err := m.ListModuleMembers(e.ctx, id)
		e.must(err)
		if !slices.Equal(got, want) {
			t.Errorf("members %v, want %v", got, want)
		}
	}
	success := func(what string, want, got bool, err error) {
		t.Helper()
		e.must(err)
		if got != want {
			t.Errorf("%s: success %t, want %t", what, got, want)
		}
	}

	ok, err := m.AddModuleMembers(e.ctx, id, a)
	success("one", true, ok, err)
	ok, err = m.AddModuleMembers(e.ctx, id, a, b, goneVM)
	success("a member, one more, and one that is not there", false, ok, err)
	members(a, b)
	ok, err = m.AddModuleMembers(e.ctx, other, a)
	success("one of another cluster", false, ok, err)
	e.wantModules(control.Module{ID: id, Cluster: here.Value, Members: []string{a.Value, b.Value}}, control.Module{ID: other, Cluster: elsewhere.Value})

	e.must(e.control.DestroyVM(e.ctx, "a"))
	members(a, b) // nobody takes it out
	ok, err = m.AddModuleMembers(e.ctx, id, a)
	success("a member that is gone", false, ok, err)
	ok, err = m.RemoveModuleMembers(e.ctx, id, a)
	success("remove what is gone", true, ok, err)
	ok, err = m.RemoveModuleMembers(e.ctx, id, a, b)
	success("remove twice", false, ok, err)
	members()
}

func TestPrivilegesOfModules(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	c, a := e.clusters()[0], e.own("a").Reference()
	m := cluster.NewManager(e.rest())
	id, err := m.CreateModule(e.ctx, c)
	e.must(err)
	_, err = m.AddModuleMembers(e.ctx, id, a)
	e.must(err)

	e.must(e.control.DenyOn(e.ctx, c.Value, "Host.Inventory.EditCluster"))
	_, err = m.CreateModule(e.ctx, c)
	wantStatus(t, err, http.StatusForbidden)
	_, err = m.AddModuleMembers(e.ctx, id, a)
	wantStatus(t, err, http.StatusForbidden)
	_, err = m.RemoveModuleMembers(e.ctx, id, a)
	wantStatus(t, err, http.StatusForbidden)
	wantStatus(t, m.DeleteModule(e.ctx, id), http.StatusForbidden)
	if _, err = m.ListModuleMembers(e.ctx, id); err != nil {
		t.Errorf("to read asks for no more than to read: %v", err)
	}
	e.must(e.control.DenyOn(e.ctx, c.Value, "System.Read"))
	_, err = m.ListModuleMembers(e.ctx, id)
	wantStatus(t, err, http.StatusForbidden)
	list, err := m.ListModules(e.ctx)
	e.must(err)
	if len(list) > 0 {
		t.Errorf("modules of a cluster that may not be read: %v", list)
	}
	e.wantModules(control.Module{ID: id, Cluster: c.Value, Members: []string{a.Value}})
}

// In strict mode nobody but a virtual machine of ours may be put into a module.
func TestTripwireOfModules(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	foreign, err := e.control.AddForeignVM(e.ctx, "group", "foreign")
	e.must(err)
	m := cluster.NewManager(e.rest())
	id, err := m.CreateModule(e.ctx, e.clusters()[0])
	e.must(err)
	_, err = m.AddModuleMembers(e.ctx, id, types.ManagedObjectReference{Type: "VirtualMachine", Value: foreign})
	wantStatus(t, err, http.StatusInternalServerError)
	if v := e.violations(); len(v) != 1 || v[0].Kind != control.ViolationTripwire || v[0].Method != "modules.AddMembers" || v[0].Name != "foreign" {
		t.Errorf("violations: %v", v)
	}
	e.wantModules(control.Module{ID: id, Cluster: e.clusters()[0].Value})
}
