package vim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	attachPrivilege = "InventoryService.Tagging.AttachTag"
	readPrivilege   = "System.Read"
	// maxAttached is how many objects vCenter attaches a tag to in one call.
	maxAttached = 2000
)

// tagKeeper keeps the tags of classes attached to the VMs of the classes. It never detaches one: who attached it cannot be known. One
// goroutine uses it.
type tagKeeper struct {
	c *connection
	// ids are those of the tags that classes name, as category/name. attached is what each is attached to, as last listed at listed.
	ids      map[string]string
	attached map[string]map[vsphere.Ref]bool
	listed   time.Time
	stale    bool // it was not listed since it was changed
	version  int  // of the list of classes that it is of
	told     bool // errors may have been told
}

func newTagKeeper(c *connection) *tagKeeper { return &tagKeeper{c: c} }

// keep attaches what is missing. It reports whether any class names tags, and when to look again at the latest, 0 for no need.
func (k *tagKeeper) keep(ctx context.Context, caller *restCaller) (needed bool, again time.Duration) {
	classes, version := k.c.classes.all(&k.c.cfg)
	classes = slices.DeleteFunc(classes, func(class vsphere.ClassSpec) bool { return len(class.Tags) == 0 })
	if len(classes) == 0 {
		if k.told {
			k.c.tellTags(ctx, nil)
			k.told = false
		}
		return false, 0
	}
	if k.version != version {
		k.version, k.listed = version, time.Time{}
	}
	errs := map[string][]*vsphere.Error{}
	err := k.find(ctx, caller, classes, errs)
	if err == nil {
		again, err = k.attachMissing(ctx, caller, k.wanted(classes))
	}
	if err != nil {
		for _, class := range classes {
			errs[class.Name] = append(errs[class.Name], err)
		}
		again = k.c.retryAfter(err)
	} else if len(errs) > 0 { // a tag is not there
		again, k.listed = associateRetry, time.Time{}
	}
	if ctx.Err() == nil {
		k.c.tellTags(ctx, errs)
		k.told = true
	}
	return true, again
}

// find looks the tags of classes up, if that was long ago. errs gets those that are not there, by class.
func (k *tagKeeper) find(ctx context.Context, caller *restCaller, classes []vsphere.ClassSpec, errs map[string][]*vsphere.Error) *vsphere.Error {
	if now := k.c.cfg.Clock.Now(); k.listed.IsZero() || now.Sub(k.listed) >= k.c.cfg.ResyncPeriod {
		if err := k.readIDs(ctx, caller, classes); err != nil {
			return err
		}
		k.stale, k.listed = true, now
	}
	for _, class := range classes {
		for _, path := range class.Tags {
			if k.ids[path] == "" {
				errs[class.Name] = append(errs[class.Name], tagNotFound(path))
			}
		}
	}
	return nil
}

// wanted returns the VMs that are to have each tag, by its id.
func (k *tagKeeper) wanted(classes []vsphere.ClassSpec) map[string][]vsphere.Ref {
	tagsOf := map[string][]string{}
	for _, class := range classes {
		tagsOf[class.Name] = class.Tags
	}
	wanted := map[string][]vsphere.Ref{}
	for _, vm := range k.c.settled(func(vm *vsphere.VM) bool { return tagsOf[vm.Stamp.Class] != nil }) {
		for _, path := range tagsOf[vm.Stamp.Class] {
			if id := k.ids[path]; id != "" {
				wanted[id] = append(wanted[id], vm.Ref)
			}
		}
	}
	return wanted
}

// attachMissing attaches what is missing, and then lists again: the client does not tell what of a batch has failed. It returns when to
// look again if more is missing by then.
func (k *tagKeeper) attachMissing(ctx context.Context, caller *restCaller, wanted map[string][]vsphere.Ref) (again time.Duration, err *vsphere.Error) {
	if k.stale {
		if err := k.list(ctx, caller); err != nil {
			return 0, err
		}
	}
	missing := missingTags(wanted, k.attached)
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		for refs := range slices.Chunk(missing[id], maxAttached) {
			k.stale = true
			if err := attachTag(ctx, caller, id, refs); err != nil {
				return 0, err
			}
		}
	}
	if !k.stale {
		return 0, nil
	}
	if err := k.list(ctx, caller); err != nil {
		return 0, err
	}
	for _, refs := range missingTags(missing, k.attached) {
		if there := k.stillThere(refs); there != "" {
			return 0, &vsphere.Error{
				Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
				Message: fmt.Sprintf("vCenter has not attached a tag to VM %s: check whether its category allows that, and the privilege InventoryService.Tagging.ObjectAttachable on the root folder; it is tried again.", there),
			}
		}
	}
	if len(missingTags(wanted, k.attached)) > 0 { // somebody has taken one away
		again = associatePause
	}
	return again, nil
}

