package sim_test

import (
	"context"
	"errors"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// timeout bounds every wait of a test. It is long because it only decides how late a broken simulator is noticed.
const timeout = time.Minute

// env is a simulator with one template, a folder to clone into, and a client that is logged in.
type env struct {
	t       testing.TB
	ctx     context.Context
	sim     *sim.Simulator
	control *control.Client
	client  *govmomi.Client

	template types.ManagedObjectReference
	folder   types.ManagedObjectReference
	pool     types.ManagedObjectReference
}

func start(t testing.TB, o sim.Options) *env {
	t.Helper()
	if o.Templates == nil {
		o.Templates = []string{"template"}
	}
	return startWith(t, o, o.Templates[0])
}

// startWith is start with another template than those of the options.
func startWith(t testing.TB, o sim.Options, template string) *env {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	if o.Root == "" {
		o.Root = "group"
	}
	s, err := sim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	e := &env{t: t, ctx: ctx, sim: s, control: control.New(s.ControlURL())}
	t.Cleanup(e.control.Close)
	e.client = e.login(s.Username(), s.Password())
	e.template = e.vm(template)
	folder, err := e.control.CreateFolder(ctx, "group")
	e.must(err)
	e.folder = types.ManagedObjectReference{Type: "Folder", Value: folder}
	e.pool = e.anyPool()
	return e
}

func (e *env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// dial returns a client that is not logged in, and trusts the simulator's certificate and nothing else.
func (e *env) dial() *govmomi.Client {
	e.t.Helper()
	u, err := url.Parse(e.sim.URL())
	e.must(err)
	sc := soap.NewClient(u, false)
	e.must(sc.SetRootCAs(e.sim.CAFile()))
	vc, err := vim25.NewClient(e.ctx, sc)
	e.must(err)
	return &govmomi.Client{Client: vc, SessionManager: session.NewManager(vc)}
}

func (e *env) login(user, password string) *govmomi.Client {
	e.t.Helper()
	c := e.dial()
	e.must(c.Login(e.ctx, url.UserPassword(user, password)))
	return c
}

func (e *env) vm(name string) types.ManagedObjectReference {
	e.t.Helper()
	return types.ManagedObjectReference{Type: "VirtualMachine", Value: e.truth(name).MoRef}
}

// truth is a virtual machine as the registry has it.
func (e *env) truth(name string) control.VM {
	e.t.Helper()
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	for _, vm := range vms {
		if vm.Name == name {
			return vm
		}
	}
	e.t.Fatalf("no virtual machine %q", name)
	return control.VM{}
}

func (e *env) count(name string) int {
	e.t.Helper()
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	n := 0
	for _, vm := range vms {
		if vm.Name == name {
			n++
		}
	}
	return n
}

func (e *env) anyPool() types.ManagedObjectReference {
	e.t.Helper()
	manager := newView(e, e.client.ServiceContent.RootFolder, []string{"ResourcePool"})
	var pools []types.ObjectContent
	e.must(manager.Retrieve(e.ctx, []string{"ResourcePool"}, []string{"name"}, &pools))
	return pools[0].Obj
}

// option changes a clone spec.
type option func(*types.VirtualMachineCloneSpec)

func extra(key, value string) option {
	return func(s *types.VirtualMachineCloneSpec) {
		s.Config.ExtraConfig = append(s.Config.ExtraConfig, &types.OptionValue{Key: key, Value: value})
	}
}

// submit starts a clone of the template into the folder.
func (e *env) submit(name string, options ...option) (*object.Task, error) {
	return e.submitFrom(e.template, name, options...)
}

func (e *env) submitFrom(source types.ManagedObjectReference, name string, options ...option) (*object.Task, error) {
	spec := types.VirtualMachineCloneSpec{Config: new(types.VirtualMachineConfigSpec)}
	spec.Location.Pool = &e.pool
	for _, o := range options {
		o(&spec)
	}
	req := types.CloneVM_Task{This: source, Folder: e.folder, Name: name, Spec: spec}
	res, err := methods.CloneVM_Task(e.ctx, e.client, &req)
	if err != nil {
		return nil, err
	}
	return object.NewTask(e.client.Client, res.Returnval), nil
}

func (e *env) clone(name string, options ...option) types.ManagedObjectReference {
	e.t.Helper()
	task, err := e.submit(name, options...)
	e.must(err)
	info, err := task.WaitForResult(e.ctx)
	e.must(err)
	return info.Result.(types.ManagedObjectReference)
}

// wantFault fails the test unless err carries a fault of want's type, and returns that fault.
func wantFault[T types.BaseMethodFault](t testing.TB, err error) T {
	t.Helper()
	var got T
	if _, ok := fault.As(err, &got); !ok {
		t.Fatalf("error %v (%T), want fault %v", err, errors.Unwrap(err), reflect.TypeFor[T]())
	}
	return got
}

// TestListen has a client check the certificate of a simulator at another address than the usual one.
func TestListen(t *testing.T) {
	e := start(t, sim.Options{Listen: "127.0.0.2:0"})
	if host := e.client.URL().Hostname(); host != "127.0.0.2" {
		t.Errorf("the simulator is at %s", host)
	}
}
