package fake

import (
	"context"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// FindTemplate implements vsphere.Interface. It keeps no answer: every change is seen at once, also where no template
// folder is set.
func (c *Client) FindTemplate(_ context.Context, g vsphere.GroupID, path string) (vsphere.Template, error) {
	c.vc.mu.Lock()
	defer c.vc.unlock()
	if err := c.read(FindTemplate, g); err != nil {
		return vsphere.Template{}, err
	}
	m, err := c.findTemplate(path)
	if err != nil {
		c.lookups[g.UID] = g
		return vsphere.Template{}, err
	}
	delete(c.lookups, g.UID)
	return vsphere.Template{Ref: m.Ref, Path: c.vc.path(m.Parent) + "/" + m.Name}, nil
}

// findTemplate looks for a name anywhere below the template folder, and for a path at that path only. What is below the
// root or carries a stamp is never found.
func (c *Client) findTemplate(path string) (*machine, *vsphere.Error) {
	if strings.Trim(path, "/ ") == "" {
		return nil, newError(vsphere.ClassInvalid, "TemplateEmpty", "spec.template names nothing")
	}
	var templates, others []*machine
	for _, m := range c.vc.machines {
		at := c.vc.path(m.Parent) + "/" + m.Name
		fits := at == c.cfg.TemplateFolder+"/"+path || (m.Name == path && c.vc.below(m.Parent, c.cfg.TemplateFolder))
		switch {
		case !fits || c.vc.below(m.Parent, c.cfg.Root) || m.Stamp != nil || m.Unreadable:
		case m.Template:
			templates = append(templates, m)
		default:
			others = append(others, m)
		}
	}
	switch {
	case len(templates) > 1:
		return nil, newError(vsphere.ClassInvalid, "TemplateAmbiguous", "%d templates are named %q", len(templates), path)
	case len(templates) == 1:
		return templates[0], nil
	case len(others) > 0:
		return nil, newError(vsphere.ClassInvalid, "TemplateUnusable", "%q is a VM, not a template", path)
	default:
		return nil, newError(vsphere.ClassInvalid, "TemplateNotFound", "there is no template %q", path)
	}
}

// templatesChanged wakes the groups whose look-up has failed: the answer may be another now.
func (v *VCenter) templatesChanged() {
	for _, c := range v.clients {
		for _, g := range c.lookups {
			c.outbox.Notify(g)
		}
	}
}
