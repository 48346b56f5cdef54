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

// first returns the first of the privileges that is denied, or "".
func (d *denied) first(ids []string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.IndexFunc(ids, func(id string) bool { return slices.Contains(d.ids, id) }); i >= 0 {
		return ids[i]
	}
	return ""
}

// unprivileged returns NoPermission for a call that asks for a privilege that is denied, and in strict mode for one of a
// method that is not in the table.
func (s *Simulator) unprivileged(ctx *simulator.Context, m *simulator.Method) types.BaseMethodFault {
	method := m.This.Type + "." + m.Name
	needs, ok := control.PrivilegesOf(method)
	privilege := s.denied.first(needs)
	if !ok && s.options.Strict {
		privilege = method
		s.violations.add(s.violation(ctx, m, control.ViolationPrivilege, "the method is not among those that the controller may call"))
	}
	if privilege == "" {
		return nil
	}
	return noPermission(m.This, privilege)
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
