package fake

import (
	"context"
	"errors"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// EnsureFolder implements vsphere.Interface.
func (c *Client) EnsureFolder(_ context.Context, g vsphere.GroupID) (vsphere.Ref, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.write(); err != nil {
		return "", err
	}
	path := c.folderPath(g)
	if f := c.vc.find(path); f != nil {
		return f.ref, nil
	}
	call := Call{Method: EnsureFolder, Owner: c.cfg.Owner, Group: g, Name: trim(path)}
	fault, faulted := c.vc.fault(EnsureFolder, path, trim(path))
	if faulted && !fault.Lost {
		call.Err = fault.Err
		c.vc.calls = append(c.vc.calls, call)
		return "", fault.Err
	}
	f := c.vc.makeFolders(path)
	c.outbox.Notify(g)
	call.Ref = f.ref
	if faulted {
		call.Err = errLost(EnsureFolder)
	}
	c.vc.calls = append(c.vc.calls, call)
	if faulted {
		return "", call.Err
	}
	return f.ref, nil
}

// verbs start the requests of one kind.
var verbs = map[vsphere.OperationKind]func(*Client, vsphere.GroupID, []vsphere.Request) error{
	vsphere.OperationClone:       each((*Client).startClone),
	vsphere.OperationPowerOn:     each((*Client).startPower),
	vsphere.OperationConfigure:   each((*Client).startConfigure),
	vsphere.OperationReset:       each((*Client).startPower),
	vsphere.OperationReconfigure: each((*Client).startReconfigure),
	vsphere.OperationShutdown:    each((*Client).startShutdown),
	vsphere.OperationPowerOff:    each((*Client).startPower),
	vsphere.OperationDestroy:     (*Client).startDestroys,
}

func each(start func(*Client, vsphere.GroupID, vsphere.Request) error) func(*Client, vsphere.GroupID, []vsphere.Request) error {
	return func(c *Client, g vsphere.GroupID, batch []vsphere.Request) error {
		return operations.Each(batch, func(r vsphere.Request) error { return start(c, g, r) })
	}
}

// Admit implements vsphere.Interface.
func (c *Client) Admit(g vsphere.GroupID, requests []vsphere.Request) []vsphere.Request {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	return c.tracker.Admit(g, requests)
}

// Start implements vsphere.Interface.
func (c *Client) Start(_ context.Context, g vsphere.GroupID, requests []vsphere.Request) error {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	return operations.EachBatch(requests, func(kind vsphere.KindInfo, batch []vsphere.Request) error {
		if err := c.write(); err != nil {
			return err
		}
		return verbs[kind.Kind](c, g, batch)
	})
}

func (c *Client) startClone(g vsphere.GroupID, r vsphere.Request) error {
	spec := *r.Clone
	zone, gone := c.zoneAt(spec.Place)
	if gone != nil {
		return gone
	}
	networks, gone := c.connected(spec)
	if gone != nil {
		return gone
	}
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return err
	}
	if err := c.recheck(spec.Source); err != nil {
		c.tracker.Refused(id, err)
		return err
	}
	template := c.vc.machines[spec.Source.Ref]
	if err := refuseDisk(template, spec.DiskGiB); err != nil {
		c.tracker.Refused(id, err)
		return err
	}
	from, refusal := originOf(template, *spec.VMSpec)
	if refusal == nil {
		refusal = c.vc.refuseCustomization(r)
	}
	if refusal != nil {
		c.tracker.Refused(id, refusal)
		return refusal
	}
	store, refusal := c.vc.storage.choose(zone, spec.Linked)
	if refusal != nil {
		c.tracker.Refused(id, refusal)
		return refusal
	}
	return c.send(id, g, r, func() (vsphere.Ref, *vsphere.Error) {
		if c.vc.folders[spec.Folder] == nil {
			return "", faultError(vsphere.ClassConflict, "ManagedObjectNotFound", "folder %s does not exist", spec.Folder)
		}
		if m := c.vc.child(spec.Folder, r.Name); m != nil {
			err := faultError(vsphere.ClassConflict, "DuplicateName", "%s has the name %s already", m.Ref, r.Name)
			err.Reason = vsphere.ReasonNameTaken
			return "", err
		}
		host, err := c.vc.hostFor(spec, zone.Cluster)
		if err != nil {
			return "", err
		}
		for _, network := range networks {
			if !slices.Contains(c.vc.networks[zone.Cluster], network) {
				return "", faultError(vsphere.ClassInvalid, "InvalidDeviceBacking", "the host has no network %q", network)
			}
		}
		ref := c.clone(g, r.Name, host, store, spec, template, from)
		c.vc.machines[ref].policy = zone.StoragePolicy
		if len(networks) > 0 {
			c.vc.machines[ref].networks = networks
		}
		if err := c.vc.customize(c.vc.machines[ref], r); err != nil {
			c.vc.changed(c.vc.machines[ref])
			return "", err
		}
		return ref, nil
	})
}

