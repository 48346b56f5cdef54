package plan

import (
	"strconv"
	"strings"
)

// Names are locks: vCenter refuses a second VM of one name in a folder, so a clone that is sent twice makes one VM.

// VMName returns the name of the VM in a slot of a group: <group>-<uid5>-<slot>. uid5 begins the group's UID, so that the
// VMs of a group that is deleted and created again have other names. It has at most 79 characters, as vCenter allows,
// given a group's name of at most 63 and a slot below 1,000,000,000.
func VMName(group, uid string, slot int) string {
	return namePrefix(group, uid) + strconv.Itoa(slot)
}

// slotOf returns the slot that a VM's name stands for, if it is a name of this group's. To vCenter, names that differ in
// case alone are the same.
func slotOf(group, uid, name string) (int, bool) {
	digits, ok := strings.CutPrefix(strings.ToLower(name), strings.ToLower(namePrefix(group, uid)))
	if !ok {
		return 0, false
	}
	slot, err := strconv.Atoi(digits)
	if err != nil || slot < 0 || strconv.Itoa(slot) != digits {
		return 0, false
	}
	return slot, true
}

func namePrefix(group, uid string) string {
	short := strings.ReplaceAll(uid, "-", "")
	return group + "-" + short[:min(5, len(short))] + "-"
}
