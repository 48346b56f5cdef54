package inventory

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// What the stamps of a group have in common is in memory once, and each still says what was read.
func TestTextsThatStampsHaveInCommon(t *testing.T) {
	inv := testInventory()
	other := vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-2"}
	read := map[vsphere.Ref]Update{
		"vm-1": watched(testGroup, "group-3", 1, 0), "vm-2": watched(testGroup, "group-3", 2, 1), "vm-3": watched(other, "group-3", 3, 0),
	}
	for _, ref := range []vsphere.Ref{"vm-1", "vm-2", "vm-3"} {
		enter(inv, ref, read[ref])
		stored := read[ref].Properties
		if diff := cmp.Diff(stored.ParseStamp(), get(inv, ref).Stamp); diff != "" {
			t.Errorf("%s (-stored +got):\n%s", ref, diff)
		}
	}
	a, b := get(inv, "vm-1"), get(inv, "vm-2")
	for _, texts := range [][2]string{
		{a.Stamp.Owner, b.Stamp.Owner}, {a.Stamp.UID, b.Stamp.UID}, {a.Stamp.Namespace, b.Stamp.Namespace},
		{a.Stamp.Name, b.Stamp.Name}, {a.Stamp.Revision, b.Stamp.Revision}, {b.Stamp.Instance, b.InstanceUUID},
	} {
		if unsafe.StringData(texts[0]) != unsafe.StringData(texts[1]) {
			t.Errorf("%q is in memory twice", texts[0])
		}
	}
}
