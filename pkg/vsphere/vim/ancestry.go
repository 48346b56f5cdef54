package vim

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// maxDepth ends the way up where two moves have made a circle of what was read.
const maxDepth = 100

// errMovedMeanwhile means that an object, or one above it, went while its path was read.
var errMovedMeanwhile = &vsphere.Error{
	Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying, Message: "The inventory changed meanwhile.",
}

// ancestry finds out where objects lie. It remembers what it has read.
type ancestry struct {
	c     *connection
	known map[types.ManagedObjectReference]properties
	lists map[listing][]object
	more  map[types.ManagedObjectReference]properties // see readMore
	// policies and policiesErr are both nil as long as the storage policies were not asked for.
	policies    *policyList
	policiesErr error
}

// listing names what below has listed.
type listing struct {
	folder types.ManagedObjectReference
	kind   string
}

func newAncestry(c *connection) *ancestry {
	return &ancestry{c: c, known: map[types.ManagedObjectReference]properties{}, lists: map[listing][]object{}, more: map[types.ManagedObjectReference]properties{}}
}

// below lists everything of a kind in a folder, with some properties, which are the same at each call for a kind, and tells
// where the folder itself lies.
func (a *ancestry) below(
	ctx context.Context, folder types.ManagedObjectReference, kind string, props ...string,
) (choices []choice, base []string, err error) {
	if base, err = a.pathOf(ctx, folder); err != nil {
		return nil, nil, err
	}
	objects, ok := a.lists[listing{folder, kind}]
	if !ok {
		if objects, err = a.c.list(ctx, folder, []string{kind}, append(props, propName, propParent)); err != nil {
			return nil, nil, err
		}
		a.lists[listing{folder, kind}] = objects
	}
	choices, err = a.choices(ctx, objects)
	return choices, base, err
}

// read reads the names and parents of objects of one type, as far as that was not done. Those that cannot be read are left out.
func (a *ancestry) read(ctx context.Context, refs []types.ManagedObjectReference) ([]object, error) {
	unread := slices.DeleteFunc(slices.Clone(refs), func(ref types.ManagedObjectReference) bool { return a.known[ref] != nil })
	if len(unread) > 0 {
		readings, err := a.c.readEach(ctx, unread, propName, propParent)
		if err != nil {
			return nil, err
		}
		for ref, r := range readings {
			if r.props != nil {
				a.known[ref] = r.props
			}
		}
	}
	var objects []object
	for _, ref := range refs {
		if a.known[ref] != nil {
			objects = append(objects, object{ref: ref, props: a.known[ref]})
		}
	}
	return objects, nil
}

// choices adds their paths to objects whose names and parents were read.
func (a *ancestry) choices(ctx context.Context, objects []object) ([]choice, error) {
	for _, o := range objects {
		a.known[o.ref] = o.props
	}
	choices := make([]choice, 0, len(objects))
	for _, o := range objects {
		path, err := a.pathOf(ctx, o.ref)
		if err != nil {
			return nil, err
		}
		choices = append(choices, choice{object: o, path: path})
	}
	return choices, nil
}

// pathOf returns the names of an object's inventory path. It begins with an ellipsis where the controller's account cannot
// read on, and is nothing but that where it cannot read the object. An error means that vCenter did not answer, or errMovedMeanwhile.
func (a *ancestry) pathOf(ctx context.Context, ref types.ManagedObjectReference) ([]string, error) {
	var names []string
	for ref != a.c.client.ServiceContent.RootFolder {
		if _, ok := a.known[ref]; !ok {
			readings, err := a.c.readEach(ctx, []types.ManagedObjectReference{ref}, propName, propParent)
			if err != nil {
				return nil, fmt.Errorf("read the path of %s %s: %w", ref.Type, ref.Value, err)
			}
			if readings[ref].gone {
				return nil, fmt.Errorf("read the path of %s %s: %w", ref.Type, ref.Value, errMovedMeanwhile)
			}
			a.known[ref] = readings[ref].props
		}
		props := a.known[ref]
		name := props.name()
		if name == "" || len(names) == maxDepth {
			names = append(names, inventory.Hidden)
			break
		}
		names = append(names, name)
		parent, ok := props[propParent].(types.ManagedObjectReference)
		if !ok {
			names = append(names, inventory.Hidden)
			break
		}
		ref = parent
	}
	slices.Reverse(names)
	return names, nil
}
