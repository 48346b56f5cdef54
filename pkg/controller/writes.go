package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// maxLag is how long a cache that lacks our own last write is waited for. It is longer than any watch stays away that
// comes back; after it, the API server has gone back in time (a restored backup), and what it says now is the truth. A
// sync makes sure by a live read before it clones or destroys anything.
const maxLag = 2 * time.Minute

// Writes remembers the version that our last write gave to each VmGroup, so that no sync decides on an object from before
// it. Versions grow over all objects, so that one of a successor of the same name is never taken for an older one. It is
// safe for concurrent use.
type Writes struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	last map[cache.ObjectName]write
}

type write struct {
	version string
	at      time.Time
	awaited bool // a sync has found the cache without it
}

// NewWrites returns an empty Writes.
func NewWrites(clock clock.PassiveClock) *Writes {
	return &Writes{clock: clock, last: map[cache.ObjectName]write{}}
}

// Wrote reports a successful write and the version that the API server answered.
func (w *Writes) Wrote(key cache.ObjectName, resourceVersion string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[key] = write{version: resourceVersion, at: w.clock.Now()}
}

// ahead says whether our last write is newer than vg, which comes from the cache.
func (w *Writes) ahead(vg *v1alpha1.VmGroup) bool {
	key := cache.MetaObjectToName(vg)
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.last[key]
	if !ok {
		return false
	}
	if w.clock.Since(last.at) > maxLag || !older(vg.ResourceVersion, last.version) {
		delete(w.last, key)
		return false
	}
	last.awaited = true
	w.last[key] = last
	return true
}

// awaited says whether vg, which has just come into the cache, is what a sync waits for.
func (w *Writes) awaited(vg *v1alpha1.VmGroup) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.last[cache.MetaObjectToName(vg)]
	return ok && last.awaited && !older(vg.ResourceVersion, last.version)
}

// forget drops what is remembered of a VmGroup that is gone.
func (w *Writes) forget(key cache.ObjectName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, key)
}

// older compares two versions. Those that are no numbers cannot be compared; then neither is older.
func older(version, than string) bool {
	cmp, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && cmp < 0
}
