package vim

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxAttached is how many objects vCenter attaches a tag to in one call.
const maxAttached = 2000

// Calls of the REST endpoint.
var (
	listCategories = restCall{"tagging.ListCategories", "Read the categories of tags", "System.Read", true}
	getCategory    = restCall{"tagging.GetCategory", "Read a category of tags", "System.Read", true}
	listTags       = restCall{"tagging.ListTagsForCategory", "Read the tags of a category", "System.Read", true}
	getTag         = restCall{"tagging.GetTag", "Read a tag", "System.Read", true}
	listAttached   = restCall{"tagging.ListAttachedObjects", "Read which VMs have a tag", "System.Read", true}
	attach         = restCall{"tagging.AttachTagToMultipleObjects", "Attach a tag", "InventoryService.Tagging.AttachTag", false}
)

// tagKeeper keeps the tags of classes attached to the VMs of the classes. It never detaches one: who attached it cannot be known. One
// goroutine uses it.
type tagKeeper struct {
	c *connection
	patience

	// categories and names are what identifiers are called, and ids the tags that classes name, as category/name. All are read anew at
	// each resync, the last of which was at found.
	categories, names map[string]string
	ids               map[string]string
	found             time.Time
	// attached is what each tag is attached to, by its identifier, as last listed.
	attached map[string]map[vsphere.Ref]bool
	told     bool // errors may have been told
}

// keep attaches what is missing. It reports whether any class names tags, and when to look again at the latest.
func (k *tagKeeper) keep(ctx context.Context, caller *restCaller) (needed bool, next time.Duration) {
	classes, version := k.c.classes.all(&k.c.cfg)
	classes = slices.DeleteFunc(classes, func(class vsphere.ClassSpec) bool { return len(class.Tags) == 0 })
	now := k.c.cfg.Clock.Now()
	if len(classes) == 0 {
		if k.told {
			k.c.tellTags(ctx, nil)
			k.told = false
		}
		return false, restKeepEvery
	}
	if wait := k.waits(now, version); wait > 0 {
		return true, wait
	}
	byTag := k.attachAll(ctx, caller, classes)
	errs := map[string][]*vsphere.Error{}
	var first *vsphere.Error
	for _, class := range classes {
		errs[class.Name] = nil
		for _, path := range class.Tags {
			if err := byTag[path]; err != nil && !slices.ContainsFunc(errs[class.Name], func(e *vsphere.Error) bool { return vsphere.SameError(e, err) }) {
				errs[class.Name], first = append(errs[class.Name], err), err
			}
		}
	}
	if ctx.Err() == nil {
		k.c.tellTags(ctx, errs)
		k.told = true
	}
	return true, k.after(now, version, first)
}

// attachAll attaches the tags of classes where they are missing, and returns what is wrong with each tag.
func (k *tagKeeper) attachAll(ctx context.Context, caller *restCaller, classes []vsphere.ClassSpec) map[string]*vsphere.Error {
	errs := map[string]*vsphere.Error{}
	paths := pathsOfTags(classes)
	if err := k.find(ctx, caller, paths); err != nil {
		for _, path := range paths {
			errs[path] = err
		}
		return errs
	}
	wanted := k.wanted(classes)
	for _, path := range paths {
		id := k.ids[path]
		if id == "" {
			errs[path] = tagNotFound(path)
			continue
		}
		if err := k.attach(ctx, caller, id, wanted[path]); err != nil {
			errs[path] = err
			if rest.IsStatusError(err.Err, http.StatusNotFound) { // deleted, and perhaps made again
				k.found = time.Time{}
			}
		}
	}
	return errs
}

