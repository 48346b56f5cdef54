package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
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

// linkedTo makes a linked clone of a snapshot, or of none.
func linkedTo(snapshot *types.ManagedObjectReference) option {
	return func(s *types.VirtualMachineCloneSpec) {
		s.Location.DiskMoveType, s.Snapshot = "createNewChildDiskBacking", snapshot
	}
}

// held is the file that a snapshot holds of the first disk.
func (e *env) held(snapshot types.ManagedObjectReference) string {
	e.t.Helper()
	var got mo.VirtualMachineSnapshot
	e.must(property.DefaultCollector(e.client.Client).RetrieveOne(e.ctx, snapshot, []string{"config"}, &got))
	disks := object.VirtualDeviceList(got.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))
	return backing(disks[0].(*types.VirtualDisk)).FileName
}

// TestLinkedClone hangs the disk of a clone on either snapshot of its template.
func TestLinkedClone(t *testing.T) {
	e := zones(t, sim.Options{})
	for i, snapshot := range e.snapshots("ubuntu") {
		ref := e.clone(snapshot.Name, e.in("/DC0/host/c1/Resources", "local-1"), linkedTo(&snapshot.Snapshot))
		disk, home := e.disk(ref)
		var vmx, file object.DatastorePath
		vmx.FromString(home)
		file.FromString(backing(disk).FileName)
		if dir(vmx) != dir(file) || file.Datastore != "local-1" {
			t.Errorf("its file is %s, its directory %s", file.String(), dir(vmx))
		}
		held := e.held(snapshot.Snapshot)
		got := e.truth(snapshot.Name)
		if !got.Linked() || got.DiskParents[0] != held || backing(disk).Parent.FileName != held {
			t.Errorf("it hangs on %q, want %s", got.DiskParents, held)
		}
		if got.DiskKiB[0] != 20<<20 {
			t.Errorf("it has %d KiB", got.DiskKiB[0])
		}
		if chained := backing(disk).Parent.Parent != nil; chained != (i == 1) {
			t.Errorf("the chain of %s goes on: %t", snapshot.Name, chained)
		}
		if stores := got.Datastores; len(stores) != 2 {
			t.Errorf("its files are on %q", stores)
		}
	}
}

// TestLinkedCloneVisibleFromTheStart makes a linked clone with other networks where everybody can see it while it is made.
func TestLinkedCloneVisibleFromTheStart(t *testing.T) {
	e := zones(t, sim.Options{Visible: sim.VisibleStart})
	first := e.snapshots("ubuntu")[0].Snapshot
	ref := e.clone("a", e.c2(), linkedTo(&first), located(card(editCard, 4000, e.backingOn("segment")), card(addCard, -1, e.backingOn("db"))))
	e.connected("a", ref, []string{"segment", "db"})
	if got := e.truth("a"); !got.Linked() || got.DiskParents[0] != e.held(first) || got.Cluster != "c2" {
		t.Errorf("%+v", got)
	}
	fault := wantFault[*types.InvalidArgument](t, e.cloneError("b", e.c1(), linkedTo(nil)))
	if fault.InvalidProperty != "spec.snapshot" || e.count("b") != 0 {
		t.Errorf("fault %+v, %d virtual machines", fault, e.count("b"))
	}
}

