package vim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/types"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

var (
	randomGroups = []vsphere.GroupID{
		{Namespace: "default", Name: "web", UID: "uid-1"}, {Namespace: "default", Name: "db", UID: "uid-2"},
		{Namespace: "other", Name: "web", UID: "uid-3"},
	}
	randomFolders = []vsphere.Ref{"group-1", "group-2", "group-3", "group-4", "group-5", "group-6"}
	randomVMs     = []vsphere.Ref{"vm-1", "vm-2", "vm-3", "vm-4", "vm-5"}
	randomHosts   = []vsphere.Ref{"host-1", "host-2"}
)

// randomly does to an inventory what the watch, reads and tasks do, in any order.
func randomly(t *rapid.T, inv *inventory, heard *touched) {
	vm := rapid.SampledFrom(randomVMs).Draw(t, "VM")
	folder := rapid.SampledFrom(randomFolders).Draw(t, "folder")
	from := rapid.SampledFrom([]source{fromRoot, fromRoot, fromOutside}).Draw(t, "filter")
	switch rapid.IntRange(0, 15).Draw(t, "event") {
	case 0, 1, 2:
		inv.updateFolder(folder, []types.PropertyChange{
			assign(propName, rapid.SampledFrom([]string{"vmgroups", "default", "other", "web", "db"}).Draw(t, "name")),
			assign(propParent, folderRef(rapid.SampledFrom(append(randomFolders, "group-0")).Draw(t, "parent"))),
		}, heard)
	case 3:
		inv.removeFolder(folder, heard)
	case 4:
		inv.leave(vm, from, heard)
	case 5:
		inv.remove(vm, heard)
	case 6:
		inv.remember(rapid.SampledFrom(randomGroups).Draw(t, "group").UID, []vsphere.Ref{vm})
	case 7:
		inv.unreadable(vm, heard)
	case 8:
		inv.setPower(vm, vsphere.PoweredOn, time.Now(), heard)
	case 9:
		inv.setHosts(map[vsphere.Ref]string{rapid.SampledFrom(randomHosts).Draw(t, "host"): rapid.StringN(1, 1, 1).Draw(t, "host's name")}, heard)
	case 10:
		inv.setPlace(folder, rapid.SampledFrom([]string{"", "/DC1/vm/a", "/DC1/vm/b"}).Draw(t, "place"), heard)
	case 11:
		inv.distantFolders()
	case 12:
		inv.refresh(object{ref: vmRef(vm), props: randomProps(t)}, vmProps(), inv.instant(), heard)
	case 13:
		inv.found(vm, randomProps(t), heard)
	case 14:
		if rapid.IntRange(0, 9).Draw(t, "a new connection") == 0 {
			inv.restart(site{vmFolder: folderRef("group-0"), vmFolderPath: []string{"DC0", "vm"}, root: []string{"vmgroups"}})
			break
		}
		inv.unreported()
	default:
		inv.update(vm, from, rapid.Bool().Draw(t, "whole"), object{props: randomProps(t)}.changes(), heard)
	}
}

// randomProps are some properties of a VM. One that is nil is taken away.
func randomProps(t *rapid.T) properties {
	stamp := vsphere.Stamp{
		Owner: testOwner, UID: rapid.SampledFrom(randomGroups).Draw(t, "UID").UID, Instance: "i-1",
		Slot: rapid.IntRange(0, 2).Draw(t, "slot"),
	}
	all := properties{
		propName:         rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "VM's name"),
		propParent:       folderRef(rapid.SampledFrom(append(randomFolders, "group-far")).Draw(t, "VM's folder")),
		propInstanceUUID: "i-1", propTemplate: rapid.Bool().Draw(t, "template"), propNumCPU: int32(2),
		propStamp: types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()},
		propHost:  types.ManagedObjectReference{Type: "HostSystem", Value: string(rapid.SampledFrom(randomHosts).Draw(t, "VM's host"))},
		propIP:    rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2"}).Draw(t, "address"),
		// With a location of its own, as what is read off the wire has.
		propCreateDate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		switch rapid.IntRange(0, 3).Draw(t, path) {
		case 0:
			delete(all, path)
		case 1:
			all[path] = nil
		default: // it stays
		}
	}
	return all
}

