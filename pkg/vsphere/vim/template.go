package vim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
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
// Where the whole datacenter is searched, and the last search is too old, 5 may serve until the next has ended. So may 2 to 4
// for a group that was told so before: nobody is told that a template is missing because it has come since.
func (v *VCenter) FindTemplate(ctx context.Context, g vsphere.GroupID, path string) (vsphere.Template, error) {
	v.shared.mu.Lock()
	before := v.lookups[g]
	v.lookups[g] = lookup{told: before.told, waits: true} // before it is looked for: it is woken by what comes from now on
	v.shared.mu.Unlock()
	t, newer, err := v.findTemplate(ctx, path)
	if err != nil && newer != nil && before.told != path {
		err = newer
	}
	v.shared.mu.Lock()
	defer v.shared.mu.Unlock()
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
	told  string // the template that the group was told to be missing, empty if none
	waits bool   // it was not woken since
}

// findTemplate resolves spec.template by what is known. newer is why there is nothing newer to go by, though it is too old.
func (v *VCenter) findTemplate(ctx context.Context, path string) (t vsphere.Template, newer, err error) {
	if len(vsphere.PathNames(path)) == 0 {
		return t, nil, templateError(v1alpha1.ReasonTemplateEmpty, "spec.template is empty. Name a template.")
	}
	c, err := v.synced()
	if err != nil {
		return t, nil, err
	}
	source, newer := c.templateSource(ctx)
	if source.where == "" {
		return t, nil, newer
	}
	t, err = c.pickTemplate(source, path)
	return t, newer, err
}

// pickTemplate applies the rules of FindTemplate.
func (c *connection) pickTemplate(source templateSource, path string) (vsphere.Template, error) {
	wanted := c.site.wanted(path)
	var named, usable []candidate
	for _, cand := range c.candidates(source, wanted.isNamed) {
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
		return vsphere.Template{Ref: t.ref, Path: t.path, Parent: t.props.Parent}, nil
	case len(usable) > 1:
		return vsphere.Template{}, templateError(v1alpha1.ReasonTemplateAmbiguous, fmt.Sprintf(
			"Several templates are named %q. Give the path of one: %s.", path, pathsOf(usable)))
	case len(named) > 0:
		return vsphere.Template{}, templateError(v1alpha1.ReasonTemplateUnusable, fmt.Sprintf(
			"%q cannot be cloned from: %s.", path, whyUnusable(named)))
	default:
		return vsphere.Template{}, templateError(v1alpha1.ReasonTemplateNotFound, fmt.Sprintf(
			"No template %q was found %s.%s Correct spec.template, or add the template.",
			path, source.where, wanted.hint(c.candidates(source, wanted.mayLookLike))))
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
	props     inventory.Properties
}

// candidate returns what is to be known of a VM.
func (c *connection) candidate(ref vsphere.Ref, props inventory.Properties) candidate {
	path, underRoot := c.inv.Locate(props.Parent)
	return candidate{ref: ref, path: path + vsphere.Path(props.Name), props: props, underRoot: underRoot}
}

// templateSource are where a template is looked for.
type templateSource struct {
	vms   map[vsphere.Ref]inventory.Properties
	below vsphere.Ref // only what lies below this folder counts, unless it is empty
	where string      // for people
}

// candidates returns the VMs whose names are picked, by their paths.
func (c *connection) candidates(s templateSource, pick func(name string) bool) []candidate {
	var picked []candidate
	for ref, props := range s.vms { // there may be thousands, and few are picked
		if pick(props.Name) && (s.below == "" || c.inv.Within(props.Parent, s.below)) {
			picked = append(picked, c.candidate(ref, props))
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
	stamp, instance := c.props.ParseStamp(), c.props.InstanceUUID
	switch {
	case c.underRoot:
		return "it lies below the root folder, where the VMs of VmGroups are: move it out of there, or name another"
	case !c.props.Configured() || stamp != nil && instance == "":
		return "vCenter does not show what it is: let the controller's account read it (System.Read)"
	case !c.props.Template:
		return "it is no template: convert it to one, or name another"
	case stamp == nil && c.props.Stamp != "":
		return fmt.Sprintf("its ExtraConfig key %s cannot be read as a stamp: clear it, unless it is a VM of a VmGroup", vsphere.StampKey)
	case stamp != nil && stamp.Instance == instance:
		return fmt.Sprintf("it is a VM of VmGroup %q (UID %s) that was made a template: clone it to a template and name that, or, to give it up as a VM, clear its ExtraConfig key %s",
			stamp.Name, stamp.UID, vsphere.StampKey)
	default:
		return ""
	}
}

// whyUnusable says of each VM why it cannot be cloned from. Where one below the root lies concerns only whose it is.
func whyUnusable(candidates []candidate) string {
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
func (s *shared) applyTemplate(ref vsphere.Ref, left bool, u types.ObjectUpdate, ch *inventory.Changes) {
	if left {
		s.inv.DeleteTemplate(ref)
	} else {
		s.inv.UpdateTemplate(ref, u.Kind == types.ObjectUpdateKindEnter, vmUpdate(u.ChangeSet))
	}
	s.addLookups(ch)
}

// addLookups notes the groups whose template was not found.
func (s *shared) addLookups(ch *inventory.Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.lookups {
		ch.Group(g)
	}
}

// addWaitingLookups is addLookups after a search. Who does not look again is not searched for any more.
func (s *shared) addWaitingLookups(ch *inventory.Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g, l := range s.lookups {
		if l.waits {
			ch.Group(g)
			s.lookups[g] = lookup{told: l.told}
		}
	}
}
