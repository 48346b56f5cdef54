package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// orphans reports whether the VMs of a group that is being deleted stay. What destroys nothing goes first, and any of these
// is enough:
//
//  1. the annotation on-delete: orphan
//  2. the deletion itself: see AsksToOrphan
//  3. the deletion itself, as it was before the garbage collector took the finalizer off again
func orphans(in Input) bool {
	return in.Group.DeletionTimestamp != nil &&
		(in.Group.Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan || AsksToOrphan(in.Group) || in.OrphanAsked)
}

// AsksToOrphan reports whether a group is being deleted with propagationPolicy Orphan, as kubectl delete --cascade=orphan
// does. The API server notes that as a finalizer and nowhere else, and the garbage collector removes it at once.
func AsksToOrphan(g *v1alpha1.VmGroup) bool {
	return g.DeletionTimestamp != nil && slices.Contains(g.Finalizers, metav1.FinalizerOrphanDependents)
}

// OrphanedBy says who wants the VMs of a group that goes to stay.
func OrphanedBy(g *v1alpha1.VmGroup) string {
	if g.Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan {
		return "the annotation " + v1alpha1.OnDeleteAnnotation + " says"
	}
	return "the deletion with the propagation policy Orphan asks"
}

// unknownWish returns what an annotation or a label below our prefix says that means nothing, as one sentence; empty if
// there is none. Somebody means something by it, and what is meant may well be to keep the VMs. In order:
//
//  1. the annotation on-delete has another value than those of the API; the empty one too
//  2. an annotation below our prefix has a key that is not the API's, or on-delete has no prefix
//  3. a label below our prefix has a key that is not the API's: an annotation may be meant
func unknownWish(g *v1alpha1.VmGroup) string {
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

// belowOurPrefix reports whether a key is the API group's. Annotations may be written in any case.
func belowOurPrefix(key string) bool {
	prefix, _, ok := strings.Cut(key, "/")
	return ok && strings.EqualFold(prefix, v1alpha1.SchemeGroupVersion.Group)
}

// brief returns the beginning of a value: an annotation may have 256 KiB.
func brief(value string) string {
	const most = 64
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return value
}

// refuse plans nothing for a group that is being deleted while nobody can tell what is to become of its VMs.
func (p *Plan) refuse(in Input, wish string) {
	p.due.deleting = true
	p.census.describe(in)
	p.Problem = stalled(v1alpha1.ReasonInvalidAnnotation, "the deletion is held, and nothing is destroyed: "+wish)
}
