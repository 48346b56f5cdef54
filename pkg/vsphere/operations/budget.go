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
// group of one: a group that finds no place waits in line, and every place that comes free goes to the head of the line, one
// to a group. A group that wants more goes on waiting at the head until its turn is used up, and then at the end. A place can
// be taken freely only if nobody waits for it.
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
}

// turn is that of a group, with what is left of it.
type turn struct {
	group vsphere.GroupID
	left  int // places
}

type grant struct {
	turn
	until time.Time
}

// take takes a place for g, or puts g in the line.
func (b *budget) take(g vsphere.GroupID, now time.Time) bool {
	b.expire(now)
	turn, mine := b.takeTurn(g.UID)
	switch {
	case mine && b.inUse < b.limit:
		b.inUse++
		if turn.left--; turn.left > 0 {
			b.begun = append(b.begun, grant{turn, now.Add(grantFor)})
		}
		return true
	case b.free() > len(b.waiting):
		b.inUse++
		return true
	case mine:
		b.waiting = slices.Insert(b.waiting, 0, turn)
	default:
		b.wait(g)
	}
	if _, waits := b.since[g.UID]; !waits {
		if b.since == nil {
			b.since = map[string]time.Time{}
		}
		b.since[g.UID] = now
	}
	return false
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

// takeTurn returns the turn of a group whose turn it is, or was, and uses that up.
func (b *budget) takeTurn(uid string) (turn, bool) {
	if i := slices.IndexFunc(b.granted, sameGrant(uid)); i >= 0 {
		t := b.granted[i].turn
		b.granted = slices.Delete(b.granted, i, i+1)
		return t, true
	}
	if i := slices.IndexFunc(b.missed, same(uid)); i >= 0 {
		t := b.missed[i]
		b.missed = slices.Delete(b.missed, i, i+1)
		return t, true
	}
	return turn{}, false
}

func same(uid string) func(turn) bool {
	return func(t turn) bool { return t.group.UID == uid }
}

func sameGrant(uid string) func(grant) bool {
	return func(gr grant) bool { return gr.group.UID == uid }
}

// grant keeps free places for those who wait, in order, and returns who is to be woken.
func (b *budget) grant(now time.Time) []vsphere.GroupID {
	b.expire(now)
	n := min(max(b.free(), 0), len(b.waiting))
	var woken []vsphere.GroupID
	for _, t := range b.waiting[:n] {
		woken = append(woken, t.group)
		b.granted = append(b.granted, grant{t, now.Add(grantFor)})
	}
	b.waiting = slices.Delete(b.waiting, 0, n)
	return woken
}

// forget takes a group out of the line, and back what was kept for it.
func (b *budget) forget(uid string) {
	b.waiting = slices.DeleteFunc(b.waiting, same(uid))
	b.missed = slices.DeleteFunc(b.missed, same(uid))
	b.granted = slices.DeleteFunc(b.granted, sameGrant(uid))
	b.begun = slices.DeleteFunc(b.begun, sameGrant(uid))
	delete(b.since, uid)
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

func (b *budget) free() int { return b.limit - b.inUse - len(b.granted) }
