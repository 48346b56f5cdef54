package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsinformers "k8s.io/client-go/informers/apps/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// firstRevisions is how long the workers wait for the first list of ControllerRevisions. Few groups need them, and those wait
// longer.
const firstRevisions = 5 * time.Second

// ownerIndex finds ControllerRevisions by the UID of their controller.
const ownerIndex = "owner"

// revisions are the ControllerRevisions of all VmGroups, kept in memory by one watch.
type revisions struct {
	informer appsinformers.ControllerRevisionIndexInformer
	listing  *state // the last error of the list
}

// newRevisions returns the ControllerRevisions with the label of a group. A change of one wakes its group.
func (a *app) newRevisions(groups vsphere.Notifier) (*revisions, error) {
	labelled := func(options *metav1.ListOptions) { options.LabelSelector = v1alpha1.GroupLabel }
	r := &revisions{listing: &state{}, informer: appsinformers.NewTypedFilteredControllerRevisionInformer(
		a.clients.kubeWatches, a.options.Namespace, 0, appsinformers.ControllerRevisionIndexers{ownerIndex: indexByOwner}, labelled)}
	if err := r.informer.SetTransform(dropManagedFields); err != nil {
		return nil, fmt.Errorf("watch ControllerRevisions: %w", err)
	}
	if err := watchErrors(r.informer, r.listing); err != nil {
		return nil, err
	}
	wake := func(obj any) {
		if object, ok := obj.(*appsv1.ControllerRevision); ok {
			for _, uid := range ownerOf(object) {
				groups.Notify(vsphere.GroupID{UID: uid})
			}
		}
	}
	_, err := r.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    wake,
		UpdateFunc: func(before, after any) { wake(before); wake(after) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			wake(obj)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("register a handler for ControllerRevisions: %w", err)
	}
	return r, nil
}

func indexByOwner(object *appsv1.ControllerRevision) ([]string, error) { return ownerOf(object), nil }

// ownerOf returns the UID of what controls an object, if anything does.
func ownerOf(object *appsv1.ControllerRevision) []string {
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil || owner.UID == types.UID("") {
		return nil
	}
	return []string{string(owner.UID)}
}

// of returns the ControllerRevisions that a group controls. Before the first list it is an error: unknown is not empty.
func (r *revisions) of(vg *v1alpha1.VmGroup) ([]*appsv1.ControllerRevision, error) {
	if !r.informer.HasSynced() {
		if err := r.listing.get(); err != nil {
			return nil, fmt.Errorf("the ControllerRevisions have not been listed yet: %w", err)
		}
		return nil, errors.New("the ControllerRevisions have not been listed yet")
	}
	objects, err := r.informer.GetTypedIndexer().ByTypedIndex(ownerIndex, string(vg.UID))
	if err != nil {
		// unreachable: newRevisions has made the index
		return nil, fmt.Errorf("find ControllerRevisions by their owner: %w", err)
	}
	return objects, nil
}

// await waits for the first list, but not for long.
func (r *revisions) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstRevisions)
	defer cancel()
	cache.WaitFor(ctx, "ControllerRevisions", r.informer.HasSyncedChecker())
}
