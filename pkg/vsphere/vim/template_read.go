package vim

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// errTemplateHidden means that a template is there, and that vCenter does not show what it is.
var errTemplateHidden = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
	Message: "vCenter does not show what the template is, and is asked again. If that lasts, the controller's account may not read it (System.Read).",
}

// readTemplate reads a template live and returns the devices that a clone of an origin is born with: see readSnapshot for those of
// linked clones, which fail with ReasonSnapshotNotFound if there is no snapshot to make them from. It fails with
// ReasonTemplateChanged, and the answer that it was found by is forgotten, if it
//
//  1. is gone
//  2. has another path, be it renamed or moved, or a folder on the way
//  3. cannot be cloned from any more (see unusable)
func (c *connection) readTemplate(ctx context.Context, t vsphere.Template, of origin) (templateRead, error) {
	nothing := templateRead{}
	ref := vmRef(t.Ref)
	paths := append(templateProps(), propDevices, propCores)
	if of.linked {
		paths = append(templateProps(), propSnapshot) // whose hardware is read instead
	}
	o, err := c.retrieveOne(ctx, ref, paths...)
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
	var read templateRead
	switch {
	case of.linked && slices.Contains(o.withheld, propSnapshot): // not to see its snapshots is not to see that it has none
		return nothing, errTemplateHidden
	case of.linked:
		if read, err = c.readSnapshot(ctx, t, of, o.props); err != nil {
			return nothing, err
		}
	case !o.props.showsDisks(): // a clone whose own disks seem to be somebody else's could never be destroyed
		return nothing, errDisksHidden
	default:
		read = o.props.hardware()
	}
	read.template, read.origin = t, of
	return read, nil
}

// hardware returns the devices and the cores of a template or of a snapshot, as far as clones have to do with them.
func (p properties) hardware() templateRead {
	keys := p.diskKeys()
	return templateRead{disks: keys, first: p.firstDisk(keys), cards: p.cards(), cores: int32(p.number(propCores))}
}

// templateChanged forgets the answer that a template was found by, and says why. props are what was read of it, nil if it
// is gone. What a filter has told is brought up to date; that the VM has left the folder is for the filter to tell.
func (c *connection) templateChanged(t vsphere.Template, props properties, why string) *vsphere.Error {
	c.reads.invalidate()
	if c.cfg.TemplateFolder == "" {
		c.searched.invalidate()
	}
	if props == nil {
		c.inv.DeleteTemplate(t.Ref)
	} else {
		c.inv.SetTemplate(t.Ref, props.ofVM(), c.cfg.Clock.Now())
		c.queue.wake() // reads it again soon
	}
	return &vsphere.Error{
		Class: vsphere.ClassConflict, Reason: vsphere.ReasonTemplateChanged,
		Message: fmt.Sprintf("Template %s is not what it was: %s. It is looked up again.", t.Path, why),
	}
}
