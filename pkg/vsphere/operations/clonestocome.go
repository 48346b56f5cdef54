package operations

import (
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// ArrivesWithin is how long a request whose answer was lost may still be on its way, and the VM of a clone that was
// cancelled may still come, when nothing is to be seen of either.
const ArrivesWithin = time.Minute

// listedFor is for how long a task that has ended is remembered. vCenter lists it for some minutes; found again after that, it
// would count once more.
const listedFor = 30 * time.Minute

// cloneToCome is a clone that may still make a VM and that no operation stands for. There are three:
//
//  1. found: a clone task under way that may be ours. It is anybody's, and counts until it ends, or for CloneTimeout.
//  2. cancelled: one that has ended as cancelled. vCenter was only asked: it is anybody's, and counts for ArrivesWithin.
//     After that it is over, and does not count when it is found again.
//  3. lost: a request whose answer was lost, and of which nothing is to be seen. It is its group's, and counts until its VM
//     is seen, or for ArrivesWithin.
type cloneToCome struct {
	is    cloneState
	until time.Time
	// group, class and takes are of one that is lost: its group, the class that its VM will be of, and what that will have.
	group vsphere.GroupID
	class string
	takes vsphere.Usage
}

type cloneState string

const (
	found     cloneState = "found"
	cancelled cloneState = "cancelled"
	lost      cloneState = "lost"
	over      cloneState = "over"
)

// cloneKey is what a clone is known by: its task, or the group and the name of a request that is lost.
type cloneKey struct {
	task      vsphere.Ref
	uid, name string
}

// clonesToCome is the list of them. How many count is kept by UID, of those that are anybody's under "".
type clonesToCome struct {
	byKey  map[cloneKey]cloneToCome
	counts map[string]int
}

func newClonesToCome() clonesToCome {
	return clonesToCome{byKey: map[cloneKey]cloneToCome{}, counts: map[string]int{}}
}

// count returns how many there may be of a group.
func (cs *clonesToCome) count(uid string) int { return cs.counts[""] + cs.counts[uid] }

func (cs *clonesToCome) put(key cloneKey, c cloneToCome) {
	cs.uncount(key)
	cs.byKey[key] = c
	if c.is != over {
		cs.counts[key.uid]++
	}
}

func (cs *clonesToCome) remove(key cloneKey) {
	cs.uncount(key)
	delete(cs.byKey, key)
}

func (cs *clonesToCome) uncount(key cloneKey) {
	if c, ok := cs.byKey[key]; !ok || c.is == over {
		return
	}
	if cs.counts[key.uid]--; cs.counts[key.uid] == 0 {
		delete(cs.counts, key.uid)
	}
}

// forget removes those of a group.
func (cs *clonesToCome) forget(uid string) {
	if cs.counts[uid] == 0 {
		return
	}
	for key := range cs.byKey {
		if key.uid == uid {
			cs.remove(key)
		}
	}
}

// ClonesToCome returns how many clones may still make a VM of a group that none of its operations stands for.
func (t *Tracker) ClonesToCome(uid string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.toCome.count(uid)
}

// CloneTaskFound records a clone task under way that may be ours and that no operation stands for.
func (t *Tracker) CloneTaskFound(task vsphere.Ref) {
	defer t.wake(t.lock())
	key := cloneKey{task: task}
	if _, known := t.toCome.byKey[key]; !known && t.byTask[task] == nil {
		t.toCome.put(key, cloneToCome{is: found, until: t.cfg.Clock.Now().Add(t.cfg.CloneTimeout)})
	}
}

// Found returns the clone tasks under way that may be ours and that no operation stands for.
func (t *Tracker) Found() []vsphere.Ref {
	t.mu.Lock()
	defer t.mu.Unlock()
	var tasks []vsphere.Ref
	for key, c := range t.toCome.byKey {
		if c.is == found {
			tasks = append(tasks, key.task)
		}
	}
	slices.Sort(tasks)
	return tasks
}

// CloneTaskEnded records the end of a task that was found. It means nothing for any other.
func (t *Tracker) CloneTaskEnded(task vsphere.Ref) {
	woken := t.lock()
	defer t.wake(woken)
	t.endFound(task, woken)
}

// CloneTaskCancelled records a clone task that has ended as cancelled, that may be ours, and that no operation stands for.
func (t *Tracker) CloneTaskCancelled(task vsphere.Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := cloneKey{task: task}
	if c := t.toCome.byKey[key]; c.is != cancelled && c.is != over {
		t.toCome.put(key, cloneToCome{is: cancelled, until: t.cfg.Clock.Now().Add(ArrivesWithin)})
	}
}

// endFound makes a task that was found count no more, and reports whether it did.
func (t *Tracker) endFound(task vsphere.Ref, woken *wakes) bool {
	key := cloneKey{task: task}
	if t.toCome.byKey[key].is != found {
		return false
	}
	t.toCome.remove(key)
	t.roomIn("")
	t.wakeWithoutClones(woken)
	return true
}

// endCancelled makes a cancelled task count no more, also when it is found again.
func (t *Tracker) endCancelled(task vsphere.Ref, woken *wakes) {
	key := cloneKey{task: task}
	_, known := t.toCome.byKey[key]
	t.toCome.put(key, cloneToCome{is: over, until: t.cfg.Clock.Now().Add(listedFor)})
	if known {
		t.roomIn("")
		t.wakeWithoutClones(woken)
	}
}

// endLost makes a lost request count no more.
func (t *Tracker) endLost(uid, name string, woken *wakes) {
	key := cloneKey{uid: uid, name: name}
	if c, ok := t.toCome.byKey[key]; ok {
		t.toCome.remove(key)
		t.roomIn(c.group.Namespace)
		woken.add(c.group)
	}
}

// wakeWithoutClones wakes everybody once there is none left that may be anybody's.
func (t *Tracker) wakeWithoutClones(woken *wakes) {
	woken.all = woken.all || t.toCome.counts[""] == 0
}

// expireClones makes those count no more whose time is over.
func (t *Tracker) expireClones(now time.Time, woken *wakes) {
	for key, c := range t.toCome.byKey {
		if !now.After(c.until) {
			continue
		}
		switch c.is {
		case found:
			t.endFound(key.task, woken)
		case cancelled:
			t.endCancelled(key.task, woken)
		case lost:
			t.endLost(key.uid, key.name, woken)
		case over:
			t.toCome.remove(key)
		}
	}
}
