package vspheresync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// result is what came of carrying out a plan.
type result struct {
	group    *v1alpha1.VmGroup // as last read or written
	outcome  plan.Outcome
	err      error         // what stopped it
	pending  bool          // a removal of a folder is pending: the finalizer stays until the folder is proven gone
	finished bool          // the finalizer is gone, and with it perhaps the group
	outdated error         // the plan names a template that is not what it was; all else of it was carried out
	waits    bool          // requests are left out because it is not the group's turn
	again    time.Duration // after how long to sync again; 0: no need
	// unrecorded is true if a revision could not be recorded: nothing may be cloned.
	unrecorded bool
}

// act carries a plan out, in the order of its fields, and submits only. An error of one kind of change does not keep the
// others back, unless vCenter or the API server is the trouble.
func (s *Syncer) act(ctx context.Context, in plan.Input, p plan.Plan) result {
	r := result{group: in.Group}
	if planned := len(p.Requests); planned > 0 {
		p.Requests = s.cfg.VCenter.Admit(groupID(in.Group), p.Requests)
		r.waits = len(p.Requests) < planned
	}
	for _, step := range []func(context.Context, plan.Input, plan.Plan, *result) error{
		s.confirm, s.addFinalizer, s.claim, s.record, s.ensureFolder, s.cancel, s.start, s.sweep, s.removeFolders, s.forget, s.removeFinalizer,
	} {
		for _, err := range vsphere.Errors(step(ctx, in, p, &r)) {
			if !r.note(err) {
				return r
			}
		}
	}
	return r
}

// note keeps what an error means for the outcome, and reports whether the rest of the plan can be tried.
func (r *result) note(err error) bool {
	switch {
	case errors.Is(err, vsphere.ErrNoBudget):
		return true
	case errors.Is(err, vsphere.ErrPending):
		r.pending = true
		return true
	case vsphere.TemplateChanged(err):
		r.outdated = err
		return true
	}
	r.fail(err)
	e, ok := errors.AsType[*vsphere.Error](err)
	return ok && e.Class != vsphere.ClassUnavailable
}

func (r *result) failed() bool { return r.err != nil }

// refused reports whether vCenter has failed an operation: the next snapshot says of which VM, and the status is to say it now.
// Nothing may happen for minutes that leads to another sync.
func (r *result) refused() bool {
	return r.outcome.Err != nil && r.outcome.Err.Class != vsphere.ClassUnavailable
}

// fail keeps the error that is acted on.
func (r *result) fail(err error) {
	r.err = actedOn(r.err, err)
	r.outcome.Err, _ = errors.AsType[*vsphere.Error](r.err)
}

func (s *Syncer) addFinalizer(ctx context.Context, _ plan.Input, p plan.Plan, r *result) error {
	if !p.AddFinalizer {
		return nil
	}
	finalizers := append(slices.Clone(r.group.Finalizers), v1alpha1.Finalizer)
	err := s.patchFinalizers(ctx, r, finalizers)
	if apierrors.IsNotFound(err) {
		return goneConflict(r.group)
	}
	return err
}

// claim records which controller keeps a new group, and by which class, before its first VM is made. What that depends on may change
// the next moment: the default class, spec.className, which classes there are. Another controller may take the group for its own, too: of
// two that record it, the API server refuses the second.
func (s *Syncer) claim(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	if !p.Makes() || r.group.Status.ControllerName != "" {
		return nil
	}
	if err := s.cfg.Sure(); err != nil {
		return notSure("no VM is made", err)
	}
	claimed := r.group.DeepCopy()
	claimed.Status.ControllerName, claimed.Status.Class = in.Controller, in.Class
	group, err := s.cfg.Client.VmGroups(claimed.Namespace).UpdateStatus(ctx, claimed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return goneConflict(r.group)
	}
	if err != nil {
		return fmt.Errorf("record which controller keeps the VmGroup: %w", err)
	}
	s.wrote(r.group, group)
	r.group = group
	return nil
}

func (s *Syncer) removeFinalizer(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	if !p.RemoveFinalizer || r.failed() || r.pending {
		return nil
	}
	finalizers := slices.DeleteFunc(slices.Clone(r.group.Finalizers), func(f string) bool { return f == v1alpha1.Finalizer })
	err := s.patchFinalizers(ctx, r, finalizers)
	if apierrors.IsNotFound(err) {
		err = nil
	}
	r.finished = err == nil
	if r.finished && p.Orphan {
		s.event(ctx, r.group, corev1.EventTypeWarning, v1alpha1.ReasonOrphaned,
			"the VmGroup goes and its VMs stay, as "+plan.OrphanedBy(in.Group))
	}
	return err
}

// patchFinalizers replaces the finalizers and nothing else, unless the object was written since it was read.
func (s *Syncer) patchFinalizers(ctx context.Context, r *result, finalizers []string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": r.group.UID, "resourceVersion": r.group.ResourceVersion, "finalizers": finalizers,
	}})
	if err != nil {
		// unreachable: strings can always be marshalled
		return fmt.Errorf("marshal finalizers: %w", err)
	}
	if err := s.cfg.Sure(); err != nil {
		return notSure("no finalizer is changed", err)
	}
	group, err := s.cfg.Client.VmGroups(r.group.Namespace).Patch(
		ctx, r.group.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("patch finalizers: %w", err)
	}
	s.wrote(r.group, group)
	r.group = group
	return nil
}

