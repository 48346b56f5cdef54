package vspheresync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/klog/v2"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxTries bounds how many names are tried for a ControllerRevision. Somebody else has to have taken all of them.
const maxTries = 10

// lookAtRevisions reads what the group has recorded, and looks up the template that lost VMs are made from again. A group that
// keeps no history needs none of it: that it cannot be read is no error then.
func (s *Syncer) lookAtRevisions(ctx context.Context, vg *v1alpha1.VmGroup, in *plan.Input) error {
	objects, err := s.cfg.Revisions(vg)
	switch {
	case err != nil && !plan.KeepsHistory(vg):
		return nil
	case err != nil:
		return &vsphere.Error{
			Class: vsphere.ClassTransient, Err: err,
			Message: fmt.Sprintf("What VMs were made from is not known, and spec.update.partition needs it: %v.", err),
		}
	}
	objects = slices.SortedFunc(slices.Values(objects), func(a, b *appsv1.ControllerRevision) int { return cmp.Compare(a.Name, b.Name) })
	for _, object := range objects {
		if !metav1.IsControlledBy(object, vg) || object.DeletionTimestamp != nil {
			continue
		}
		r, err := readRevision(object)
		if err != nil {
			in.UnreadableRevisions = append(in.UnreadableRevisions, fmt.Sprintf(
				"ControllerRevision %s is left out: %v; delete it", object.Name, err))
			continue
		}
		in.Revisions = append(in.Revisions, r)
	}
	kept := plan.KeptRevision(*in)
	if kept == nil {
		return nil
	}
	in.KeptTemplate, err = s.cfg.VCenter.FindTemplateByRef(ctx, groupID(vg), in.Class, kept.Source)
	if err != nil && vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		in.KeptTemplateError = asError(err)
		return nil
	}
	return err
}

// record records revisions. Nothing is made before that: what VMs are made from would be forgotten.
func (s *Syncer) record(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	for _, revision := range p.Record {
		if err := s.cfg.Sure(); err != nil {
			return notSure("no ControllerRevision is written", err)
		}
		err := s.recordOne(ctx, in.Group, revision)
		switch {
		case err == nil:
			continue
		case apierrors.IsForbidden(err), apierrors.IsInvalid(err), errors.Is(err, errNamesTaken):
			r.unrecorded = true
			return &vsphere.Error{
				Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonRevisionNotRecorded, Err: err,
				Message: fmt.Sprintf("spec.update.partition needs a ControllerRevision, and it cannot be written: %v. Let the controller create ControllerRevisions (artifacts/rbac.yaml).", err),
			}
		default:
			return fmt.Errorf("record a revision: %w", err)
		}
	}
	return nil
}

// errNamesTaken means that others have all names that a ControllerRevision could have.
var errNamesTaken = errors.New("its names are taken by other ControllerRevisions, that are not the VmGroup's; remove those that begin with its name")

// recordOne creates a ControllerRevision under the first name that nobody else has.
func (s *Syncer) recordOne(ctx context.Context, vg *v1alpha1.VmGroup, revision plan.Revision) error {
	client := s.cfg.RevisionClient.ControllerRevisions(vg.Namespace)
	for try := range maxTries {
		object, err := revisionObject(vg, revision, try)
		if err != nil {
			return err
		}
		_, err = client.Create(ctx, object, metav1.CreateOptions{})
		if err == nil {
			klog.FromContext(ctx).V(2).Info("Revision recorded", "controllerRevision", object.Name, "revision", revision.Name, "number", revision.Number)
			return nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		// A list of one, because nothing else needs the permission to get one.
		there, err := client.List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, object.Name).String()})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(there.Items, func(o appsv1.ControllerRevision) bool { return recordsTheSame(&o, object, vg) }) {
			return nil // the cache does not have it yet
		}
	}
	return errNamesTaken
}

// recordsTheSame reports whether a ControllerRevision of the group that is there, and that its cache will have, is as good as one
// that was to be created.
func recordsTheSame(there, object *appsv1.ControllerRevision, vg *v1alpha1.VmGroup) bool {
	r, err := readRevision(there)
	want, _ := readRevision(object)
	return err == nil && dataOf(r) == dataOf(want) && metav1.IsControlledBy(there, vg) && there.DeletionTimestamp == nil &&
		there.Labels[v1alpha1.GroupLabel] == vg.Name
}

// forget deletes ControllerRevisions that the group needs no more.
func (s *Syncer) forget(ctx context.Context, in plan.Input, p plan.Plan, r *result) error {
	if len(p.Forget) == 0 || r.failed() {
		return nil
	}
	objects, err := s.cfg.Revisions(in.Group)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if !slices.Contains(p.Forget, object.Name) {
			continue
		}
		if err := s.cfg.Sure(); err != nil {
			return notSure("no ControllerRevision is deleted", err)
		}
		err := s.cfg.RevisionClient.ControllerRevisions(object.Namespace).Delete(ctx, object.Name, metav1.DeleteOptions{
			Preconditions: metav1.NewUIDPreconditions(string(object.UID)),
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete ControllerRevision %s: %w", object.Name, err)
		}
		klog.FromContext(ctx).V(2).Info("Revision forgotten", "controllerRevision", object.Name)
	}
	return nil
}
