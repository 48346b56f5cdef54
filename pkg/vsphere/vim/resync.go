package vim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

func (c *connection) nextResync() clock.Timer {
	d := c.cfg.ResyncPeriod
	return c.cfg.Clock.NewTimer(d + rand.N(d/10+time.Nanosecond))
}

// reread makes up for updates that were lost on their way: it reads all that the filters select.
func (c *connection) reread(ctx context.Context) error {
	if err := c.rereadTasks(ctx); err != nil {
		return fmt.Errorf("read the tasks in flight again: %w", err)
	}
	if err := c.rereadVMs(ctx); err != nil {
		return fmt.Errorf("read the VMs again: %w", err)
	}
	if err := c.rereadDisks(ctx); err != nil {
		return fmt.Errorf("read the disks again: %w", err)
	}
	if err := c.rereadAround(ctx); err != nil {
		return fmt.Errorf("read folders and templates again: %w", err)
	}
	return c.rereadHosts(ctx)
}

// rereadTasks looks for the end of the tasks in flight. One that can be read no more has ended somehow.
func (c *connection) rereadTasks(ctx context.Context) error {
	var tasks []types.ManagedObjectReference
	for _, task := range c.tracker.Tasks() {
		tasks = append(tasks, taskRef(task))
	}
	if len(tasks) == 0 {
		return nil
	}
	readings, err := c.readEach(ctx, tasks, taskProps()...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for task, r := range readings {
		switch {
		case r.gone:
			c.taskLost(vsphere.Ref(task.Value))
		case hasEnded(r.props): // what it was doing before is of no interest
			changes := object{props: r.props}.changes()
			c.applyTask(types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: task, ChangeSet: changes}, &ch)
		}
	}
	c.publish(&ch)
	return nil
}

// rereadVMs reads the VMs below the root, and those of ours elsewhere.
func (c *connection) rereadVMs(ctx context.Context) error {
	c.mu.Lock()
	views := []types.ManagedObjectReference{c.outsideView}
	if c.watchedRoot != "" {
		views = append(views, c.rootView)
	}
	c.mu.Unlock()
	var specs []types.PropertyFilterSpec
	for _, view := range views {
		specs = append(specs, readView(view, propSpec("VirtualMachine", c.vmProps()...)))
	}
	asked := c.inv.VMsVersion()
	objects, err := c.retrieve(ctx, specs...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	for _, o := range objects {
		c.inv.Refresh(vsphere.Ref(o.ref.Value), o.update(c.vmProps()), asked, &ch)
	}
	c.queue.addHosts(ch.Hosts...)
	c.queue.addFolders(c.inv.FoldersOutsideTree()...)
	c.publish(&ch)
	return nil
}

// rereadAround reads the folders, and the VMs below the template folders.
func (c *connection) rereadAround(ctx context.Context) error {
	specs := []types.PropertyFilterSpec{readView(c.folderView, folderProps()...)}
	c.mu.Lock()
	for _, view := range c.templateViews {
		specs = append(specs, readView(view, propSpec("VirtualMachine", templateProps()...)))
	}
	c.mu.Unlock()
	asked := c.inv.TreeVersion()
	objects, err := c.retrieve(ctx, specs...)
	if err != nil {
		return err
	}
	var ch inventory.Changes
	folders, templates := treeOf(objects)
	missing, changed := c.inv.RefreshTree(folders, templates, asked, &ch)
	if changed {
		c.notifyLookups(&ch)
	}
	c.publish(&ch)
	if c.rootChanged() || c.templatesLost() {
		c.lost(errRewatch)
		return nil
	}
	if len(missing) == 0 {
		return nil
	}
	return c.verifyFolders(ctx, missing)
}

// treeOf decodes what was read of folders, and of the VMs below the template folders.
func treeOf(objects []object) (folders []inventory.FolderRead, templates map[vsphere.Ref]inventory.Update) {
	templates = map[vsphere.Ref]inventory.Update{}
	for _, o := range objects {
		ref := vsphere.Ref(o.ref.Value)
		if o.ref.Type == "VirtualMachine" {
			templates[ref] = o.update(templateProps())
			continue
		}
		folders = append(folders, inventory.FolderRead{Ref: ref, FolderUpdate: folderUpdate(o.changes())})
	}
	return folders, templates
}

// sweepNext sweeps, and notifies those that wait for it.
func (c *connection) sweepNext(ctx context.Context) error { return c.endSweep(ctx, c.beginSweep(ctx)) }

// begunSweep is a sweep that has read, and not taken over what it has read.
type begunSweep struct {
	number int
	began  time.Time
	read   swept
	err    error
}

func (c *connection) beginSweep(ctx context.Context) begunSweep {
	s := begunSweep{number: c.sweeps.begin(), began: time.Now()}
	s.read, s.err = c.readSweep(ctx)
	return s
}

func (c *connection) endSweep(ctx context.Context, s begunSweep) error {
	err := s.err
	if err == nil {
		err = c.applySweep(ctx, s.read)
	}
	if err != nil && ctx.Err() != nil {
		return err // the next connection sweeps first of all
	}
	var failure *vsphere.Error
	if err != nil {
		failure = c.fail("Read the stamps of all VMs", err)
	}
	for _, g := range c.sweeps.end(s.number, s.began, time.Now(), failure) {
		c.cfg.Notifier.Notify(g)
	}
	return err
}

// resync reads everything at the period, and up to a tenth of it later. It sweeps whenever a group waits for a sweep.
func (c *connection) resync(ctx context.Context) {
	timer := c.nextResync()
	defer func() { timer.Stop() }()
	for {
		var sweep <-chan time.Time
		if after, wanted := c.sweeps.due(time.Now()); wanted {
			sweep = time.After(after)
		}
		due := false
		select {
		case <-timer.C():
			due = true
			timer = c.nextResync()
		case <-sweep:
		case <-c.sweeps.kick:
			continue
		case <-ctx.Done():
			return
		}
		err := c.sweepNext(ctx)
		if err == nil && due {
			err = c.reread(ctx)
		}
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Info("Resync failed, and is tried again", "err", err)
		}
	}
}
