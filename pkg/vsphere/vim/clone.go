package vim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// templateReadFor is how long clones may be sent by one read of their template. It is read again when to send them takes
// longer.
const templateReadFor = 2 * time.Second

// templateRead is what a template was when it was read.
type templateRead struct {
	template vsphere.Template
	disks    []int32   // keys of its disks
	at       time.Time // zero: not yet
}

// templateReads are the reads of groups that had to wait for a turn in the middle of their clones. A large group gets its
// turns a few at a time, many of them in a second, and each would cost a read.
type templateReads struct {
	mu      sync.Mutex
	byGroup map[string]templateRead // by UID
}

// keep remembers a read for the rest of a group's clones.
func (r *templateReads) keep(g vsphere.GroupID, read templateRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byGroup == nil {
		r.byGroup = map[string]templateRead{}
	}
	r.byGroup[g.UID] = read
}

// take returns what was kept for the rest of a group's clones, if that is of the same template.
func (r *templateReads) take(g vsphere.GroupID, t vsphere.Template) templateRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	read := r.byGroup[g.UID]
	delete(r.byGroup, g.UID)
	if read.template != t {
		return templateRead{template: t}
	}
	return read
}

// forget drops all: a template is not what it was.
func (r *templateReads) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byGroup = nil
}

// cloneBatch is the clones of one sync.
type cloneBatch struct {
	*connection
	group    vsphere.GroupID
	template vsphere.Template
	read     templateRead
}

// StartClones submits clones of a template that was just read.
func (v *VCenter) StartClones(ctx context.Context, g vsphere.GroupID, t vsphere.Template, clones []vsphere.Clone) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	if err := v.inv.placementError(); err != nil {
		return err
	}
	b := &cloneBatch{connection: c, group: g, template: t, read: v.reads.take(g, t)}
	err = operations.EachClone(clones, func(clone vsphere.Clone) error { return b.start(ctx, clone) })
	if errors.Is(err, vsphere.ErrNoBudget) {
		v.reads.keep(g, b.read)
	}
	return err
}

// start submits one clone: first its place in the budget, then the read, then the request.
func (b *cloneBatch) start(ctx context.Context, clone vsphere.Clone) error {
	v, what := b.v, "Clone VM "+clone.Name
	op := vsphere.Operation{Kind: vsphere.OperationClone, Name: clone.Name, Host: clone.Spec.Host}
	id, err := v.tracker.Begin(b.group, op, clone.Spec.Hash())
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
	if !b.read.at.IsZero() && now.Sub(b.read.at) < templateReadFor {
		return nil
	}
	disks, err := b.readTemplate(ctx, b.template)
	if err != nil {
		return err
	}
	b.read = templateRead{b.template, disks, now}
	return nil
}

// send sends the request. The stamp is part of it, so that no VM of ours ever exists without one. It takes the place of the
// one that the template may have.
func (b *cloneBatch) send(ctx context.Context, clone vsphere.Clone) (types.ManagedObjectReference, error) {
	spec, place := clone.Spec, b.placement
	instance := uuid.NewString()
	stamp := vsphere.Stamp{
		Version: vsphere.StampVersion, Owner: b.v.cfg.Owner, UID: b.group.UID, Namespace: b.group.Namespace, Name: b.group.Name,
		Slot: spec.Slot, Revision: spec.Revision(), Disks: b.read.disks, Instance: instance,
	}
	var host *types.ManagedObjectReference
	if spec.Host != "" {
		host = &types.ManagedObjectReference{Type: "HostSystem", Value: string(spec.Host)}
	}
	res, err := methods.CloneVM_Task(ctx, b.client, &types.CloneVM_Task{
		This: vmRef(b.template.Ref), Folder: folderRef(spec.Folder), Name: vsphere.EscapeName(clone.Name),
		Spec: types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{
				Pool: &place.pool, Datastore: &place.datastore, Host: host,
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
