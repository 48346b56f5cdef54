package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// SpecOf returns the spec of the VMs of a group: all that a VM is made from.
func SpecOf(g *v1alpha1.VmGroup) vsphere.VMSpec {
	spec := vsphere.VMSpec{
		Template:  g.Spec.Template,
		Trigger:   trigger(g),
		CPU:       g.Spec.CPU,
		MemoryMiB: int64(g.Spec.Memory) * 1024,
		DiskGiB:   ptr.Deref(g.Spec.Disk, 0),
		Networks:  vsphere.JoinNICs(nicsOf(g)),
		Guest:     guestOf(g),
	}
	if clone := g.Spec.Clone; clone != nil {
		spec.Linked = ptr.Deref(clone.Mode, v1alpha1.CloneFull) == v1alpha1.CloneLinked
		spec.Snapshot = clone.Snapshot
	}
	return spec
}

func guestOf(g *v1alpha1.VmGroup) vsphere.Guest {
	if g.Spec.Guest == nil {
		return vsphere.Guest{}
	}
	guest := vsphere.Guest{HostnamePrefix: g.Spec.Guest.HostnamePrefix, Customization: g.Spec.Guest.CustomizationSpec}
	cloudInit := g.Spec.Guest.CloudInit
	if cloudInit == nil {
		return guest
	}
	guest.CloudInit, guest.SSHKeys = true, strings.Join(cloudInit.SSHAuthorizedKeys, "\n")
	if ref := cloudInit.UserDataSecretRef; ref != nil {
		guest.Secret, guest.Key = ref.Name, cmp.Or(ref.Key, v1alpha1.DefaultUserDataKey)
	}
	return guest
}

func trigger(g *v1alpha1.VmGroup) string {
	if g.Spec.Update == nil {
		return ""
	}
	return g.Spec.Update.Trigger
}

// target is the spec that VMs of a group are compared with.
type target struct {
	vsphere.VMSpec
	revisions vsphere.Revisions
}

func targetOf(g *v1alpha1.VmGroup) target {
	spec := SpecOf(g)
	return target{spec, spec.Revisions()}
}

// drift says how a VM of ours differs from one made now. The status tells it, and nothing undoes it. In order:
//
//  1. a newer controller has made it: nobody can tell
//  2. another spec was its base
//  3. it has another size: somebody has edited the spec, or the VM
func (t target) drift(vm *vsphere.VM) string {
	switch t.revisions.AgeOf(vm) {
	case vsphere.AgeUnknown:
		return "made by a newer version of the controller: whether from the present spec cannot be told"
	case vsphere.Old:
		return "made from an earlier spec"
	case vsphere.Current:
		if !t.SizeOf(vm) {
			return "not of the size in the spec: " + t.difference(vm)
		}
	}
	return ""
}

// difference says which size a VM has, and which it should have.
func (t target) difference(vm *vsphere.VM) string {
	if vsphere.CompareDisk(vm, t.DiskGiB) == 0 {
		return fmt.Sprintf("it has %d CPUs and %d MiB instead of %d and %d", vm.CPU, vm.MemoryMiB, t.CPU, t.MemoryMiB)
	}
	return fmt.Sprintf("it has %d CPUs, %d MiB and a disk of %s instead of %d, %d and %d GiB",
		vm.CPU, vm.MemoryMiB, vsphere.DiskSize(vm.DiskBytes), t.CPU, t.MemoryMiB, t.DiskGiB)
}

// DisksToRead returns the VMs of a group whose disks are to be read because the spec says how large they are, and that is not known
// yet: all of ours that vCenter can read, and that are not being cloned.
func DisksToRead(g *v1alpha1.VmGroup, s vsphere.Snapshot) []vsphere.Ref {
	if g.Spec.Disk == nil {
		return nil
	}
	cloning := func(vm *vsphere.VM) bool {
		return slices.ContainsFunc(s.Operations, func(op vsphere.Operation) bool {
			return op.Kind.Makes() && (op.VM == vm.Ref || op.Name == vm.Name)
		})
	}
	var refs []vsphere.Ref
	for _, vm := range s.VMs {
		readable := vm.Connection == vsphere.Connected && !vm.Unreadable
		if vm.DiskBytes == 0 && readable && vsphere.Identify(s.Owner, string(g.UID), *vm) == vsphere.Ours && !cloning(vm) {
			refs = append(refs, vm.Ref)
		}
	}
	return refs
}

// sizeUnknown reports whether the spec says how large a VM's disk is, and nobody knows how large it is. It counts as equal.
func (t target) sizeUnknown(vm *vsphere.VM) bool { return t.DiskGiB != 0 && vm.DiskBytes == 0 }
