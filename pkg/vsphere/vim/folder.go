package vim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	// removalWait bounds how long the task that removes a folder is waited for. It is waited for beside the workers, and not
	// put on the list of tasks: an empty folder goes at once, and that happens once in a group's life.
	removalWait = 5 * time.Second
	// removalPoll is the time between the first two looks at that task; it doubles.
	removalPoll = 20 * time.Millisecond
)

// EnsureFolder returns the group's folder and makes what is missing of <root>/<namespace>/<name>.
func (v *VCenter) EnsureFolder(ctx context.Context, g vsphere.GroupID) (vsphere.Ref, error) {
	c, err := v.synced()
	if err != nil {
		return "", err
	}
	root, err := c.ensureRoot(ctx)
	if err != nil {
		return "", err
	}
	folder := root
	for _, name := range []string{g.Namespace, g.Name} {
		if folder, err = c.ensureChild(ctx, folder, name); err != nil {
			return "", err
		}
	}
	return folder, nil
}

// ensureRoot makes the root folder and watches it, unless it is there.
func (c *connection) ensureRoot(ctx context.Context) (vsphere.Ref, error) {
	if root := c.inv.Root(); root != "" {
		return root, nil
	}
	c.rootMu.Lock()
	defer c.rootMu.Unlock()
	if root := c.inv.Root(); root != "" {
		return root, nil // somebody else was faster
	}
	folder := vsphere.Ref(c.site.vmFolder.Value)
	for _, name := range c.site.root {
		var err error
		if folder, err = c.ensureChild(ctx, folder, name); err != nil {
			return "", c.rootDenied(err)
		}
	}
	if err := c.watchRoot(ctx, folder); err != nil {
		// The folder is there without a watch: a new connection watches it.
		c.lost(errRewatch)
		return "", c.fail("Watch the root folder", err)
	}
	return folder, nil
}

// rootDenied says what to do where the account may not make the root folder, and need not: an administrator makes it.
func (c *connection) rootDenied(err error) error {
	e, ok := errors.AsType[*vsphere.Error](err)
	if !ok || e.Reason != v1alpha1.ReasonNoPermission {
		return err
	}
	said := *e
	said.Message = fmt.Sprintf("%s Or make the root folder %s in vCenter, and give the account its privileges there: nothing is made until it exists.",
		e.Message, vsphere.Path(slices.Concat(c.site.vmFolderPath, c.site.root)...))
	return &said
}

// ensureChild returns the folder of a name in another and makes it if it is missing. The inventory has it at once.
func (c *connection) ensureChild(ctx context.Context, parent vsphere.Ref, name string) (vsphere.Ref, error) {
	if ref, ok := c.inv.Child(parent, name); ok {
		return ref, nil
	}
	what := fmt.Sprintf("Create folder %s", name)
	ref, err := c.createFolder(ctx, parent, name)
	if f, ok := faultOf(err).(*types.DuplicateName); ok {
		if f.Object.Type != "Folder" {
			return "", &vsphere.Error{
				Class: vsphere.ClassInvalid, Reason: vsphere.ReasonNameTaken, Fault: "DuplicateName", Err: err,
				Message: fmt.Sprintf("%s: the name is taken by %s %s, which is no folder. Rename it in vCenter.", what, f.Object.Type, f.Object.Value),
			}
		}
		ref, err = f.Object, nil
	}
	if err != nil {
		if isGone(err, folderRef(parent)) {
			c.folderGone(parent)
		}
		return "", c.fail(what, err)
	}
	var ch inventory.Changes
	c.inv.AddFolder(vsphere.Ref(ref.Value), parent, name, c.cfg.Clock.Now(), &ch)
	c.publish(&ch)
	c.queue.wake()
	return vsphere.Ref(ref.Value), nil
}

