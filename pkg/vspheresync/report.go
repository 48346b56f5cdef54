package vspheresync

import (
	"context"
	"errors"
	"fmt"
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
func (s *Syncer) report(ctx context.Context, live *v1alpha1.VmGroup, m *memory, in plan.Input, p plan.Plan, r result) (time.Duration, error) {
	if in.Unavailable == nil {
		s.notify(ctx, live, m, p.Notices)
	}
	if silent(ctx, p, r) {
		return 0, nil
	}
	old, status := in.Group.Status, plan.Status(in, p, r.outcome)
	if !m.unsure && equality.Semantic.DeepEqual(old, status) {
		m.statusStands = true
		return 0, nil
	}
	moved := m.unsure || transition(old, status)
	if delay := m.report.wait(in.Now, moved); delay > 0 {
		return delay, nil
	}
	if s.cfg.Sure() != nil {
		return 0, nil // all groups are woken when it is sure again
	}
	updated := live.DeepCopy()
	updated.Status = status
	updated, err := s.cfg.Client.VmGroups(live.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil // deleted meanwhile
	}
	m.unsure = err != nil
	if err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	m.report.wrote(in.Now, moved)
	s.wrote(updated)
	s.announce(ctx, updated, m, old, status)
	return 0, nil
}

// silent reports whether no status is to be written:
//
//  1. the group is gone
//  2. this process is not the one to speak: it stops, or its lease is not sure
//  3. the group has changed since it was read, and is to be looked at again first
func silent(ctx context.Context, p plan.Plan, r result) bool {
	return r.finished || p.Orphan || ctx.Err() != nil || forbidden(r.err) || apierrors.IsConflict(r.err)
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

// finding is what the condition Ready says, apart from the message.
type finding struct {
	status metav1.ConditionStatus
	reason string
}

// announce records an event when the group enters another state than the last one that was told. An outage of vCenter is
// told by the condition alone, and so is its end: it is one event, not one for each group.
func (s *Syncer) announce(ctx context.Context, vg *v1alpha1.VmGroup, m *memory, old, status v1alpha1.VmGroupStatus) {
	was := meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionReady)
	if m.said == nil && was != nil && was.Status != metav1.ConditionUnknown {
		m.said = &finding{was.Status, was.Reason}
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	now := finding{ready.Status, ready.Reason}
	if now.status == metav1.ConditionUnknown || (m.said != nil && *m.said == now) {
		return
	}
	m.said = &now
	kind := corev1.EventTypeNormal
	if status.Phase == v1alpha1.PhaseError || now.reason == v1alpha1.ReasonResourceExhausted || now.reason == v1alpha1.ReasonMassDisappearance {
		kind = corev1.EventTypeWarning
	}
	s.event(ctx, vg, kind, ready.Reason, ready.Message)
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

// Mere progress is written after 1 s, and then at intervals that double to a minute: a group of thousands is as cheap to
// watch as one of three.
const (
	firstInterval = time.Second
	lastInterval  = time.Minute
)

// pace spaces the writes of progress.
type pace struct {
	last     time.Time // of any write
	interval time.Duration
}

// wait returns how long a write has to wait: not at all for a transition.
func (p *pace) wait(now time.Time, transition bool) time.Duration {
	if transition || p.last.IsZero() {
		return 0
	}
	return max(0, p.last.Add(max(p.interval, firstInterval)).Sub(now))
}

// wrote counts a write. A transition starts over.
func (p *pace) wrote(now time.Time, transition bool) {
	p.last = now
	if transition {
		p.interval = firstInterval
		return
	}
	p.interval = min(2*max(p.interval, firstInterval), lastInterval)
}
