package operations

import (
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// grantFor is how long a place is kept for a group that was woken for it. A group that no longer wants it says nothing;
	// this is what that costs the others.
	grantFor = 5 * time.Second
	// turnPlaces is how many places in a row a turn is worth. By one place to a turn, a thousand groups of a few VMs would all
	// be half done until the end, and each of them would be synced, read and written anew for each of its VMs.
	turnPlaces = 4
)

// budget shares a number of places round robin over the groups that want some, so that a group of 5,000 never starves a
// group of one: a group that finds no place waits in line, and the places that come free go to the head of the line, to each
// group as many as it wants and its turn is worth. A group that wants more goes on waiting at the head until its turn is used
// up, and then at the end. A place can be taken freely only if nobody waits for it.
//
// A group that comes too late for its place loses the place and not its turn: it takes any place that is free, also one
// that is kept for the next, who then is the first in line. Otherwise a queue that is slower than grantFor would let no
// group ever come in time.
type budget struct {
	limit   int
	inUse   int
	waiting []turn
	granted []grant
	missed  []turn               // of groups that came too late
	begun   []grant              // turns that are not used up, of groups that do not wait, for as long as they may come back
	since   map[string]time.Time // when a group, by UID, began to wait
	wanted  map[string]int       // how many places a group, by UID, has asked for when it was last admitted, and not taken
}

// turn is that of a group, with what is left of it.
type turn struct {
	group vsphere.GroupID
	left  int // places
}

// grant keeps places for a group that was woken for them.
type grant struct {
	turn
	places int
	until  time.Time
}

// admit notes how many places a group wants, and reports whether it may take one now. If not, it waits in line.
func (b *budget) admit(g vsphere.GroupID, wants int, now time.Time) bool {
	b.expire(now)
	b.wanted[g.UID] = wants
	if i := slices.IndexFunc(b.granted, sameGrant(g.UID)); i >= 0 {
		b.granted[i].places = min(b.granted[i].places, wants) // the others are free again
	}
	if !b.mayTake(g.UID) {
		b.queue(g, now)
		return false
	}
	return true
}

// mayTake reports whether there is a place for a group: one that is free for everybody, or any if it is its turn, or was.
func (b *budget) mayTake(uid string) bool {
	isTurn := slices.ContainsFunc(b.granted, sameGrant(uid)) || slices.ContainsFunc(b.missed, same(uid))
	return isTurn && b.inUse < b.limit || b.free() > len(b.waiting)
}

// queue puts a group in the line: at its head, if the group has come too late for its place.
func (b *budget) queue(g vsphere.GroupID, now time.Time) {
	if late, isMine := b.takeTurn(g.UID); isMine {
		b.waiting = slices.Insert(b.waiting, 0, late.turn)
	} else {
		b.wait(g)
	}
	if _, waits := b.since[g.UID]; !waits {
		b.since[g.UID] = now
	}
}

func newBudget(limit int) *budget {
	return &budget{limit: limit, wanted: map[string]int{}, since: map[string]time.Time{}}
}

// take takes a place for g, or puts g in the line.
func (b *budget) take(g vsphere.GroupID, now time.Time) bool {
	b.expire(now)
	if !b.mayTake(g.UID) {
		b.queue(g, now)
		return false
	}
	b.took(g.UID)
	mine, isMine := b.takeTurn(g.UID)
	if !isMine {
		return true
	}
	mine.left--
	if mine.places--; mine.places > 0 {
		b.granted = append(b.granted, mine)
	} else if mine.left > 0 {
		b.begun = append(b.begun, grant{mine.turn, 0, now.Add(grantFor)})
	}
	return true
}

func (b *budget) took(uid string) {
	b.inUse++
	if b.wanted[uid]--; b.wanted[uid] <= 0 {
		delete(b.wanted, uid)
	}
}

