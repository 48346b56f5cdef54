package sim

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// track puts the clone task of a client into the journal and into the list of those that go on, and returns what has to be
// called with the task's end.
func (s *Simulator) track(ctx *simulator.Context, task *simulator.Task, req *types.CloneVM_Task, options []types.BaseOptionValue) (running func(), ended func(types.AnyType, types.BaseMethodFault)) {
	c := control.Clone{
		Task: task.Self.Value, Source: req.This.Value, Folder: req.Folder.Value, Name: req.Name,
		Stamp: stampOf(req, options), State: string(types.TaskInfoStateQueued), Agent: ctx.Session.UserAgent,
	}
	s.clones.set(c)
	s.journal.add(control.Entry{Kind: control.EntryClone, Clone: &c})
	running = func() {
		going := c
		going.State = string(types.TaskInfoStateRunning)
		s.clones.set(going)
	}
	ended = func(result types.AnyType, fault types.BaseMethodFault) {
		over := c
		over.State = string(types.TaskInfoStateSuccess)
		if ref, ok := result.(types.ManagedObjectReference); ok {
			over.Result = ref.Value
		}
		if fault != nil {
			over.State, over.Fault = string(types.TaskInfoStateError), reflect.TypeOf(fault).Elem().Name()
		}
		s.journal.add(control.Entry{Kind: control.EntryCloneEnd, Clone: &over})
		s.clones.end(c.Task)
	}
	return running, ended
}

// stampOf is the stamp that a clone's virtual machine is to have: the request's own, or one that it inherits.
func stampOf(req *types.CloneVM_Task, options []types.BaseOptionValue) string {
	if config := req.Spec.Config; config != nil {
		options = append(slices.Clone(config.ExtraConfig), options...)
	}
	stamp, _ := object.OptionValueList(options).GetString(stampKey)
	return stamp
}

func (c *clones) set(clone control.Clone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.going == nil {
		c.going = make(map[string]control.Clone)
	}
	c.going[clone.Task] = clone
}

func (c *clones) end(task string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.going, task)
}

// list is the clones that are queued or running, in the order of their names.
func (c *clones) list() []control.Clone {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []control.Clone{}
	for _, clone := range c.going {
		out = append(out, clone)
	}
	slices.SortFunc(out, func(a, b control.Clone) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Task, b.Task))
	})
	return out
}
