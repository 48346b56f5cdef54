package vim

import (
	"context"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// errTemplateHidden means that a template is there, and that vCenter does not show what it is.
var errTemplateHidden = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
	Message: "vCenter does not show what the template is, and is asked again. If that lasts, the controller's account may not read it (System.Read).",
}

// readTemplate reads a template live and returns its disks: those that a clone is born with. It fails with
// ReasonTemplateChanged, and the answer that it was found by is forgotten, if it
//
//  1. is gone
//  2. has another path, be it renamed or moved, or a folder on the way
//  3. cannot be cloned from any more (see unusable)
func (c *connection) readTemplate(ctx context.Context, t vsphere.Template) (templateRead, error) {
	nothing := templateRead{}
	ref := vmRef(t.Ref)
	o, err := c.retrieveOne(ctx, ref, append(templateProps(), propDevices)...)
	switch {
	case isGone(err, ref):
		return nothing, c.templateChanged(t, nil, "it is gone")
	case err != nil:
		return nothing, err
	case len(o.props) == 0:
		return nothing, errNothingReadable
	case !o.props.configured():
		return nothing, errTemplateHidden
	}
	now := c.candidate(t.Ref, o.props.ofVM())
	if now.path != t.Path || o.props.ref(propParent) != t.Parent { // of a path that is not visible as a whole, little is left
		return nothing, c.templateChanged(t, o.props, "it is "+now.path+" now")
	}
	if why := unusable(now); why != "" {
		return nothing, c.templateChanged(t, o.props, why)
	}
	if !o.props.showsDisks() { // a clone whose own disks seem to be somebody else's could never be destroyed
		return nothing, errDisksHidden
	}
	keys := o.props.diskKeys()
	return templateRead{template: t, disks: keys, first: o.props.firstDisk(keys), cards: o.props.cards()}, nil
}

// templateChanged forgets the answer that a template was found by, and says why. props are what was read of it, nil if it
// is gone. What a filter has told is brought up to date; that the VM has left the folder is for the filter to tell.
func (s *shared) templateChanged(t vsphere.Template, props properties, why string) *vsphere.Error {
	s.reads.invalidate()
	if s.cfg.TemplateFolder == "" {
		s.searched.invalidate()
	}
	if props == nil {
		s.inv.DeleteTemplate(t.Ref)
	} else {
		s.inv.SetTemplate(t.Ref, props.ofVM())
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: vsphere.ReasonTemplateChanged,
		Message: fmt.Sprintf("Template %s is not what it was: %s. It is looked up again.", t.Path, why),
	}
}
