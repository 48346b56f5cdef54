package vim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// FindTemplate resolves spec.template: a name, a path below the template folder (or, where none is set, below the
// datacenter's VM folder), or a whole inventory path, which begins with a slash. In order:
//
//  1. it names nothing: TemplateEmpty
//  2. no VM of that name or path: TemplateNotFound, with the one whose name only looks the same, if there is one
//  3. only VMs that cannot be cloned from: TemplateUnusable, with what is wrong with each (see unusable)
//  4. several templates: TemplateAmbiguous, with their paths
//  5. the one template
//
// Where the whole datacenter is searched, and the last search is too old, its answer 5 holds until the next search has ended.
// Its answers 2 to 4 hold only for a group that has had them before: the template may have come since.
func (v *VCenter) FindTemplate(ctx context.Context, g vsphere.GroupID, path string) (vsphere.Template, error) {
	v.mu.Lock()
	before := v.lookups[g]
	v.lookups[g] = lookup{told: before.told, waits: true} // first of all: the group is notified of what comes from now on
	v.mu.Unlock()
	t, newer, err := v.findTemplate(ctx, path)
	if err != nil && newer != nil && before.told != path {
		err = newer
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		delete(v.lookups, g)
		return t, nil
	}
	if vsphere.ClassOf(err) == vsphere.ClassInvalid {
		v.lookups[g] = lookup{told: path, waits: true}
	}
	return vsphere.Template{}, err
}

// lookup is that of a group whose template was not found.
type lookup struct {
	told  string // the template that the group knows to be missing, empty if none
	waits bool   // the group was not notified since
}

// findTemplate resolves spec.template by what is known. newer is why there is nothing newer to go by, though it is too old.
func (v *VCenter) findTemplate(ctx context.Context, path string) (t vsphere.Template, newer, err error) {
	if len(vsphere.PathNames(path)) == 0 {
		return t, nil, templateError(reasonTemplateEmpty, "spec.template is empty. Name a template.")
	}
	c, err := v.synced()
	if err != nil {
		return t, nil, err
	}
	around, newer := c.lookAround(ctx)
	if around.where == "" {
		return t, nil, newer
	}
	t, err = v.pickTemplate(around, path)
	return t, newer, err
}

// pickTemplate applies the rules of FindTemplate.
func (v *VCenter) pickTemplate(around surroundings, path string) (vsphere.Template, error) {
	wanted := v.inv.wanted(path)
	var named, usable []candidate
	for _, cand := range v.inv.candidates(around, wanted.isNamed) {
		switch {
		case !wanted.is(cand):
		case unusable(cand) == "":
			usable = append(usable, cand)
		default:
			named = append(named, cand)
		}
	}
	switch {
	case len(usable) == 1:
		t := usable[0]
		return vsphere.Template{Ref: t.ref, Path: t.path, Parent: t.props.ref(propParent)}, nil
	case len(usable) > 1:
		return vsphere.Template{}, templateError(reasonTemplateAmbiguous, fmt.Sprintf(
			"Several templates are named %q. Give the path of one: %s.", path, pathsOf(usable)))
	case len(named) > 0:
		return vsphere.Template{}, templateError(reasonTemplateUnusable, fmt.Sprintf(
			"%q cannot be cloned from: %s.", path, v.whyUnusable(named)))
	default:
		return vsphere.Template{}, templateError(reasonTemplateNotFound, fmt.Sprintf(
			"No template %q was found %s.%s Correct spec.template, or add the template.",
			path, around.where, wanted.hint(v.inv.candidates(around, wanted.mayLookLike))))
	}
}

func templateError(reason, message string) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: reason, Message: message}
}

func pathsOf(candidates []candidate) string {
	var paths []string
	for _, c := range candidates {
		paths = append(paths, c.path)
	}
	return strings.Join(paths, ", ")
}

// candidate is a VM among which a template is looked for.
type candidate struct {
	ref       vsphere.Ref
	path      string // inventory path
	underRoot bool
	props     properties
}

// candidate returns what is to be known of a VM. inv.mu is held.
func (inv *inventory) candidate(ref vsphere.Ref, props properties) candidate {
	parent := props.ref(propParent)
	return candidate{
		ref: ref, path: inv.pathOf(parent) + vsphere.Path(props.name()), props: props,
		underRoot: inv.root != "" && inv.within(parent, inv.root),
	}
}