// TestSnapshotsAreWhatTheRecordsSay compares snapshots, after anything that may happen, with those that are made from
// nothing but the records and the folders.
func TestSnapshotsAreWhatTheRecordsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, versions := testInventory(), operations.NewVersions()
		last := map[vsphere.GroupID]vsphere.Snapshot{}
		type handed struct {
			snapshot vsphere.Snapshot
			text     string
		}
		var all []handed
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			randomly(t, inv, &touched{})
			checkIndexes(t, inv)
			for _, g := range randomGroups {
				got, want := versions.Number(g, inv.snapshot(g)), fromRecords(inv, g)
				moved := got.Version != last[g].Version
				if want.Version = got.Version; !gocmp.Equal(want, got) {
					t.Fatalf("%s/%s (-records +snapshot):\n%s", g.Namespace, g.Name, gocmp.Diff(want, got))
				}
				before := last[g]
				before.Version = got.Version
				if same := gocmp.Equal(before, got); same == moved && last[g].Version != 0 {
					t.Fatalf("the version has moved: %t, and the snapshot is the same: %t", moved, same)
				}
				last[g] = got
				all = append(all, handed{got, text(got)})
			}
		}
		for _, h := range all {
			if now := text(h.snapshot); now != h.text {
				t.Fatalf("a snapshot has changed after it was handed out (-then +now):\n%s", gocmp.Diff(h.text, now))
			}
		}
	})
}

// text is all that a snapshot of the inventory says.
func text(s vsphere.Snapshot) string {
	out := fmt.Sprintf("%d %t %s %+v\n", s.Version, s.RootExists, s.Path, s.Folders)
	for _, vm := range s.VMs {
		out += fmt.Sprintf("%+v %+v\n", *vm, vm.Stamp)
	}
	return out
}

// fromRecords makes a snapshot anew, without any index.
func fromRecords(inv *inventory, g vsphere.GroupID) vsphere.Snapshot {
	s := vsphere.Snapshot{
		RootExists: inv.root != "", Disappearance: inv.absences.Current(),
		Path: "/DC0/vm/vmgroups" + vsphere.Path(g.Namespace, g.Name),
	}
	folders := map[vsphere.Ref]bool{}
	if ref := inv.descend(inv.top, "vmgroups", g.Namespace, g.Name); ref != "" {
		folders[ref] = true
	}
	for _, r := range inv.vms {
		if r.uid(inv.owner) == g.UID && inv.underRoot(r.vm.Parent) {
			folders[r.vm.Parent] = true
		}
	}
	for ref := range folders {
		f := vsphere.Folder{Ref: ref, Name: inv.folders[ref].name, Parent: inv.folders[ref].parent, Path: inv.pathOf(ref), UnderRoot: inv.underRoot(ref)}
		for _, other := range inv.folders {
			if other.parent == ref {
				f.Children++
			}
		}
		for _, r := range inv.vms {
			if r.vm.Parent == ref {
				f.Children++
			}
		}
		s.Folders = append(s.Folders, f)
	}
	for ref, r := range inv.vms {
		if folders[r.vm.Parent] || r.uid(inv.owner) == g.UID {
			vm := r.props.vm(ref, *r.vm)
			vm.ParentPath, vm.UnderRoot, vm.Host = inv.pathOf(vm.Parent), inv.inside(vm.Parent), inv.hosts[r.props.ref(propHost)]
			vm.Unreadable = r.vm.Unreadable
			s.VMs = append(s.VMs, &vm)
		}
	}
	slices.SortFunc(s.Folders, func(a, b vsphere.Folder) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Ref, b.Ref)) })
	slices.SortFunc(s.VMs, compareVMs)
	return s
}

