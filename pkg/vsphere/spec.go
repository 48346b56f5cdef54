package vsphere

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// VMSpec is what the VMs of a group are made from. It holds what a VmGroup asks of each of its VMs alike, and nothing that
// differs between them, such as a slot or a host.
type VMSpec struct {
	Template  string // as spec.template has it
	Trigger   string // as spec.update.trigger has it: another text is another revision
	CPU       int32  // vCPUs
	MemoryMiB int64
	DiskGiB   int32 // of the first disk; 0: as in the template
	Linked    bool  // its disks have a snapshot of the template's below them, instead of a copy of the whole
	// Snapshot is the name of that snapshot; empty: the current one.
	Snapshot string
	// Networks are those of its NICs, in order, see JoinNICs; empty: as in the template.
	Networks string
	Guest    Guest
}

// Guest is what the guest of each VM is told of itself. Its zero value is nothing.
type Guest struct {
	CloudInit bool `json:"cloudInit,omitempty"` // by way of cloud-init
	// Customization is the name of the customization specification in vCenter by which it is told instead.
	Customization  string `json:"customization,omitempty"`
	HostnamePrefix string `json:"hostnamePrefix,omitempty"` // empty: the hostname is the VM's name
	// Secret and Key name its user data, in the namespace of the group; both are empty if it has none.
	Secret string `json:"secret,omitempty"`
	Key    string `json:"key,omitempty"`
	// SSHKeys are the public keys that may log in, a line each.
	SSHKeys string `json:"sshKeys,omitempty"`
}

// revisionVersion begins the revisions that are written now.
const revisionVersion = "2:"

// revised is what a revision of version 2 is a hash of: what a VM is made from and cannot be asked for. Its size is not part
// of it, because that can be read back. A field that is absent must leave no trace: otherwise each new field would make
// every VM look old.
type revised struct {
	Template string `json:"template"`
	Linked   bool   `json:"linked,omitempty"`
	Snapshot string `json:"snapshot,omitempty"`
	Networks string `json:"networks,omitempty"`
	Guest    Guest  `json:"guest,omitzero"`
	Trigger  string `json:"trigger,omitempty"`
}

// Revision names what a VM is made from, apart from its size: "2:" and a short hash. It is the same in every version of the
// controller that writes version 2.
func (s VMSpec) Revision() string {
	return revisionVersion + hash(revised{
		Template: s.Template, Linked: s.Linked, Snapshot: s.Snapshot, Networks: s.Networks, Guest: s.Guest, Trigger: s.Trigger,
	})
}

// revisionV1 is the revision that controllers wrote before there were versions. It covers CPUs and memory.
func (s VMSpec) revisionV1() string {
	return short(fmt.Appendf(nil, "%q/%d/%d", s.Template, s.CPU, s.MemoryMiB/1024))
}

// Hash names the whole of s, the size included. It is compared within one process only.
func (s VMSpec) Hash() string { return hash(s) }

// hash returns a short hash of a value's JSON. Fields come in the order of their declaration.
func hash(value any) string {
	b, err := json.Marshal(value)
	if err != nil { // strings and ints always marshal
		panic(err)
	}
	return short(b)
}

func short(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:5])
}

// Age says whether a VM is made from a VMSpec.
type Age string

// Ages, see Revisions.AgeOf.
const (
	// Current is made from the spec, whatever its size is.
	Current Age = "Current"
	// Old is made from another spec.
	Old Age = "Old"
	// AgeUnknown has a revision of a version that this controller does not know: a newer one has made the VM.
	AgeUnknown Age = "Unknown"
)

// Revisions are the revisions that a VM made from a VMSpec may have, one for each version.
type Revisions struct {
	template string
	v1, v2   string // v1 is empty if version 1 cannot say what the spec asks for
}

// Revisions returns the revisions of s, so that many VMs can be compared with them.
func (s VMSpec) Revisions() Revisions {
	r := Revisions{template: s.Template, v2: s.Revision()}
	if s == (VMSpec{Template: s.Template, CPU: s.CPU, MemoryMiB: s.MemoryMiB, DiskGiB: s.DiskGiB}) {
		r.v1 = s.revisionV1()
	}
	return r
}

// AgeOf tells whether a VM of ours is made from the spec. Its size is compared elsewhere. In order:
//
//  1. its revision is one of the spec's: Current
//  2. it has a version that is not known: AgeUnknown, which is never Old
//  3. it has no version, it is the one of the spec with the size that the VM has, and version 1 can say all that the spec asks
//     for: Current. Version 1 covers the size, which may have been changed since, in the spec or by hand
//  4. Old
func (r Revisions) AgeOf(vm *VM) Age {
	revision := vm.Stamp.Revision
	if revision == r.v2 || r.v1 != "" && revision == r.v1 {
		return Current
	}
	version, _, versioned := strings.Cut(revision, ":")
	asBuilt := VMSpec{Template: r.template, CPU: vm.CPU, MemoryMiB: vm.MemoryMiB}
	switch {
	case versioned && version+":" != revisionVersion:
		return AgeUnknown
	case !versioned && r.v1 != "" && revision == asBuilt.revisionV1():
		return Current
	default:
		return Old
	}
}

// SizeOf tells whether a VM has the size that s asks for. A disk whose size is not known has it: nobody is changed or replaced
// for what cannot be read.
func (s VMSpec) SizeOf(vm *VM) bool {
	return vm.CPU == s.CPU && vm.MemoryMiB == s.MemoryMiB && CompareDisk(vm, s.DiskGiB) == 0
}
