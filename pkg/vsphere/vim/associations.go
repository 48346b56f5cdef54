package vim

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

const (
	// associatePause gathers what has changed: a rollout of thousands is tagged in a call a second for each tag.
	associatePause = time.Second
	// associateRetry is how soon what has failed is tried again.
	associateRetry = 20 * time.Second
	// restKeepEvery is how long a session of the REST endpoint may be idle. vCenter ends it after minutes.
	restKeepEvery = time.Minute
)

// associate wakes what keeps tags and cluster modules. It does not block.
func (s *shared) associate() {
	select {
	case s.associations <- struct{}{}:
	default:
	}
}

// keepAssociations keeps the tags of classes attached to their VMs, and VMs of groups that ask for it apart, until ctx ends. It goes by
// what vCenter says is attached, which it reads anew at each resync, and after it has changed something. While nobody asks for either,
// it makes no call, and has no session.
func (c *connection) keepAssociations(ctx context.Context) {
	keepers := []func(context.Context, *restCaller) (needed bool, again time.Duration){newTagKeeper(c).keep, newModuleKeeper(c).keep}
	for ctx.Err() == nil {
		rest := c.newRESTCaller()
		needed, wait := false, restKeepEvery
		for _, keep := range keepers {
			need, again := keep(ctx, rest)
			needed = needed || need
			if again > 0 {
				wait = min(wait, again)
			}
		}
		if err := rest.keepSession(ctx, needed); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("The session of vCenter's REST endpoint", "err", err)
		}
		select {
		case <-c.associations:
			if pauseOf(ctx, c, associatePause) != nil {
				return
			}
		case <-c.cfg.Clock.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// pauseOf waits by the clock of a connection.
func pauseOf(ctx context.Context, c *connection, d time.Duration) error {
	select {
	case <-c.cfg.Clock.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter returns when to try again what has failed with an error.
func (c *connection) retryAfter(err *vsphere.Error) time.Duration {
	if putOff, ok := errors.AsType[*loginPutOff](error(err)); ok {
		return max(associateRetry, putOff.until.Sub(c.cfg.Clock.Now()))
	}
	return associateRetry
}

// settled returns the VMs of ours that are made: nobody touches one whose clone is, or may be, under way.
func (c *connection) settled(keep func(*vsphere.VM) bool) []inventory.Sited {
	making, toCome := c.tracker.Making(), map[string]bool{}
	vms := c.inv.Ours(func(vm *vsphere.VM) bool {
		ours := !vm.Template && vsphere.Identify(c.cfg.Owner, vm.Stamp.UID, *vm) == vsphere.Ours
		return ours && keep(vm) && vm.Connection == vsphere.Connected && !vm.Unreadable && !making[vm.Stamp.UID][vm.Name]
	})
	out := vms[:0]
	for _, vm := range vms {
		uid := vm.Stamp.UID
		if _, known := toCome[uid]; !known {
			toCome[uid] = c.tracker.ClonesToCome(uid) > 0
		}
		if !toCome[uid] {
			out = append(out, vm)
		}
	}
	return out
}
