package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

const (
	// patience bounds each wait. It is long because only a failure uses it up.
	patience = 30 * time.Minute
	// clients is how many requests of ours to the API server are under way at once.
	clients = 8
)

// nameOf is the name of the group with that number.
func nameOf(i int) string {
	if i == 0 {
		return groupName
	}
	return fmt.Sprintf("%s-%d", groupName, i)
}

// createMany makes groups and returns how long it took until the status of each said READY.
func (s *subject) createMany(ctx context.Context, groups, replicas int) (time.Duration, error) {
	began := time.Now()
	err := each(ctx, groups, func(ctx context.Context, i int) error {
		vg := &v1alpha1.VmGroup{
			ObjectMeta: metav1.ObjectMeta{Name: nameOf(i)},
			Spec:       v1alpha1.VmGroupSpec{CPU: 1, Memory: 1, Template: harness.Template, Replicas: ptr.To(int32(replicas))},
		}
		if s.shape != nil {
			s.shape(i, &vg.Spec)
		}
		_, err := s.groups.Create(ctx, vg, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return 0, err
	}
	ready := map[string]bool{}
	err = s.until(ctx, nil, func(vg *v1alpha1.VmGroup) bool {
		if vg.Status.Phase == v1alpha1.PhaseReady && int(vg.Status.AvailableReplicas) == replicas {
			ready[vg.Name] = true
		} else {
			delete(ready, vg.Name)
		}
		return len(ready) == groups
	})
	if err != nil {
		err = fmt.Errorf("%d of %d groups are READY: %w", len(ready), groups, err)
	}
	return time.Since(began), err
}

// removeMany deletes groups and returns how long it took until the last was gone.
func (s *subject) removeMany(ctx context.Context, groups int) (time.Duration, error) {
	began := time.Now()
	err := each(ctx, groups, func(ctx context.Context, i int) error {
		return s.groups.Delete(ctx, nameOf(i), metav1.DeleteOptions{})
	})
	if err != nil {
		return 0, err
	}
	var left cache.Store
	empty := func(store cache.Store) (bool, error) {
		left = store
		return len(store.ListKeys()) == 0, nil
	}
	err = s.until(ctx, empty, func(*v1alpha1.VmGroup) bool { return len(left.ListKeys()) == 0 })
	if err != nil && left != nil {
		err = fmt.Errorf("%d of %d groups are left: %w", len(left.ListKeys()), groups, err)
	}
	return time.Since(began), err
}

// each does something for each number below n, some at a time.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(clients)
	for i := range n {
		work.Go(func() error { return do(ctx, i) })
	}
	return work.Wait()
}

// until watches all groups until wanted is true of one that has come, changed or gone, or what there is at first is enough.
func (s *subject) until(
	ctx context.Context, enough toolswatch.PreconditionFunc, wanted func(*v1alpha1.VmGroup) bool,
) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	go func(controller *process) {
		select {
		case <-controller.ended:
			cancel() // nobody is left to wait for
		case <-ctx.Done():
		}
	}(s.process)
	last := &v1alpha1.VmGroup{}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return s.groups.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return s.groups.Watch(ctx, o)
		},
	}
	_, err := toolswatch.UntilWithSync(ctx, lw, last, enough, func(e apiwatch.Event) (bool, error) {
		vg, ok := e.Object.(*v1alpha1.VmGroup)
		if !ok {
			return false, fmt.Errorf("unexpected event %s: %v", e.Type, e.Object)
		}
		last = vg
		return wanted(vg), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the groups: %w (%s is %s: %s)", err, last.Name, last.Status.Phase, last.Status.Message)
	}
	return nil
}

// checkBooks fails if the simulator has made another number of VMs than was wanted since the warm-up, which made one.
func (s *subject) checkBooks(ctx context.Context, vms int) error {
	tasks, err := s.vcenter.Control.Tasks(ctx)
	if err != nil {
		return err
	}
	made := -1
	for _, task := range tasks {
		if task.DescriptionID == "VirtualMachine.cloneVm" && task.State == "success" {
			made++
		}
	}
	if made != vms {
		return fmt.Errorf("%d VMs were made, want %d", made, vms)
	}
	return s.vcenter.Violations(ctx)
}
