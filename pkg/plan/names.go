package plan

import (
	"strconv"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Names are locks: vCenter refuses a second VM of one name in a folder, so a clone that is sent twice makes one VM.

// VMName returns the name of the VM in a slot of a group: <group>-<uid5>-<slot>. uid5 begins the group's UID, so that the
// VMs of a group that is deleted and created again have other names. It has at most 79 characters, as vCenter allows,
// given a group's name of at most 63 and a slot below 1,000,000,000.
func VMName(group, uid string, slot int) string { return newSlotNames(group, uid).name(slot) }

// slotNames knows the names of the slots of one group.
type slotNames struct {
	prefix string
	// lower is the prefix in lower case: to vCenter, names that differ in case alone are the same.
	lower string
}

func slotNamesOf(g *v1alpha1.VmGroup) slotNames { return newSlotNames(g.Name, string(g.UID)) }

func newSlotNames(group, uid string) slotNames {
	short := strings.ReplaceAll(uid, "-", "")
	prefix := group + "-" + short[:min(5, len(short))] + "-"
	return slotNames{prefix, strings.ToLower(prefix)}
}

func (n slotNames) name(slot int) string { return n.prefix + strconv.Itoa(slot) }

// slot returns the slot that a VM's name stands for, if it is a name of this group.
func (n slotNames) slot(name string) (int, bool) {
	digits, ok := strings.CutPrefix(strings.ToLower(name), n.lower)
	if !ok {
		return 0, false
	}
	slot, err := strconv.Atoi(digits)
	if err != nil || slot < 0 || strconv.Itoa(slot) != digits {
		return 0, false
	}
	return slot, true
}
