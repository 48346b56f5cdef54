package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// remove plans the end of the group:
//
//  1. all our VMs are surplus, and clones in flight are cancelled
//  2. these hold the folder and the finalizer: a VM of ours that vCenter cannot reach or that lies outside the root folder, a
//     VM that may be ours, a clone in flight, a clone that may still run since an earlier process, and a mass disappearance
//     that is under investigation
//  3. then a sweep that begins from now on has to succeed: the controller deals first with what it finds of the group
//  4. then the folder goes if it is empty; with anything foreign in it, it stays
//  5. then the finalizer
//
// VMs that were converted to templates, and copies, hold neither: the controller does not touch them, and their folder stays.
func (p *Plan) remove(in Input) {
	ms := &p.members
	p.due.deleting = true
	p.scaleDown(ms.ours, in)
	p.cancelClones(len(ms.pending))
	p.retryNames(in)
	ms.setStates(in)
	p.Problem = mostSevere(p.Problem, memberProblem(in, ms), pendingProblem(ms), unidentifiedProblem(ms))
	if ms.replicas() > 0 || in.Snapshot.ClonesToCome > 0 {
		return
	}
	if in.Snapshot.Disappearance != nil {
		p.Problem = mostSevere(p.Problem, massDisappearance(in.Snapshot.Disappearance))
		return
	}
	if in.SweepAsked == 0 || in.Snapshot.Swept < in.SweepAsked {
		p.Sweep = true
		if err := in.Snapshot.SweepErr; err != nil {
			p.Problem = mostSevere(p.Problem, ofError(err))
		}
		return
	}
	if ms.folder != nil && ms.folder.Children == 0 {
		p.RemoveFolders = append(p.RemoveFolders, ms.folder.Ref)
	}
	if ms.folder != nil && ms.folder.Children > 0 {
		p.Notices = append(p.Notices, folderStays(ms.folder))
	}
	p.RemoveFinalizer = true
}

// refuseDeletion plans nothing for a group that is being deleted while nobody can tell what shall become of its VMs.
func (p *Plan) refuseDeletion(in Input, unknown string) {
	p.due.deleting = true
	p.members.setStates(in)
	p.Problem = stalled(v1alpha1.ReasonInvalidAnnotation, "the deletion is held, and nothing is destroyed: "+unknown)
}

// orphansVMs reports whether the VMs of a group that is being deleted stay. Each of these is enough, so that in doubt nothing
// is destroyed:
//
//  1. the annotation on-delete: orphan
//  2. spec.deletionPolicy: Orphan
//  3. the deletion itself: see AsksToOrphan
//  4. the deletion itself, as it was before the garbage collector took the finalizer off again
func orphansVMs(in Input) bool {
	return in.Group.DeletionTimestamp != nil && (annotatedToOrphan(in.Group) || policyOrphans(in.Group) || AsksToOrphan(in.Group) || in.OrphanAsked)
}

func annotatedToOrphan(g *v1alpha1.VmGroup) bool {
	return g.Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan
}

func policyOrphans(g *v1alpha1.VmGroup) bool {
	return ptr.Deref(g.Spec.DeletionPolicy, v1alpha1.DeletionPolicyDelete) == v1alpha1.DeletionPolicyOrphan
}

// AsksToOrphan reports whether somebody has deleted a group with propagationPolicy Orphan, as kubectl delete
// --cascade=orphan does. The API server notes that as a finalizer and nowhere else, and the garbage collector removes it at
// once.
func AsksToOrphan(g *v1alpha1.VmGroup) bool {
	return g.DeletionTimestamp != nil && slices.Contains(g.Finalizers, metav1.FinalizerOrphanDependents)
}

// OrphanedBy says who asks for the VMs of a group to stay, as the beginning of a sentence.
func OrphanedBy(g *v1alpha1.VmGroup) string {
	switch {
	case annotatedToOrphan(g):
		return "the annotation " + v1alpha1.OnDeleteAnnotation + " says"
	case policyOrphans(g):
		return "spec.deletionPolicy says"
	}
	return "the deletion with the propagation policy Orphan asks"
}

// unknownMetadata says which annotation or label below our prefix the controller does not know, and what to do. It is empty
// if there is none. Whoever wrote it may have meant to keep the VMs. In order:
//
//  1. the annotation on-delete has another value than those of the API; the empty one too
//  2. an annotation below our prefix has a key that is not the API's, or on-delete has no prefix
//  3. a label below our prefix has a key that is not the API's: its author may have meant an annotation
func unknownMetadata(g *v1alpha1.VmGroup) string {
	advice := fmt.Sprintf("Set the annotation %s to %q to keep the VMs, or to %q to destroy them",
		v1alpha1.OnDeleteAnnotation, v1alpha1.OnDeleteOrphan, v1alpha1.OnDeleteDelete)
	value, ok := g.Annotations[v1alpha1.OnDeleteAnnotation]
	if ok && value != v1alpha1.OnDeleteOrphan && value != v1alpha1.OnDeleteDelete {
		return fmt.Sprintf("the annotation %s has the unknown value %q. %s", v1alpha1.OnDeleteAnnotation, brief(value), advice)
	}
	for _, key := range slices.Sorted(maps.Keys(g.Annotations)) {
		if key != v1alpha1.OnDeleteAnnotation && (belowOurPrefix(key) || strings.EqualFold(key, "on-delete")) {
			return fmt.Sprintf("the annotation %s is unknown. Remove it. %s", key, advice)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(g.Labels)) {
		if key != v1alpha1.GroupLabel && belowOurPrefix(key) {
			return fmt.Sprintf("the label %s is unknown. Remove it. %s", key, advice)
		}
	}
	return ""
}

// belowOurPrefix reports whether a key is the API group's, in any case: Kubernetes accepts all.
func belowOurPrefix(key string) bool {
	prefix, _, ok := strings.Cut(key, "/")
	return ok && strings.EqualFold(prefix, v1alpha1.SchemeGroupVersion.Group)
}

// brief returns the beginning of a value: an annotation may have 256 KiB.
func brief(value string) string {
	const limit = 64
	if runes := []rune(value); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return value
}
