package sim

import (
	"fmt"
	"log"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// override carries out one method in place of the stock simulator. It is called without any lock held.
type override func(s *Simulator, ctx *simulator.Context, m *simulator.Method) soap.HasFault

// overrides returns every method that the stock simulator lacks or gets wrong, with what it gets wrong.
func overrides() map[string]override {
	return map[string]override{
		"VirtualMachine.CloneVM_Task":                (*Simulator).cloneVM,              // one at a time per template; drops ExtraConfig of the source; see clone.go
		"VirtualMachine.Destroy_Task":                (*Simulator).destroyVM,            // panics when it is still being made
		"VirtualMachine.UnregisterVM":                (*Simulator).destroyVM,            // likewise
		"VirtualMachine.MarkAsTemplate":              (*Simulator).markTemplate,         // tells no collector
		"VirtualMachine.MarkAsVirtualMachine":        (*Simulator).markTemplate,         // tells no collector
		"VirtualMachine.Rename_Task":                 (*Simulator).rename,               // may panic beside a create; InvalidArgument for DuplicateName
		"VirtualMachine.ReconfigVM_Task":             (*Simulator).reconfigVM,           // refuses next to nothing; leaves halves; see reconfigure.go
		"VirtualMachine.CustomizeVM_Task":            (*Simulator).customizeVM,          // at once, without Tools; see customize.go
		"VirtualMachine.ShutdownGuest":               (*Simulator).shutdownGuest,        // works without Tools; has a task
		"VirtualMachine.RebootGuest":                 (*Simulator).rebootGuest,          // never boots the guest
		"Folder.Rename_Task":                         (*Simulator).rename,               // likewise
		"Folder.CreateFolder":                        (*Simulator).createFolder,         // an empty name poisons the parent; escapes twice
		"Folder.CreateVM_Task":                       (*Simulator).createVM,             // panics when the folder goes meanwhile
		"Folder.RegisterVM_Task":                     (*Simulator).createVM,             // likewise
		"Folder.MoveIntoFolder_Task":                 (*Simulator).moveIntoFolder,       // panics on a MoRef that does not exist
		"Folder.Destroy_Task":                        (*Simulator).destroyFolder,        // recorded: ours must never call it
		"Folder.UnregisterAndDestroy_Task":           (*Simulator).unregisterAndDestroy, // not implemented
		"Task.CancelTask":                            (*Simulator).cancelTask,           // a hint only
		"ViewManager.CreateContainerView":            (*Simulator).createContainerView,  // keeps what was moved out
		"SearchIndex.FindChild":                      (*Simulator).findChild,            // may panic beside a create
		"SearchIndex.FindByInventoryPath":            (*Simulator).findByInventoryPath,  // likewise
		"StorageResourceManager.RecommendDatastores": (*Simulator).recommendDatastores,  // for clones nothing, else every member; see pods.go
		"SessionManager.Logout":                      (*Simulator).endSession,           // leaves handlers behind
		"SessionManager.TerminateSession":            (*Simulator).endSession,           // likewise
	}
}

// gateway receives every call of a logged-in client. The stock simulator decides by itself which object answers a call,
// holds that object's lock, and does not let go of it if the method panics. Its Registry.Handler may rewrite a call,
// though: ours addresses every call to the gateway, with the original call as its argument.
type gateway struct {
	self      types.ManagedObjectReference
	sim       *Simulator
	overrides map[string]override // by type and method
}

func newGateway(s *Simulator) *gateway {
	return &gateway{
		self:      types.ManagedObjectReference{Type: "Gateway", Value: "Gateway"},
		sim:       s,
		overrides: overrides(),
	}
}

// Reference implements mo.Reference.
func (g *gateway) Reference() types.ManagedObjectReference { return g.self }

// Lock and Unlock do nothing, and thereby keep calls from waiting for each other.
func (*gateway) Lock() {}

// Unlock goes with Lock.
func (*gateway) Unlock() {}

// unauthenticated is the methods that the stock simulator lets be called without a session, but for List.
var unauthenticated = []string{
	"Login", "LoginByToken", "LoginExtensionByCertificate", "CloneSession", "RetrieveServiceContent", "RetrieveInternalContent",
	"RetrieveProperties", "RetrievePropertiesEx",
}

// intercept is the Registry.Handler.
func (g *gateway) intercept(ctx *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	call := *m
	switch {
	case m.Name == "Fetch":
		g.arrive(ctx, m)
		return nil, nil
	case ctx.Session == nil:
		// One of the names that the stock simulator lets pass.
		*m = simulator.Method{Name: "List", This: g.self, Header: call.Header, Body: &call}
		return g, nil
	}
	*m = simulator.Method{Name: "Dispatch", This: g.self, Header: call.Header, Body: &call}
	return nil, nil
}

// arrive counts a call and puts it into the journal.
func (g *gateway) arrive(ctx *simulator.Context, m *simulator.Method) *request {
	rq := g.sim.requests.of(ctx)
	g.sim.calls.count(ctx, m)
	rq.call = control.Entry{
		Kind: control.EntryCall, Method: m.Name, MoRef: m.This.Value, Name: entityName(g.sim.registry, m.This),
		Agent: rq.agent, OpID: m.Header.ID,
	}
	if ctx.Session != nil {
		rq.call.User = ctx.Session.UserName
	}
	rq.call.Seq = g.sim.journal.add(rq.call)
	return rq
}

// List receives the calls without a session.
func (g *gateway) List(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	rq := g.arrive(ctx, m)
	return rq.answered(g.admit(ctx, m, rq))
}

func (g *gateway) admit(ctx *simulator.Context, m *simulator.Method, rq *request) soap.HasFault {
	return g.sim.suffer(ctx, m, rq, func() soap.HasFault { return g.anonymous(ctx, m, rq) })
}

func (g *gateway) anonymous(ctx *simulator.Context, m *simulator.Method, rq *request) soap.HasFault {
	target := ctx.Map.Get(m.This)
	switch {
	case !slices.Contains(unauthenticated, m.Name):
		return notAuthenticated(m.This)
	case target == nil:
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	res := callMethod(ctx, target, m)
	if login, ok := m.Body.(*types.Login); ok {
		g.sim.journal.add(control.Entry{
			Kind: control.EntryLogin, Session: control.SessionSOAP, User: login.UserName, Agent: rq.agent, Fault: faultName(res),
		})
	}
	if ctx.Session != nil {
		g.sim.sessions.seen(ctx.Session)
	}
	return res
}

// Dispatch receives the calls of logged-in clients.
func (g *gateway) Dispatch(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	g.sim.sessions.seen(ctx.Session)
	rq := g.arrive(ctx, m)
	return rq.answered(g.carryOut(ctx, m, rq))
}

// carryOut refuses a call, lets it meet a fault rule, or does what it asks for.
func (g *gateway) carryOut(ctx *simulator.Context, m *simulator.Method, rq *request) soap.HasFault {
	s := g.sim
	if fault := s.forbid(ctx, m); fault != nil {
		return faultBody(fault)
	}
	if s.hub.isEmbryo(m.This) {
		return faultBody(&types.TaskInProgress{})
	}
	return s.suffer(ctx, m, rq, func() soap.HasFault { return s.invoke(ctx, m) })
}

// suffer lets a call meet a fault rule, or serves it.
func (s *Simulator) suffer(ctx *simulator.Context, m *simulator.Method, rq *request, serve func() soap.HasFault) soap.HasFault {
	return meet(s, s.faults.match(s.sightingOf(m)), rq, serve, func(rule *rule) soap.HasFault {
		switch {
		case rule.Type == control.Unavailable:
			rq.status = http.StatusServiceUnavailable
			return faultBody(&types.SystemError{Reason: "never sent"})
		case rule.TaskLevel && ctx.Session != nil:
			return s.failTask(ctx, m, rule.fault(m))
		}
		return faultBody(rule.fault(m))
	})
}

// invoke carries out a call. A panic in it is answered with SystemError and leaves no lock behind.
func (s *Simulator) invoke(ctx *simulator.Context, m *simulator.Method) (res soap.HasFault) {
	defer func() {
		if p := recover(); p != nil {
			log.Printf("panic in %s of %s: %v\n%s", m.Name, m.This, p, debug.Stack())
			res = faultBody(&types.SystemError{Reason: fmt.Sprint(p)})
		}
	}()
	ctx.Caller = &m.This
	s.ensureRootCollector(ctx, m.This)
	if ctx.Session.Get(m.This) == nil {
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	if override, ok := s.gateway.overrides[m.This.Type+"."+m.Name]; ok {
		return override(s, ctx, m)
	}
	return s.stock(ctx, m)
}

// stock calls the method that the target itself has, holding its lock, as the stock simulator does.
func (s *Simulator) stock(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	target := ctx.Session.Get(m.This)
	if target == nil {
		return faultBody(&types.ManagedObjectNotFound{Obj: m.This})
	}
	return callMethod(ctx, target, m)
}

func callMethod(ctx *simulator.Context, target mo.Reference, m *simulator.Method) soap.HasFault {
	name := strings.ToUpper(m.Name[:1]) + m.Name[1:]
	if base, ok := strings.CutSuffix(name, "_Task"); ok {
		name = base + "Task"
	}
	method := reflect.ValueOf(target).MethodByName(name)
	if !method.IsValid() {
		return faultBody(&types.MethodNotFound{Receiver: m.This, Method: m.Name})
	}
	if e, ok := target.(mo.Entity); ok && slices.Contains(e.Entity().DisabledMethod, name) {
		return faultBody(&types.MethodDisabled{})
	}
	args := []reflect.Value{reflect.ValueOf(m.Body)}
	if method.Type().NumIn() == 2 {
		args = []reflect.Value{reflect.ValueOf(ctx), args[0]}
	}
	defer ctx.Map.AcquireLock(ctx, target)()
	return method.Call(args)[0].Interface().(soap.HasFault)
}

// faultResponse answers any method with a fault.
type faultResponse struct{ fault *soap.Fault }

// Fault implements soap.HasFault.
func (r *faultResponse) Fault() *soap.Fault { return r.fault }

func faultBody(fault types.BaseMethodFault) soap.HasFault {
	return &faultResponse{simulator.Fault(reflect.TypeOf(fault).Elem().Name(), fault)}
}