// within tells whether a folder is another one, or lies below it. inv.mu is held.
func (inv *inventory) within(folder, top vsphere.Ref) bool {
	for hops := 0; hops <= len(inv.folders); hops++ {
		if folder == top {
			return true
		}
		f, ok := inv.folders[folder]
		if !ok {
			return false
		}
		folder = f.parent
	}
	return false
}

// surroundings are where a template is looked for.
type surroundings struct {
	vms   map[vsphere.Ref]properties
	below vsphere.Ref // only what lies below this folder counts, unless it is empty
	where string      // for people
}

// candidates returns the VMs whose names are picked, by their paths.
func (inv *inventory) candidates(s surroundings, pick func(name string) bool) []candidate {
	var refs []vsphere.Ref // there may be thousands, and few are picked: not with inv.mu held
	for ref, props := range s.vms {
		if pick(props.name()) {
			refs = append(refs, ref)
		}
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var picked []candidate
	for _, ref := range refs {
		if props := s.vms[ref]; s.below == "" || inv.within(props.ref(propParent), s.below) {
			picked = append(picked, inv.candidate(ref, props))
		}
	}
	slices.SortFunc(picked, func(a, b candidate) int { return strings.Compare(a.path, b.path) })
	return picked
}

// unusable says why a VM cannot be cloned from, as the end of a sentence, or returns "". In order:
//
//  1. it lies below the root folder, where the VMs of groups are
//  2. its configuration does not show, and so not what it is
//  3. it is no template
//  4. it has a stamp that cannot be read: it may be a VM of a group
//  5. the instance in its stamp is its own: it is a VM of a group that was made a template
//
// A stamp with another instance is a copy's: somebody has cloned a VM of a group to a template, and vCenter has copied the
// stamp. Its clones get stamps of their own in the place of that one.
func unusable(c candidate) string {
	stamp, instance := c.props.stamp(), c.props.text(propInstanceUUID)
	switch {
	case c.underRoot:
		return "it lies below the root folder, where the VMs of VmGroups are: move it out of there, or name another"
	case !c.props.configured() || stamp != nil && instance == "":
		return "vCenter does not show what it is: let the controller's account read it (System.Read)"
	case !c.props.flag(propTemplate):
		return "it is no template: convert it to one, or name another"
	case stamp == nil && c.props.stampText() != "":
		return fmt.Sprintf("its ExtraConfig key %s cannot be read as a stamp: clear it, unless it is a VM of a VmGroup", vsphere.StampKey)
	case stamp != nil && stamp.Instance == instance:
		return fmt.Sprintf("it is a VM of VmGroup %q (UID %s) that was made a template: clone it to a template and name that, or, to give it up as a VM, clear its ExtraConfig key %s",
			stamp.Name, stamp.UID, vsphere.StampKey)
	default:
		return ""
	}
}

// whyUnusable says of each VM why it cannot be cloned from. Where one below the root lies concerns only whose it is.
func (v *VCenter) whyUnusable(candidates []candidate) string {
	var reasons []string
	for _, c := range candidates {
		path := c.path
		if c.underRoot {
			path = "a VM of that name"
		}
		reasons = append(reasons, path+": "+unusable(c))
	}
	return strings.Join(slices.Compact(reasons), "; ")
}

// applyTemplate takes over what the collector says of a VM below the template folder, and wakes the groups that look for
// one.
func (v *VCenter) applyTemplate(ref vsphere.Ref, left bool, u types.ObjectUpdate, t *touched) {
	v.inv.mu.Lock()
	old := v.inv.templates[ref]
	props := properties{}
	if u.Kind == types.ObjectUpdateKindModify {
		maps.Copy(props, old) // readers hold the old map
	}
	props.apply(u.ChangeSet)
	if left {
		delete(v.inv.templates, ref)
	} else {
		v.inv.templates[ref] = props
	}
	v.inv.newsAround++
	v.inv.mu.Unlock()
	v.notifyLookups(t)
}

// notifyLookups notes that the groups are to be notified whose template was not found.
func (v *VCenter) notifyLookups(t *touched) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for g := range v.lookups {
		t.group(g)
	}
}

// notifyWaiting is notifyLookups after a search. Nothing searches any more for a group that does not look again.
func (v *VCenter) notifyWaiting(t *touched) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for g, l := range v.lookups {
		if l.waits {
			t.group(g)
			v.lookups[g] = lookup{told: l.told}
		}
	}
}