// checkIndexes compares the indexes with the records.
func checkIndexes(t *rapid.T, inv *inventory) {
	members, onHost, outsiders, byParent := 0, map[vsphere.Ref]int{}, map[vsphere.Ref]bool{}, map[vsphere.Ref]int{}
	foldersOf := map[string]map[vsphere.Ref]int{}
	for ref, r := range inv.vms {
		if uid := r.uid(inv.owner); uid != "" {
			members++
			if r.sources&fromRoot == 0 {
				outsiders[ref] = true
			}
			if foldersOf[uid] == nil {
				foldersOf[uid] = map[vsphere.Ref]int{}
			}
			foldersOf[uid][r.vm.Parent]++
		}
		if r.host != "" && inv.isOurs(*r.vm) {
			onHost[r.host]++
		}
		if r.vm.Parent != "" {
			byParent[r.vm.Parent]++
		}
	}
	lengths := map[vsphere.Ref]int{}
	for folder, list := range inv.byParent {
		lengths[folder] = list.Len()
	}
	for what, pair := range map[string][2]any{
		"members": {members, inv.members}, "onHost": {onHost, inv.onHost}, "outsiders": {outsiders, inv.outside()},
		"foldersOf": {foldersOf, inv.foldersOf}, "byParent": {byParent, lengths},
	} {
		if diff := gocmp.Diff(pair[0], pair[1]); diff != "" {
			t.Fatalf("%s (-records +index):\n%s", what, diff)
		}
	}
}

// TestSnapshotsAreReadWhileTheInventoryChanges is for the race detector.
func TestSnapshotsAreReadWhileTheInventoryChanges(t *testing.T) {
	f := fill(1, 50)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for range 200 {
				s := f.inv.snapshot(f.groups[0])
				if then := text(s); len(s.VMs) != 50 || text(s) != then {
					t.Errorf("%d VMs, or it has changed:\n%s", len(s.VMs), then)
				}
			}
		})
	}
	for i := range 200 {
		f.change(i)
		f.inv.setPower(f.vms[0][i%50], []vsphere.PowerState{vsphere.PoweredOn, vsphere.PoweredOff}[i%2], time.Now(), &touched{})
		f.inv.updateFolder("group-1", []types.PropertyChange{assign(propName, []string{"vmgroups", "attic"}[i%2])}, &touched{})
	}
	readers.Wait()
}

// Between two updates of one move there may be two folders of one name. What lay below the one that was the root lies outside
// it then, though nothing was said of the folders that it is in.
func TestWithAnotherRootVMsLieOutsideIt(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	var heard touched
	inv.updateFolder("group-9", []types.PropertyChange{assign(propName, "vmgroups"), assign(propParent, folderRef("group-0"))}, &heard)
	if vm, _, _ := inv.get("vm-1"); vm.UnderRoot || !heard.groups[vsphere.GroupID{UID: testUID}] {
		t.Errorf("below another root: %t, told %v", vm.UnderRoot, heard.groups)
	}
}

// A stamp that is written while the configuration does not show is read when it shows again.
func TestAStampThatChangedUnseenIsRead(t *testing.T) {
	inv := testInventory()
	inv.update("vm-1", fromRoot, true, described("web-0", "group-3"), &touched{})
	written := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1", Revision: "2:0a1b"}
	for _, changes := range [][]types.PropertyChange{
		{assign(propInstanceUUID, nil), assign(propTemplate, nil), assign(propStamp, types.OptionValue{Key: vsphere.StampKey, Value: written.String()})},
		{assign(propInstanceUUID, "i-1"), assign(propTemplate, false)},
	} {
		inv.update("vm-1", fromRoot, false, changes, &touched{})
	}
	if vm, _, _ := inv.get("vm-1"); vm.Stamp.Revision != written.Revision {
		t.Errorf("its stamp says %+v", vm.Stamp)
	}
}
