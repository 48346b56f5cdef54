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
	patch := fmt.Appendf(nil, `{"spec":{"update":{"strategy":"Replace","maxSurge":%d,"maxUnavailable":0,"trigger":"again"}}}`, surge)
	began, least := time.Now(), n
	changed, err := s.groups.Patch(ctx, groupName, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return 0, 0, err
	}
	err = s.watch(ctx, func(vg *v1alpha1.VmGroup) bool {
		least = min(least, int(vg.Status.AvailableReplicas))
		return vg.Status.ObservedGeneration == changed.Generation && vg.Status.Phase == v1alpha1.PhaseReady &&
			ptr.Deref(vg.Status.UpdatedReplicas, 0) == int32(n) && meta.IsStatusConditionTrue(vg.Status.Conditions, v1alpha1.ConditionUpToDate)
	})
	return time.Since(began), least, err
}
