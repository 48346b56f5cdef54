package control

import "time"

// Request carries the arguments of every operation. An operation reads the fields it names and ignores the rest.
type Request struct {
	VM       string        `json:"vm,omitempty"`     // MoRef value, name, or inventory path below the datacenter's VM folder
	Folder   string        `json:"folder,omitempty"` // MoRef value or inventory path below the datacenter's VM folder; "" is that folder
	Name     string        `json:"name,omitempty"`   // new name
	CPU      int32         `json:"cpu,omitempty"`
	MemoryMB int64         `json:"memoryMB,omitempty"`
	On       bool          `json:"on,omitempty"`
	User     string        `json:"user,omitempty"`
	Password string        `json:"password,omitempty"`
	Delay    time.Duration `json:"delay,omitempty"` // nanoseconds
	Outage   Outage        `json:"outage,omitempty"`
	Fault    *Fault        `json:"fault,omitempty"`
	Since    int64         `json:"since,omitempty"` // number of a journal entry
	Wait     time.Duration `json:"wait,omitempty"`  // nanoseconds
}

// Reply carries what a changing operation made.
type Reply struct {
	MoRef string `json:"moRef,omitempty"`
	Key   int32  `json:"key,omitempty"` // device key
}

// VM is one virtual machine, templates included, as the registry holds it.
type VM struct {
	MoRef           string  `json:"moRef"`
	Name            string  `json:"name"`
	Path            string  `json:"path"`   // inventory path, starting with the datacenter; an orphan's starts with "?"
	Folder          string  `json:"folder"` // MoRef value of the parent
	InstanceUUID    string  `json:"instanceUuid"`
	Stamp           string  `json:"stamp"` // extraConfig "vmgroup.stamp", raw
	Annotation      string  `json:"annotation,omitempty"`
	Template        bool    `json:"template"`
	PowerState      string  `json:"powerState"`
	ConnectionState string  `json:"connectionState"`
	NumCPU          int32   `json:"numCPU"`
	MemoryMB        int32   `json:"memoryMB"`
	Disks           []int32 `json:"disks,omitempty"` // device keys
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
	User      string    `json:"user"`
	UserAgent string    `json:"userAgent"`
	LoginTime time.Time `json:"loginTime"`
}

// Calls counts SOAP calls since the start or the last reset.
type Calls struct {
	Methods map[string]int `json:"methods"`
	// UserAgents splits Methods by client. Calls made before login are under "": the simulator does not say whose they are.
	UserAgents map[string]map[string]int `json:"userAgents"`
	// LastClone is when the last CloneVM_Task arrived, in Unix nanoseconds; 0 if none did.
	LastClone     int64 `json:"lastClone"`
	LoginsOK      int   `json:"loginsOK"`
	LoginsRefused int   `json:"loginsRefused"`
}

// Total is the number of calls of all methods.
func (c Calls) Total() int {
	total := 0
	for _, n := range c.Methods {
		total += n
	}
	return total
}

// Violation is a call that a controller of ours must never make, seen on the wire. It was carried out nevertheless.
type Violation struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	MoRef     string    `json:"moRef"`
	Name      string    `json:"name"`
	UserAgent string    `json:"userAgent"`
}

// Leaks counts what sessions hold on the server. All zero after every client has logged out.
type Leaks struct {
	Sessions   int `json:"sessions"`
	Collectors int `json:"collectors"`
	Filters    int `json:"filters"`
	Views      int `json:"views"`
}

// Outage is how the vSphere endpoint misbehaves as a whole.
type Outage string

// Outages.
const (
	OutageOff         Outage = "off"
	OutageRefuse      Outage = "refuse"      // connections are cut, calls in flight get no answer
	OutageUnavailable Outage = "unavailable" // every call is answered with 503, calls in flight get no answer
	OutageHang        Outage = "hang"        // no answer until the outage ends; then the calls that waited are served
)

// LostReply is a [Fault.Type] that is no fault: the call takes effect and the connection is cut instead of an answer.
const LostReply = "lostReply"

// Fault makes the next calls that match it fail.
type Fault struct {
	Method string `json:"method"` // such as "CloneVM_Task"; "*" is every method
	// Entity is a glob over the target's name or MoRef value, or over the name that a clone asks for; empty is every target.
	Entity string `json:"entity,omitempty"`
	// Type is the name of a vim fault, such as "NoDiskSpace", or LostReply.
	Type string `json:"type"`
	// PrivilegeID goes into NoPermission.
	PrivilegeID string `json:"privilegeId,omitempty"`
	// Count is how many calls fail; 0 is every one until ClearFaults.
	Count int `json:"count,omitempty"`
	// TaskLevel lets the call succeed and its task fail. Only for methods that return a task.
	TaskLevel bool `json:"taskLevel,omitempty"`
}
