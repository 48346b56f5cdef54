package contract

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// RootFolder is where an implementation under test has its root folder. It does not exist at first.
const RootFolder = "vmgroups"

// TemplateDiskGiB is the size of the one disk that templates have.
const TemplateDiskGiB int32 = 10

// Options are what a scenario wants of an implementation.
type Options struct {
	Notifier vsphere.Notifier
	// TemplateFolder is where templates are looked for; empty is the whole datacenter.
	TemplateFolder string
	// MaxClones and MaxPower are how many operations of these budgets may be under way at once; 0 is the default.
	MaxClones, MaxPower int
}

// Guest is how the guest of a VM that is on behaves.
type Guest struct {
	Tools          bool // somebody in it can be asked
	IgnoreShutdown bool // and nothing comes of it
}

// GuestTruth is what has become of a guest that was told something of itself, or was customized, once it has started.
type GuestTruth struct {
	Hostname, UserData string
	SSHKeys            []string
	// Addresses are those of its network cards, in order, with their prefix lengths; empty where it asks for one by DHCP.
	Addresses             []string
	Gateways, Nameservers []string
}

// World is a vCenter of its own with an implementation connected to it, and the ways to change it behind its back. It
// is cleaned up by the test's Cleanup. Its methods fail the test if they cannot do what they are asked for; folders are
// paths below the datacenter's VM folder.
type World interface {
	// Client is the implementation under test, connected and with the inventory read.
	Client() vsphere.Interface
	// Restart ends Client as if its process had died, and replaces it by one that remembers nothing.
	Restart()

	// VMs returns every VM and template there is, with Ref, Name, Parent, InstanceUUID, Template, Power and DiskBytes at least.
	VMs() []vsphere.VM
	// Folders returns the paths of all folders.
	Folders() []string

	// AddTemplate and AddForeignVM make the folder on demand. Each has a disk of TemplateDiskGiB.
	AddTemplate(folder, name string) vsphere.Ref
	AddForeignVM(folder, name string) vsphere.Ref
	// CopyVM clones a VM by hand, into its own folder.
	CopyVM(vm vsphere.Ref, name string) vsphere.Ref
	// Destroy deletes a VM or template, in whatever state it is.
	Destroy(vm vsphere.Ref)
	PowerOff(vm vsphere.Ref)
	// Rename gives a VM another name, in the form in which vCenter keeps it.
	Rename(vm vsphere.Ref, name string)
	// Move makes the folder on demand.
	Move(vm vsphere.Ref, folder string)
	// MarkAsTemplate makes a VM that is off a template, or a template a VM.
	MarkAsTemplate(vm vsphere.Ref, template bool)
	Disconnect(vm vsphere.Ref, disconnected bool)
	// SetTools has VMware Tools run in the guest of a VM that is on, without any address, or stop.
	SetTools(vm vsphere.Ref, running bool)
	// SetIPs gives a guest whose Tools run these addresses, and no others. There are no more of them than network cards.
	SetIPs(vm vsphere.Ref, ips ...string)
	// SetReady sets vsphere.ReadyKey of a VM that is on, as its guest does; an empty value clears it. Whether the value
	// outlives a power-off is left open.
	SetReady(vm vsphere.Ref, value string)
	// AddDisk attaches a disk to a VM that it did not get from its template.
	AddDisk(vm vsphere.Ref)
	// GrowDisk gives a VM's disk another size by hand. Nobody hears of it.
	GrowDisk(vm vsphere.Ref, gib int32)
	// HideDevices withholds the devices of a VM from those who read it, or shows them again.
	HideDevices(vm vsphere.Ref, hidden bool)
	// ReplaceDisk detaches a VM's disk and attaches that of another VM in its place, under the same device key.
	ReplaceDisk(vm, other vsphere.Ref)
	// DetachDisks detaches all disks of a VM, and leaves their files.
	DetachDisks(vm vsphere.Ref)
	// TakeSnapshot puts a file on top of a VM's disk, in the VM's own directory.
	TakeSnapshot(vm vsphere.Ref)
	// TakeNamedSnapshot is TakeSnapshot for a VM or a template, with a snapshot of that name. It becomes the current one.
	TakeNamedSnapshot(vm vsphere.Ref, name string)
	// RemoveSnapshot removes the only snapshot of a name of a VM or a template. The files of disks stay.
	RemoveSnapshot(vm vsphere.Ref, name string)
	// DiskParent is the file that the first disk of a VM or a template hangs on, as the vCenter has it, empty if there is none.
	DiskParent(vm vsphere.Ref) string
	// MoveDisk moves a VM's disk to another directory of its datastore.
	MoveDisk(vm vsphere.Ref, directory string)
	// RegisterDisk makes a VM's disk a first-class disk.
	RegisterDisk(vm vsphere.Ref)
	// Violations tells what an implementation has done that it must never do: what it has destroyed that was not the VM's
	// own. It goes by whose things are, and not by how that can be known.
	Violations() []string

	// RemoveFolder removes an empty folder.
	RemoveFolder(folder string)
	// RenameFolder gives a folder another name, in the form in which vCenter keeps it.
	RenameFolder(folder, name string)
	// MoveFolder puts a folder, with all that is in it, into another, which it makes on demand.
	MoveFolder(folder, into string)

	// Clusters returns the names of the two clusters that there are. The implementation makes VMs in the first unless it is told
	// otherwise. ClusterOf names the cluster that a VM is in somehow, as the vCenter has it.
	Clusters() []string
	ClusterOf(vm vsphere.Ref) string
	// NetworksOf returns the names of the networks that the NICs of a VM are connected to, in order. There are "front", in both
	// clusters, and "db", in the first alone.
	NetworksOf(vm vsphere.Ref) []string
	// StorageCluster returns the name of another cluster, which has the datastore of the templates and more, see storage.go.
	StorageCluster() string
	// SetDatastore says how much room, in GiB, is on one of SSD1 and SSD2, and whether it is in maintenance. At first there is more
	// than enough. A template takes 10 GiB.
	SetDatastore(name string, freeGiB int64, maintenance bool)
	// StoreOf returns the name of the datastore that a VM is on. PolicyOf returns the name of the storage policy that it was made
	// with, its directory and all its disks, empty if there was none.
	StoreOf(vm vsphere.Ref) string
	PolicyOf(vm vsphere.Ref) string
	// SetDRS turns the DRS of the clusters on or off.
	SetDRS(on bool)
	SetMaintenance(host vsphere.Ref, on bool)

	// SetOutage cuts the vCenter off, or ends that.
	SetOutage(on bool)
	// SlowClones lets clones that are submitted from now on take long enough to be seen under way, until it is called
	// with false: then, or some time later, they end.
	SlowClones(on bool)
	// HoldReads lets sweeps, searches, verifications and removals of folders that are asked for from now on wait for their
	// first read, until it is called with false.
	HoldReads(on bool)
	// LoseAnswer lets the next operation of a kind have its effect, and its answer be lost.
	LoseAnswer(kind vsphere.OperationKind)
	// FailClone lets the task of the next clone fail for lack of disk space.
	FailClone()
	// SetHotAdd says whether a VM that is on can be given more CPUs and memory.
	SetHotAdd(vm vsphere.Ref, possible bool)

	// SetGuest says how the guest of a VM that is on behaves from now on.
	SetGuest(vm vsphere.Ref, guest Guest)
	// GuestOf returns what has become of the guest of a VM that is on. It waits until the guest is up.
	GuestOf(vm vsphere.Ref) GuestTruth
	// AddTag makes a tag, as category/name. TagsOf returns those of a VM, sorted.
	AddTag(path string)
	TagsOf(vm vsphere.Ref) []string
	// Modules returns the VMs of each cluster module, sorted.
	Modules() [][]vsphere.Ref
	// AddCustomizationSpec stores a customization specification for Linux guests in vCenter, for a network card with DHCP.
	AddCustomizationSpec(name string)
	// LoseCustomization lets the task of the next clone fail after its VM was made, and before vCenter took over its customization.
	LoseCustomization()
	// FailCustomization lets the customization fail that is pending for a VM.
	FailCustomization(vm vsphere.Ref)
	// SetStamp writes the stamp of a VM by hand.
	SetStamp(vm vsphere.Ref, text string)
}