// TestLinkedCloneNeedsSnapshot refuses linked clones without a snapshot of their source. Nothing is made.
func TestLinkedCloneNeedsSnapshot(t *testing.T) {
	e := zones(t, sim.Options{})
	e.clone("other", e.c1())
	foreign, err := e.control.TakeNamedSnapshot(e.ctx, "other", "s")
	e.must(err)
	full := func(s *types.VirtualMachineCloneSpec) { s.Location.DiskMoveType = "" }
	other := types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: foreign}
	for name, options := range map[string][]option{
		"none": {linkedTo(nil)}, "another's": {linkedTo(&other)}, "another's, and not linked": {linkedTo(&other), full},
	} {
		fault := wantFault[*types.InvalidArgument](t, e.cloneError("a", append(options, e.c1())...))
		if fault.InvalidProperty != "spec.snapshot" || e.count("a") != 0 {
			t.Errorf("%s: fault %+v, %d virtual machines", name, fault, e.count("a"))
		}
	}
	gone := e.snapshots("ubuntu")[1].Snapshot
	e.must(e.control.RemoveSnapshot(e.ctx, "ubuntu", "v2"))
	_, err = e.submit("a", e.c1(), linkedTo(&gone))
	wantFault[*types.ManagedObjectNotFound](t, err)
	plain := startIn(t, sim.Options{Inventory: &sim.Inventory{
		Clusters: []sim.Cluster{{Name: "c", Datastores: []string{"d"}}}, Datastores: []string{"d"}, Templates: []sim.Template{{Name: "bare"}},
	}}, "bare")
	wantFault[*types.InvalidArgument](t, plain.cloneError("a", linkedTo(nil)))
}

// TestFullCloneHasNoParent clones a template with snapshots in full, as it is and as it was.
func TestFullCloneHasNoParent(t *testing.T) {
	e := zones(t, sim.Options{})
	first := e.snapshots("ubuntu")[0].Snapshot
	e.clone("a", e.c1(), func(s *types.VirtualMachineCloneSpec) {
		s.Location.DiskMoveType = "moveAllDiskBackingsAndDisallowSharing"
	})
	e.clone("b", e.c1(), func(s *types.VirtualMachineCloneSpec) { s.Snapshot = &first })
	for _, name := range []string{"a", "b"} {
		if got := e.truth(name); got.Linked() || len(got.DiskParents) != 1 {
			t.Errorf("%s hangs on %q", name, got.DiskParents)
		}
	}
}

// TestSnapshotConfig makes a clone as its template was when the snapshot was taken.
func TestSnapshotConfig(t *testing.T) {
	e := zones(t, sim.Options{})
	first := e.snapshots("ubuntu")[0].Snapshot
	e.must(e.control.MarkAsVM(e.ctx, "ubuntu"))
	e.must(e.control.Reconfigure(e.ctx, "ubuntu", 7, 0))
	e.must(e.control.MarkAsTemplate(e.ctx, "ubuntu"))
	e.clone("then", e.c1(), linkedTo(&first))
	e.clone("now", e.c1())
	if then, now := e.truth("then").NumCPU, e.truth("now").NumCPU; then == 7 || now != 7 {
		t.Errorf("%d CPUs then, %d now", then, now)
	}
}

// TestLinkedDisksDoNotGrow gives linked disks another size: at the clone and later.
func TestLinkedDisksDoNotGrow(t *testing.T) {
	e := zones(t, sim.Options{})
	first := e.snapshots("ubuntu")[0].Snapshot
	sized := func(kib int64) option {
		disk, _ := e.disk(e.template)
		disk.CapacityInKB, disk.CapacityInBytes = kib, kib*1024
		return configured(&types.VirtualDeviceConfigSpec{Operation: editCard, Device: disk})
	}
	move := func(how types.VirtualMachineRelocateDiskMoveOptions) option {
		return func(s *types.VirtualMachineCloneSpec) { s.Location.DiskMoveType = string(how) }
	}
	for _, kib := range []int64{10 << 20, 30 << 20} {
		wantFault[*types.InvalidDeviceOperation](t, e.cloneError("a", e.c1(), linkedTo(&first), sized(kib)))
	}
	// The whole chain of a template with snapshots is moved, unless it is consolidated.
	wantFault[*types.InvalidDeviceOperation](t, e.cloneError("a", e.c1(), sized(30<<20)))
	wantFault[*types.InvalidDeviceOperation](t, e.cloneError("a", e.c1(), sized(30<<20),
		move(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndDisallowSharing)))
	if n := e.count("a"); n != 0 {
		t.Errorf("%d virtual machines were left", n)
	}
	e.clone("large", e.c1(), sized(30<<20), move(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate))
	if got := e.truth("large").DiskKiB[0]; got != 30<<20 {
		t.Errorf("%d KiB", got)
	}
	vm := object.NewVirtualMachine(e.client.Client, e.clone("linked", e.c1(), linkedTo(&first), sized(20<<20)))
	wantFault[*types.InvalidDeviceOperation](t, e.reconfigure(vm, e.growing(vm, 30<<20)))
}

