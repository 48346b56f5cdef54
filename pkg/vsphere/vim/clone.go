package vim

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/tracker"
)

// templateReadFor is how long clones may be sent by one read of their template. It is read again when to send them takes
// longer.
const templateReadFor = 2 * time.Second

// cloneBatch is the clones of one sync.
type cloneBatch struct {
	*connection
	group    vsphere.GroupID
	template vsphere.Template
	disks    []int32   // keys of the template's disks, as read
	read     time.Time // when; zero: not yet
}

// StartClones submits clones of a template that was just read.
func (v *VCenter) StartClones(ctx context.Context, g vsphere.GroupID, t vsphere.Template, clones []vsphere.Clone) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	b := &cloneBatch{connection: c, group: g, template: t}
	return tracker.EachClone(clones, func(clone vsphere.Clone) error { return b.start(ctx, clone) })
}

// start submits one clone: first its place in the budget, then the read, then the request.
func (b *cloneBatch) start(ctx context.Context, clone vsphere.Clone) error {
	v, what := b.v, "Clone VM "+clone.Name
	op := vsphere.Operation{Kind: vsphere.OperationClone, Name: clone.Name}
	id, err := v.tracker.Begin(b.group, op, clone.Spec.Revision)
	if err != nil {
		return err
	}
	if err := b.readAgain(ctx); err != nil {
		failure := v.fail("Read template "+b.template.Path, err)
		v.tracker.Refused(id, failure)
		return failure
	}
	v.pending.begin(id, clone.Spec.Folder)
	task, err := b.send(ctx, clone)
	if err != nil {
		if isGone(err, vmRef(b.template.Ref)) {
			err = v.templateChanged(b.template, nil, "it is gone")
		}
		failure := v.fail(what, err)
		v.tracker.Refused(id, failure)
		if failure.Class == vsphere.ClassUnknown {
			b.chores.wake() // looks for what has become of it
		} else {
			v.pending.end(id)
		}
		if f, ok := faultOf(err).(*types.DuplicateName); ok && f.Object.Type == "VirtualMachine" {
			b.chores.wantVerified(vsphere.Ref(f.Object.Value))
		}
		if isGone(err, folderRef(clone.Spec.Folder)) {
			v.folderGone(clone.Spec.Folder)
		}
		return failure
	}
	b.submitted(ctx, pendingTask{what: what, name: clone.Name, kind: op.Kind, id: id}, task)
	return nil
}

// readAgain reads the template, unless it was read just now.
func (b *cloneBatch) readAgain(ctx context.Context) error {
	now := b.v.cfg.Clock.Now()
	if !b.read.IsZero() && now.Sub(b.read) < templateReadFor {
		return nil
	}
	disks, err := b.readTemplate(ctx, b.template)
	if err != nil {
		return err
	}
	b.disks, b.read = disks, now
	return nil
}

// send sends the request. The stamp is part of it, so that no VM of ours ever exists without one. It takes the place of the
// one that the template may have.
func (b *cloneBatch) send(ctx context.Context, clone vsphere.Clone) (types.ManagedObjectReference, error) {
	spec, place := clone.Spec, b.place
	instance := uuid.NewString()
	stamp := vsphere.Stamp{
		Owner: b.v.cfg.Owner, UID: b.group.UID, Name: b.group.Name, Slot: spec.Slot, Revision: spec.Revision,
		Disks: b.disks, Instance: instance,
	}
	res, err := methods.CloneVM_Task(ctx, b.client, &types.CloneVM_Task{
		This: vmRef(b.template.Ref), Folder: folderRef(spec.Folder), Name: clone.Name,
		Spec: types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{
				Pool: &place.pool, Datastore: &place.datastore,
				DiskMoveType: string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndDisallowSharing),
			},
			PowerOn: spec.PowerOn,
			Config: &types.VirtualMachineConfigSpec{
				NumCPUs:      spec.CPU,
				MemoryMB:     spec.MemoryMiB,
				InstanceUuid: instance,
				ExtraConfig:  []types.BaseOptionValue{&types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}},
			},
		},
	})
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return res.Returnval, nil
}
