package vim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// pollSeconds is how long vCenter holds a poll that has nothing to tell; pollTimeout is its deadline, so that a dead
	// path is noticed.
	pollSeconds = 60
	pollTimeout = (pollSeconds + 5) * time.Second
	// A poll that was not answered within its deadline is asked once more, and vCenter is to answer soon: it may be that one
	// answer that was lost, or the path.
	againSeconds = 1
	againTimeout = 10 * time.Second
	// While updates stream, the next poll waits a little for each task in flight, within these bounds, so that they come
	// in batches: a few tasks are answered at once, many at a price that does not grow with them.
	pausePerTask = 2 * time.Millisecond
	minPause     = 20 * time.Millisecond
	maxPause     = 200 * time.Millisecond
	// idlePause keeps a server that answers "nothing" at once from being asked without end.
	idlePause = time.Second
)

// poll waits for updates since a version. A nil set means that there were none. To ask again with the same version is
// harmless: vCenter takes it for an acknowledgement, and repeats what was not acknowledged. Should it refuse the version, as
// it may in the middle of an answer of several pages, the connection ends, and all is read anew.
func (c *connection) poll(ctx context.Context, version string, maxWait int32) (*types.UpdateSet, error) {
	res, err := methods.WaitForUpdatesEx(ctx, c.client, &types.WaitForUpdatesEx{
		This: c.collector, Version: version, Options: &types.WaitOptions{MaxWaitSeconds: &maxWait},
	})
	if err != nil {
		return nil, fmt.Errorf("wait for updates: %w", err)
	}
	return res.Returnval, nil
}

// firstSet reads everything that the filters select, page by page, and returns the version to go on from. It does not
// wait: there may be nothing to select yet.
func (c *connection) firstSet(ctx context.Context) (string, error) {
	version := ""
	for {
		set, err := c.poll(ctx, version, 0)
		if err != nil {
			return "", err
		}
		if set == nil {
			return version, nil
		}
		c.apply(set)
		version = set.Version
		if set.Truncated == nil || !*set.Truncated {
			return version, nil
		}
	}
}

// watch applies updates until the connection breaks. The first after a rest is taken at once; while they stream, the
// polls are spaced, and the list of tasks is brought up to date in between, once per turn.
func (c *connection) watch(ctx context.Context, version string) error {
	for {
		asked := time.Now()
		set, err := c.poll(ctx, version, pollSeconds)
		if lost := lostCall(err); lost != nil && lost.hung() && !lost.ends {
			set, err = c.poll(ctx, version, againSeconds)
		}
		if err != nil {
			return err
		}
		if set == nil {
			if time.Since(asked) < idlePause {
				if err := pause(ctx, idlePause); err != nil {
					return err
				}
			}
			continue
		}
		version = set.Version
		c.apply(set)
		if err := c.checkViews(ctx); err != nil {
			return err
		}
		if set.Truncated != nil && *set.Truncated {
			continue
		}
		d := time.Duration(c.tasks.size()) * pausePerTask
		if err := pause(ctx, min(max(d, minPause), maxPause)); err != nil {
			return err
		}
		if err := c.listTasks(ctx); err != nil {
			return err
		}
	}
}

// apply takes over one set of updates and notifies each group that it concerns once. Tasks come last: what a task has
// brought about is then in the inventory, if it is in the set at all.
func (c *connection) apply(set *types.UpdateSet) {
	var t touched
	var verify []vsphere.Ref
	var tasks []types.ObjectUpdate
	for _, fu := range set.FilterSet {
		kind, ok := c.kindOf(fu.Filter)
		if !ok {
			continue
		}
		for _, u := range fu.ObjectSet {
			if hidesIdentity(u.MissingSet) {
				u.ChangeSet = slices.DeleteFunc(slices.Clone(u.ChangeSet), func(p types.PropertyChange) bool { return isConfiguration(p.Name) })
			}
			ref := vsphere.Ref(u.Obj.Value)
			left := u.Kind == types.ObjectUpdateKindLeave
			switch kind {
			case folderFilter:
				c.applyFolder(ref, left, u.ChangeSet, &t)
			case templateFilter:
				c.v.applyTemplate(ref, left, u, &t)
			case hostFilter:
				c.v.inv.updateFleet(u, &t)
			case taskFilter:
				tasks = append(tasks, u)
			case rootFilter, outsideFilter:
				from := fromRoot
				if kind == outsideFilter {
					from = fromOutside
				}
				if !left {
					c.v.inv.update(ref, from, u.Kind == types.ObjectUpdateKindEnter, u.ChangeSet, &t)
				} else if c.v.inv.leave(ref, from, &t) {
					if c.v.pending.destroying(ref) { // the task speaks for itself when it ends
						c.v.inv.byOurHand(ref)
					} else {
						verify = append(verify, ref)
					}
				}
			}
		}
	}
	for _, u := range tasks {
		c.applyTask(u, &t)
	}
	c.chores.wantVerified(verify...)
	c.chores.wantHosts(t.hosts...)
	c.chores.wantPlaces(t.places...)
	c.v.settle(&t)
}

func (c *connection) applyFolder(ref vsphere.Ref, left bool, changes []types.PropertyChange, t *touched) {
	near := c.v.nearTemplates(ref)
	if left {
		c.v.inv.removeFolder(ref, t)
	} else {
		c.v.inv.updateFolder(ref, changes, t)
		c.v.inv.confirm(ref)
	}
	if near || c.v.nearTemplates(ref) {
		c.v.notifyLookups(t) // the path of a template may be another now
	}
}
