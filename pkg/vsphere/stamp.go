package vsphere

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// StampKey is the ExtraConfig key that makes a VM ours. It is not below "guestinfo.": what is there, the guest can write,
// and with it who owns the VM.
const StampKey = "vmgroup.stamp"

// StampVersion is the version of the stamps that are written now. Version 1 has neither a version nor a namespace.
const StampVersion = 2

// Stamp says whose a VM is. The clone request carries it, so that no VM of ours ever exists without it. After that it changes
// in two ways only, see Revised and Told: Owner, UID, Slot, Disks, Base, Instance, Template, Class, Zone and Networks never do.
type Stamp struct {
	Version   int     `json:"v,omitempty"`         // see StampVersion; 0 is version 1
	Owner     string  `json:"owner"`               // the controller
	UID       string  `json:"uid"`                 // of the VmGroup
	Namespace string  `json:"namespace,omitempty"` // of the VmGroup; empty in version 1
	Name      string  `json:"name"`                // of the VmGroup, for people
	Slot      int     `json:"slot"`                // ordinal within the group
	Revision  string  `json:"revision"`            // what it is made from, see VMSpec
	Disks     []int32 `json:"disks"`               // device keys of the template's disks: see ForeignDisks
	// Base are the files of the template's snapshot that the disks of a linked clone have below them, one for each of Disks, in
	// that order, each as DatastorePath.String has it. It is empty for a full clone.
	Base     []string `json:"base,omitempty"`
	Instance string   `json:"instance"`           // the VM's instanceUuid; another one means that somebody has copied our VM
	Template string   `json:"template,omitempty"` // instanceUuid of the template; empty if an earlier controller has made the VM
	// Class is the VmGroupClass that the VM was made by: limits of a namespace count its VMs by it. It is empty if there is none,
	// and if an earlier controller has made the VM.
	Class    string `json:"class,omitempty"`
	Zone     string `json:"zone,omitempty"`     // of the class, where the VM was made; empty if it has none
	Guest    string `json:"guest,omitempty"`    // whether its guest was told what it is to be told, see GuestPending
	Networks string `json:"networks,omitempty"` // of its NICs, with the static addresses, see VMSpec.NetworksOf; empty if they are the template's

	// Unknown are the fields that a newer controller has written. They are written back as they are.
	Unknown map[string]json.RawMessage `json:"-"`
}

// String returns the stamp as it is stored.
func (s Stamp) String() string {
	b, err := json.Marshal(s)
	if err == nil && len(s.Unknown) > 0 {
		all := maps.Clone(s.Unknown)
		if err = json.Unmarshal(b, &all); err == nil {
			b, err = json.Marshal(all)
		}
	}
	if err != nil { // strings, ints, their slices, and what was read as JSON always marshal
		panic(err)
	}
	return string(b)
}

// Revised returns the stamp with another revision, for OperationReconfigure. Everything else
// stays as it was read, the fields of a newer controller and the version too: the version names the format of the stamp, and
// the revision has one of its own. So a stamp of version 1 remains one that every controller reads as before. To raise it would
// take a namespace that nobody has proven to be the VM's.
func (s Stamp) Revised(revision string) Stamp {
	s.Revision = revision
	return s
}

// Told returns the stamp of a VM whose guest is told what it is to be told, for OperationConfigure. Everything else stays as it was
// read.
func (s Stamp) Told() Stamp {
	s.Guest = GuestTold
	return s
}

// ParseStamp reads a stored stamp. One that lacks an owner, a UID or an instance, or has anything behind it, is an error:
// the VM is then foreign. Fields that it does not know are kept, so that an older controller can read a newer stamp.
func ParseStamp(text string) (*Stamp, error) {
	var s Stamp
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("parse stamp: %w", err)
	}
	if s.Owner == "" || s.UID == "" || s.Instance == "" || s.Slot < 0 {
		return nil, errors.New("parse stamp: owner, uid, instance and a slot of 0 or more are required")
	}
	var err error
	if s.Unknown, err = unknownFields(text); err != nil {
		return nil, fmt.Errorf("parse stamp: %w", err)
	}
	return &s, nil
}

// unknownFields returns the fields of a stored stamp that Stamp does not have, nil if there are none.
func unknownFields(text string) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return nil, err
	}
	maps.DeleteFunc(fields, func(name string, _ json.RawMessage) bool { return isStampField(name) })
	if len(fields) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(fields) // in the form in which it is written, so that a stamp that is read twice is the same
	if err != nil {
		return nil, err
	}
	var normal map[string]json.RawMessage
	err = json.Unmarshal(b, &normal)
	return normal, err
}

// stampFields are the names of the fields that Stamp has.
var stampFields = func() []string {
	var names []string
	for field := range reflect.TypeFor[Stamp]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}()

// isStampField reports whether a field is one that Stamp has. Case makes no difference, as to encoding/json.
func isStampField(name string) bool {
	return slices.ContainsFunc(stampFields, func(known string) bool { return strings.EqualFold(name, known) })
}
