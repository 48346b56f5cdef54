package vim

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// cloneBatch is the clones of one call.
type cloneBatch struct {
	*connection
	group vsphere.GroupID
	read  templateRead
	// customizations are the specifications that were read for this call, by name.
	customizations map[string]types.CustomizationSpec
}

// startClones submits clones of a template that was just read.
func (c *connection) startClones(ctx context.Context, g vsphere.GroupID, batch []vsphere.Request) error {
	b := &cloneBatch{connection: c, group: g, read: c.reads.take(g, batch[0].Clone.Source), customizations: map[string]types.CustomizationSpec{}}
	err := operations.Each(batch, func(r vsphere.Request) error { return b.start(ctx, r) })
	if errors.Is(err, vsphere.ErrNoBudget) {
		c.reads.keep(g, b.read)
	}
	return err
}

// start submits one clone: first where it goes, then its place in the budget, then the read, then the request.
func (b *cloneBatch) start(ctx context.Context, r vsphere.Request) error {
	what, spec := "Clone VM "+r.Name, r.Clone
	place, err := b.placeOf(spec.Place)
	if err != nil { // it says what is wrong with the zone, and no attempt was made
		return err
	}
	backings, err := b.backingsOf(spec)
	if err != nil {
		return err
	}
	id, err := b.tracker.Begin(b.group, r)
	if err != nil {
		return err
	}
	if err := b.readAgain(ctx, spec.Source, originOf(*spec.VMSpec)); err != nil {
		failure := b.failReading("Read template "+spec.Source.Path, err)
		b.tracker.Refused(id, failure)
		return failure
	}
	if refusal := refuseDisk(spec.Source.Path, b.read.first, spec.DiskGiB); refusal != nil {
		b.tracker.Refused(id, refusal)
		return refusal
	}
	custom, err := b.customization(ctx, r)
	if err != nil {
		return b.refuse(id, spec, err, b.failReading("Customize VM "+r.Name, b.meant(spec, err)))
	}
	store, err := b.chooseStore(ctx, r.Name, spec, place)
	if err != nil {
		return b.refuse(id, spec, err, b.failReading("Choose a datastore for VM "+r.Name, b.meant(spec, err)))
	}
	b.pending.begin(id, spec.Folder)
	task, err := b.send(ctx, r, cloneTarget{place, store}, backings, custom)
	if err != nil {
		failure := b.refuse(id, spec, err, b.fail(what, b.meant(spec, err)))
		if failure.Class == vsphere.ClassUnknown {
			b.queue.wake() // looks for what has become of it
		} else {
			b.pending.end(id)
		}
		if f, ok := faultOf(err).(*types.DuplicateName); ok && f.Object.Type == "VirtualMachine" {
			b.queue.addVMs(vsphere.Ref(f.Object.Value))
		}
		return failure
	}
	b.submitted(ctx, pendingTask{what: what, name: r.Name, kind: r.Kind, id: id}, task)
	return nil
}

// customization returns how vCenter is to customize a clone, nil if it is not.
func (b *cloneBatch) customization(ctx context.Context, r vsphere.Request) (*types.CustomizationSpec, error) {
	if r.Guest == nil {
		return nil, nil
	}
	name := r.Guest.Customization
	stored, ok := b.customizations[name]
	if !ok {
		var err error
		if stored, err = b.readCustomizationSpec(ctx, name); err != nil {
			return nil, err
		}
		b.customizations[name] = stored
	}
	cards := len(b.read.cards)
	if nics := r.Clone.NICs(); len(nics) > 0 {
		cards = len(nics)
	}
	return customized(stored, cards, *r.Guest)
}

// meant returns what an answer of vCenter says of the template, or the answer itself if it is about something else.
func (b *cloneBatch) meant(spec *vsphere.CloneSpec, err error) error {
	switch snapshot := b.read.snapshot; {
	case isGone(err, vmRef(spec.Source.Ref)):
		return b.templateChanged(spec.Source, nil, "it is gone")
	case snapshot != nil && isGone(err, *snapshot):
		return errSnapshotGone(spec.Source)
	}
	return err
}

// refuse ends a clone that vCenter has not taken, and looks at what its answer says is gone.
func (b *cloneBatch) refuse(id operations.ID, spec *vsphere.CloneSpec, err error, failure *vsphere.Error) *vsphere.Error {
	b.tracker.Refused(id, failure)
	if isGone(err, folderRef(spec.Folder)) {
		b.folderGone(spec.Folder)
	}
	return failure
}

// readAgain reads the template, unless it was read just now, and for clones of the same origin.
func (b *cloneBatch) readAgain(ctx context.Context, t vsphere.Template, of origin) error {
	now := b.cfg.Clock.Now()
	if b.read.template == t && b.read.origin == of && !b.read.at.IsZero() && now.Sub(b.read.at) < templateReadFor {
		return nil
	}
	read, err := b.readTemplate(ctx, t, of)
	if err != nil {
		return err
	}
	b.read = read
	b.read.at = now // before it was read
	return nil
}

// cloneTarget is where one clone goes.
type cloneTarget struct {
	placement
	store types.ManagedObjectReference
}

// moveOf says how the disks of a template are copied.
func moveOf(spec *vsphere.CloneSpec) types.VirtualMachineRelocateDiskMoveOptions {
	if spec.Linked {
		return types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking
	}
	return types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndDisallowSharing
}

// send sends the request. The stamp is part of it, so that no VM of ours ever exists without one. It takes the place of the
// one that the template may have.
func (b *cloneBatch) send(
	ctx context.Context, r vsphere.Request, to cloneTarget, backings []types.BaseVirtualDeviceBackingInfo, custom *types.CustomizationSpec,
) (types.ManagedObjectReference, error) {
	spec := r.Clone
	instance := uuid.NewString()
	stamp := spec.Stamp(b.cfg.Owner, b.group, b.read.disks, instance)
	stamp.Base = b.read.base
	var host *types.ManagedObjectReference
	if spec.Host != "" {
		host = &types.ManagedObjectReference{Type: "HostSystem", Value: string(spec.Host)}
	}
	devices := connected(b.read.cards, backings)
	if spec.DiskGiB != 0 && capacityOf(b.read.first) != vsphere.GiB(spec.DiskGiB) {
		devices = append(devices, resized(b.read.first, spec.DiskGiB))
	}
	res, err := methods.CloneVM_Task(ctx, b.client, &types.CloneVM_Task{
		This: vmRef(spec.Source.Ref), Folder: folderRef(spec.Folder), Name: vsphere.EscapeName(r.Name),
		Spec: types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{
				Pool: &to.pool, Datastore: &to.store, Host: host, DiskMoveType: string(moveOf(spec)),
				Profile: to.profile(), Disk: to.diskLocators(b.read.disks, to.store, moveOf(spec)),
			},
			Snapshot:      b.read.snapshot,
			Customization: custom,
			PowerOn:       spec.PowerOn,
			Config: &types.VirtualMachineConfigSpec{
				NumCPUs:           spec.CPU,
				NumCoresPerSocket: otherCores(b.read.cores, spec.CPU),
				MemoryMB:          spec.MemoryMiB,
				InstanceUuid:      instance,
				DeviceChange:      devices,
				ExtraConfig: []types.BaseOptionValue{
					&types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()},
					// What the guest of the template has said of itself is not true of the clone. Empty takes the key away.
					&types.OptionValue{Key: vsphere.ReadyKey, Value: ""},
				},
			},
		},
	})
	if err != nil {
		return types.ManagedObjectReference{}, err
	}
	return res.Returnval, nil
}