// notSure is the error of a write to the API server that was not sent.
func notSure(what string, err error) error {
	return &vsphere.Error{
		Class: vsphere.ClassUnavailable, Reason: vsphere.ReasonWriteForbidden, Err: err,
		Message: fmt.Sprintf("%s: %v.", what, err),
	}
}

// wrote keeps the version that a write has made of the version before it. It is the live one. No version lies between the two,
// so a look into the history up to the one was a look up to the other.
func (s *Syncer) wrote(before, after *v1alpha1.VmGroup) {
	m := s.remember(after.UID)
	m.proof = proof{after.ResourceVersion, s.cfg.Clock.Now()}
	if m.history == before.ResourceVersion {
		m.history = after.ResourceVersion
	}
	s.cfg.Wrote(cache.MetaObjectToName(after), after.ResourceVersion)
}

func (s *Syncer) ensureFolder(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	if !p.EnsureFolder {
		return nil
	}
	ref, err := s.cfg.VCenter.EnsureFolder(ctx, groupID(in.Group))
	if err != nil {
		return fmt.Errorf("make folder %s: %w", in.Snapshot.Path, err)
	}
	klog.FromContext(ctx).V(2).Info("Folder is there", "path", in.Snapshot.Path, "moRef", ref)
	r.outcome.Folder = &vsphere.Folder{Ref: ref, Path: in.Snapshot.Path}
	return nil
}

// start submits the requests of the plan.
func (s *Syncer) start(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	requests := p.Requests
	if r.unrecorded {
		requests = slices.DeleteFunc(slices.Clone(requests), func(request vsphere.Request) bool { return request.Kind.Makes() })
	}
	if p.EnsureFolder {
		requests = intoFolder(requests, r.outcome.Folder)
	}
	m := s.remember(in.Group.UID)
	m.waits = r.waits
	if len(requests) == 0 {
		return nil
	}
	requests, unread := s.readUserData(ctx, in, requests)
	if unread != nil {
		r.again = userDataRetry
	}
	err := s.cfg.VCenter.Start(ctx, groupID(in.Group), requests)
	m.waits = r.waits || errors.Is(err, vsphere.ErrNoBudget)
	if err := errors.Join(slices.Concat(vsphere.Errors(err), vsphere.Errors(unread))...); err != nil {
		return err // which says what could not be started, and may be several, see vsphere.Errors
	}
	klog.FromContext(ctx).V(4).Info("Requests submitted", "requests", len(requests))
	return nil
}

// intoFolder returns requests whose clones go to a folder that was made just now. If it could not be made, nothing is cloned.
func intoFolder(requests []vsphere.Request, folder *vsphere.Folder) []vsphere.Request {
	out := make([]vsphere.Request, 0, len(requests))
	for _, r := range requests {
		if r.Kind.Makes() {
			if folder == nil {
				continue
			}
			spec := *r.Clone // the plan's own stays as it is
			spec.Folder = folder.Ref
			r.Clone = &spec
		}
		out = append(out, r)
	}
	return out
}

func (s *Syncer) cancel(ctx context.Context, _ plan.Input, p plan.Plan, _ *result) error {
	return each(p.Cancel, func(op vsphere.Operation) error {
		klog.FromContext(ctx).V(2).Info("Cancelling", "vm", op.Name, "task", op.Task)
		if err := s.cfg.VCenter.Cancel(ctx, op); err != nil {
			return fmt.Errorf("cancel the clone of %s: %w", op.Name, err)
		}
		return nil
	})
}

// sweep asks, once, for the sweep that has to come before the end of a group.
func (s *Syncer) sweep(ctx context.Context, in plan.Input, p plan.Plan, _ *result) error {
	if !p.Sweep || in.SweepAsked != 0 {
		return nil
	}
	number, err := s.cfg.VCenter.Sweep(ctx, groupID(in.Group))
	if err != nil {
		return fmt.Errorf("ask for a sweep: %w", err)
	}
	m := s.remember(in.Group.UID)
	m.sweep, m.sweepAt = number, in.Now
	return nil
}

func (s *Syncer) removeFolders(ctx context.Context, in plan.Input, p plan.Plan, _ *result) error {
	return each(p.RemoveFolders, func(ref vsphere.Ref) error {
		if err := s.cfg.VCenter.RemoveFolder(ctx, groupID(in.Group), ref); err != nil {
			return fmt.Errorf("remove folder %s: %w", ref, err)
		}
		klog.FromContext(ctx).V(2).Info("Empty folder removed", "moRef", ref)
		return nil
	})
}

// each calls do for each of what until vCenter takes no more, and returns the first error.
func each[T any](what []T, do func(T) error) error {
	var first error
	for _, one := range what {
		err := do(one)
		if vsphere.ClassOf(err) == vsphere.ClassUnavailable {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// actedOn returns the error that the queue acts on: the first, but for the end of everything.
func actedOn(first, err error) error {
	if first == nil || vsphere.ClassOf(err) == vsphere.ClassUnavailable {
		return err
	}
	return first
}
