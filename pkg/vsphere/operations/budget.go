package operations

import (
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// grantFor is how long a place is kept for a group that was woken for it. A group that no longer wants it says nothing;
// this is what that costs the others.
const grantFor = 5 * time.Second

// budget shares a number of places round robin over the groups that want some, so that a group of 5,000 never starves a
// group of one: a group that finds no place waits in line, and every place that comes free goes to the head of the line, one
// to a group. A place can be taken freely only if nobody waits for it.
//
// A group that comes too late for its place loses the place and not its turn: it takes any place that is free, also one
// that is kept for the next, who then is the first in line. Otherwise a queue that is slower than grantFor would let no
// group ever come in time.
type budget struct {
	limit   int
	inUse   int
	waiting []vsphere.GroupID
	granted []grant
	missed  []vsphere.GroupID    // who came too late
	since   map[string]time.Time // when a group, by UID, began to wait
}

type grant struct {
	group vsphere.GroupID
	until time.Time
}

// take takes a place for g, or puts g in the line.
func (b *budget) take(g vsphere.GroupID, now time.Time) bool {
	b.expire(now)
	switch turn := b.takeTurn(g.UID); {
	case turn && b.inUse < b.limit, b.free() > len(b.waiting):
		b.inUse++
		return true
	case turn:
		b.waiting = slices.Insert(b.waiting, 0, g)
	case !slices.ContainsFunc(b.waiting, same(g.UID)):
		b.waiting = append(b.waiting, g)
	}
	if _, waits := b.since[g.UID]; !waits {
		if b.since == nil {
			b.since = map[string]time.Time{}
		}
		b.since[g.UID] = now
	}
	return false
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

// takeTurn reports whether it is, or was, a group's turn, and uses it up.
func (b *budget) takeTurn(uid string) bool {
	if i := slices.IndexFunc(b.granted, func(gr grant) bool { return gr.group.UID == uid }); i >= 0 {
		b.granted = slices.Delete(b.granted, i, i+1)
		return true
	}
	i := slices.IndexFunc(b.missed, same(uid))
	if i >= 0 {
		b.missed = slices.Delete(b.missed, i, i+1)
	}
	return i >= 0
}

func same(uid string) func(vsphere.GroupID) bool {
	return func(g vsphere.GroupID) bool { return g.UID == uid }
}

// grant keeps free places for those who wait, in order, and returns who is to be woken.
func (b *budget) grant(now time.Time) []vsphere.GroupID {
	b.expire(now)
	n := min(max(b.free(), 0), len(b.waiting))
	woken := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	for _, g := range woken {
		b.granted = append(b.granted, grant{group: g, until: now.Add(grantFor)})
	}
	return woken
}

// forget takes a group out of the line, and back what was kept for it.
func (b *budget) forget(uid string) {
	b.waiting = slices.DeleteFunc(b.waiting, same(uid))
	b.missed = slices.DeleteFunc(b.missed, same(uid))
	b.granted = slices.DeleteFunc(b.granted, func(gr grant) bool { return gr.group.UID == uid })
	delete(b.since, uid)
}

func (b *budget) expire(now time.Time) {
	b.granted = slices.DeleteFunc(b.granted, func(gr grant) bool {
		expired := now.After(gr.until)
		if expired && !slices.ContainsFunc(b.missed, same(gr.group.UID)) {
			b.missed = append(b.missed, gr.group)
		}
		if expired {
			delete(b.since, gr.group.UID) // there was a place: if it comes at all, it is not this that it waited for
		}
		return expired
	})
}

func (b *budget) free() int { return b.limit - b.inUse - len(b.granted) }
