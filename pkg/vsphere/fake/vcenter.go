package fake

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// VMFolder is the path of the datacenter's VM folder.
const VMFolder = "/DC0/vm"

// VCenter is safe for concurrent use.
type VCenter struct {
	clock clock.PassiveClock

	mu       sync.Mutex
	uuid     string
	last     int // number of the youngest object
	folders  map[vsphere.Ref]*folder
	machines map[vsphere.Ref]*machine
	hosts    []host
	networks map[string][]string // names, by cluster
	tags     []string            // as category/name
	// customizations are the names of the customization specifications. losesCustomization is as LoseCustomization says.
	customizations     []string
	losesCustomization bool

	storage storage
	noDRS   bool          // clones have to name their host
	tasks   []*task       // those that run, in order of submission
	leaving []vsphere.Ref // the VMs whose guests were asked to shut down, and will
	held    bool
	silent  bool // see HoldAnswers
	outage  bool
	faults  []*Fault
	calls   []Call
	clients []*Client
	// madeFor is the VM that each file of a disk was made for. It is the truth by which a destruction is judged once it has
	// happened; a file that it lacks was made by hand.
	madeFor map[vsphere.DatastorePath]vsphere.Ref
	// links are the files that linked clones were made with: what they hang on is somebody else's, and stays.
	links      map[vsphere.DatastorePath]bool
	lastFile   int // number of the youngest file
	violations []string
}

type folder struct {
	ref    vsphere.Ref
	name   string
	parent vsphere.Ref // empty for the datacenter's VM folder
}

// machine is a VM or a template. Its ParentPath means nothing: it is worked out when somebody asks.
type machine struct {
	vsphere.VM
	file   vsphere.DatastorePath // its configuration file, in a directory of its own
	disks  []vsphere.Disk
	guest  Guest
	hidden bool // its devices
	// snapshots are the oldest first: the last is the current one.
	snapshots []snapshot
	// noHotPlug: its size can be changed only while it is off.
	noHotPlug bool
	networks  []string // of its NICs
	// told is what its guest was told, nil if nothing. pending is what it is to be customized by once it is on.
	told, pending      *vsphere.GuestData
	failsCustomization bool
	policy             string // that it was made with
}

// NewVCenter returns a vCenter that holds nothing.
func NewVCenter(clock clock.PassiveClock) *VCenter {
	v := &VCenter{
		clock:    clock,
		uuid:     "vcenter-1",
		folders:  map[vsphere.Ref]*folder{},
		machines: map[vsphere.Ref]*machine{},
		madeFor:  map[vsphere.DatastorePath]vsphere.Ref{},
		links:    map[vsphere.DatastorePath]bool{},
		hosts: []host{
			{vsphere.Host{Ref: "host-1", Name: "esx-1"}, FirstCluster},
			{vsphere.Host{Ref: "host-2", Name: "esx-2"}, FirstCluster},
			{vsphere.Host{Ref: "host-3", Name: "esx-3"}, SecondCluster},
			{vsphere.Host{Ref: "host-4", Name: "esx-4"}, StorageCluster},
		},
		networks: map[string][]string{FirstCluster: {"front", "db"}, SecondCluster: {"front"}},
		storage:  newStorage(),
	}
	v.addFolder("", VMFolder)
	return v
}

// Connect returns a client that has read the inventory below its root folder.
func (v *VCenter) Connect(cfg Config) *Client {
	v.mu.Lock()
	defer v.unlock()
	c := newClient(v, cfg)
	v.clients = append(v.clients, c)
	for _, m := range v.machines {
		c.observe(m)
	}
	return c
}

// unlock releases the lock, and only then notifies: a notifier may well ask for a snapshot.
func (v *VCenter) unlock() {
	var deliver []func()
	for _, c := range v.clients {
		c.assess()
		deliver = append(deliver, c.outbox.take(c.cfg.Notifier)...)
	}
	v.mu.Unlock()
	for _, notify := range deliver {
		notify()
	}
}

