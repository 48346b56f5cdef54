package vsphere

import (
	"encoding/json"
	"errors"
	"fmt"
)

// StampKey is the ExtraConfig key that makes a VM ours. It is not below "guestinfo.": what is there, the guest can write,
// and with it who owns the VM.
const StampKey = "vmgroup.stamp"

// Stamp says whose a VM is. It is written once, in the clone request, so that no VM of ours ever exists without it.
type Stamp struct {
	Owner    string  `json:"owner"`    // the controller
	UID      string  `json:"uid"`      // of the VmGroup
	Name     string  `json:"name"`     // of the VmGroup, for people
	Slot     int     `json:"slot"`     // ordinal within the group
	Revision string  `json:"revision"` // what it was made from
	Disks    []int32 `json:"disks"`    // device keys of the template's disks: see ForeignDisks
	Instance string  `json:"instance"` // the VM's instanceUuid; another one means that somebody has copied our VM
}

// String returns the stamp as it is stored.
func (s Stamp) String() string {
	b, err := json.Marshal(s)
	if err != nil { // strings, ints and their slices always marshal
		panic(err)
	}
	return string(b)
}

// ParseStamp reads a stored stamp. One that lacks an owner, a UID or an instance, or has anything behind it, is an error:
// the VM is then foreign. Fields that it does not know are left alone, so that an older controller can read a newer stamp.
func ParseStamp(text string) (*Stamp, error) {
	var s Stamp
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("parse stamp: %w", err)
	}
	if s.Owner == "" || s.UID == "" || s.Instance == "" || s.Slot < 0 {
		return nil, errors.New("parse stamp: owner, uid, instance and a slot of 0 or more are required")
	}
	return &s, nil
}
