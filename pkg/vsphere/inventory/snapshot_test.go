package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
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

// randomly does to an inventory what filters, reads and tasks do, in any order. It reports whether the call has no Changes:
// who makes it knows whom it concerns.
func randomly(t *rapid.T, inv *Inventory, ch *Changes) (silent bool) {
	vm := rapid.SampledFrom(randomVMs).Draw(t, "VM")
	folder := rapid.SampledFrom(randomFolders).Draw(t, "folder")
	from := rapid.SampledFrom([]Sources{FromRoot, FromRoot, FromOutside}).Draw(t, "filter")
	switch rapid.IntRange(0, 15).Draw(t, "event") {
	case 0, 1, 2:
		inv.UpdateFolder(folder, FolderUpdate{
			Name:   rapid.SampledFrom([]string{"vmgroups", "default", "other", "web", "db"}).Draw(t, "name"),
			Parent: rapid.SampledFrom(append(randomFolders, "group-0")).Draw(t, "parent"),
		}, ch)
	case 3:
		inv.DeleteFolder(folder, ch)
	case 4:
		inv.Leave(vm, from, ch)
	case 5:
		inv.Delete(vm, ch)
	case 6:
		inv.Claim(rapid.SampledFrom(randomGroups).Draw(t, "group").UID, []vsphere.Ref{vm})
		return true
	case 7:
		inv.MarkUnreadable(vm, ch)
	case 8:
		inv.AssumePower(vm, vsphere.PoweredOn, time.Now(), ch)
	case 9:
		inv.SetHostNames(map[vsphere.Ref]string{rapid.SampledFrom(randomHosts).Draw(t, "host"): rapid.StringN(1, 1, 1).Draw(t, "host's name")}, ch)
	case 10:
		inv.SetPathOutside(folder, rapid.SampledFrom([]string{"", "/DC1/vm/a", "/DC1/vm/b"}).Draw(t, "path"), ch)
	case 11:
		inv.FoldersOutsideTree()
		return true
	case 12:
		inv.Refresh(vm, whole(randomUpdate(t)), inv.VMsVersion(), ch)
	case 13:
		inv.Verified(vm, randomUpdate(t).Properties, ch)
	case 14:
		if rapid.IntRange(0, 9).Draw(t, "a new connection") == 0 {
			inv.Restart(testLayout)
			return true
		}
		inv.Unreported()
		return true
	default:
		inv.Update(vm, from, rapid.Bool().Draw(t, "whole"), randomUpdate(t), ch)
	}
	return false
}

// randomUpdate says something of some properties of a VM.
func randomUpdate(t *rapid.T) Update {
	stamp := vsphere.Stamp{
		Owner: testOwner, UID: rapid.SampledFrom(randomGroups).Draw(t, "UID").UID, Instance: "i-1",
		Slot: rapid.IntRange(0, 2).Draw(t, "slot"),
	}
	all := values(Properties{
		Name:         rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "VM's name"),
		Parent:       rapid.SampledFrom(append(randomFolders, "group-far")).Draw(t, "VM's folder"),
		InstanceUUID: "i-1", Template: rapid.Bool().Draw(t, "template"), CPU: 2, Stamp: stamp.String(),
		Host: rapid.SampledFrom(randomHosts).Draw(t, "VM's host"),
		IP:   rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2"}).Draw(t, "address"),
		IPs:  rapid.SampledFrom([][]string{{"192.0.2.1"}, {"192.0.2.2"}, {"192.0.2.1", "192.0.2.2"}}).Draw(t, "addresses"),

		ToolsRunning: true, GuestReady: true, CPUHotAdd: true, MemoryHotAdd: true,
		MemoryHotAddLimitMiB: 65536, MemoryHotAddIncrementMiB: 128, Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	all.Set |= FieldTemplate
	all.Fields |= FieldTemplate
	for field := FieldName; field < allFields; field <<= 1 {
		switch rapid.IntRange(0, 3).Draw(t, fmt.Sprintf("field %d", field)) {
		case 0: // not spoken of
			clearFields(&all, field)
		case 1: // without a value
			clearFields(&all, field)
			all.Fields |= field
		default: // it stays
		}
	}
	return all
}

// clearFields takes fields out of an update.
func clearFields(u *Update, fields Fields) {
	spoken := u.Fields &^ fields
	u.Apply(unset(fields))
	u.Fields = spoken
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
			randomly(t, inv, &Changes{})
			checkIndexes(t, inv)
			for _, g := range randomGroups {
				got, want := versions.Number(g, inv.Snapshot(g, "")), fromRecords(inv, g)
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

// TestAGroupIsNotifiedWhenItsVMsChange compares the VMs of all groups before and after anything that may happen: a group that
// is not notified of a change sleeps on.
func TestAGroupIsNotifiedWhenItsVMsChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := testInventory()
		before := map[vsphere.GroupID]string{}
		for _, g := range randomGroups {
			before[g] = ownVMs(inv, g)
		}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			var ch Changes
			silent := randomly(t, inv, &ch)
			for _, g := range randomGroups {
				now := ownVMs(inv, g)
				notified := ch.All || ch.Groups[vsphere.GroupID{UID: g.UID}] || ch.Groups[vsphere.GroupID{Namespace: g.Namespace, Name: g.Name}]
				if now != before[g] && !notified && !silent {
					t.Fatalf("%s/%s is not notified (-before +now):\n%s", g.Namespace, g.Name, gocmp.Diff(before[g], now))
				}
				before[g] = now
			}
		}
	})
}

