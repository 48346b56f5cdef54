package sim

import (
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// faults is the list of rules that make calls fail. The stock simulator's own rules know neither a lost reply nor a
// fault of the task, and cannot be told apart by the name a clone asks for.
type faults struct {
	mu      sync.Mutex
	rules   []*rule
	cleared chan struct{} // closed when the rules are; nil if nobody waits
}

type rule struct {
	control.Fault
	skip int // calls that will still pass
	left int // calls that will still fail; ignored if Count is 0
}

func (f *faults) add(fault control.Fault) error {
	if fault.Method == "" {
		return fmt.Errorf("a fault needs a method")
	}
	if _, err := path.Match(fault.Method, ""); err != nil {
		return fmt.Errorf("method %q: %w", fault.Method, err)
	}
	if _, err := path.Match(fault.Entity, ""); err != nil {
		return fmt.Errorf("entity %q: %w", fault.Entity, err)
	}
	switch fault.Type {
	case control.LostReply, control.LateReply, control.Cut, control.Hang, control.Unavailable:
	case "":
		if fault.Slow <= 0 {
			return fmt.Errorf("a fault needs a type, or has to be slow")
		}
	default:
		if _, err := newFault(fault.Type); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &rule{Fault: fault, skip: fault.Skip, left: fault.Count})
	return nil
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	if f.cleared != nil {
		close(f.cleared)
		f.cleared = nil
	}
}

// untilCleared returns a channel that is closed when the rules are cleared.
func (f *faults) untilCleared() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cleared == nil {
		f.cleared = make(chan struct{})
	}
	return f.cleared
}

// sighting is what fault rules see of a call.
type sighting struct {
	method string
	names  func() []string       // of its targets, and their MoRef values
	into   func(key string) bool // whether it is a clone that goes there
}

func (s *Simulator) sightingOf(m *simulator.Method) sighting {
	return sighting{
		method: m.Name,
		names: func() []string {
			names := []string{m.This.Value, entityName(s.registry, m.This)}
			if clone, ok := m.Body.(*types.CloneVM_Task); ok {
				names = append(names, clone.Name)
			}
			return names
		},
		into: func(key string) bool { return s.goesInto(m, key) },
	}
}

// match returns the first rule that the call meets, and uses it up by one; nil if there is none.
func (f *faults) match(call sighting) *rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.Count > 0 && r.left == 0 || !r.meets(call) {
			continue
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		r.left--
		return r
	}
	return nil
}

func (r *rule) meets(call sighting) bool {
	if ok, _ := path.Match(r.Method, call.method); !ok { // the pattern was checked by add
		return false
	}
	if r.Into != "" && !call.into(r.Into) {
		return false
	}
	return r.Entity == "" || slices.ContainsFunc(call.names(), func(name string) bool {
		ok, _ := path.Match(r.Entity, name) // the pattern was checked by add
		return ok
	})
}

// meet lets a call meet a fault rule, or serves it if there is none. What the rule's fault is answered as, fail says.
func meet[R any](s *Simulator, rule *rule, rq *request, serve func() R, fail func(*rule) R) R {
	if rule == nil {
		return serve()
	}
	if rule.Type == control.LateReply {
		defer s.sleep(rule.Slow, nil)
		return serve()
	}
	s.sleep(rule.Slow, nil)
	switch rule.Type {
	case "":
		return serve()
	case control.LostReply:
		serve()
		panic(http.ErrAbortHandler) // cuts the connection
	case control.Cut:
		panic(http.ErrAbortHandler) // cuts the connection
	case control.Hang:
		select {
		case <-s.faults.untilCleared():
			return serve()
		case <-rq.ctx.Done():
		case <-s.closed:
		}
		panic(http.ErrAbortHandler) // cuts the connection
	}
	return fail(rule)
}

// goesInto reports whether a call is a clone into a resource pool, one of the pools below it, a cluster or a datastore.
func (s *Simulator) goesInto(m *simulator.Method, key string) bool {
	clone, ok := m.Body.(*types.CloneVM_Task)
	if !ok {
		return false
	}
	location := clone.Spec.Location
	if location.Datastore != nil {
		if store, ok := s.registry.Get(*location.Datastore).(mo.Entity); ok && s.named(store, key) {
			return true
		}
	}
	for ref := location.Pool; ref != nil; {
		e, ok := s.registry.Get(*ref).(mo.Entity)
		switch {
		case !ok || isA(e, "Folder"):
			return false
		case s.named(e, key):
			return true
		}
		ref = e.Entity().Parent
	}
	return false
}

// fault is the rule's fault, with the fields filled in that a client looks at.
func (r *rule) fault(m *simulator.Method) types.BaseMethodFault {
	fault, err := newFault(r.Type)
	if err != nil {
		return &types.SystemError{Reason: err.Error()}
	}
	switch f := fault.(type) {
	case *types.NoPermission:
		f.Object, f.PrivilegeId = &m.This, r.PrivilegeID
	case *types.NotAuthenticated:
		f.Object, f.PrivilegeId = &m.This, "System.View"
	case *types.ManagedObjectNotFound:
		f.Obj = m.This
	case *types.InvalidArgument:
		f.InvalidProperty = "spec"
	case *types.NoDiskSpace:
		f.Datastore = "LocalDS_0"
	}
	return fault
}

// newFault makes a fault of any type that the vim package knows.
func newFault(name string) (types.BaseMethodFault, error) {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil, fmt.Errorf("no fault type %q", name)
	}
	fault, ok := reflect.New(kind).Interface().(types.BaseMethodFault)
	if !ok {
		return nil, fmt.Errorf("%q is not a fault", name)
	}
	return fault, nil
}
