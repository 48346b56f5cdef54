package vim

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// requestsOn asks for the same of some VMs.
func requestsOn(kind vsphere.OperationKind, vms ...vsphere.Ref) []vsphere.Request {
	out := make([]vsphere.Request, len(vms))
	for i, vm := range vms {
		out[i] = vsphere.Request{Kind: kind, VM: vm}
	}
	return out
}

// cloneOfLinux asks for a clone of the template of all scripts.
func cloneOfLinux(name string) vsphere.Request {
	return vsphere.Request{Kind: vsphere.OperationClone, Name: name, Clone: &vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{}, Source: linux, Folder: "group-3"}}
}

func TestEveryKindHasAVerb(t *testing.T) {
	for _, kind := range vsphere.Kinds() {
		if verbs[kind] == nil {
			t.Errorf("nobody can start %s", kind)
		}
	}
	if len(verbs) != len(vsphere.Kinds()) {
		t.Errorf("there are %d verbs for %d kinds", len(verbs), len(vsphere.Kinds()))
	}
}
