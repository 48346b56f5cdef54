package sim_test

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// snapshots is a virtual machine's snapshots, as a client reads them, the oldest first.
func (e *env) snapshots(name string) []types.VirtualMachineSnapshotTree {
	e.t.Helper()
	ref := e.vm(name)
	var got mo.VirtualMachine
	e.must(object.NewVirtualMachine(e.client.Client, ref).Properties(e.ctx, ref, []string{"snapshot"}, &got))
	if got.Snapshot == nil {
		return nil
	}
	var out []types.VirtualMachineSnapshotTree
	for trees := got.Snapshot.RootSnapshotList; len(trees) > 0; trees = trees[0].ChildSnapshotList {
		out = append(out, trees[0])
	}
	if current := got.Snapshot.CurrentSnapshot; current == nil || *current != out[len(out)-1].Snapshot {
		e.t.Errorf("the current snapshot of %s is %v", name, current)
	}
	return out
}
