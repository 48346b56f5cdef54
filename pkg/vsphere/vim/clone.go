package vim

import (
	"context"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// StartClone submits one clone with a fresh stamp and instance.
func (v *VCenter) StartClone(ctx context.Context, g vsphere.GroupID, name string, spec vsphere.CloneSpec) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	what := "Clone VM " + name
	op := vsphere.Operation{Kind: vsphere.OperationClone, Name: name}
	id, err := v.tracker.Begin(g, op, spec.Revision)
	if err != nil {
		return err
	}
	v.pending.begin(id, spec.Folder)
	task, err := c.clone(ctx, g, name, spec)
	if err != nil {
		failure := v.fail(what, err)
		v.tracker.Refused(id, failure)
		if failure.Class == vsphere.ClassUnknown {
			c.chores.wake() // looks for what has become of it
		} else {
			v.pending.end(id)
		}
		if f, ok := faultOf(err).(*types.DuplicateName); ok && f.Object.Type == "VirtualMachine" {
			c.chores.wantVerified(vsphere.Ref(f.Object.Value))
		}
		if isGone(err, folderRef(spec.Folder)) {
			v.folderGone(spec.Folder)
		}
		return failure
	}
	c.submitted(ctx, pendingTask{what: what, name: name, kind: op.Kind, id: id}, task)
	return nil
}

// clone sends the request. The stamp is part of it, so that no VM of ours ever exists without one.
func (c *connection) clone(
	ctx context.Context, g vsphere.GroupID, name string, spec vsphere.CloneSpec,
) (types.ManagedObjectReference, error) {
	disks, err := c.diskKeys(ctx, spec.Template)
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	instance := uuid.NewString()
	stamp := vsphere.Stamp{
		Owner: c.v.cfg.Owner, UID: g.UID, Name: g.Name, Slot: spec.Slot, Revision: spec.Revision,
		Disks: disks, Instance: instance,
	}
	res, err := methods.CloneVM_Task(ctx, c.client, &types.CloneVM_Task{
		This: vmRef(spec.Template), Folder: folderRef(spec.Folder), Name: name,
		Spec: types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{
				Pool: &c.place.pool, Datastore: &c.place.datastore,
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