// clone makes a VM as a clone task does, of a template as it is, or as it was at a snapshot.
func (c *Client) clone(g vsphere.GroupID, name, host, store string, spec vsphere.CloneSpec, template *machine, from snapshot) vsphere.Ref {
	instance := c.vc.newInstance()
	stamp := spec.Stamp(c.cfg.Owner, g, keysOf(from.disks), instance)
	vm := vsphere.VM{
		Name: name, Parent: spec.Folder, Configured: true,
		CPU: spec.CPU, MemoryMiB: spec.MemoryMiB, DiskBytes: from.diskBytes, InstanceUUID: instance,
		CPUHotAdd: template.CPUHotAdd, MemoryHotAdd: template.MemoryHotAdd,
		MemoryHotAddLimitMiB: template.MemoryHotAddLimitMiB, MemoryHotAddIncrementMiB: template.MemoryHotAddIncrementMiB,
		Power: vsphere.PoweredOff, Connection: vsphere.Connected, Host: host,
		Stamp: &stamp,
	}
	if spec.DiskGiB != 0 {
		vm.DiskBytes = vsphere.GiB(spec.DiskGiB)
	}
	if spec.PowerOn {
		vm.Power = vsphere.PoweredOn
	}
	if !spec.Linked {
		return c.vc.addMachineOn(store, vm, from.disks).Ref
	}
	vm.Stamp.Base = from.base()
	return c.vc.addLinked(store, vm, from.disks).Ref
}

func (c *Client) startDestroys(g vsphere.GroupID, batch []vsphere.Request) error {
	var failure error
	for _, r := range batch {
		err := c.startDestroy(g, r)
		if severity(err) > severity(failure) {
			failure = err
		}
		if errors.Is(err, vsphere.ErrNoBudget) {
			break
		}
	}
	return failure
}

func (c *Client) startDestroy(g vsphere.GroupID, r vsphere.Request) error {
	id, err := c.tracker.Begin(g, r)
	if err != nil {
		return err // it is not looked at before it is its turn
	}
	m := c.vc.machines[r.VM]
	if m == nil {
		c.tracker.Withdraw(id, nil)
		c.tracker.Gone(r.VM)
		return nil
	}
	if err := c.refusal(g, m); err != nil {
		c.tracker.Withdraw(id, err)
		return err
	}
	return c.send(id, g, r, func() (vsphere.Ref, *vsphere.Error) {
		if m.Power != vsphere.PoweredOff {
			return "", faultError(vsphere.ClassConflict, "InvalidPowerState", "%s is %s", m.Name, m.Power)
		}
		c.vc.deleteFiles(m)
		c.vc.remove(m)
		c.absences.Dismiss(m.Ref) // by our own hand
		return "", nil
	})
}

// refusal says why a VM must not be destroyed, or is nil.
func (c *Client) refusal(g vsphere.GroupID, m *machine) *vsphere.Error {
	if err := c.refuseChange(g, m); err != nil {
		return err
	}
	if m.Power != vsphere.PoweredOff {
		return newError(vsphere.ClassConflict, vsphere.ReasonPoweredOn, "%s is %s", m.Name, m.Power)
	}
	return refuseDisks(m)
}

// refuseChange says why nothing must be done to a VM that is read live, or is nil.
func (c *Client) refuseChange(g vsphere.GroupID, m *machine) *vsphere.Error {
	identity := vsphere.Identify(c.cfg.Owner, g.UID, m.VM)
	switch {
	case m.Unreadable:
		return newError(vsphere.ClassTransient, v1alpha1.ReasonVMUnreachable, "%s cannot be read", m.Ref)
	case identity != vsphere.Ours:
		return errNotOurs(m, identity)
	case !c.underRoot(m):
		return errOutside(m)
	case m.Connection != vsphere.Connected:
		return newError(vsphere.ClassTransient, v1alpha1.ReasonVMUnreachable, "%s is %s", m.Name, m.Connection)
	default:
		return nil
	}
}