// stillThere returns the name of the first of some VMs that is there, empty if all are gone.
func (k *tagKeeper) stillThere(refs []vsphere.Ref) string {
	for _, ref := range refs {
		if vm, _, ok := k.c.inv.Get(ref); ok {
			return vm.Name
		}
	}
	return ""
}

// missingTags returns, for each tag, the VMs that are to have it and do not.
func missingTags(wanted map[string][]vsphere.Ref, attached map[string]map[vsphere.Ref]bool) map[string][]vsphere.Ref {
	missing := map[string][]vsphere.Ref{}
	for id, refs := range wanted {
		for _, ref := range refs {
			if !attached[id][ref] {
				missing[id] = append(missing[id], ref)
			}
		}
		slices.Sort(missing[id])
	}
	return missing
}

func tagNotFound(path string) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonTagNotFound,
		Message: fmt.Sprintf("There is no tag %q in vCenter: correct tags, or make the tag.", path),
	}
}

// readIDs finds the tags that classes name. One that is not there has no id.
func (k *tagKeeper) readIDs(ctx context.Context, caller *restCaller, classes []vsphere.ClassSpec) *vsphere.Error {
	named := map[string]bool{} // categories
	paths := map[string]bool{}
	for _, class := range classes {
		for _, path := range class.Tags {
			category, _, _ := strings.Cut(path, "/")
			named[category], paths[path] = true, true
		}
	}
	manager := tags.NewManager(caller.client)
	var categories []tags.Category
	err := caller.do(ctx, "tagging.ListCategories", "Read the categories of tags", readPrivilege, true, func(ctx context.Context) (err error) {
		categories, err = manager.GetCategories(ctx)
		return err
	})
	if err != nil {
		return err
	}
	k.ids = map[string]string{}
	for _, category := range categories {
		if !named[category.Name] {
			continue
		}
		err := caller.do(ctx, "tagging.ListTagsForCategory", "Read the tags of category "+category.Name, readPrivilege, true, func(ctx context.Context) error {
			found, err := manager.GetTagsForCategory(ctx, category.ID)
			for _, tag := range found {
				if path := category.Name + "/" + tag.Name; paths[path] {
					k.ids[path] = tag.ID
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// list reads what the tags are attached to.
func (k *tagKeeper) list(ctx context.Context, caller *restCaller) *vsphere.Error {
	ids := slices.Sorted(maps.Values(k.ids))
	if len(ids) == 0 {
		k.stale = false
		return nil
	}
	attached := map[string]map[vsphere.Ref]bool{}
	err := caller.do(ctx, "tagging.ListAttachedObjectsOnTags", "Read which VMs have the tags", readPrivilege, true, func(ctx context.Context) error {
		found, err := tags.NewManager(caller.client).ListAttachedObjectsOnTags(ctx, ids)
		for _, one := range found {
			attached[one.TagID] = map[vsphere.Ref]bool{}
			for _, object := range one.ObjectIDs {
				attached[one.TagID][vsphere.Ref(object.Reference().Value)] = true
			}
		}
		return err
	})
	if err == nil {
		k.attached, k.stale = attached, false
	}
	return err
}

func attachTag(ctx context.Context, caller *restCaller, id string, vms []vsphere.Ref) *vsphere.Error {
	refs := make([]mo.Reference, len(vms))
	for i, vm := range vms {
		refs[i] = vmRef(vm)
	}
	err := caller.do(ctx, "tagging.AttachTagToMultipleObjects", "Attach a tag", attachPrivilege, false, func(ctx context.Context) error {
		return tags.NewManager(caller.client).AttachTagToMultipleObjects(ctx, id, refs)
	})
	if err == nil {
		klog.FromContext(ctx).V(2).Info("Tag attached", "tag", id, "vms", len(vms))
	}
	return err
}
