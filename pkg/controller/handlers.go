package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// uidIndex finds the key of a VmGroup by its UID, which is all that vCenter knows of it.
const uidIndex = "uid"

var _ vsphere.Notifier = &Controller{}

func indexByUID(vg *v1alpha1.VmGroup) ([]string, error) { return []string{string(vg.UID)}, nil }

// OnAdd is called by the informer.
func (c *Controller) OnAdd(vg *v1alpha1.VmGroup, isInInitialList bool) {
	if isInInitialList {
		c.queue.Add(cache.MetaObjectToName(vg))
		return
	}
	c.addUrgent(cache.MetaObjectToName(vg))
}

// OnUpdate is called by the informer. A change of nothing but the status is our own write, and no news; if somebody else
// did it, the next resync mends it.
func (c *Controller) OnUpdate(before, vg *v1alpha1.VmGroup) {
	key := cache.MetaObjectToName(vg)
	switch {
	case before.UID != vg.UID: // deleted and created again while the watch was away
		c.gone.add(key, before.UID)
		c.addUrgent(key)
	case before.ResourceVersion == vg.ResourceVersion: // a resync
		c.queue.Add(key)
	case edited(before, vg):
		c.addUrgent(key)
	case c.writes.awaited(vg): // a sync found the cache without it
		c.queue.Add(key)
	}
}

// OnDelete is called by the informer.
func (c *Controller) OnDelete(deleted informers.DeletedVmGroup) {
	key := deleted.GetObjectName()
	var uid types.UID
	if deleted.OptionalObj != nil {
		uid = deleted.OptionalObj.UID
	}
	c.gone.add(key, uid)
	c.addUrgent(key)
}

// edited says whether anything but the status differs that a sync reads.
func edited(before, vg *v1alpha1.VmGroup) bool {
	return before.Generation != vg.Generation ||
		!before.DeletionTimestamp.Equal(vg.DeletionTimestamp) ||
		!equality.Semantic.DeepEqual(before.Annotations, vg.Annotations) ||
		!equality.Semantic.DeepEqual(before.Labels, vg.Labels) ||
		!equality.Semantic.DeepEqual(before.Finalizers, vg.Finalizers)
}

// Notify implements vsphere.Notifier. A group that the informer does not know is left alone.
func (c *Controller) Notify(g vsphere.GroupID) {
	if g.UID != "" {
		// The only error there is means that the index is missing, and New has made it.
		if groups, err := c.informer.GetTypedIndexer().ByTypedIndex(uidIndex, g.UID); err == nil && len(groups) > 0 {
			c.queue.Add(cache.MetaObjectToName(groups[0]))
			return
		}
	}
	if g.Name != "" {
		c.queue.Add(cache.NewObjectName(g.Namespace, g.Name))
	}
}

// NotifyAll implements vsphere.Notifier.
func (c *Controller) NotifyAll() {
	for _, name := range c.informer.GetIndexer().ListKeys() {
		if key, err := cache.ParseObjectName(name); err == nil { // the informer has made the name itself
			c.queue.Add(key)
		}
	}
}

// addUrgent adds a key that overtakes those that were added by Add.
func (c *Controller) addUrgent(key cache.ObjectName) {
	c.lanes.hurry(key)
	c.queue.Add(key)
}

// gone remembers VmGroups that have left the API until their key is synced, so that they are forgotten by the worker that
// holds the key, and by none beside it.
type gone struct {
	mu   sync.Mutex
	uids map[cache.ObjectName][]types.UID
}

func newGone() *gone { return &gone{uids: map[cache.ObjectName][]types.UID{}} }

func (g *gone) add(key cache.ObjectName, uid types.UID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uids[key] = append(g.uids[key], uid)
}

func (g *gone) take(key cache.ObjectName) []types.UID {
	g.mu.Lock()
	defer g.mu.Unlock()
	uids := g.uids[key]
	delete(g.uids, key)
	return uids
}
