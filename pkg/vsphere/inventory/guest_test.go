package inventory

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// guestFacts is what is known of how a guest is, and of how its VM can grow.
type guestFacts struct {
	Tools  bool
	IPs    []string
	Ready  bool
	HotAdd [2]bool
	Memory [2]int64
}

func factsOf(vm vsphere.VM) guestFacts {
	return guestFacts{
		vm.ToolsRunning, vm.IPs, vm.GuestReady, [2]bool{vm.CPUHotAdd, vm.MemoryHotAdd},
		[2]int64{vm.MemoryHotAddLimitMiB, vm.MemoryHotAddIncrementMiB},
	}
}

// talking is what a filter says of a VM of ours whose guest tells all of itself, in memory of its own.
func talking(ips ...string) Update {
	u := described("web-0", "group-3")
	u.Apply(values(Properties{
		ToolsRunning: true, IPs: slices.Clone(ips), GuestReady: true, CPUHotAdd: true, MemoryHotAdd: true,
		MemoryHotAddLimitMiB: 65536, MemoryHotAddIncrementMiB: 128,
	}))
	u.Fields = u.Set
	return u
}

var allFacts = guestFacts{true, []string{"192.0.2.1", "2001:db8::1"}, true, [2]bool{true, true}, [2]int64{65536, 128}}

func TestWhatAGuestTells(t *testing.T) {
	inv := testInventory()
	want := func(what string, want guestFacts) {
		t.Helper()
		if diff := cmp.Diff(want, factsOf(get(inv, "vm-1"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	enter(inv, "vm-1", talking(allFacts.IPs...))
	want("all is told", allFacts)
	modify(inv, "vm-1", values(Properties{Power: vsphere.PoweredOn}))
	want("something else is told", allFacts)
	modify(inv, "vm-1", unset(FieldToolsRunning|FieldIPs|FieldGuestReady|FieldCPUHotAdd|FieldMemoryHotAdd|FieldMemoryHotAddLimit|FieldMemoryHotAddIncrement))
	want("it is told that nothing has a value", guestFacts{})
}

// A VM whose host is lost keeps what belongs to its configuration. What Tools tell is as vCenter shows it, like the address.
func TestWhatAGuestHasWrittenIsConfiguration(t *testing.T) {
	hidden := unset(allFields &^ (FieldName | FieldParent))
	for name, lose := range map[string]func(*Inventory){
		"reported": func(inv *Inventory) { modify(inv, "vm-1", hidden) },
		"read":     func(inv *Inventory) { inv.Refresh("vm-1", hidden, inv.VMsVersion(), &Changes{}) },
		"verified": func(inv *Inventory) {
			inv.Leave("vm-1", FromRoot, &Changes{})
			inv.Verified("vm-1", values(Properties{Name: "web-0"}).Properties, &Changes{})
		},
	} {
		inv := testInventory()
		enter(inv, "vm-1", talking(allFacts.IPs...))
		lose(inv)
		want := guestFacts{Ready: allFacts.Ready, HotAdd: allFacts.HotAdd, Memory: allFacts.Memory}
		if diff := cmp.Diff(want, factsOf(get(inv, "vm-1"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// vCenter tells of network cards again when a lease is renewed. What says the same wakes nobody, makes no new VM, and is in
// memory once.
func TestAddressesThatAreToldAgain(t *testing.T) {
	for name, again := range map[string]func(*Inventory) Changes{
		"reported": func(inv *Inventory) Changes {
			return modify(inv, "vm-1", values(Properties{IPs: slices.Clone(allFacts.IPs)}))
		},
		"entered": func(inv *Inventory) Changes { return enter(inv, "vm-1", talking(allFacts.IPs...)) },
		"read": func(inv *Inventory) (ch Changes) {
			inv.Refresh("vm-1", talking(allFacts.IPs...), inv.VMsVersion(), &ch)
			return ch
		},
	} {
		inv := testInventory()
		enter(inv, "vm-1", talking(allFacts.IPs...))
		before := inv.Snapshot(testGroup, "").VMs[0]
		if ch := again(inv); len(ch.Groups) > 0 || ch.All {
			t.Errorf("%s: it notifies %v", name, ch.Groups)
		}
		if inv.Snapshot(testGroup, "").VMs[0] != before {
			t.Errorf("%s: it makes a new VM", name)
		}
		if &inv.vms["vm-1"].props.IPs[0] != &before.IPs[0] {
			t.Errorf("%s: the addresses are in memory twice", name)
		}
		if ch := modify(inv, "vm-1", values(Properties{IPs: []string{"192.0.2.1"}})); !ch.Groups[vsphere.GroupID{UID: testUID}] {
			t.Errorf("%s: an address less notifies %v", name, ch.Groups)
		}
		if len(before.IPs) != 2 || len(inv.Snapshot(testGroup, "").VMs[0].IPs) != 1 {
			t.Errorf("%s: %v has become %v", name, before.IPs, inv.Snapshot(testGroup, "").VMs[0].IPs)
		}
	}
}
