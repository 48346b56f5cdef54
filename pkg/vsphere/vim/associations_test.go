package vim_test

import (
	"context"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmware/govmomi/vapi/cluster"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// associated is a vCenter with some VMs of a group, and a class that names tags.
type associated struct {
	t       *testing.T
	sim     *vcsim.Process
	vcenter *vim.VCenter
	stop    func()
	group   vsphere.GroupID
	vms     []vsphere.Ref
}

// makeAssociated makes n VMs.
func makeAssociated(t *testing.T, n int, change func(*vim.Config)) *associated {
	t.Helper()
	a := &associated{
		t: t, sim: startSimulator(t, vcsim.Options{TemplateFolder: "templates"}),
		group: vsphere.GroupID{Namespace: "default", Name: "web", UID: "uid-web"},
	}
	_, err := a.sim.Control.AddTemplate(t.Context(), "linux", "templates")
	must(t, err)
	cfg := configFor(a.sim, &notifier{})
	cfg.TemplateFolder = "templates"
	if change != nil {
		change(&cfg)
	}
	a.vcenter, a.stop = run(t, cfg)
	awaitSynced(t, a.vcenter)
	template, err := findTemplate(t, a.vcenter, a.group, "linux")
	must(t, err)
	folder, err := a.vcenter.EnsureFolder(t.Context(), a.group)
	must(t, err)
	for slot := range n {
		must(t, startClone(t, a.vcenter, a.group, template, "web-"+string(rune('0'+slot)), vsphere.CloneSpec{
			VMSpec: &vsphere.VMSpec{Template: "linux", CPU: 1, MemoryMiB: 1024}, Folder: folder, Slot: slot,
		}))
	}
	await(t, "the VMs are made", func() bool {
		s, err := a.vcenter.Snapshot(t.Context(), a.group, "")
		a.vms = nil
		for _, vm := range s.VMs {
			a.vms = append(a.vms, vm.Ref)
		}
		return err == nil && len(s.Operations) == 0 && len(a.vms) == n
	})
	return a
}

// classWith makes a class with tags.
func (a *associated) classWith(tags ...string) {
	a.vcenter.SetClasses([]vsphere.ClassSpec{{Name: "gold", TemplateFolder: "templates", Tags: tags, Zones: []vsphere.ZoneSpec{{Name: "a"}}}})
}

func (a *associated) addTag(category, name string) {
	a.t.Helper()
	_, err := a.sim.Control.AddTag(a.t.Context(), category, name)
	must(a.t, err)
}

// sessions counts the sessions of a kind.
func (a *associated) sessions(kind control.SessionKind) int {
	a.t.Helper()
	all, err := a.sim.Control.Sessions(context.WithoutCancel(a.t.Context()))
	must(a.t, err)
	return len(slices.DeleteFunc(all, func(s control.Session) bool { return s.Kind != kind }))
}

// module returns the only cluster module once there is one, or nothing once there is none.
func (a *associated) module(want int) control.Module {
	a.t.Helper()
	var modules []control.Module
	await(a.t, "the modules", func() bool {
		var err error
		modules, err = a.sim.Control.Modules(a.t.Context())
		return err == nil && len(modules) == want
	})
	if want == 0 {
		return control.Module{}
	}
	return modules[0]
}

// byHand makes a cluster module as an administrator does, and puts VMs into it.
func (a *associated) byHand(in string, vms ...vsphere.Ref) {
	a.t.Helper()
	ctx := a.t.Context()
	u, err := url.Parse(a.sim.URL)
	must(a.t, err)
	soapClient, err := vim25.NewClient(ctx, soap.NewClient(u, true))
	must(a.t, err)
	client := rest.NewClient(soapClient)
	must(a.t, client.Login(ctx, url.UserPassword(a.sim.Username, a.sim.Password)))
	manager := cluster.NewManager(client)
	id, err := manager.CreateModule(ctx, types.ManagedObjectReference{Type: "ClusterComputeResource", Value: in})
	must(a.t, err)
	var refs []mo.Reference
	for _, vm := range vms {
		refs = append(refs, types.ManagedObjectReference{Type: "VirtualMachine", Value: string(vm)})
	}
	_, err = manager.AddModuleMembers(ctx, id, refs...)
	must(a.t, err)
	must(a.t, client.Logout(ctx))
}

// calls waits until a method was called so often since the last reset.
func (a *associated) calls(method string, n int) {
	a.t.Helper()
	await(a.t, method, func() bool {
		calls, err := a.sim.Control.Calls(a.t.Context())
		return err == nil && calls.Methods[method] >= n
	})
}

// TestModulesOfOthers leaves modules alone in which somebody else has put VMs of a group that wants none, and all that a group has that
// wants nothing any more.
func TestModulesOfOthers(t *testing.T) {
	a := makeAssociated(t, 4, nil)
	a.vcenter.Associate(a.group, vsphere.Association{Apart: vsphere.KeepApart})
	in := a.module(1).Cluster
	a.vcenter.Associate(a.group, vsphere.Association{Apart: vsphere.ReleaseApart})
	a.module(0)
	a.vcenter.Associate(a.group, vsphere.Association{})
	a.byHand(in, a.vms[:2]...)
	a.byHand(in, a.vms[2:]...)
	must(t, a.sim.Control.ResetCalls(t.Context()))
	db := vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-db"}
	a.vcenter.Associate(db, vsphere.Association{Apart: vsphere.ReleaseApart})
	await(t, "another group is released", func() bool {
		s, err := a.vcenter.Snapshot(t.Context(), db, "")
		return err == nil && s.Released
	})
	if a.calls("modules.ListMembers", 2); len(a.module(2).Members) != 2 {
		t.Errorf("the modules are %+v", a.module(2))
	}
}

// TestSessionOfRESTEnds goes on after vCenter has ended the session, and leaves none behind, also if the endpoint hangs.
func TestSessionOfRESTEnds(t *testing.T) {
	a := makeAssociated(t, 1, nil)
	a.addTag("backup", "daily")
	a.classWith("backup/daily", "owner/shop")
	look := func(errs int) {
		t.Helper()
		await(t, "the class was looked at", func() bool {
			offer, err := a.vcenter.Offer(t.Context(), "gold")
			return err == nil && len(offer.TagErrs) == errs
		})
	}
	look(1)
	must(t, a.sim.Control.EndRESTSessions(t.Context()))
	a.addTag("owner", "shop")
	a.classWith("owner/shop", "backup/daily") // another look, at once
	look(0)
	if n := a.sessions(control.SessionREST); n != 1 {
		t.Errorf("there are %d sessions", n)
	}
	must(t, a.sim.Control.AddFault(t.Context(), control.Fault{Method: "session.Logout", Type: control.Hang}))
	a.stop()
	if n := a.sessions(control.SessionSOAP); n != 0 {
		t.Errorf("%d sessions of SOAP are left", n)
	}
	must(t, a.sim.Control.ClearFaults(context.WithoutCancel(t.Context())))
}

// TestRESTHangs connects again while a login at the REST endpoint got no answer: that may be a refusal, and the next one waits.
func TestRESTHangs(t *testing.T) {
	var logins atomic.Int64
	a := makeAssociated(t, 1, func(cfg *vim.Config) {
		cfg.CallTimeout = time.Second
		cfg.Observe = func(method string, _ time.Duration, _ error) {
			if method == "session.Login" {
				logins.Add(1)
			}
		}
	})
	must(t, a.sim.Control.AddFault(t.Context(), control.Fault{Method: "session.Login", Type: control.Hang}))
	for _, name := range []string{"bronze", "silver", "gold", "platinum"} { // each is a reason to look again at once
		a.vcenter.SetClasses([]vsphere.ClassSpec{{Name: name, TemplateFolder: "templates", Tags: []string{"backup/daily"}, Zones: []vsphere.ZoneSpec{{Name: "a"}}}})
		await(t, "the class says so", func() bool {
			offer, err := a.vcenter.Offer(t.Context(), name)
			return err == nil && len(offer.TagErrs) == 1
		})
	}
	if n := logins.Load(); n != 1 {
		t.Errorf("%d logins were tried at the REST endpoint", n)
	}
	must(t, a.sim.Control.EndSessions(t.Context()))
	a.calls("Login", 2)
	awaitSynced(t, a.vcenter)
	must(t, a.sim.Control.ClearFaults(t.Context()))
}

// TestOneTagIsMissing attaches the others, and tells the classes that name it alone.
func TestOneTagIsMissing(t *testing.T) {
	a := makeAssociated(t, 1, nil)
	a.addTag("backup", "daily")
	zones := []vsphere.ZoneSpec{{Name: "a"}}
	a.vcenter.SetClasses([]vsphere.ClassSpec{
		{Name: "bronze", TemplateFolder: "templates", Tags: []string{"a/none"}, Zones: zones},
		{Name: "gold", TemplateFolder: "templates", Tags: []string{"backup/daily"}, Zones: zones},
	})
	for name, errs := range map[string]int{"bronze": 1, "gold": 0} {
		await(t, name, func() bool {
			offer, err := a.vcenter.Offer(t.Context(), name)
			return err == nil && len(offer.TagErrs) == errs
		})
	}
	must(t, a.sim.Control.ResetCalls(t.Context()))
	for range 3 { // which must not make it look again
		must(t, a.sim.Control.PowerOn(t.Context(), string(a.vms[0])))
		must(t, a.sim.Control.PowerOff(t.Context(), string(a.vms[0])))
	}
	a.vcenter.Associate(a.group, vsphere.Association{Apart: vsphere.ReleaseApart}) // whose look comes after that of the tags
	a.calls("modules.List", 1)
	calls, err := a.sim.Control.Calls(t.Context())
	must(t, err)
	if n := calls.Methods["tagging.ListCategories"]; n > 1 { // one may have been due
		t.Errorf("the tags were looked for %d times again", n)
	}
}
