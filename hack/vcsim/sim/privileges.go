package sim

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// denied is the privileges that no account has. Package control has the table of what each method asks for.
type denied struct {
	mu  sync.Mutex
	all []denial
}

// denial is a privilege that is denied on one object, or on all if that is not set.
type denial struct {
	id string
	on types.ManagedObjectReference
}

func (d *denied) deny(on types.ManagedObjectReference, ids ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		d.all = append(d.all, denial{id, on})
	}
}

// allow gives privileges back on an object, or on all; all privileges if none is named.
func (d *denied) allow(on types.ManagedObjectReference, ids ...string) {
	everywhere := on == types.ManagedObjectReference{}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = slices.DeleteFunc(d.all, func(one denial) bool {
		return (everywhere || one.on == on) && (len(ids) == 0 || slices.Contains(ids, one.id))
	})
}

func (d *denied) has(id string, on types.ManagedObjectReference) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.all, denial{id: id}) || slices.Contains(d.all, denial{id, on})
}

// unprivileged returns NoPermission for a call that asks for a privilege that is denied; in strict mode, also for one that
// is not granted on the object that it is asked for on, and for a method that is not in the table.
func (s *Simulator) unprivileged(ctx *simulator.Context, m *simulator.Method) types.BaseMethodFault {
	method := m.This.Type + "." + m.Name
	needs, ok := s.privilegesOf(ctx, m)
	if !ok && s.options.Strict {
		s.violations.add(s.violation(ctx, m, control.ViolationPrivilege, "the method is not among those that the controller may call"))
		return noPermission(m.This, method)
	}
	for _, id := range needs {
		for _, on := range s.targets(m, id) {
			if s.lacks(on, id) {
				return noPermission(on, id)
			}
		}
	}
	return nil
}

// lacks reports whether the account does not have a privilege on an object.
func (s *Simulator) lacks(on types.ManagedObjectReference, privilege string) bool {
	return s.denied.has(privilege, on) || s.options.Strict && !s.granted(on, privilege)
}

func noPermission(on types.ManagedObjectReference, privilege string) types.BaseMethodFault {
	fault := &types.NoPermission{Object: &on, PrivilegeId: privilege}
	fault.MissingPrivileges = []types.NoPermissionEntityPrivileges{{Entity: on, PrivilegeIds: []string{privilege}}}
	return fault
}

func (s *Simulator) opDeny(r control.Request) (any, error) {
	on, err := s.denialOn(r)
	if err != nil {
		return nil, err
	}
	s.denied.deny(on, r.Privileges...)
	return control.Reply{MoRef: on.Value}, nil
}

func (s *Simulator) opAllow(r control.Request) (any, error) {
	on, err := s.denialOn(r)
	if err != nil {
		return nil, err
	}
	s.denied.allow(on, r.Privileges...)
	return control.Reply{MoRef: on.Value}, nil
}

// denialOn is the object that a request denies something on, or not set.
func (s *Simulator) denialOn(r control.Request) (types.ManagedObjectReference, error) {
	if r.Object == "" {
		return types.ManagedObjectReference{}, nil
	}
	e, err := s.findObject(r.Object)
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return e.Reference(), nil
}