func errNotOurs(m *machine, identity vsphere.Identity) *vsphere.Error {
	return newError(vsphere.ClassConflict, v1alpha1.ReasonNotOurs, "%s is not ours but %s", m.Name, identity)
}

func errOutside(m *machine) *vsphere.Error {
	return newError(vsphere.ClassConflict, v1alpha1.ReasonVMOutsideRoot, "%s lies outside the root folder", m.Name)
}

// Cancel implements vsphere.Interface. It is recorded and has no effect: a test ends the task as it likes.
func (c *Client) Cancel(_ context.Context, op vsphere.Operation) error {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.write(); err != nil {
		return err
	}
	if f, ok := c.vc.fault(Cancel, op.Name, string(op.VM)); ok {
		return f.Err
	}
	c.vc.cancel(c, vsphere.GroupID{}, op)
	c.tracker.Cancelled(op.Task)
	return nil
}

// RemoveFolder implements vsphere.Interface.
func (c *Client) RemoveFolder(_ context.Context, g vsphere.GroupID, ref vsphere.Ref) error {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.write(); err != nil {
		return err
	}
	return c.request(g, string(RemoveFolder)+string(ref), func() error { return c.removeFolder(g, ref) })
}

func (c *Client) removeFolder(g vsphere.GroupID, ref vsphere.Ref) error {
	if err := c.write(); err != nil { // it may have waited since it was asked
		return err
	}
	f := c.vc.folders[ref]
	if f == nil {
		return nil
	}
	path := c.vc.path(ref)
	if c.depth(ref) < 2 { // never the root, a namespace, or what is not below the root
		return newError(vsphere.ClassInvalid, v1alpha1.ReasonNotOurs, "%s is not the folder of a VmGroup", path)
	}
	if c.vc.children(ref) > 0 {
		return newError(vsphere.ClassConflict, v1alpha1.ReasonFolderNotEmpty, "%s is not empty", path)
	}
	call := Call{Method: RemoveFolder, Owner: c.cfg.Owner, Group: g, Name: trim(path), Ref: ref}
	fault, faulted := c.vc.fault(RemoveFolder, path, trim(path), string(ref))
	if !faulted || fault.Lost {
		delete(c.vc.folders, ref)
		c.outbox.Notify(g)
	}
	switch {
	case faulted && fault.Lost:
		call.Err = errLost(RemoveFolder)
	case faulted:
		call.Err = fault.Err
	}
	c.vc.calls = append(c.vc.calls, call)
	return call.Err
}

// callOf is the call that a request becomes.
func (c *Client) callOf(g vsphere.GroupID, r vsphere.Request) Call {
	call := Call{Method: methodOf(r.Kind), Owner: c.cfg.Owner, Group: g, Name: r.Name, Ref: r.VM}
	if r.Clone != nil {
		call.Spec = *r.Clone
	}
	if r.Resize != nil {
		call.Resize = *r.Resize
	}
	if m := c.vc.machines[r.VM]; m != nil {
		call.Name = m.Name
	}
	return call
}

// send sends a request that has its place in the budget: it meets its fault, and makes a task.
func (c *Client) send(id operations.ID, g vsphere.GroupID, r vsphere.Request, run func() (vsphere.Ref, *vsphere.Error)) error {
	call := c.callOf(g, r)
	fault, faulted := c.vc.fault(call.Method, call.Name, string(r.VM))
	taken := !faulted || fault.Task || fault.Lost
	if taken {
		t := &task{Task: Task{Ref: c.vc.newRef("task"), Kind: r.Kind, Group: g, Name: r.Name, VM: r.VM}, run: run}
		if fault.Task {
			t.fails = fault.Err
		}
		c.vc.tasks = append(c.vc.tasks, t)
		call.Task = t.Ref
	}
	switch {
	case faulted && fault.Lost:
		lost := errLost(call.Method)
		c.tracker.Refused(id, lost)
		call.Err = lost
	case taken:
		c.tracker.Submitted(id, call.Task)
	default:
		c.tracker.Refused(id, fault.Err)
		call.Err = fault.Err
	}
	c.vc.calls = append(c.vc.calls, call)
	c.vc.settle()
	return call.Err
}
