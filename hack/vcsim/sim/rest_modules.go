package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// moduleMethods are the calls on cluster modules.
func moduleMethods() []restMethod {
	const (
		modules = "/rest/vcenter/cluster/modules"
		members = modules + "/vm/{id}/members"
	)
	return []restMethod{
		{"modules.List", "GET " + modules, "", (*Simulator).restListModules},
		{"modules.Create", "POST " + modules, "", (*Simulator).restCreateModule},
		{"modules.Delete", "DELETE " + modules + "/{id}", "", (*Simulator).restDeleteModule},
		{"modules.ListMembers", "GET " + members, "", (*Simulator).restListMembers},
		{"modules.AddMembers", "POST " + members, "add", (*Simulator).restAddMembers},
		{"modules.RemoveMembers", "POST " + members, "remove", (*Simulator).restRemoveMembers},
	}
}

func (s *Simulator) restListModules(*restCall) (any, *restError) {
	out := []any{}
	for _, m := range s.modules.list() {
		if s.readable(clusterRef(m.Cluster)) {
			out = append(out, map[string]any{"module": m.ID, "cluster": m.Cluster})
		}
	}
	return map[string]any{"summaries": out}, nil
}

func (s *Simulator) restCreateModule(c *restCall) (any, *restError) {
	id := c.body.Spec.Cluster
	if _, ok := s.registry.Get(clusterRef(id)).(*simulator.ClusterComputeResource); !ok {
		return nil, invalidArgument("The cluster %s does not exist.", id)
	}
	return s.modules.create(id), nil
}

func (s *Simulator) restDeleteModule(c *restCall) (any, *restError) {
	if !s.modules.remove(c.id()) {
		return nil, restNotFound("module", c.id())
	}
	return nil, nil
}

func (s *Simulator) restListMembers(c *restCall) (any, *restError) {
	m := s.modules.get(c.id())
	if m.ID == "" {
		return nil, restNotFound("module", c.id())
	}
	return map[string]any{"vms": append([]string{}, m.Members...)}, nil
}

// restAddMembers adds virtual machines of the module's cluster. The answer tells only whether all were added: it says no if
// one of them is elsewhere or a member already, and the others are added all the same. No document says that they are.
func (s *Simulator) restAddMembers(c *restCall) (any, *restError) {
	cluster, vms, success := s.modules.get(c.id()).Cluster, []string(nil), true
	for _, id := range c.body.VMs {
		if s.inCluster(id, cluster) {
			vms = append(vms, id)
		} else {
			success = false
		}
	}
	return s.changeMembers(c, func(m *control.Module) bool {
		for _, id := range vms {
			if slices.Contains(m.Members, id) {
				success = false
			} else {
				m.Members = append(m.Members, id)
			}
		}
		return success
	})
}

// restRemoveMembers removes virtual machines, also those that were destroyed. The answer is as that of adding.
func (s *Simulator) restRemoveMembers(c *restCall) (any, *restError) {
	return s.changeMembers(c, func(m *control.Module) bool {
		success := true
		for _, id := range c.body.VMs {
			i := slices.Index(m.Members, id)
			if i < 0 {
				success = false
			} else {
				m.Members = slices.Delete(m.Members, i, i+1)
			}
		}
		return success
	})
}

// changeMembers changes a module and answers with what the change returns.
func (s *Simulator) changeMembers(c *restCall, change func(*control.Module) bool) (any, *restError) {
	success := false
	if !s.modules.change(c.id(), func(m *control.Module) { success = change(m) }) {
		return nil, restNotFound("module", c.id())
	}
	return map[string]bool{"success": success}, nil
}
