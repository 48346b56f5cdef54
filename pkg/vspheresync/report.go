package vspheresync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// report writes the status if it has changed, and records events for what has changed in it. It returns after how long
// a change that is not worth a write yet will be.
//
// After a write that failed the next one is sent in any case: that of which the answer was lost may have taken effect, and a
// cache that is still without it looks as if there were nothing to write. The API server refuses what comes from such a
// cache, and ignores what changes nothing.
func (s *Syncer) report(ctx context.Context, m *memory, in plan.Input, p plan.Plan, r result) (time.Duration, error) {
	if in.Unavailable == nil {
		s.notify(ctx, in.Group, m, p.Notices)
	}
	if silent(ctx, in, p, r) {
		return 0, nil
	}
	old, status := in.Group.Status, plan.Status(in, p, r.outcome)
	if !m.unsure && equality.Semantic.DeepEqual(old, status) {
		m.statusStands, m.report.since = true, time.Time{}
		return 0, nil
	}
	if delay := s.delay(m, in, p, old, status); delay > 0 {
		return delay, nil
	}
	if s.cfg.Sure() != nil {
		return 0, nil // all groups are woken when it is sure again
	}
	_, err := s.writeStatus(ctx, in, status)
	if apierrors.IsNotFound(err) {
		return 0, nil // deleted meanwhile
	}
	return 0, err
}

// writeStatus replaces the status of the group that an input holds, and records an event if the change is worth one. The API
// server refuses it if the group was written since that version.
func (s *Syncer) writeStatus(ctx context.Context, in plan.Input, status v1alpha1.VmGroupStatus) (*v1alpha1.VmGroup, error) {
	group, m := in.Group, s.remember(in.Group.UID)
	moved := m.unsure || transition(group.Status, status)
	updated := group.DeepCopy()
	updated.Status = status
	updated, err := s.cfg.Client.VmGroups(group.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	m.unsure = err != nil && !apierrors.IsNotFound(err)
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	m.report.wrote(in.Now, moved)
	s.wrote(group, updated)
	s.announce(ctx, updated, m, group.Status, status)
	return updated, nil
}

// silent reports whether no status is to be written:
//
//  1. the group is gone
//  2. this process is not the one to speak: it stops, or its lease is not sure
//  3. the group has changed since it was read, and is to be looked at again first
//  4. it is not known yet which VMs the group has: the answer is about to come
func silent(ctx context.Context, in plan.Input, p plan.Plan, r result) bool {
	return r.finished || p.Orphan || ctx.Err() != nil || forbidden(r.err) || apierrors.IsConflict(r.err) ||
		in.Unavailable != nil && errors.Is(in.Unavailable, vsphere.ErrPending)
}

// forbidden reports whether the guard has refused a change: the lease is not surely ours.
func forbidden(err error) bool {
	e, ok := errors.AsType[*vsphere.Error](err)
	return ok && e.Reason == vsphere.ReasonWriteForbidden
}

// transition reports whether the difference is more than progress: another phase, condition, generation or folder.
func transition(old, status v1alpha1.VmGroupStatus) bool {
	if old.Phase != status.Phase || old.ObservedGeneration != status.ObservedGeneration ||
		old.Selector != status.Selector || !equality.Semantic.DeepEqual(old.Folder, status.Folder) ||
		len(old.Conditions) != len(status.Conditions) {
		return true
	}
	for _, c := range status.Conditions {
		was := meta.FindStatusCondition(old.Conditions, c.Type)
		if was == nil || was.Status != c.Status || was.Reason != c.Reason {
			return true
		}
	}
	return false
}

// readiness is what the condition Ready says, apart from the message.
type readiness struct {
	status metav1.ConditionStatus
	reason string
}

// announce records an event when the group enters another state than the last one that was announced, in order:
//
//  1. vCenter is away: no event. An outage is told by the condition alone, and so is its end: it is one event, not one for
//     each group.
//  2. The group moves towards what somebody has just asked for (another generation): no event. Its end has one.
//  3. Anything else: one event. It is a Warning if somebody has to act, or something is missing.
func (s *Syncer) announce(ctx context.Context, vg *v1alpha1.VmGroup, m *memory, old, status v1alpha1.VmGroupStatus) {
	was := meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionReady)
	if m.announced == nil && was != nil && was.Status != metav1.ConditionUnknown {
		m.announced = &readiness{was.Status, was.Reason}
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	now := readiness{ready.Status, ready.Reason}
	if now.status == metav1.ConditionUnknown || (m.announced != nil && *m.announced == now) {
		return
	}
	m.announced = &now
	if old.ObservedGeneration != status.ObservedGeneration && askedFor(now.reason) {
		return
	}
	kind := corev1.EventTypeNormal
	if status.Phase == v1alpha1.PhaseError || now.reason == v1alpha1.ReasonResourceExhausted || now.reason == v1alpha1.ReasonMassDisappearance {
		kind = corev1.EventTypeWarning
	}
	s.event(ctx, vg, kind, ready.Reason, ready.Message)
}

// askedFor reports whether a reason is the way to what the spec, or the deletion, asks for.
func askedFor(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.ReasonScalingUp, v1alpha1.ReasonScalingDown, v1alpha1.ReasonUpdating, v1alpha1.ReasonNotReady, v1alpha1.ReasonDeleting,
	}, reason)
}

// notify records each notice once, for as long as it holds.
func (s *Syncer) notify(ctx context.Context, vg *v1alpha1.VmGroup, m *memory, notices []plan.Notice) {
	current := make(map[plan.Notice]bool, len(notices))
	for _, n := range notices {
		current[n] = true
		if !m.notices[n] {
			s.event(ctx, vg, corev1.EventTypeWarning, n.Reason, n.Message)
		}
	}
	m.notices = current
}

// event records an event with the opID of this sync as an annotation, so that it can be found in our log and in vCenter's.
// In the message it would make every event another one, and nothing would be counted up any more.
func (s *Syncer) event(ctx context.Context, vg *v1alpha1.VmGroup, kind, reason, message string) {
	var annotations map[string]string
	if opID := vsphere.OpID(ctx); opID != "" {
		annotations = map[string]string{v1alpha1.OpIDAnnotation: opID}
	}
	s.cfg.Recorder.AnnotatedEventf(vg, annotations, kind, reason, "%s", message)
}
