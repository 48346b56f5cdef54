package fake

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// FindTemplate implements vsphere.Interface. It keeps no answer: every change is seen at once, also where no template
// folder is set. There, no answer comes while answers are held.
func (c *Client) FindTemplate(_ context.Context, g vsphere.GroupID, class, path string) (vsphere.Template, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.read(FindTemplate, g); err != nil {
		return vsphere.Template{}, err
	}
	folder := c.templateFolder(class)
	if c.vc.silent && folder == VMFolder {
		c.lookups[g.UID] = g
		return vsphere.Template{}, vsphere.ErrPending
	}
	m, err := c.findTemplate(folder, path)
	if err != nil {
		c.lookups[g.UID] = g
		return vsphere.Template{}, err
	}
	delete(c.lookups, g.UID)
	return c.vc.template(m), nil
}

// FindTemplateByRef implements vsphere.Interface, with the same answers.
func (c *Client) FindTemplateByRef(_ context.Context, g vsphere.GroupID, class string, template vsphere.Ref) (vsphere.Template, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.read(FindTemplateByRef, g); err != nil {
		return vsphere.Template{}, err
	}
	folder := c.templateFolder(class)
	m, why := c.vc.machines[template], ""
	switch {
	case c.vc.silent && folder == VMFolder:
		c.lookups[g.UID] = g
		return vsphere.Template{}, vsphere.ErrPending
	case m == nil || !c.vc.below(m.Parent, folder):
		c.lookups[g.UID] = g
		return vsphere.Template{}, newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateNotFound, "template %s is gone", template)
	default:
		why = c.unfit(m)
	}
	if why != "" {
		c.lookups[g.UID] = g
		return vsphere.Template{}, newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateUnusable, "template %s: %s", template, why)
	}
	return c.vc.template(m), nil
}

// template returns what the port tells of a template.
func (v *VCenter) template(m *machine) vsphere.Template {
	return vsphere.Template{Ref: m.Ref, Path: v.path(m.Parent) + vsphere.Path(m.Name), Parent: m.Parent, InstanceUUID: m.InstanceUUID}
}

// findTemplate looks for a name anywhere below a template folder, and for a path at that path only.
func (c *Client) findTemplate(folder, path string) (*machine, *vsphere.Error) {
	if strings.Trim(path, "/ ") == "" {
		return nil, newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateEmpty, "spec.template names nothing")
	}
	names := vsphere.PathNames(path)
	whole := folder + vsphere.Path(names...)
	if vsphere.WholePath(path) {
		whole = vsphere.Path(names...)
	}
	var templates []*machine
	var unfit, alike string
	for _, m := range c.vc.machines {
		at := c.vc.path(m.Parent) + vsphere.Path(m.Name)
		bare := len(names) == 1 && m.Name == names[0] && !vsphere.WholePath(path)
		fits := c.vc.below(m.Parent, folder) && (bare || at == whole)
		switch {
		case fits && c.unfit(m) == "":
			templates = append(templates, m)
		case fits:
			unfit = c.unfit(m)
		case vsphere.LooksLike(path, m.Name) != "" && c.vc.below(m.Parent, folder) && !c.vc.below(m.Parent, c.cfg.Root):
			alike = fmt.Sprintf("; %s differs in %s: its name is %+q", at, vsphere.LooksLike(path, m.Name), m.Name)
		}
	}
	switch {
	case len(templates) > 1:
		return nil, newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateAmbiguous, "%d templates are named %q", len(templates), path)
	case len(templates) == 1:
		return templates[0], nil
	case unfit != "":
		return nil, newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateUnusable, "%q: %s", path, unfit)
	default:
		return nil, newError(vsphere.ClassInvalid, v1alpha1.ReasonTemplateNotFound, "there is no template %q%s", path, alike)
	}
}

// unfit says why a VM cannot be cloned from, or returns "". One with the stamp of another VM is a copy, and can be.
func (c *Client) unfit(m *machine) string {
	switch {
	case c.vc.below(m.Parent, c.cfg.Root):
		return "it lies below the root folder"
	case m.Unreadable:
		return "it cannot be read"
	case !m.Template:
		return "it is no template"
	case m.Stamp != nil && m.Stamp.Instance == m.InstanceUUID:
		return fmt.Sprintf("it is a VM of VmGroup %q: clear its key %s", m.Stamp.Name, vsphere.StampKey)
	default:
		return ""
	}
}

// recheck fails if a template is not what it was found as.
func (c *Client) recheck(t vsphere.Template) *vsphere.Error {
	why := "it is gone"
	if m := c.vc.machines[t.Ref]; m != nil {
		why = c.unfit(m)
		if at := c.vc.path(m.Parent) + "/" + m.Name; at != t.Path {
			why = "it is " + at + " now"
		}
	}
	if why == "" {
		return nil
	}
	return newError(vsphere.ClassConflict, vsphere.ReasonTemplateChanged, "template %s is not what it was: %s", t.Path, why)
}

// templatesChanged wakes the groups whose look-up has failed: the answer may be another now.
func (v *VCenter) templatesChanged() {
	for _, c := range v.clients {
		if len(c.classes) > 0 { // one may have its template folder by now
			c.outbox.NotifyAll()
		}
		for _, g := range c.lookups {
			c.outbox.Notify(g)
		}
	}
}
