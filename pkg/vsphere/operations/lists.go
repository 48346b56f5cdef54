package operations

import (
	"cmp"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Of returns the operations and failures of a group, ordered by kind, name and VM. The failures are shared, and not to be
// changed.
func (t *Tracker) Of(uid string) ([]vsphere.Operation, []vsphere.Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ops []vsphere.Operation
	if group := t.byGroup[uid].All(); len(group) > 0 {
		ops = make([]vsphere.Operation, len(group))
		for i, o := range group {
			ops[i] = o.Operation
		}
	}
	return ops, t.failures[uid].all()
}

// Tasks returns the tasks to be watched: those of operations, and those that were found.
func (t *Tracker) Tasks() []vsphere.Ref {
	t.mu.Lock()
	defer t.mu.Unlock()
	tasks := make([]vsphere.Ref, 0, len(t.byTask)+t.toCome.counts[""])
	for task := range t.byTask {
		tasks = append(tasks, task)
	}
	for key, c := range t.toCome.byKey {
		if c.is == found {
			tasks = append(tasks, key.task)
		}
	}
	slices.Sort(tasks)
	return tasks
}

// Watches tells whether a task is that of an operation.
func (t *Tracker) Watches(task vsphere.Ref) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byTask[task] != nil
}

// Unknowns returns the clones and the reconfigurations whose outcome is unknown; somebody is to look, and then to call Resolved
// or, of a clone, NotFound or Submitted.
func (t *Tracker) Unknowns() []Pending {
	return t.pending(func(o *operation) bool { return o.state == unknown })
}

// Awaited returns the clones whose task has succeeded and whose VM is not in the view yet.
func (t *Tracker) Awaited() []Pending {
	return t.pending(func(o *operation) bool { return o.makes() && o.state == awaiting && o.VM != "" })
}

// Unshown returns the operations whose task has succeeded and whose VM is not seen to be as it is to be yet.
func (t *Tracker) Unshown() []Pending {
	return t.pending(func(o *operation) bool { return !o.makes() && o.state == awaiting && o.info().HasTask() })
}

func (t *Tracker) pending(is func(*operation) bool) []Pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Pending
	for _, o := range t.ops {
		if is(o) {
			out = append(out, pending(o))
		}
	}
	slices.SortFunc(out, func(a, b Pending) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func pending(o *operation) Pending { return Pending{ID: o.id, Group: o.group, Operation: o.Operation} }

// InFlight returns how many operations vCenter, or a guest, has or may have under way.
func (t *Tracker) InFlight() map[vsphere.OperationKind]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[vsphere.OperationKind]int{}
	for _, kind := range vsphere.Kinds() {
		out[kind] = 0
	}
	for _, o := range t.ops {
		if o.state != awaiting || !o.info().HasTask() {
			out[o.Kind]++
		}
	}
	return out
}

// Making returns the VMs that clones under way make, by the UIDs of their groups and their names. A VM may be there before its clone has
// ended.
func (t *Tracker) Making() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, p := range t.pending((*operation).makes) {
		if out[p.Group.UID] == nil {
			out[p.Group.UID] = map[string]bool{}
		}
		out[p.Group.UID][p.Operation.Name] = true
	}
	return out
}