func pathsOfTags(classes []vsphere.ClassSpec) []string {
	var paths []string
	for _, class := range classes {
		paths = append(paths, class.Tags...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func tagNotFound(path string) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonTagNotFound,
		Message: fmt.Sprintf("There is no tag %q in vCenter: correct tags, or make the tag.", path),
	}
}

// find looks up the tags that are not known, each by calls of its own: there may be thousands of categories and tags.
func (k *tagKeeper) find(ctx context.Context, caller *restCaller, paths []string) *vsphere.Error {
	if now := k.c.cfg.Clock.Now(); k.found.IsZero() || now.Sub(k.found) >= k.c.cfg.ResyncPeriod {
		k.categories, k.names, k.ids, k.attached = map[string]string{}, map[string]string{}, map[string]string{}, map[string]map[vsphere.Ref]bool{}
		k.found = now
	}
	manager, missing := tags.NewManager(caller.client), map[string]bool{}
	for _, path := range paths {
		if category, _, _ := strings.Cut(path, "/"); k.ids[path] == "" {
			missing[category] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err := k.name(ctx, caller, listCategories, manager.ListCategories, getCategory, k.categories, func(ctx context.Context, id string) (string, error) {
		category, err := manager.GetCategory(ctx, id)
		if err != nil {
			return "", err
		}
		return category.Name, nil
	}, nil)
	if err != nil {
		return err
	}
	for id, name := range k.categories {
		if !missing[name] {
			continue
		}
		list := func(ctx context.Context) ([]string, error) { return manager.ListTagsForCategory(ctx, id) }
		err := k.name(ctx, caller, listTags, list, getTag, k.names, func(ctx context.Context, id string) (string, error) {
			tag, err := manager.GetTag(ctx, id)
			if err != nil {
				return "", err
			}
			return tag.Name, nil
		}, func(id, tag string) { k.ids[name+"/"+tag] = id })
		if err != nil {
			return err
		}
	}
	return nil
}

// name lists identifiers, and reads what those are called that are not known yet. each is told all of them.
func (k *tagKeeper) name(
	ctx context.Context, caller *restCaller, listing restCall, list func(context.Context) ([]string, error),
	getting restCall, known map[string]string, get func(context.Context, string) (string, error), each func(id, name string),
) *vsphere.Error {
	var ids []string
	err := caller.do(ctx, listing, func(ctx context.Context) (err error) {
		ids, err = list(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok := known[id]; !ok {
			err := caller.do(ctx, getting, func(ctx context.Context) (err error) {
				known[id], err = get(ctx, id)
				return err
			})
			if err != nil {
				delete(known, id)
				if rest.IsStatusError(err.Err, http.StatusNotFound) { // it has just been deleted
					continue
				}
				return err
			}
		}
		if each != nil {
			each(id, known[id])
		}
	}
	return nil
}

// wanted returns the VMs that are to have each tag.
func (k *tagKeeper) wanted(classes []vsphere.ClassSpec) map[string][]vsphere.Ref {
	tagsOf := map[string][]string{}
	for _, class := range classes {
		tagsOf[class.Name] = class.Tags
	}
	wanted := map[string][]vsphere.Ref{}
	for _, vm := range k.c.settled(func(vm *vsphere.VM) bool { return tagsOf[vm.Stamp.Class] != nil }) {
		for _, path := range tagsOf[vm.Stamp.Class] {
			wanted[path] = append(wanted[path], vm.Ref)
		}
	}
	return wanted
}

// attach attaches a tag where it is missing, and then lists again: the client does not tell what of a batch has failed.
func (k *tagKeeper) attach(ctx context.Context, caller *restCaller, id string, wanted []vsphere.Ref) *vsphere.Error {
	if k.attached[id] == nil {
		if err := k.list(ctx, caller, id); err != nil {
			return err
		}
	}
	for try := 0; ; try++ {
		missing := slices.DeleteFunc(slices.Clone(wanted), func(vm vsphere.Ref) bool { return k.attached[id][vm] || k.isGone(vm) })
		switch {
		case len(missing) == 0:
			return nil
		case try > 1: // once for what somebody has taken away, which the first list has shown
			vm, _, _ := k.c.inv.Get(missing[0])
			return &vsphere.Error{
				Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
				Message: fmt.Sprintf("vCenter has not attached a tag to VM %s: check whether its category allows that, and the privilege InventoryService.Tagging.ObjectAttachable on the root folder; it is tried again.", vm.Name),
			}
		}
		slices.Sort(missing)
		for vms := range slices.Chunk(missing, maxAttached) {
			if err := attachTag(ctx, caller, id, vms); err != nil {
				delete(k.attached, id)
				return err
			}
		}
		if err := k.list(ctx, caller, id); err != nil {
			return err
		}
	}
}

func (k *tagKeeper) isGone(vm vsphere.Ref) bool {
	_, _, known := k.c.inv.Get(vm)
	return !known
}

// list reads what a tag is attached to.
func (k *tagKeeper) list(ctx context.Context, caller *restCaller, id string) *vsphere.Error {
	attached := map[vsphere.Ref]bool{}
	err := caller.do(ctx, listAttached, func(ctx context.Context) error {
		objects, err := tags.NewManager(caller.client).ListAttachedObjects(ctx, id)
		for _, object := range objects {
			attached[vsphere.Ref(object.Reference().Value)] = true
		}
		return err
	})
	if delete(k.attached, id); err == nil {
		k.attached[id] = attached
	}
	return err
}

func attachTag(ctx context.Context, caller *restCaller, id string, vms []vsphere.Ref) *vsphere.Error {
	refs := make([]mo.Reference, len(vms))
	for i, vm := range vms {
		refs[i] = vmRef(vm)
	}
	err := caller.do(ctx, attach, func(ctx context.Context) error {
		return tags.NewManager(caller.client).AttachTagToMultipleObjects(ctx, id, refs)
	})
	if err == nil {
		klog.FromContext(ctx).V(2).Info("Tag attached", "tag", id, "vms", len(vms))
	}
	return err
}
