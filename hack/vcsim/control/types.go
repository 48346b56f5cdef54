package control

import (
	"slices"
	"time"
)

// Request carries the arguments of every operation. An operation reads the fields it names and ignores the rest.
type Request struct {
	VM         string        `json:"vm,omitempty"`     // MoRef value, name, or inventory path below the datacenter's VM folder
	Folder     string        `json:"folder,omitempty"` // MoRef value or inventory path below the datacenter's VM folder; "" is that folder
	Host       string        `json:"host,omitempty"`   // MoRef value or name of a host
	Name       string        `json:"name,omitempty"`   // new name
	Object     string        `json:"object,omitempty"` // MoRef value of an object, or the end of its inventory path
	From       string        `json:"from,omitempty"`   // another virtual machine, named as VM is
	Key        int32         `json:"key,omitempty"`    // device key; 0 is the first disk
	Stamp      string        `json:"stamp,omitempty"`
	CPU        int32         `json:"cpu,omitempty"`
	MemoryMB   int64         `json:"memoryMB,omitempty"`
	DiskGiB    int32         `json:"diskGiB,omitempty"`
	FreeGiB    *int64        `json:"freeGiB,omitempty"` // of a datastore; nil is no bound
	On         bool          `json:"on,omitempty"`
	User       string        `json:"user,omitempty"`
	Password   string        `json:"password,omitempty"`
	Delay      time.Duration `json:"delay,omitempty"` // nanoseconds
	Outage     Outage        `json:"outage,omitempty"`
	Tasks      string        `json:"tasks,omitempty"` // TasksFail or TasksFinish
	Count      int           `json:"count,omitempty"`
	Hidden     *Hidden       `json:"hidden,omitempty"`
	Fault      *Fault        `json:"fault,omitempty"`
	Privileges []string      `json:"privileges,omitempty"`
	Guest      *Guest        `json:"guest,omitempty"`
	Value      string        `json:"value,omitempty"`     // of a guestinfo key
	Addresses  []string      `json:"addresses,omitempty"` // of a guest
	Since      int64         `json:"since,omitempty"`     // number of a journal entry
	Wait       time.Duration `json:"wait,omitempty"`      // nanoseconds

	CPUHotAdd    bool `json:"cpuHotAdd,omitempty"`
	MemoryHotAdd bool `json:"memoryHotAdd,omitempty"`

	Customization *CustomizationSpec `json:"customization,omitempty"`

	Category    string       `json:"category,omitempty"` // of a tag, whose name is Name
	TagCategory *TagCategory `json:"tagCategory,omitempty"`
}

// Reply carries what a changing operation made.
type Reply struct {
	MoRef string `json:"moRef,omitempty"`
	Key   int32  `json:"key,omitempty"` // device key
	ID    string `json:"id,omitempty"`  // of what is no object of the inventory: a tag, a category or a cluster module
}

// VM is one virtual machine, templates included, as the registry holds it.
type VM struct {
	MoRef           string  `json:"moRef"`
	Name            string  `json:"name"`
	Path            string  `json:"path"`              // inventory path, starting with the datacenter; an orphan's starts with "?"
	Folder          string  `json:"folder"`            // MoRef value of the parent
	Pool            string  `json:"pool,omitempty"`    // MoRef value of the resource pool; a template has none
	Cluster         string  `json:"cluster,omitempty"` // name of the host's cluster
	Host            string  `json:"host,omitempty"`    // MoRef value of the host that it is registered on
	InstanceUUID    string  `json:"instanceUuid"`
	Stamp           string  `json:"stamp"` // extraConfig "vmgroup.stamp", raw
	Annotation      string  `json:"annotation,omitempty"`
	Template        bool    `json:"template"`
	PowerState      string  `json:"powerState"`
	ConnectionState string  `json:"connectionState"`
	NumCPU          int32   `json:"numCPU"`
	MemoryMB        int32   `json:"memoryMB"`
	CPUHotAdd       bool    `json:"cpuHotAdd,omitempty"`
	MemoryHotAdd    bool    `json:"memoryHotAdd,omitempty"`
	Disks           []int32 `json:"disks,omitempty"`   // device keys
	DiskKiB         []int64 `json:"diskKiB,omitempty"` // their sizes, in the same order
	// FirstClassDisks is the device keys of those disks that have a life of their own.
	FirstClassDisks []int32 `json:"firstClassDisks,omitempty"`
	// DiskParents is the files that the disks hang on, in the same order as Disks: "" for a disk without a parent.
	DiskParents []string `json:"diskParents,omitempty"`
	Datastores  []string `json:"datastores,omitempty"` // names of those that its files are on
	// StoragePolicy is the name of the policy that its directory was made with, "" for none; DiskPolicies is those of its disks, in
	// the same order as Disks, empty if it was made without any.
	StoragePolicy string   `json:"storagePolicy,omitempty"`
	DiskPolicies  []string `json:"diskPolicies,omitempty"`
	NICs          []NIC    `json:"nics,omitempty"`
}

// NIC is one network card.
type NIC struct {
	Key       int32  `json:"key"`
	MAC       string `json:"mac"`
	Network   string `json:"network"` // name; "" if the network cannot be found
	Connected bool   `json:"connected,omitempty"`
}

// Networks is the names of the networks that the network cards are on, in the order of the cards.
func (vm VM) Networks() []string {
	var names []string
	for _, nic := range vm.NICs {
		names = append(names, nic.Network)
	}
	return names
}

// Linked reports whether a disk hangs on another file. So do the disks of linked clones, and those under a snapshot.
func (vm VM) Linked() bool {
	return slices.ContainsFunc(vm.DiskParents, func(parent string) bool { return parent != "" })
}

