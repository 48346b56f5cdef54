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

// uidIndex finds the key of a VmGroup by its UID: vCenter knows no more of it.
const uidIndex = "uid"

var _ vsphere.Notifier = &Controller{}

func indexByUID(vg *v1alpha1.VmGroup) ([]string, error) { return []string{string(vg.UID)}, nil }

// OnAdd is called by the informer.
func (c *Controller) OnAdd(vg *v1alpha1.VmGroup, isInInitialList bool) {
	if isInInitialList {
		c.queue.Add(cache.MetaObjectToName(vg))
		return
	}
	c.addEdited(cache.MetaObjectToName(vg))
}

// OnUpdate is called by the informer. A change of nothing but the status is our own write, and no news; if somebody else
// did it, the next resync mends it.
func (c *Controller) OnUpdate(before, vg *v1alpha1.VmGroup) {
	key := cache.MetaObjectToName(vg)
	switch {
	case before.UID != vg.UID: // deleted and created again while the watch was away
		c.deleted.add(key, before.UID)
		c.addEdited(key)
	case before.ResourceVersion == vg.ResourceVersion: // a resync
		c.queue.Add(key)
	case edited(before, vg):
		c.addEdited(key)
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
	c.deleted.add(key, uid)
	c.addEdited(key)
}

// edited reports whether anything but the status differs that a sync reads.
func edited(before, vg *v1alpha1.VmGroup) bool {
	return before.Generation != vg.Generation ||
		!before.DeletionTimestamp.Equal(vg.DeletionTimestamp) ||
		!equality.Semantic.DeepEqual(before.Annotations, vg.Annotations) ||
		!equality.Semantic.DeepEqual(before.Labels, vg.Labels) ||
		!equality.Semantic.DeepEqual(before.Finalizers, vg.Finalizers)
}

// Notify implements vsphere.Notifier. A group that the informer does not know is left alone. Notifications that follow each
// other closely lead to one sync.
func (c *Controller) Notify(g vsphere.GroupID) {
	if g.UID != "" {
		// The only error there is means that the index is missing, and New has made it.
		if groups, err := c.informer.GetTypedIndexer().ByTypedIndex(uidIndex, g.UID); err == nil && len(groups) > 0 {
			c.addNotified(cache.MetaObjectToName(groups[0]))
			return
		}
	}
	if g.Name != "" {
		c.addNotified(cache.NewObjectName(g.Namespace, g.Name))
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

// Enqueue adds a group to the queue at once.
func (c *Controller) Enqueue(vg *v1alpha1.VmGroup) {
	c.queue.Add(cache.MetaObjectToName(vg))
}

// addEdited adds a key at once, and with high priority.
func (c *Controller) addEdited(key cache.ObjectName) {
	c.priority.raise(key)
	c.queue.Add(key)
}

// addNotified adds a key at once if its last notification was long ago, and otherwise a moment later.
func (c *Controller) addNotified(key cache.ObjectName) {
	at := paceOfSmall
	if vg, err := c.lister.VmGroups(key.Namespace).Get(key.Name); err == nil { // one that the cache lacks is no large one yet, or gone
		at = paceOf(vg)
	}
	c.queue.AddAfter(key, c.notifications.delay(key, at))
}

// deletedUIDs remembers VmGroups that have left the API until their key is synced, so that the worker that holds the key
// forgets them, and no worker beside it.
type deletedUIDs struct {
	mu   sync.Mutex
	uids map[cache.ObjectName][]types.UID
}

func newDeletedUIDs() *deletedUIDs {
	return &deletedUIDs{uids: map[cache.ObjectName][]types.UID{}}
}

func (d *deletedUIDs) add(key cache.ObjectName, uid types.UID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uids[key] = append(d.uids[key], uid)
}

func (d *deletedUIDs) take(key cache.ObjectName) []types.UID {
	d.mu.Lock()
	defer d.mu.Unlock()
	uids := d.uids[key]
	delete(d.uids, key)
	return uids
}
