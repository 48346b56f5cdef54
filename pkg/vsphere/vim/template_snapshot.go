package vim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// origin is what of a template VMs are cloned from: the template as it is now, or, if they are linked clones, a snapshot of it.
type origin struct {
	linked   bool
	snapshot string // its name; empty: the current one
}

func originOf(spec vsphere.VMSpec) origin {
	if !spec.Linked {
		return origin{}
	}
	return origin{linked: true, snapshot: spec.Snapshot}
}

// readSnapshot reads the devices that linked clones of a template are born with. props are what was just read of the template.
//
// They are those of the snapshot (VirtualMachineSnapshot.config), and not the template's own: a clone of a snapshot has the virtual
// hardware that the source had when the snapshot was taken (API reference, VirtualMachineCloneSpec.snapshot). A template may have
// been given other disks and network cards since.
func (c *connection) readSnapshot(ctx context.Context, t vsphere.Template, of origin, props properties) (templateRead, error) {
	nothing := templateRead{}
	ref, refusal := chooseSnapshot(t.Path, props, of.snapshot)
	if refusal != nil {
		return nothing, refusal
	}
	o, err := c.retrieveOne(ctx, ref, propDevices, propCores)
	switch {
	case isGone(err, ref):
		return nothing, errSnapshotGone(t)
	case err != nil:
		return nothing, err
	case !o.props.showsDisks():
		return nothing, errDisksHidden
	}
	read := o.props.hardware()
	for _, disk := range o.props.disks() {
		files := chainOf(disk.Backing)
		if len(files) == 0 { // nobody could tell later which files are the template's
			return nothing, errDisksHidden
		}
		read.base = append(read.base, files[0].String())
	}
	read.snapshot = &ref
	return read, nil
}

// errSnapshotGone means that a snapshot went between two calls. The next read of the template tells what there is instead.
func errSnapshotGone(t vsphere.Template) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
		Message: fmt.Sprintf("A snapshot of template %s has just gone. The template is read again.", t.Path),
	}
}

// chooseSnapshot returns the snapshot of a template that has a name, or the current one if the name is empty. There must be exactly
// one. Names are compared exactly. They are not escaped, as those of what is in the inventory are.
func chooseSnapshot(template string, props properties, name string) (types.ManagedObjectReference, *vsphere.Error) {
	info, _ := props[propSnapshot].(types.VirtualMachineSnapshotInfo)
	all := snapshotTrees(info)
	named := slices.DeleteFunc(slices.Clone(all), func(s types.VirtualMachineSnapshotTree) bool { return s.Name != name })
	var message string
	switch {
	case name == "" && info.CurrentSnapshot != nil:
		return *info.CurrentSnapshot, nil
	case name != "" && len(named) == 1:
		return named[0].Snapshot, nil
	case len(all) == 0:
		message = fmt.Sprintf("Template %s has no snapshot%s, and linked clones need one. Take a snapshot of the template in vCenter, or set spec.clone.mode to Full.",
			template, quoted(name))
	case name == "":
		message = fmt.Sprintf("Template %s has no current snapshot. Name one in spec.clone.snapshot: there is %s.", template, snapshotList(all))
	case len(named) == 0:
		message = fmt.Sprintf("Template %s has no snapshot%s, which spec.clone.snapshot names: there is %s. Correct the name, or take that snapshot in vCenter.",
			template, quoted(name), snapshotList(all))
	default:
		message = fmt.Sprintf("Template %s has several snapshots%s, which spec.clone.snapshot names: %s. Rename all but one of them in vCenter, or name another.",
			template, quoted(name), snapshotList(named))
	}
	return types.ManagedObjectReference{}, templateError(v1alpha1.ReasonSnapshotNotFound, message)
}

// quoted returns a name as it stands behind what it is the name of.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}

// snapshotList lists snapshots for people, each with the time when it was taken: of several with one name, that tells which is which.
func snapshotList(snapshots []types.VirtualMachineSnapshotTree) string {
	var texts []string
	for _, s := range snapshots[:min(len(snapshots), maxListed)] {
		texts = append(texts, fmt.Sprintf("%q (taken %s)", s.Name, s.CreateTime.UTC().Format(time.RFC3339)))
	}
	if n := len(snapshots) - maxListed; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, ", ")
}

// snapshotTrees returns all snapshots of a VM, in no order that means anything.
func snapshotTrees(info types.VirtualMachineSnapshotInfo) []types.VirtualMachineSnapshotTree {
	var all []types.VirtualMachineSnapshotTree
	for trees := info.RootSnapshotList; len(trees) > 0; trees = trees[1:] {
		all = append(all, trees[0])
		trees = append(slices.Clip(trees), trees[0].ChildSnapshotList...)
	}
	return all
}