// wait puts a group in the line: at its end, or behind the others whose turn has begun if its own has.
func (b *budget) wait(g vsphere.GroupID) {
	if slices.ContainsFunc(b.waiting, same(g.UID)) {
		return
	}
	i := slices.IndexFunc(b.begun, sameGrant(g.UID))
	if i < 0 {
		b.waiting = append(b.waiting, turn{g, turnPlaces})
		return
	}
	begun := b.begun[i].turn
	b.begun = slices.Delete(b.begun, i, i+1)
	at := slices.IndexFunc(b.waiting, func(t turn) bool { return t.left == turnPlaces })
	if at < 0 {
		at = len(b.waiting)
	}
	b.waiting = slices.Insert(b.waiting, at, begun)
}

// waited ends the wait of a group that has taken a place, and returns how long it was.
func (b *budget) waited(uid string, now time.Time) time.Duration {
	since, ok := b.since[uid]
	if !ok {
		return 0
	}
	delete(b.since, uid)
	return now.Sub(since)
}

// takeTurn takes out, and returns, the turn of a group whose turn it is, or was.
func (b *budget) takeTurn(uid string) (grant, bool) {
	if i := slices.IndexFunc(b.granted, sameGrant(uid)); i >= 0 {
		gr := b.granted[i]
		b.granted = slices.Delete(b.granted, i, i+1)
		return gr, true
	}
	if i := slices.IndexFunc(b.missed, same(uid)); i >= 0 {
		t := b.missed[i]
		b.missed = slices.Delete(b.missed, i, i+1)
		return grant{turn: t, places: 1}, true
	}
	return grant{}, false
}

func same(uid string) func(turn) bool {
	return func(t turn) bool { return t.group.UID == uid }
}

func sameGrant(uid string) func(grant) bool {
	return func(gr grant) bool { return gr.group.UID == uid }
}

// grant keeps free places for those who wait, in order, and returns who is to be woken. Groups that were woken, and have not come
// yet, come first: what a group starts at once costs it one sync.
func (b *budget) grant(now time.Time) []vsphere.GroupID {
	b.expire(now)
	var woken []vsphere.GroupID
	free := b.free()
	for i := range b.granted {
		gr := &b.granted[i]
		more := min(max(free, 0), max(0, min(gr.left, b.wanted[gr.group.UID])-gr.places))
		gr.places, free = gr.places+more, free-more
	}
	for free > 0 && len(b.waiting) > 0 {
		t := b.waiting[0]
		b.waiting = slices.Delete(b.waiting, 0, 1)
		places := min(free, t.left, max(1, b.wanted[t.group.UID]))
		free -= places
		woken = append(woken, t.group)
		b.granted = append(b.granted, grant{t, places, now.Add(grantFor)})
	}
	return woken
}

// forget takes a group out of the line, and back what was kept for it.
func (b *budget) forget(uid string) {
	b.waiting = slices.DeleteFunc(b.waiting, same(uid))
	b.missed = slices.DeleteFunc(b.missed, same(uid))
	b.granted = slices.DeleteFunc(b.granted, sameGrant(uid))
	b.begun = slices.DeleteFunc(b.begun, sameGrant(uid))
	delete(b.since, uid)
	delete(b.wanted, uid)
}

func (b *budget) expire(now time.Time) {
	b.begun = slices.DeleteFunc(b.begun, func(gr grant) bool { return now.After(gr.until) })
	b.granted = slices.DeleteFunc(b.granted, func(gr grant) bool {
		expired := now.After(gr.until)
		if expired && !slices.ContainsFunc(b.missed, same(gr.group.UID)) {
			b.missed = append(b.missed, gr.turn)
		}
		if expired {
			delete(b.since, gr.group.UID) // there was a place: if it comes at all, it is not this that it waited for
		}
		return expired
	})
}

func (b *budget) free() int {
	kept := 0
	for _, gr := range b.granted {
		kept += gr.places
	}
	return b.limit - b.inUse - kept
}