func (v *VCenter) newRef(kind string) vsphere.Ref {
	v.last++
	return vsphere.Ref(fmt.Sprintf("%s-%d", kind, v.last))
}

func (v *VCenter) addFolder(parent vsphere.Ref, name string) *folder {
	f := &folder{ref: v.newRef("group"), name: name, parent: parent}
	v.folders[f.ref] = f
	return f
}

// addMachine makes a VM on the main datastore, with disks of its own, which have the keys of others.
func (v *VCenter) addMachine(vm vsphere.VM, like []vsphere.Disk) *machine {
	return v.addMachineOn(mainStore, vm, like)
}

// addMachineOn is addMachine for a datastore.
func (v *VCenter) addMachineOn(store string, vm vsphere.VM, like []vsphere.Disk) *machine {
	vm.Ref = v.newRef("vm")
	if vm.Created.IsZero() {
		vm.Created = v.clock.Now()
	}
	m := &machine{VM: vm, file: vsphere.DatastorePath{Datastore: store, Path: directoryOf(vm) + "/vm.vmx"}}
	for _, d := range like {
		file := v.newDiskFile(m)
		m.disks = append(m.disks, vsphere.Disk{Key: d.Key, Files: []vsphere.DatastorePath{file}})
		v.madeFor[file] = m.Ref
	}
	m.VM = v.view(m) // its own copy of the stamp
	v.machines[m.Ref] = m
	return m
}

// newInstance returns a fresh instanceUuid.
func (v *VCenter) newInstance() string {
	v.last++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", v.last)
}

// find returns the folder at an absolute path, or nil.
func (v *VCenter) find(path string) *folder {
	for _, f := range v.folders {
		if v.path(f.ref) == path {
			return f
		}
	}
	return nil
}

// makeFolders returns the folder at an absolute path below VMFolder, with all above it.
func (v *VCenter) makeFolders(path string) *folder {
	f := v.find(VMFolder)
	for _, name := range vsphere.PathNames(strings.TrimPrefix(path, VMFolder)) {
		if next := v.find(v.path(f.ref) + vsphere.Path(name)); next != nil {
			f = next
		} else {
			f = v.addFolder(f.ref, name)
		}
	}
	return f
}

// path returns the inventory path of a folder, or "" if it does not exist.
func (v *VCenter) path(ref vsphere.Ref) string {
	f := v.folders[ref]
	switch {
	case f == nil:
		return ""
	case f.parent == "":
		return f.name
	default:
		return v.path(f.parent) + vsphere.Path(f.name)
	}
}

// below is true for the folder at path and for all folders below it.
func (v *VCenter) below(ref vsphere.Ref, path string) bool {
	p := v.path(ref)
	return p == path || strings.HasPrefix(p, path+"/")
}

// children counts what is in a folder.
func (v *VCenter) children(ref vsphere.Ref) int {
	n := 0
	for _, f := range v.folders {
		if f.parent == ref {
			n++
		}
	}
	for _, m := range v.machines {
		if m.Parent == ref {
			n++
		}
	}
	return n
}

// child returns the VM of a name in a folder, or nil.
func (v *VCenter) child(parent vsphere.Ref, name string) *machine {
	for _, m := range v.machines {
		if m.Parent == parent && m.Name == name {
			return m
		}
	}
	return nil
}

// view returns m as a reader sees it; it shares nothing with m.
func (v *VCenter) view(m *machine) vsphere.VM {
	vm := m.VM
	vm.ParentPath = v.path(vm.Parent)
	vm.IPs = slices.Clone(vm.IPs)
	if vm.Stamp != nil {
		stamp := *vm.Stamp
		stamp.Disks, stamp.Base = slices.Clone(stamp.Disks), slices.Clone(stamp.Base)
		vm.Stamp = &stamp
	}
	return vm
}