// createFolder makes a folder. If the answer is lost, it looks for the folder; one that is not there is asked for once more,
// which makes no second one: vCenter refuses the name.
func (c *connection) createFolder(ctx context.Context, parent vsphere.Ref, name string) (types.ManagedObjectReference, error) {
	for again := false; ; again = true {
		res, err := methods.CreateFolder(ctx, c.client, &types.CreateFolder{This: folderRef(parent), Name: vsphere.EscapeName(name)})
		if err == nil {
			return res.Returnval, nil
		}
		if lost := lostCall(err); lost == nil || !lost.sent || !lost.worthRepeating() || again {
			return types.ManagedObjectReference{}, err
		}
		child, lookErr := c.findChild(ctx, parent, name)
		if lookErr != nil {
			return types.ManagedObjectReference{}, err // the outcome is unknown
		}
		if child != nil && child.Type == "Folder" {
			return *child, nil
		}
	}
}

// RemoveFolder removes a folder of the group that a live listing shows to be empty.
func (v *VCenter) RemoveFolder(ctx context.Context, g vsphere.GroupID, folder vsphere.Ref) error {
	c, err := v.synced()
	if err != nil {
		return err
	}
	if err := v.cfg.Guard(); err != nil {
		return guardFailure(removalOf(g), &guardError{err})
	}
	return c.requests.do(ctx, requestKey{g, "remove folder " + string(folder)}, func(ctx context.Context) error {
		return c.removeFolder(ctx, g, folder)
	})
}

func removalOf(g vsphere.GroupID) string {
	return fmt.Sprintf("Remove the folder of %s/%s", g.Namespace, g.Name)
}

// removeFolder lists a folder, removes it if it is empty, and waits until it is gone. UnregisterAndDestroy deletes no VM: one
// that slips in meanwhile is unregistered, and its files stay.
func (c *connection) removeFolder(ctx context.Context, g vsphere.GroupID, folder vsphere.Ref) error {
	what := removalOf(g)
	ref := folderRef(folder)
	o, err := c.retrieveOne(ctx, ref, propName, propParent, propChildren)
	if isGone(err, ref) {
		c.folderGone(folder)
		return nil
	}
	if err != nil {
		return c.fail(what, err)
	}
	if len(o.props) == 0 || slices.Contains(o.withheld, propChildren) {
		return c.fail(what, errNothingReadable) // which is not to say that it is empty
	}
	if !c.inv.UnderRoot(o.props.ref(propParent)) {
		return &vsphere.Error{
			Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNotOurs,
			Message: what + ": it does not lie in a namespace's folder below the root, and is left.",
		}
	}
	children, _ := o.props[propChildren].(types.ArrayOfManagedObjectReference)
	if n := len(children.ManagedObjectReference); n > 0 {
		return &vsphere.Error{
			Class: vsphere.ClassConflict, Reason: v1alpha1.ReasonFolderNotEmpty,
			Message: fmt.Sprintf("%s: it holds %d objects and is left.", what, n),
		}
	}
	res, err := methods.UnregisterAndDestroy_Task(ctx, c.client, &types.UnregisterAndDestroy_Task{This: ref})
	if isGone(err, ref) {
		c.folderGone(folder)
		return nil
	}
	if err != nil {
		return c.fail(what, err)
	}
	if err := c.waitRemoved(ctx, what, res.Returnval); err != nil {
		return err
	}
	c.folderGone(folder)
	return nil
}

// waitRemoved waits for a task, for a short time. If that is not enough, the group finds the folder gone, or still there,
// when it asks again.
func (c *connection) waitRemoved(ctx context.Context, what string, task types.ManagedObjectReference) error {
	waited := time.Duration(0)
	for d := removalPoll; ; d *= 2 {
		read, err := c.retrieveOne(ctx, task, propTaskState, propTaskError)
		if err != nil {
			return c.fail(what, err)
		}
		switch types.TaskInfoState(read.props.text(propTaskState)) {
		case types.TaskInfoStateSuccess:
			return nil
		case types.TaskInfoStateError:
			fault, _ := read.props[propTaskError].(types.LocalizedMethodFault)
			if _, ok := fault.Fault.(*types.ManagedObjectNotFound); ok {
				return nil
			}
			return c.failFault("", what, fault.Fault, nil)
		default: // it goes on
		}
		if waited += d; waited > removalWait {
			return &vsphere.Error{
				Class: vsphere.ClassTransient, Reason: vsphere.ReasonBusy, Message: what + ": vCenter is still at it.",
			}
		}
		if err := pause(ctx, d); err != nil {
			return c.fail(what, err)
		}
	}
}
