package fake

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Method is a method of vsphere.Interface; of Start it names one request.
type Method string

// methodOf names a request of a kind.
func methodOf(kind vsphere.OperationKind) Method { return Method("Start" + kind) }

// Methods.
const (
	Snapshot          Method = "Snapshot"
	FindTemplate      Method = "FindTemplate"
	FindTemplateByRef Method = "FindTemplateByRef"
	Verify            Method = "Verify"
	ReadDisks         Method = "ReadDisks"
	Sweep             Method = "Sweep"
	EnsureFolder      Method = "EnsureFolder"
	StartClone        Method = "StartClone"
	StartPowerOn      Method = "StartPowerOn"
	StartReset        Method = "StartReset"
	StartConfigure    Method = "StartConfigure"
	StartReconfigure  Method = "StartReconfigure"
	StartShutdown     Method = "StartShutdown"
	StartPowerOff     Method = "StartPowerOff"
	StartDestroy      Method = "StartDestroy"
	Cancel            Method = "Cancel"
	RemoveFolder      Method = "RemoveFolder"
)

// Call is a request that changed the vCenter, or was to. What needs no request (a folder that exists) or is not sent (no
// budget, refused by the guard or by a live read) is none.
type Call struct {
	Method Method
	Owner  string // of the client
	Group  vsphere.GroupID
	Name   string      // of the VM, or the path of the folder
	Ref    vsphere.Ref // of the VM or folder; empty for a clone
	Err    error       // what the caller was told
	Task   vsphere.Ref // empty if none was made
	Spec   vsphere.CloneSpec
	Resize vsphere.Resize
}

// String returns method and name, such as "StartClone web-0d1f2-0".
func (c Call) String() string { return string(c.Method) + " " + cmp.Or(c.Name, string(c.Ref)) }

// Calls returns all calls since the start, or since ResetCalls, in order.
func (v *VCenter) Calls() []Call {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

// ResetCalls forgets the calls so far.
func (v *VCenter) ResetCalls() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = nil
}

// trim makes paths in calls comparable: they are relative to the datacenter's VM folder.
func trim(path string) string { return strings.TrimPrefix(path, VMFolder+"/") }
