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
	ids []string
}

func (d *denied) deny(ids ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = append(d.ids, ids...)
}

// allow gives privileges back; all if none is named.
func (d *denied) allow(ids ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = slices.DeleteFunc(d.ids, func(id string) bool { return len(ids) == 0 || slices.Contains(ids, id) })
}

func (d *denied) has(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.ids, id)
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
			if s.denied.has(id) || s.options.Strict && !s.granted(on, id) {
				return noPermission(on, id)
			}
		}
	}
	return nil
}

func noPermission(on types.ManagedObjectReference, privilege string) types.BaseMethodFault {
	fault := &types.NoPermission{Object: &on, PrivilegeId: privilege}
	fault.MissingPrivileges = []types.NoPermissionEntityPrivileges{{Entity: on, PrivilegeIds: []string{privilege}}}
	return fault
}

func (s *Simulator) opDeny(r control.Request) (any, error) {
	s.denied.deny(r.Privileges...)
	return control.Reply{}, nil
}

func (s *Simulator) opAllow(r control.Request) (any, error) {
	s.denied.allow(r.Privileges...)
	return control.Reply{}, nil
}
