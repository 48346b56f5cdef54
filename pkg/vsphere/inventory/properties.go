package inventory

import (
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Fields is a set of properties of a VM.
type Fields uint32

// The properties of a VM that the inventory knows.
const (
	FieldName Fields = 1 << iota
	FieldParent
	FieldTemplate
	FieldInstanceUUID
	FieldCPU
	FieldMemory
	FieldCreated
	FieldStamp
	FieldPower
	FieldConnection
	FieldHost
	FieldIP
	FieldHostname
	FieldToolsRunning
	FieldIPs
	FieldGuestReady
	FieldCPUHotAdd
	FieldMemoryHotAdd
	FieldMemoryHotAddLimit
	FieldMemoryHotAddIncrement
	FieldCustomization

	// FieldsOfConfiguration vanish together while a VM's host or datastore is lost. What the guest has written belongs to them:
	// vCenter keeps it in the configuration.
	FieldsOfConfiguration = FieldTemplate | FieldInstanceUUID | FieldCPU | FieldMemory | FieldCreated | FieldStamp |
		FieldGuestReady | FieldCPUHotAdd | FieldMemoryHotAdd | FieldMemoryHotAddLimit | FieldMemoryHotAddIncrement
	// fieldsThatConfigure are those that every VM has whose configuration shows.
	fieldsThatConfigure = FieldInstanceUUID | FieldTemplate | FieldCPU
)

// Properties are the properties of a VM, as vCenter tells them. The zero value has none.
type Properties struct {
	Set          Fields // those that have a value; all others are zero
	Template     bool
	ToolsRunning bool
	GuestReady   bool
	CPUHotAdd    bool
	MemoryHotAdd bool
	CPU          int32 // vCPUs
	MemoryMiB    int64
	// MemoryHotAddLimitMiB and MemoryHotAddIncrementMiB are as in vsphere.VM.
	MemoryHotAddLimitMiB     int64
	MemoryHotAddIncrementMiB int64

	Name         string // unescaped
	Parent       vsphere.Ref
	InstanceUUID string
	Stamp        string // as it is stored
	Power        vsphere.PowerState
	Connection   string
	Host         vsphere.Ref
	IP           string
	Hostname     string
	IPs          []string  // never changed, but replaced: VMs share it
	Created      time.Time // UTC

	Customization vsphere.Customization
}

// Update says of a VM, for each of Fields, the value that Properties have, or that there is none.
type Update struct {
	Fields Fields
	Properties
}

// Configured reports whether vCenter knows the VM's configuration.
func (p *Properties) Configured() bool { return p.Set&fieldsThatConfigure != 0 }

// ParseStamp returns the stamp, or nil if there is none that can be read as one: the VM is foreign then.
func (p *Properties) ParseStamp() *vsphere.Stamp {
	stamp, err := vsphere.ParseStamp(p.Stamp)
	if err != nil {
		return nil
	}
	return stamp
}

// Apply takes over the fields that an update speaks of.
func (p *Properties) Apply(u Update) {
	p.Set = p.Set&^u.Fields | u.Set&u.Fields
	set(&p.Name, u.Name, u, FieldName)
	set(&p.Parent, u.Parent, u, FieldParent)
	set(&p.Template, u.Template, u, FieldTemplate)
	set(&p.InstanceUUID, u.InstanceUUID, u, FieldInstanceUUID)
	set(&p.CPU, u.CPU, u, FieldCPU)
	set(&p.MemoryMiB, u.MemoryMiB, u, FieldMemory)
	set(&p.Created, u.Created, u, FieldCreated)
	set(&p.Stamp, u.Stamp, u, FieldStamp)
	set(&p.Power, u.Power, u, FieldPower)
	set(&p.Connection, u.Connection, u, FieldConnection)
	set(&p.Host, u.Host, u, FieldHost)
	set(&p.IP, u.IP, u, FieldIP)
	set(&p.Hostname, u.Hostname, u, FieldHostname)
	set(&p.ToolsRunning, u.ToolsRunning, u, FieldToolsRunning)
	set(&p.IPs, u.IPs, u, FieldIPs)
	set(&p.Customization, u.Customization, u, FieldCustomization)
	set(&p.GuestReady, u.GuestReady, u, FieldGuestReady)
	set(&p.CPUHotAdd, u.CPUHotAdd, u, FieldCPUHotAdd)
	set(&p.MemoryHotAdd, u.MemoryHotAdd, u, FieldMemoryHotAdd)
	set(&p.MemoryHotAddLimitMiB, u.MemoryHotAddLimitMiB, u, FieldMemoryHotAddLimit)
	set(&p.MemoryHotAddIncrementMiB, u.MemoryHotAddIncrementMiB, u, FieldMemoryHotAddIncrement)
}

// set takes over one value. One that the update has no value for is zero there.
func set[T any](to *T, value T, u Update, field Fields) {
	if u.Fields&field != 0 {
		*to = value
	}
}

// keepConfiguration drops from an update that a configuration is missing, unless some of it shows: a VM whose host or
// datastore is lost has no configuration to show, and is still the VM that it was.
func (u *Update) keepConfiguration() {
	if !u.Configured() {
		u.Fields &^= FieldsOfConfiguration &^ u.Set
	}
}

// VM returns the VM that the properties describe. last is what was known of it before, of which a VM without a
// configuration to show keeps the configuration.
func (p *Properties) VM(ref vsphere.Ref, last vsphere.VM) vsphere.VM {
	var stamp *vsphere.Stamp
	if p.Configured() {
		stamp = p.ParseStamp()
	}
	return p.describe(ref, &last, stamp)
}

func (p *Properties) describe(ref vsphere.Ref, last *vsphere.VM, stamp *vsphere.Stamp) vsphere.VM {
	vm := vsphere.VM{
		Ref: ref, Name: p.Name, Parent: p.Parent, Power: p.Power, Connection: p.Connection,
		IP: p.IP, Hostname: p.Hostname, ToolsRunning: p.ToolsRunning, IPs: p.IPs,
		Customization: p.Customization,
	}
	if p.Configured() {
		vm.Configured = true
		vm.Stamp, vm.InstanceUUID = stamp, p.InstanceUUID
		vm.Template, vm.CPU, vm.MemoryMiB, vm.Created = p.Template, p.CPU, p.MemoryMiB, p.Created
		vm.GuestReady, vm.CPUHotAdd, vm.MemoryHotAdd = p.GuestReady, p.CPUHotAdd, p.MemoryHotAdd
		vm.MemoryHotAddLimitMiB, vm.MemoryHotAddIncrementMiB = p.MemoryHotAddLimitMiB, p.MemoryHotAddIncrementMiB
		return vm
	}
	vm.Configured, vm.Stamp, vm.InstanceUUID = last.Configured, last.Stamp, last.InstanceUUID
	vm.Template, vm.CPU, vm.MemoryMiB, vm.Created = last.Template, last.CPU, last.MemoryMiB, last.Created
	vm.GuestReady, vm.CPUHotAdd, vm.MemoryHotAdd = last.GuestReady, last.CPUHotAdd, last.MemoryHotAdd
	vm.MemoryHotAddLimitMiB, vm.MemoryHotAddIncrementMiB = last.MemoryHotAddLimitMiB, last.MemoryHotAddIncrementMiB
	return vm
}
