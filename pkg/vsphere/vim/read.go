package vim

import (
	"context"
	"fmt"
	"maps"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// pageSize is how many objects an answer to a read holds at most. What is not kept of a page costs no memory after it.
const pageSize = 500

// retrieve reads properties, all pages.
func (c *connection) retrieve(ctx context.Context, specs ...types.PropertyFilterSpec) ([]object, error) {
	return c.retrieveSome(ctx, func(object) bool { return true }, specs...)
}

// retrieveSome reads properties, all pages, and returns the objects to keep. Where the answer with a page was lost, it begins
// anew: nobody can tell whether the page can be had again.
func (c *connection) retrieveSome(
	ctx context.Context, keep func(object) bool, specs ...types.PropertyFilterSpec,
) ([]object, error) {
	for n := 0; ; n++ {
		objects, err := c.retrievePages(ctx, keep, specs)
		if lost := lostCall(err); lost == nil || lost.method != "ContinueRetrievePropertiesEx" || !lost.worthRepeating() || n == maxRepeats {
			return objects, err
		}
	}
}

func (c *connection) retrievePages(
	ctx context.Context, keep func(object) bool, specs []types.PropertyFilterSpec,
) ([]object, error) {
	pc := c.client.ServiceContent.PropertyCollector
	res, err := methods.RetrievePropertiesEx(ctx, c.client, &types.RetrievePropertiesEx{
		This: pc, SpecSet: specs, Options: types.RetrieveOptions{MaxObjects: pageSize},
	})
	if err != nil {
		return nil, err
	}
	var objects []object
	for page := res.Returnval; page != nil; {
		for _, o := range page.Objects {
			read := object{ref: o.Obj, props: propertiesOf(o.PropSet)}
			for _, m := range o.MissingSet {
				if f, ok := m.Fault.Fault.(*types.NotAuthenticated); ok { // who has no session is answered, and shown nothing
					return nil, &callError{method: "RetrievePropertiesEx", err: soap.WrapVimFault(f)}
				}
				read.withheld = append(read.withheld, m.Path)
			}
			if hidesIdentity(o.MissingSet) {
				maps.DeleteFunc(read.props, func(path string, _ any) bool { return isConfiguration(path) })
			}
			if keep(read) {
				objects = append(objects, read)
			}
		}
		if page.Token == "" {
			break
		}
		next, err := methods.ContinueRetrievePropertiesEx(ctx, c.client, &types.ContinueRetrievePropertiesEx{
			This: pc, Token: page.Token,
		})
		if err != nil {
			return nil, err
		}
		page = &next.Returnval
	}
	return objects, nil
}

// retrieveView reads properties of the objects of a view.
func (c *connection) retrieveView(
	ctx context.Context, view types.ManagedObjectReference, props ...types.PropertySpec,
) ([]object, error) {
	return c.retrieve(ctx, readView(view, props...))
}

// retrieveOne reads properties of one object.
func (c *connection) retrieveOne(
	ctx context.Context, ref types.ManagedObjectReference, paths ...string,
) (object, error) {
	objects, err := c.retrieve(ctx, types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: ref}}, PropSet: []types.PropertySpec{propSpec(ref.Type, paths...)},
	})
	if err != nil {
		return object{}, err
	}
	for _, o := range objects {
		if o.ref == ref {
			return o, nil
		}
	}
	return object{}, &vsphere.Error{
		Class: vsphere.ClassTransient, Reason: v1alpha1.ReasonRetrying,
		Message: fmt.Sprintf("vCenter answered nothing about %s %s.", ref.Type, ref.Value),
	}
}

// readEach reads properties of several objects of one type in one call. What is missing in the answer is read again
// alone: only vCenter's ManagedObjectNotFound for that very object proves that it is gone. An error means that nothing
// was learnt about any.
func (c *connection) readEach(
	ctx context.Context, refs []types.ManagedObjectReference, paths ...string,
) (map[types.ManagedObjectReference]reading, error) {
	out := make(map[types.ManagedObjectReference]reading, len(refs))
	if len(refs) > 1 {
		spec := types.PropertyFilterSpec{
			PropSet:                       []types.PropertySpec{propSpec(refs[0].Type, paths...)},
			ReportMissingObjectsInResults: types.NewBool(true),
		}
		for _, ref := range refs {
			spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: ref})
		}
		objects, err := c.retrieve(ctx, spec)
		if err != nil && faultOf(err) == nil {
			return nil, err
		}
		for _, o := range objects {
			if len(o.props) > 0 {
				out[o.ref] = reading{props: o.props}
			}
		}
	}
	for _, ref := range refs {
		if _, ok := out[ref]; ok {
			continue
		}
		o, err := c.retrieveOne(ctx, ref, paths...)
		switch {
		case err == nil && len(o.props) == 0:
			out[ref] = reading{err: errNothingReadable}
		case err == nil:
			out[ref] = reading{props: o.props}
		case isGone(err, ref):
			out[ref] = reading{gone: true}
		case saysNothing(err) || ctx.Err() != nil:
			return nil, err
		default:
			out[ref] = reading{err: err}
		}
	}
	return out, nil
}

// list reads properties of everything of some kinds in a container, through a view of its own.
func (c *connection) list(
	ctx context.Context, container types.ManagedObjectReference, kinds, paths []string,
) ([]object, error) {
	view, err := c.createContainerView(ctx, container, kinds)
	if err != nil {
		return nil, err
	}
	var specs []types.PropertySpec
	for _, kind := range kinds {
		specs = append(specs, propSpec(kind, paths...))
	}
	objects, err := c.retrieveView(ctx, view, specs...)
	if _, destroyErr := methods.DestroyView(ctx, c.client, &types.DestroyView{This: view}); destroyErr != nil {
		c.own(view) // the next connection tries again
	}
	return objects, err
}

func (c *connection) createContainerView(
	ctx context.Context, container types.ManagedObjectReference, kinds []string,
) (types.ManagedObjectReference, error) {
	res, err := methods.CreateContainerView(ctx, c.client, &types.CreateContainerView{
		This: *c.client.ServiceContent.ViewManager, Container: container, Type: kinds, Recursive: true,
	})
	if err != nil {
		return types.ManagedObjectReference{}, fmt.Errorf("create a view of %s %s: %w", container.Type, container.Value, err)
	}
	return res.Returnval, nil
}

func (c *connection) createListView(
	ctx context.Context, members ...types.ManagedObjectReference,
) (types.ManagedObjectReference, error) {
	res, err := methods.CreateListView(ctx, c.client, &types.CreateListView{
		This: *c.client.ServiceContent.ViewManager, Obj: members,
	})
	if err != nil {
		return types.ManagedObjectReference{}, fmt.Errorf("create a list view: %w", err)
	}
	return res.Returnval, nil
}
