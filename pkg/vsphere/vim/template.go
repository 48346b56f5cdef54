package vim

import (
	"context"
	"errors"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
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
func (v *VCenter) FindTemplate(ctx context.Context, g vsphere.GroupID, class, path string) (vsphere.Template, error) {
	v.shared.mu.Lock()
	before := v.lookups[g]
	v.lookups[g] = lookup{told: before.told, waits: true} // first of all: the group is notified of what comes from now on
	v.shared.mu.Unlock()
	t, newer, err := v.findTemplate(ctx, class, path)
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

// findTemplate resolves spec.template by what is known. newer is why there is nothing newer to go by, though it is too old.
func (v *VCenter) findTemplate(ctx context.Context, class, path string) (t vsphere.Template, newer, err error) {
	if len(vsphere.PathNames(path)) == 0 {
		return t, nil, templateError(v1alpha1.ReasonTemplateEmpty, "spec.template is empty. Name a template.")
	}
	c, err := v.synced()
	if err != nil {
		return t, nil, err
	}
	source, newer := c.findTemplateSource(ctx, class)
	if source.where == "" {
		return t, nil, newer
	}
	t, err = c.pickTemplate(source, path)
	return t, newer, err
}

// pickTemplate applies the rules of FindTemplate.
func (c *connection) pickTemplate(source templateSource, path string) (vsphere.Template, error) {
	wanted := c.site.wanted(path, source.names)
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
		return t.template(), nil
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

// FindTemplateByRef implements vsphere.Interface. It leaves the look-up of a group alone whose FindTemplate has failed: that one
// is notified in any case.
func (v *VCenter) FindTemplateByRef(ctx context.Context, g vsphere.GroupID, class string, template vsphere.Ref) (vsphere.Template, error) {
	v.shared.mu.Lock()
	_, looks := v.lookups[g]
	if !looks {
		v.lookups[g] = lookup{waits: true} // first of all, as in FindTemplate
	}
	v.shared.mu.Unlock()
	t, err := v.findTemplateByRef(ctx, class, template)
	if looks {
		return t, err
	}
	v.shared.mu.Lock()
	defer v.shared.mu.Unlock()
	switch {
	case err == nil:
		delete(v.lookups, g)
	case !errors.Is(err, vsphere.ErrPending): // what is gone does not come back: no search is worth it
		v.lookups[g] = lookup{}
	}
	return t, err
}

func (v *VCenter) findTemplateByRef(ctx context.Context, class string, ref vsphere.Ref) (vsphere.Template, error) {
	c, err := v.synced()
	if err != nil {
		return vsphere.Template{}, err
	}
	source, newer := c.findTemplateSource(ctx, class)
	if source.where == "" {
		return vsphere.Template{}, newer
	}
	props, ok := source.vms[ref]
	if !ok || source.below != "" && !c.inv.Within(props.Parent, source.below) {
		return vsphere.Template{}, templateError(v1alpha1.ReasonTemplateNotFound, fmt.Sprintf(
			"There is no template with the reference %s any more %s.", ref, source.where))
	}
	t := c.candidate(ref, props)
	if why := unusable(t); why != "" {
		return vsphere.Template{}, templateError(v1alpha1.ReasonTemplateUnusable, fmt.Sprintf(
			"%q cannot be cloned from: %s.", ref, whyUnusable([]candidate{t})))
	}
	return t.template(), nil
}

func templateError(reason, message string) *vsphere.Error {
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: reason, Message: message}
}
