package vim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// resync reads everything at the period, and up to a tenth of it later; and it sweeps whenever somebody asks.
func (c *connection) resync(ctx context.Context) {
	defer func() {
		for _, answer := range c.sweeps.take(true) {
			answer <- errSweepLost
		}
	}()
	timer := c.nextResync()
	defer func() { timer.Stop() }()
	for {
		due := false
		select {
		case <-timer.C():
			due = true
			timer = c.nextResync()
		case <-c.sweeps.kick:
		case <-ctx.Done():
			return
		}
		waiting := c.sweeps.take(false)
		err := c.sweep(ctx)
		for _, answer := range waiting {
			answer <- err
		}
		if err == nil && due {
			err = c.reread(ctx)
		}
		if err != nil && (due || len(waiting) == 0) && ctx.Err() == nil {
			klog.FromContext(ctx).Info("Resync failed, and is tried again with the next", "err", err)
		}
	}
}

func (c *connection) nextResync() clock.Timer {
	d := c.v.cfg.ResyncPeriod
	return c.v.cfg.Clock.NewTimer(d + rand.N(d/10+time.Nanosecond))
}

// reread makes up for updates that were lost on their way, as a sweep does for those of VMs: it reads the folders, the
// templates and the tasks in flight, in one call.
func (c *connection) reread(ctx context.Context) error {
	asked := c.v.inv.instantAround()
	objects, err := c.retrieve(ctx, c.surroundings()...)
	if err != nil {
		return fmt.Errorf("read folders, templates and tasks: %w", err)
	}
	var t touched
	var around []object
	for _, o := range objects {
		if o.ref.Type == "Task" {
			if hasEnded(o.props) { // what it was doing before is of no interest
				c.applyTask(types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: o.ref, ChangeSet: o.changes()}, &t)
			}
			continue
		}
		around = append(around, o)
	}
	var missing []vsphere.Ref
	if c.v.inv.instantAround() == asked { // otherwise the answer may be the older one, and the next resync does it
		missing = c.v.refreshAround(around, &t)
	}
	c.v.settle(&t)
	if len(missing) > 0 {
		if err := c.verifyFolders(ctx, missing); err != nil {
			return err
		}
	}
	if c.rootChanged() || c.templatesChanged() {
		c.lost(errRewatch)
	}
	return nil
}

// surroundings selects what reread reads.
func (c *connection) surroundings() []types.PropertyFilterSpec {
	specs := []types.PropertyFilterSpec{
		{ObjectSet: []types.ObjectSpec{viewObjects(c.folderView)}, PropSet: folderProps()},
		{ObjectSet: []types.ObjectSpec{viewObjects(c.taskView)}, PropSet: []types.PropertySpec{propSpec("Task", taskProps()...)}},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.templateView.Value != "" {
		specs = append(specs, types.PropertyFilterSpec{
			ObjectSet: []types.ObjectSpec{viewObjects(c.templateView)},
			PropSet:   []types.PropertySpec{propSpec("VirtualMachine", templateProps()...)},
		})
	}
	return specs
}

// instantAround returns a moment that reports of folders and templates can be compared with.
func (inv *inventory) instantAround() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.reportsAround
}

// refreshAround takes over what was read of all folders and templates. It returns the folders that were not among them.
func (v *VCenter) refreshAround(objects []object, t *touched) (missing []vsphere.Ref) {
	listed := map[vsphere.Ref]bool{}
	templates := map[vsphere.Ref]properties{}
	for _, o := range objects {
		ref := vsphere.Ref(o.ref.Value)
		listed[ref] = true
		if o.ref.Type == "VirtualMachine" {
			templates[ref] = o.props
			continue
		}
		v.inv.updateFolder(ref, o.changes(), t)
		v.inv.confirm(ref)
	}
	missing, news := v.inv.replaceAround(listed, templates)
	if news {
		v.wakeLookers(t)
	}
	return missing
}

// replaceAround returns the folders that are not listed, and tells whether the templates are others than were known.
func (inv *inventory) replaceAround(
	listed map[vsphere.Ref]bool, templates map[vsphere.Ref]properties,
) (missing []vsphere.Ref, news bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for ref := range inv.folders {
		if !listed[ref] {
			missing = append(missing, ref)
		}
	}
	news = !reflect.DeepEqual(templates, inv.templates)
	inv.templates = templates
	return missing, news
}

// reportAround notes that a filter has reported on a folder.
func (inv *inventory) reportAround() {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.reportsAround++
}