// FirstDiskKiB is the size of the first disk: the one with the lowest key. It is 0 if there is none.
func (vm VM) FirstDiskKiB() int64 {
	if len(vm.Disks) == 0 {
		return 0
	}
	return vm.DiskKiB[slices.Index(vm.Disks, slices.Min(vm.Disks))]
}

// Folder is one folder of virtual machines.
type Folder struct {
	MoRef string `json:"moRef"`
	Name  string `json:"name"`
	Path  string `json:"path"`
}

// Task is one task, running or finished. The simulator forgets none.
type Task struct {
	Key           string `json:"key"`
	DescriptionID string `json:"descriptionId"`
	Entity        string `json:"entity"`
	State         string `json:"state"`
	Error         string `json:"error,omitempty"` // fault type, such as "DuplicateName"
	Result        string `json:"result,omitempty"`
}

// Session is one live login.
type Session struct {
	Kind      SessionKind `json:"kind"`
	User      string      `json:"user"`
	UserAgent string      `json:"userAgent"`
	LoginTime time.Time   `json:"loginTime"`
}

// Calls counts calls since the start or the last reset.
//
// SOAP calls go by the names of their methods, such as "CloneVM_Task". REST calls go by what govmomi's clients call them:
// "session." with Login, Get or Logout; "tagging." with the name of the method of tags.Manager, such as
// "tagging.AttachTag"; "modules." with Create, Delete, List, ListMembers, AddMembers or RemoveMembers. One that is not
// simulated goes by what it was called with, such as "GET /rest/vcenter/vm".
type Calls struct {
	Methods map[string]int `json:"methods"`
	// UserAgents splits Methods by client. SOAP calls made before login are under "": the simulator does not say whose they are.
	UserAgents map[string]map[string]int `json:"userAgents"`
	// DatacenterReads is how often a client read the virtual machines of a whole datacenter, or of all: calls of
	// RetrievePropertiesEx, each of which may have many pages.
	DatacenterReads int `json:"datacenterReads"`
	// LastClone is when the last CloneVM_Task arrived, in Unix nanoseconds; 0 if none did.
	LastClone int64 `json:"lastClone"`
	// Logins are those of both endpoints: they use the same password, and lock the same account.
	LoginsOK      int `json:"loginsOK"`
	LoginsRefused int `json:"loginsRefused"`
}

// Total is the number of calls of all methods.
func (c Calls) Total() int {
	total := 0
	for _, n := range c.Methods {
		total += n
	}
	return total
}

// Leaks counts what sessions hold on the server. All zero after every client has logged out.
type Leaks struct {
	Sessions     int `json:"sessions"` // of the SOAP endpoint
	RESTSessions int `json:"restSessions"`
	Collectors   int `json:"collectors"`
	Filters      int `json:"filters"`
	Views        int `json:"views"`
}

// Outage is how the vSphere endpoint misbehaves as a whole.
type Outage string

// Outages.
const (
	OutageOff         Outage = "off"
	OutageRefuse      Outage = "refuse"      // connections are cut, calls in flight get no answer
	OutageUnavailable Outage = "unavailable" // every call is answered with 503, calls in flight get no answer
	OutageHang        Outage = "hang"        // no answer until the outage ends; then the calls that waited are served
	OutageSlow        Outage = "slow"        // every answer is late by Request.Delay
	OutageCut         Outage = "cut"         // calls are carried out, and their answers cut half-way
)

// Values of [Fault.Type] that are no vim faults.
const (
	LostReply   = "lostReply" // the call takes effect, and the connection is cut instead of an answer
	LateReply   = "LateReply" // the call takes effect, and its answer comes Slow later
	Cut         = "Cut"       // the connection is cut, and the call has no effect
	Hang        = "Hang"      // no answer and no effect until ClearFaults; then the call is carried out, unless its client gave up
	Unavailable = "HTTP503"   // the call has no effect and is answered with 503
)

// Fault makes the next calls that match it fail.
type Fault struct {
	// Method is a glob over the names of methods, as Calls has them: "*" is every method, "tagging.*" every call on tags.
	Method string `json:"method"`
	// Entity is a glob over the target's name or MoRef value, or over the name that a clone asks for; empty is every target. A
	// REST call meets it with any of the objects that it names, and with the tag or the module.
	Entity string `json:"entity,omitempty"`
	// Into is where a clone goes: its resource pool or one above it, its cluster or its datastore, named as Request.Object is.
	// A rule that has it meets no other calls.
	Into string `json:"into,omitempty"`
	// Type is the name of a vim fault, such as "NoDiskSpace", or one of LostReply, LateReply, Cut, Hang and Unavailable. Empty is no
	// fault at all: the call is only Slow. A REST call answers a vim fault with the error that stands for the same, or with
	// status 500. NotAuthenticated also ends its session.
	Type string `json:"type,omitempty"`
	// Slow is how long the call waits before the fault, or before it is carried out, whether its client waits or not.
	Slow time.Duration `json:"slow,omitempty"`
	// Skip is how many calls that match pass before the first that fails.
	Skip int `json:"skip,omitempty"`
	// PrivilegeID goes into NoPermission.
	PrivilegeID string `json:"privilegeId,omitempty"`
	// Count is how many calls fail; 0 is every one until ClearFaults.
	Count int `json:"count,omitempty"`
	// TaskLevel lets the call succeed and its task fail. Only for methods that return a task.
	TaskLevel bool `json:"taskLevel,omitempty"`
}
