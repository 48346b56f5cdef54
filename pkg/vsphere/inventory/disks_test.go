package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// setDisk sets the size of a disk, and returns whether the VM's group is told.
func setDisk(inv *Inventory, bytes int64, shown bool, asked uint64) bool {
	var ch Changes
	inv.SetDisk("vm-1", bytes, shown, asked, &ch)
	return len(ch.Groups) > 0
}

// wantDisk compares what is known of a disk, and whether it is to be read.
func wantDisk(t *testing.T, inv *Inventory, what string, bytes int64, unread bool) {
	t.Helper()
	if vm := get(inv, "vm-1"); vm.DiskBytes != bytes {
		t.Errorf("%s: it has %d bytes, want %d", what, vm.DiskBytes, bytes)
	}
	if got := len(inv.UnreadDisks([]vsphere.Ref{"vm-1", "vm-2"})) == 1; got != unread {
		t.Errorf("%s: it is to be read: %t", what, got)
	}
}

func TestDiskOutlivesWhatFiltersSay(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	wantDisk(t, inv, "at first", 0, true)
	if !setDisk(inv, 10, true, inv.AskDisks()) {
		t.Error("its group is not told")
	}
	wantDisk(t, inv, "read", 10, false)
	if setDisk(inv, 10, true, inv.AskDisks()) {
		t.Error("its group is told what it knows")
	}
	enter(inv, "vm-1", described("web-1", "group-3"))
	wantDisk(t, inv, "entered again", 10, false)
	modify(inv, "vm-1", unset(FieldsOfConfiguration))
	wantDisk(t, inv, "without a configuration", 10, false)
	inv.Restart(testLayout)
	wantDisk(t, inv, "on another connection", 10, false)
	if diff := cmp.Diff([]vsphere.Ref{"vm-1"}, inv.Disks()); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}

func TestHiddenDiskIsAskedForOnceInAConnection(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	if !setDisk(inv, 0, false, inv.AskDisks()) {
		t.Error("its group waits, and is not told")
	}
	wantDisk(t, inv, "hidden", 0, false)
	inv.Restart(testLayout)
	wantDisk(t, inv, "on another connection", 0, true)
	setDisk(inv, 10, true, inv.AskDisks())
	setDisk(inv, 0, false, inv.AskDisks())
	wantDisk(t, inv, "hidden once it is known", 10, false)
}

// A read that has begun before another, or before the disk was changed, is not the truth any more.
func TestReadOfADiskThatIsOvertaken(t *testing.T) {
	inv := testInventory()
	enter(inv, "vm-1", described("web-0", "group-3"))
	if inv.DiskChanged("vm-1") || inv.HasDisk("vm-1") {
		t.Error("nobody has asked for it")
	}
	first, second := inv.AskDisks(), inv.AskDisks()
	setDisk(inv, 20, true, second)
	setDisk(inv, 10, true, first)
	wantDisk(t, inv, "overtaken", 20, false)
	third := inv.AskDisks()
	if !inv.DiskChanged("vm-1") || !inv.HasDisk("vm-1") {
		t.Error("it is not to be read")
	}
	setDisk(inv, 20, true, third)
	wantDisk(t, inv, "changed meanwhile", 20, true)
	setDisk(inv, 30, true, inv.AskDisks())
	wantDisk(t, inv, "read after that", 30, false)
}
