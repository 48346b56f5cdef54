package inventory

import (
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	testOwner = "owner-1"
	testUID   = "uid-1"
)

var (
	testGroup  = vsphere.GroupID{Namespace: "default", Name: "web", UID: testUID}
	testLayout = Layout{VMFolder: "group-0", VMFolderPath: []string{"DC0", "vm"}, Root: []string{"vmgroups"}}
)

// testInventory holds the folder vmgroups/default/web, group-3.
func testInventory() *Inventory {
	inv := New(testOwner, clock.RealClock{})
	inv.Restart(testLayout)
	for _, f := range []struct{ ref, name, parent string }{
		{"group-3", "web", "group-2"}, {"group-2", "default", "group-1"}, {"group-1", "vmgroups", "group-0"},
	} {
		inv.UpdateFolder(vsphere.Ref(f.ref), FolderUpdate{Name: f.name, Parent: vsphere.Ref(f.parent)}, &Changes{})
	}
	return inv
}

// allFields are all that there are.
const allFields = FieldMemoryHotAddIncrement<<1 - 1

// values are all properties that are not zero.
func values(p Properties) Update {
	for field, is := range map[Fields]bool{
		FieldName: p.Name != "", FieldParent: p.Parent != "", FieldTemplate: p.Template, FieldInstanceUUID: p.InstanceUUID != "",
		FieldCPU: p.CPU != 0, FieldMemory: p.MemoryMiB != 0, FieldCreated: !p.Created.IsZero(), FieldStamp: p.Stamp != "",
		FieldPower: p.Power != "", FieldConnection: p.Connection != "", FieldHost: p.Host != "", FieldIP: p.IP != "",
		FieldToolsRunning: p.ToolsRunning, FieldIPs: p.IPs != nil, FieldGuestReady: p.GuestReady,
		FieldCPUHotAdd: p.CPUHotAdd, FieldMemoryHotAdd: p.MemoryHotAdd,
		FieldMemoryHotAddLimit: p.MemoryHotAddLimitMiB != 0, FieldMemoryHotAddIncrement: p.MemoryHotAddIncrementMiB != 0,
	} {
		if is {
			p.Set |= field
		}
	}
	return Update{p.Set, p}
}

// unset says that some properties have no value.
func unset(fields Fields) Update { return Update{Fields: fields} }

// isTemplate says whether a VM is a template, and nothing else.
func isTemplate(yes bool) Update {
	return Update{FieldTemplate, Properties{Set: FieldTemplate, Template: yes}}
}

// whole says of all properties what an update says of some: that the others have no value.
func whole(u Update) Update {
	u.Fields = allFields
	return u
}

// swept is what a sweep reads of a VM.
const swept = FieldStamp | FieldInstanceUUID | FieldParent | FieldTemplate | FieldPower | FieldConnection

// described is what a filter says of a VM of ours.
func described(name string, parent vsphere.Ref) Update {
	stamp := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1"}
	u := values(Properties{Name: name, Parent: parent, InstanceUUID: "i-1", Stamp: stamp.String(), Connection: vsphere.Connected})
	u.Fields |= FieldTemplate
	u.Set |= FieldTemplate
	return u
}

// foreign is what a filter says of somebody else's VM.
func foreign() Update { return values(Properties{Name: "x", InstanceUUID: "i-2"}) }

// enter reports a VM that enters the root's filter.
func enter(inv *Inventory, ref vsphere.Ref, u Update) Changes {
	var ch Changes
	inv.Update(ref, FromRoot, true, u, &ch)
	return ch
}

// modify reports a change of a VM that the root's filter holds.
func modify(inv *Inventory, ref vsphere.Ref, u Update) Changes {
	var ch Changes
	inv.Update(ref, FromRoot, false, u, &ch)
	return ch
}

// rename and move report a change of a folder.
func rename(inv *Inventory, ref vsphere.Ref, name string) Changes {
	var ch Changes
	inv.UpdateFolder(ref, FolderUpdate{Name: name}, &ch)
	return ch
}

func move(inv *Inventory, ref, parent vsphere.Ref) Changes {
	var ch Changes
	inv.UpdateFolder(ref, FolderUpdate{Parent: parent}, &ch)
	return ch
}

func get(inv *Inventory, ref vsphere.Ref) vsphere.VM {
	vm, _, _ := inv.Get(ref)
	return vm
}

// aSecondAgo is when what was assumed is overdue.
func aSecondAgo() time.Time { return time.Now().Add(-time.Second) }
