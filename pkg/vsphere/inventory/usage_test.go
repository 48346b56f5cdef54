package inventory

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestUsage follows VMs through all that changes whether, and for whom, they count.
func TestUsage(t *testing.T) {
	inv := testInventory()
	vm := func(n int, cpu int32, change ...func(*Properties)) (vsphere.Ref, Update) {
		stamp := vsphere.Stamp{
			Version: 2, Owner: testOwner, UID: testUID, Namespace: "default", Name: "web", Slot: n, Instance: fmt.Sprint("i-", n), Class: "gold", Zone: "a",
		}
		p := Properties{
			Name: fmt.Sprint("web-", n), Parent: "group-3", InstanceUUID: stamp.Instance, CPU: cpu, MemoryMiB: 1024, Stamp: stamp.String(),
		}
		for _, c := range change {
			c(&p)
		}
		u := values(p)
		u.Set |= FieldTemplate
		u.Fields |= FieldTemplate
		return vsphere.Ref(fmt.Sprint("vm-", n)), u
	}
	shows := func(step string, room map[string]bool, ch Changes, vms, cpu int64) {
		t.Helper()
		var want []vsphere.GroupUsage
		if vms > 0 {
			want = []vsphere.GroupUsage{{
				UID: testUID, Namespace: "default", Name: "web", Class: "gold", Zoned: true,
				Usage: vsphere.Usage{VMs: vms, CPU: cpu, MemoryMiB: vms * 1024},
			}}
		}
		if diff := cmp.Diff(want, inv.Usage("default"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
		if !maps.Equal(room, ch.Room) {
			t.Errorf("%s: room in %v, want %v", step, ch.Room, room)
		}
	}
	put := func(ref vsphere.Ref, u Update) (ch Changes) {
		inv.Update(ref, FromRoot, true, u, &ch)
		return ch
	}
	room := map[string]bool{"default": true}

	shows("one", nil, put(vm(0, 2)), 1, 2)
	shows("two", nil, put(vm(1, 4)), 2, 6)
	shows("one grows", nil, put(vm(1, 6)), 2, 8)
	shows("it gets smaller", room, put(vm(1, 3)), 2, 5)
	shows("it is renamed", nil, put(vm(1, 3, func(p *Properties) { p.Name = "other" })), 2, 5)
	if inv.Counts(testUID, "web-1") || !inv.Counts(testUID, "other") || !inv.Counts(testUID, "web-0") || inv.Counts("another", "web-0") {
		t.Error("names are not those that count")
	}
	shows("it is a template", room, put(vm(1, 3, func(p *Properties) { p.Template = true })), 1, 2)
	if inv.Counts(testUID, "web-1") {
		t.Error("a template counts by its name")
	}
	shows("it is one no more", nil, put(vm(1, 3)), 2, 5)
	shows("it is a copy", room, put(vm(1, 3, func(p *Properties) { p.InstanceUUID = "another" })), 1, 2)
	shows("it is back", nil, put(vm(1, 3)), 2, 5)
	if class, has, ok := inv.Member("vm-1"); class != "gold" || has != (vsphere.Usage{VMs: 1, CPU: 3, MemoryMiB: 1024}) || !ok {
		t.Errorf("vm-1 is of %q and has %+v, %t", class, has, ok)
	}
	var ch Changes
	inv.Delete("vm-1", &ch)
	shows("it is gone", room, ch, 1, 2)
	inv.Claim("uid-2", []vsphere.Ref{"vm-9"})
	if got := inv.Usage("default"); len(got) != 2 || got[1].UID != "uid-2" || got[1].VMs != 1 {
		t.Errorf("one that shows nothing, and is claimed: %+v", got)
	}
	inv.Unclaim([]vsphere.Ref{"vm-9"})
	inv.Clear()
	shows("another vCenter", nil, Changes{}, 0, 0)
}