// ownVMs is all that a group's snapshot says of the VMs that carry its stamp or that it claims.
func ownVMs(inv *Inventory, g vsphere.GroupID) string {
	s := inv.Snapshot(g, "")
	s.Folders = nil
	s.VMs = slices.DeleteFunc(slices.Clone(s.VMs), func(vm *vsphere.VM) bool { return inv.vms[vm.Ref].uid(testOwner) != g.UID })
	return text(s)
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
func fromRecords(inv *Inventory, g vsphere.GroupID) vsphere.Snapshot {
	s := vsphere.Snapshot{
		RootExists: inv.root != "", Disappearance: inv.absences.Current(),
		Path: "/DC0/vm/vmgroups" + vsphere.Path(g.Namespace, g.Name),
	}
	folders := map[vsphere.Ref]bool{}
	if ref := inv.descend("group-0", "vmgroups", g.Namespace, g.Name); ref != "" {
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
			vm := r.props.VM(ref, *r.vm)
			vm.ParentPath, vm.UnderRoot, vm.Host = inv.pathOf(vm.Parent), inv.holdsUnderRoot(vm.Parent), inv.hostNames[r.props.Host]
			vm.Unreadable = r.vm.Unreadable
			s.VMs = append(s.VMs, &vm)
		}
	}
	slices.SortFunc(s.Folders, func(a, b vsphere.Folder) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Ref, b.Ref)) })
	slices.SortFunc(s.VMs, compareVMs)
	return s
}

// checkIndexes compares the indexes with the records.
func checkIndexes(t *rapid.T, inv *Inventory) {
	members, onHost, outsiders, byParent := 0, map[vsphere.Ref]int{}, map[vsphere.Ref]bool{}, map[vsphere.Ref]int{}
	foldersOf := map[string]map[vsphere.Ref]int{}
	for ref, r := range inv.vms {
		if uid := r.uid(inv.owner); uid != "" {
			members++
			if r.sources&FromRoot == 0 {
				outsiders[ref] = true
			}
			if foldersOf[uid] == nil {
				foldersOf[uid] = map[vsphere.Ref]int{}
			}
			foldersOf[uid][r.vm.Parent]++
		}
		if r.host != "" && inv.isOurs(r.vm) {
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
		"members": {members, inv.members}, "onHost": {onHost, inv.onHost}, "outsiders": {outsiders, inv.OutsideRoot()},
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
				s := f.inv.Snapshot(f.groups[0], "")
				if then := text(s); len(s.VMs) != 50 || text(s) != then {
					t.Errorf("%d VMs, or it has changed:\n%s", len(s.VMs), then)
				}
			}
		})
	}
	for i := range 200 {
		f.change(i)
		f.inv.AssumePower(f.vms[0][i%50], []vsphere.PowerState{vsphere.PoweredOn, vsphere.PoweredOff}[i%2], time.Now(), &Changes{})
		rename(f.inv, "group-1", []string{"vmgroups", "attic"}[i%2])
	}
	readers.Wait()
}

// What a report, a read or a folder says again leaves the VM and the list that it is in as they are, and costs nothing.
func TestWhatStaysTheSameStaysTheSameObject(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	before := inv.Snapshot(testGroup, "")
	for what, again := range map[string]func(){
		"a report": func() { enter(inv, "vm-1", described("web-0", "group-3")) },
		"a read":   func() { inv.Refresh("vm-1", whole(described("web-0", "group-3")), inv.VMsVersion(), &Changes{}) },
		"a folder": func() { inv.relocateBelow("group-1", &Changes{}) },
	} {
		again()
		if now := inv.Snapshot(testGroup, ""); now.VMs[0] != before.VMs[0] || &now.VMs[0] != &before.VMs[0] {
			t.Errorf("%s that says the same makes a new VM, or a new list", what)
		}
	}
}
