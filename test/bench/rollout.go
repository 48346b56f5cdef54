package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// rollout replaces all VMs of a group, a tenth more at a time. The shortest possible is ten waves of clones.
func (b *bench) rollout(ctx context.Context) error {
	const cloneTime = time.Second
	surge := max(1, b.rolled/10)
	name := fmt.Sprintf("%d VMs replaced, clones of %s, maxSurge %d", b.rolled, cloneTime, surge)
	for range b.runs {
		err := b.with(ctx, vcsim.Options{CloneDelay: cloneTime}, []string{"-max-clones", "100"}, func(s *subject) error {
			if _, err := s.create(ctx, b.rolled); err != nil {
				return err
			}
			if _, err := s.calls(ctx); err != nil {
				return err
			}
			took, least, err := s.roll(ctx, b.rolled, surge)
			if err != nil {
				return err
			}
			calls, err := s.calls(ctx)
			if err != nil {
				return err
			}
			waves := (b.rolled + surge - 1) / surge
			b.note(name+": wall time / shortest possible", "<= 1.15", "", took.Seconds()/(float64(waves)*cloneTime.Seconds()))
			b.note("SOAP calls per VM replaced", "<= 5.5", "calls", float64(calls)/float64(b.rolled))
			b.note(name+": fewest available at any time", fmt.Sprintf(">= %d", b.rolled), "VMs", float64(least))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// roll has all VMs of the group replaced. It returns how long that took, and how few were available meanwhile, as far as the
// status has told.
func (s *subject) roll(ctx context.Context, n, surge int) (took time.Duration, least int, err error) {
	patch := fmt.Sprintf(`{"spec":{"update":{"strategy":"Replace","maxSurge":%d,"maxUnavailable":0,"trigger":"again"}}}`, surge)
	began := time.Now()
	least, err = s.change(ctx, patch, n)
	return time.Since(began), least, err
}

// change changes the group's spec, and waits until n VMs are as it says, and the group is READY. It returns how few were available
// meanwhile.
func (s *subject) change(ctx context.Context, patch string, n int) (least int, err error) {
	least = n
	changed, err := s.groups.Patch(ctx, groupName, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return 0, err
	}
	return least, s.watch(ctx, func(vg *v1alpha1.VmGroup) bool {
		least = min(least, int(vg.Status.AvailableReplicas))
		return vg.Status.ObservedGeneration == changed.Generation && vg.Status.Phase == v1alpha1.PhaseReady &&
			ptr.Deref(vg.Status.UpdatedReplicas, 0) == int32(n) && meta.IsStatusConditionTrue(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
	})
}

// resize gives all VMs of a group one CPU more while they are on, a tenth of them at a time.
func (b *bench) resize(ctx context.Context) error {
	name := fmt.Sprintf("%d VMs resized while they are on", b.rolled)
	for range b.runs {
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			if err := s.vcenter.Control.SetHotAdd(ctx, harness.Template, true, true); err != nil {
				return err
			}
			if _, err := s.create(ctx, b.rolled); err != nil {
				return err
			}
			if _, err := s.calls(ctx); err != nil {
				return err
			}
			began := time.Now()
			least, err := s.change(ctx, `{"spec":{"cpu":2,"update":{"strategy":"InPlaceOnly","maxUnavailable":"10%"}}}`, b.rolled)
			if err != nil {
				return err
			}
			took := time.Since(began)
			calls, err := s.calls(ctx)
			if err != nil {
				return err
			}
			b.note(name, "", "ms", float64(took.Milliseconds()))
			b.note("SOAP calls per VM resized while it is on", "<= 2.2", "calls", float64(calls)/float64(b.rolled))
			b.note(name+": fewest available at any time", fmt.Sprintf(">= %d", b.rolled), "VMs", float64(least))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// updating measures the syncs of a large group while its first VMs are replaced, one more at a time: they send a request each, and
// so show what it takes to decide and to report.
func (b *bench) updating(ctx context.Context) error {
	name := fmt.Sprintf("one sync, %s VMs, in the middle of a rollout", count(b.large))
	for range b.largeRuns {
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			if _, err := s.create(ctx, b.large); err != nil {
				return err
			}
			const patch = `{"spec":{"update":{"strategy":"Replace","trigger":"again"}}}`
			before, err := s.usage(ctx)
			if err != nil {
				return err
			}
			changed, err := s.groups.Patch(ctx, groupName, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			if err != nil {
				return err
			}
			err = s.watch(ctx, func(vg *v1alpha1.VmGroup) bool {
				return vg.Status.ObservedGeneration == changed.Generation && ptr.Deref(vg.Status.UpdatedReplicas, 0) >= int32(min(30, b.large/2))
			})
			if err != nil {
				return err
			}
			after, err := s.usage(ctx)
			if err != nil {
				return err
			}
			syncs := float64(after.syncs - before.syncs)
			b.note(name, "<= 40", "ms", 1000*(after.syncing-before.syncing)/syncs)
			b.note(name+": CPU of the controller", "", "ms", float64(after.cpu-before.cpu)/float64(time.Millisecond)/syncs)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
