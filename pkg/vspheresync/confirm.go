package vspheresync

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
)

// confirm proves that the live group is the one that the plan was made for, before anything is made or removed: the cache
// may be older than a change of mind. Neither finalizers nor annotations nor labels count in the generation. The API server
// accepts a write for the version in the cache only while that version is the live one, so such a write proves as much as
// a read. In order:
//
//  1. The plan makes no folder and no VM, and removes no VM: no proof is needed. The folder of a group that goes is removed only
//     if it is empty, and nothing is lost with it.
//  2. The finalizer is added before everything else, or its removal is all there is to do: its patch is the proof.
//  3. The status has to be written at once (see statusFirst): that write is the proof.
//  4. The plan removes nothing, the group has waited for its turn, and the version in the cache was proven within provenFor:
//     that proof holds. A group gets several turns within a moment.
//  5. Otherwise: a live read.
func (s *Syncer) confirm(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	removes := p.RemovesVMs() || in.Group.DeletionTimestamp != nil && len(p.Cancel) > 0
	if !p.Makes() && !removes || p.AddFinalizer {
		return nil
	}
	if status := plan.Status(in, p, plan.Outcome{}); statusFirst(p, in.Group.Status, status) && !p.RemoveFinalizer {
		proven, err := s.confirmByStatus(ctx, in, status, r)
		if proven || err != nil {
			return err
		}
	}
	if m := s.remember(in.Group.UID); !removes && m.waits && m.proof.of(in) {
		return nil
	}
	return s.confirmByRead(ctx, in, r)
}

// provenFor is how long a version of a group counts as the live one for clones that have waited for their turn.
const provenFor = 2 * time.Second

// proof says that a version of a group was the live one.
type proof struct {
	version string
	at      time.Time
}

// of reports whether the group that an input holds was proven lately.
func (p proof) of(in plan.Input) bool {
	return p.version == in.Group.ResourceVersion && in.Now.Sub(p.at) <= provenFor
}

// statusFirst reports whether a status is written before the plan is carried out, and not after it:
//
//  1. The group was READY and is not any more, and the plan removes VMs: READY must not stand there while VMs are switched off.
//     A VM that is missing is not kept waiting: a read takes a quarter of the time of a write.
//  2. The spec has changed, or the deletion has begun: the old status speaks of another generation. An empty one speaks of none.
//
// Any other change waits for the outcome, or else each retry of what fails would say for a moment that all is well.
func statusFirst(p plan.Plan, old, status v1alpha1.VmGroupStatus) bool {
	ready := func(s v1alpha1.VmGroupStatus) bool {
		return meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady)
	}
	return old.Phase != "" && old.ObservedGeneration != status.ObservedGeneration || p.RemovesVMs() && ready(old) && !ready(status)
}

// confirmByStatus writes the status for the version in the cache. It proves nothing if the write fails for another reason
// than a change of the group: a status that the API server refuses must not keep VMs from being made or removed.
func (s *Syncer) confirmByStatus(ctx context.Context, in plan.Input, status v1alpha1.VmGroupStatus, r *result) (proven bool, err error) {
	if s.cfg.Sure() != nil {
		return false, nil // vCenter's own guard refuses what follows
	}
	updated, err := s.writeStatus(ctx, in, status)
	switch {
	case apierrors.IsNotFound(err):
		return false, goneConflict(in.Group)
	case apierrors.IsConflict(err):
		return false, err
	case err != nil:
		return false, nil // the next write of the status tells, see memory.unsure
	}
	r.group = updated
	return true, nil
}

// confirmByRead reads the group live, and compares it with the cache. Of another version nobody knows what it asks for, and who
// has written it: the cache will have it in a moment.
func (s *Syncer) confirmByRead(ctx context.Context, in plan.Input, r *result) error {
	cached := in.Group
	live, err := s.cfg.Client.VmGroups(cached.Namespace).Get(ctx, cached.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return goneConflict(cached)
	}
	if err != nil {
		return fmt.Errorf("read VmGroup before changing vCenter: %w", err)
	}
	if live.UID != cached.UID || live.ResourceVersion != cached.ResourceVersion {
		return conflict(cached, "it was changed since the cache was filled")
	}
	s.remember(live.UID).proof = proof{live.ResourceVersion, s.cfg.Clock.Now()}
	r.group = live
	return nil
}

// conflict is the error of a group that is not as the cache has it.
func conflict(vg *v1alpha1.VmGroup, message string) error {
	return apierrors.NewConflict(v1alpha1.Resource("vmgroups"), vg.Name, errors.New(message))
}

func goneConflict(vg *v1alpha1.VmGroup) error {
	return conflict(vg, "it is gone, and the cache does not know yet")
}
