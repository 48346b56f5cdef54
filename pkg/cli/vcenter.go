package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/connect"
	listers "github.com/vmgroup/vmgroup-controller/pkg/generated/listers/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/pkg/vspheresync"
)

// withVCenter connects to vCenter, reads its inventory, calls use with it, and logs out. It tries once, if that is no risk.
// The channel has a value after each notification.
func (inv *invocation) withVCenter(ctx context.Context, owner string, classes []vsphere.ClassSpec, use func(*vim.VCenter, <-chan struct{}) error) error {
	session, stop := context.WithCancel(context.WithoutCancel(ctx)) // who is interrupted logs out, too
	defer stop()
	gate, err := inv.newGate()
	if err != nil {
		return err
	}
	first := &firstView{known: make(chan struct{}), giveUp: stop, news: make(chan struct{}, 1)}
	config := connect.VCenter(inv.options, owner)
	config.Notifier, config.Gate = first, gate
	config.Guard = func() error { return errors.New("the plugin changes nothing in vCenter") }
	v, err := vim.New(config)
	if err != nil {
		return fmt.Errorf("vCenter: %w", err)
	}
	first.VCenter = v
	v.SetClasses(classes)
	ended := make(chan error, 1)
	go func() { ended <- v.Run(session) }()

	select {
	case <-first.known:
		if err = gate.explain(first.failure()); err == nil {
			err = use(v, first.news)
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	stop()
	return errors.Join(err, <-ended)
}

// firstView waits for the first thing that the adapter has to tell: that it has read the inventory, or that it cannot. Then
// it gives up, before anything is tried again.
type firstView struct {
	*vim.VCenter
	giveUp func()
	known  chan struct{} // closed when it is known; err is set before that
	news   chan struct{} // has room for one, and gets it with each notification
	once   sync.Once
	err    *vsphere.Error
}

// Notify implements vsphere.Notifier.
func (f *firstView) Notify(vsphere.GroupID) {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// NotifyAll implements vsphere.Notifier. The adapter calls it whenever its state has changed.
func (f *firstView) NotifyAll() {
	f.Notify(vsphere.GroupID{})
	state := f.State()
	if !state.Synced && state.Err.Reason == v1alpha1.ReasonVCenterSyncing {
		return
	}
	f.once.Do(func() {
		if !state.Synced {
			f.err = state.Err
			f.giveUp()
		}
		close(f.known)
	})
}

// failure says why there is no view of the inventory, nil if there is one.
func (f *firstView) failure() error {
	if f.err == nil {
		return nil
	}
	return f.err
}

// preview is what the controller would go by and do, and how the group's status would read if it had room for all VMs.
type preview struct {
	in     plan.Input
	plan   plan.Plan
	status v1alpha1.VmGroupStatus
	tasks  []vim.RunningTask
}

// preview computes the plans for some groups, of which there is at least one.
func (inv *invocation) preview(ctx context.Context, c *cluster, groups ...*v1alpha1.VmGroup) ([]preview, error) {
	if err := inv.validate(); err != nil {
		return nil, err
	}
	all, err := c.listVisible(ctx, groups[0].Namespace)
	if err != nil {
		return nil, err
	}
	owner, err := connect.Owner(ctx, c.kube, inv.options)
	if err != nil {
		return nil, err
	}
	offers, err := c.offersFor(ctx, groups[0].Namespace)
	if err != nil {
		return nil, err
	}
	var out []preview
	err = inv.withVCenter(ctx, owner, offers.specs(), func(v *vim.VCenter, news <-chan struct{}) error {
		tasks, err := v.RunningTasks(ctx)
		if err != nil {
			return err
		}
		lister, err := listerOf(all)
		if err != nil {
			return err
		}
		syncer := vspheresync.New(vspheresync.Config{
			KeeperOf: offers.keeperOf, VCenter: withTasks{v, tasks}, Lister: lister, Revisions: c.revisionsOf(ctx), Clock: clock.RealClock{},
		})
		for _, vg := range groups {
			in, p, err := previewOf(ctx, syncer, vg, news)
			if err != nil {
				return fmt.Errorf("VmGroup %s/%s: %w", vg.Namespace, vg.Name, err)
			}
			out = append(out, preview{in, p, plan.WholeStatus(in, p), tasks})
		}
		return nil
	})
	return out, err
}

// previewOf asks for a preview until vCenter has answered what it depends on.
func previewOf(
	ctx context.Context, s *vspheresync.Syncer, vg *v1alpha1.VmGroup, news <-chan struct{},
) (plan.Input, plan.Plan, error) {
	for {
		in, p, err := s.Preview(ctx, vg)
		if !errors.Is(err, vsphere.ErrPending) {
			return in, p, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return in, p, context.Cause(ctx)
		}
	}
}

// listerOf lists VmGroups that were read. By them it is told whether the root folder was lost.
func listerOf(groups []v1alpha1.VmGroup) (listers.VmGroupLister, error) {
	known := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for i := range groups {
		if err := known.Add(&groups[i]); err != nil {
			return nil, fmt.Errorf("list VmGroups: %w", err)
		}
	}
	return listers.NewVmGroupLister(known), nil
}

// withTasks is vCenter with the operations that another process, the controller, has under way.
type withTasks struct {
	vsphere.Interface
	tasks []vim.RunningTask
}

// Snapshot implements vsphere.Interface. Of a clone vCenter tells the name, if it does; one of which it does not may still
// come.
func (w withTasks) Snapshot(ctx context.Context, g vsphere.GroupID, class string) (vsphere.Snapshot, error) {
	s, err := w.Interface.Snapshot(ctx, g, class)
	if err != nil {
		return s, err
	}
	folders := map[vsphere.Ref]bool{}
	for _, f := range s.Folders {
		folders[f.Ref] = true
	}
	s.ClonesToCome = 0
	for _, task := range w.tasks {
		kind := vsphere.KindOfTask(task.What)
		switch {
		case kind.Makes() && task.Name == "":
			s.ClonesToCome++
		case kind.Makes() && folders[task.Folder]:
			s.Operations = append(s.Operations, vsphere.Operation{Kind: kind, Name: task.Name, Task: task.Task})
		case kind != "" && !kind.Makes():
			s.Operations = append(s.Operations, vsphere.Operation{Kind: kind, VM: task.Entity, Task: task.Task})
		}
	}
	return s, nil
}
