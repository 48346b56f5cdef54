package vim

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func (c *connection) nextResync() clock.Timer {
	d := c.v.cfg.ResyncPeriod
	return c.v.cfg.Clock.NewTimer(d + rand.N(d/10+time.Nanosecond))
}

// reread makes up for updates that were lost on their way: it reads all that the filters select.
func (c *connection) reread(ctx context.Context) error {
	if err := c.rereadTasks(ctx); err != nil {
		return fmt.Errorf("read the tasks in flight again: %w", err)
	}
	if err := c.rereadVMs(ctx); err != nil {
		return fmt.Errorf("read the VMs again: %w", err)
	}
	if err := c.rereadAround(ctx); err != nil {
		return fmt.Errorf("read folders and templates again: %w", err)
	}
	return c.rereadHosts(ctx)
}

// rereadTasks looks for the end of the tasks in flight. One that can be read no more has ended somehow.
func (c *connection) rereadTasks(ctx context.Context) error {
	var tasks []types.ManagedObjectReference
	for _, task := range c.v.tracker.Tasks() {
		tasks = append(tasks, taskRef(task))
	}
	if len(tasks) == 0 {
		return nil
	}
	readings, err := c.readEach(ctx, tasks, taskProps()...)
	if err != nil {
		return err
	}
	var t touched
	for task, r := range readings {
		switch {
		case r.gone:
			c.taskLost(vsphere.Ref(task.Value))
		case hasEnded(r.props): // what it was doing before is of no interest
			changes := object{props: r.props}.changes()
			c.applyTask(types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: task, ChangeSet: changes}, &t)
		}
	}
	c.v.settle(&t)
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
		specs = append(specs, readView(view, propSpec("VirtualMachine", vmProps()...)))
	}
	asked := c.v.inv.instant()
	objects, err := c.retrieve(ctx, specs...)
	if err != nil {
		return err
	}
	var t touched
	for _, o := range objects {
		c.v.inv.refresh(o, vmProps(), asked, &t)
	}
	c.chores.wantHosts(t.hosts...)
	c.chores.wantPlaces(c.v.inv.distantFolders()...)
	c.v.settle(&t)
	return nil
}

// rereadAround reads the folders, and the VMs below the template folder.
func (c *connection) rereadAround(ctx context.Context) error {
	specs := []types.PropertyFilterSpec{readView(c.folderView, folderProps()...)}
	c.mu.Lock()
	if c.watchedTemplates != "" {
		specs = append(specs, readView(c.templateView, propSpec("VirtualMachine", templateProps()...)))
	}
	c.mu.Unlock()
	asked := c.v.inv.instantAround()
	objects, err := c.retrieve(ctx, specs...)
	if err != nil {
		return err
	}
	var t touched
	missing, templates := c.v.inv.refreshAround(objects, asked, &t)
	if templates {
		c.v.notifyLookups(&t)
	}
	c.v.settle(&t)
	if c.rootChanged() || c.templatesChanged() {
		c.lost(errRewatch)
		return nil
	}
	if len(missing) == 0 {
		return nil
	}
	return c.verifyFolders(ctx, missing)
}

// instantAround returns a moment that what becomes known of folders and templates can be compared with.
func (inv *inventory) instantAround() uint64 {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.newsAround
}

// refreshAround takes over what was read of all folders and templates, unless something has become known of them since
// the question was asked: the answer may be the older one then, and the next resync has another. It returns the folders
// that were not among them, and tells whether the templates are others than were known.
func (inv *inventory) refreshAround(objects []object, asked uint64, t *touched) (missing []vsphere.Ref, news bool) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.newsAround != asked {
		return nil, false
	}
	listed := map[vsphere.Ref]bool{}
	templates := map[vsphere.Ref]properties{}
	for _, o := range objects {
		ref := vsphere.Ref(o.ref.Value)
		if o.ref.Type == "VirtualMachine" {
			templates[ref] = inv.templateProps(ref, o)
			continue
		}
		listed[ref] = true
		inv.noteFolder(ref, o.changes(), t)
		delete(inv.unconfirmed, ref)
	}
	for ref, f := range inv.folders {
		switch {
		case listed[ref]:
		case f.vApp: // which only counts as a child, and its folder is looked at before it goes
			inv.dropFolder(ref, t)
		default:
			missing = append(missing, ref)
		}
	}
	news = !reflect.DeepEqual(templates, inv.templates)
	inv.templates = templates
	return missing, news
}

// templateProps returns what is known of a template with what was read of it: one that has no configuration to show keeps
// the one that it had. inv.mu is held.
func (inv *inventory) templateProps(ref vsphere.Ref, o object) properties {
	props := maps.Clone(o.props)
	for path, val := range inv.templates[ref] {
		_, read := props[path]
		if !read && (slices.Contains(o.withheld, path) || isConfiguration(path) && !o.props.configured()) {
			props[path] = val
		}
	}
	return props
}