// TestLinkedCloneAwayFromItsParent refuses a linked clone whose host cannot read its template's files.
func TestLinkedCloneAwayFromItsParent(t *testing.T) {
	e := startIn(t, sim.Options{Inventory: apart()}, "local")
	first := e.snapshots("local")[0].Snapshot
	other := located(card(editCard, 4000, e.backingOn("other")))
	fault := wantFault[*types.CannotAccessVmDisk](t, e.cloneError("a", e.c2(), other, linkedTo(&first)))
	if !strings.HasPrefix(fault.Backing, "[one] ") || e.count("a") != 0 {
		t.Errorf("fault %+v, %d virtual machines", fault, e.count("a"))
	}
	e.clone("full", e.c2(), other)
}

// TestDestroyLinkedClone destroys linked clones of the session's own: the files that they hang on stay, so that the next can be made.
func TestDestroyLinkedClone(t *testing.T) {
	e := zones(t, sim.Options{Strict: true})
	snapshots := e.snapshots("ubuntu")
	for i, change := range []func(name string){
		func(string) {},
		func(name string) { e.must(e.control.TakeSnapshot(e.ctx, name)) },
		func(string) { e.must(e.control.RemoveSnapshot(e.ctx, "ubuntu", "v1")) },
	} {
		name := fmt.Sprint("a", i)
		vm := object.NewVirtualMachine(e.client.Client, e.clone(name, e.c1(), linkedTo(&snapshots[0].Snapshot), stamped("me")))
		change(name)
		task, err := vm.Destroy(e.ctx)
		e.must(err)
		e.must(task.Wait(e.ctx))
		e.clone(name+"-next", e.c1(), linkedTo(&snapshots[1].Snapshot)) // its parent is still there
	}
	// Whatever else hangs under a disk is still somebody's.
	vm := object.NewVirtualMachine(e.client.Client, e.clone("b", e.c1(), linkedTo(&e.snapshots("ubuntu")[0].Snapshot), stamped("me")))
	e.must(e.control.DetachDisk(e.ctx, "b", 0))
	_, err := e.control.AttachDisk(e.ctx, "b", "ubuntu")
	e.must(err)
	e.must(e.control.TakeSnapshot(e.ctx, "b"))
	_, err = vm.Destroy(e.ctx)
	e.tripped(err, "VirtualMachine.Destroy_Task", "made for ")
}

// TestSnapshotsOfTemplates takes and removes snapshots of a template, which is one again after it.
func TestSnapshotsOfTemplates(t *testing.T) {
	e := start(t, sim.Options{})
	for _, name := range []string{"one", "two"} {
		ref, err := e.control.TakeNamedSnapshot(e.ctx, "template", name)
		e.must(err)
		if got := e.snapshots("template"); got[len(got)-1].Name != name || got[len(got)-1].Snapshot.Value != ref {
			t.Errorf("snapshots %+v, want %s, %s last", got, name, ref)
		}
	}
	if !e.truth("template").Template {
		t.Error("it is no template any more")
	}
	parents := e.truth("template").DiskParents
	e.must(e.control.RemoveSnapshot(e.ctx, "template", "two"))
	if got := e.snapshots("template"); len(got) != 1 || got[0].Name != "one" {
		t.Errorf("snapshots %+v", got)
	}
	if got := e.truth("template").DiskParents; !slices.Equal(got, parents) {
		t.Errorf("its disk hangs on %q, and hung on %q", got, parents)
	}
	if err := e.control.RemoveSnapshot(e.ctx, "template", "two"); err == nil {
		t.Error("a snapshot was removed twice")
	}
	e.must(e.control.RemoveSnapshot(e.ctx, "template", "one"))
	if got := e.snapshots("template"); got != nil {
		t.Errorf("snapshots %+v", got)
	}
}
