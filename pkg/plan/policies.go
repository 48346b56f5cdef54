package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// heldBy returns why nothing may be changed in vCenter, empty if it may. Read-only comes before paused.
func heldBy(in Input) string {
	switch {
	case in.ReadOnly:
		return v1alpha1.ReasonReadOnly
	case in.Group.Spec.Paused:
		return v1alpha1.ReasonPaused
	default:
		return ""
	}
}

// hold strips the plan of its changes while the group is paused or the controller read-only, and keeps what is due:
//
//  1. the finalizer changes nothing in vCenter: it is added if there is something to guard
//  2. of the problems, only those that a human must solve stay: the controller tries nothing
func (p *Plan) hold(in Input) {
	held := heldBy(in)
	if held == "" || !p.due.any() {
		return
	}
	if p.Problem != nil && !p.Problem.Stalled {
		p.Problem = nil
	}
	*p = Plan{
		AddFinalizer: p.AddFinalizer && p.members.needsFinalizer(),
		Record:       p.Record, Forget: p.Forget,
		Held: held, Problem: p.Problem, Notices: p.Notices, Clocks: p.Clocks, members: p.members, due: p.due,
		RetryAfter: p.members.nextAvailable(in.Now),
	}
}

// cloningBlocked reports whether all clones have to wait that are due. Those without a template do in any case, see clonesDue.
// The first that applies:
//
//  1. there is no place for VMs, or no network
//  2. a problem has to be solved first
//  3. a mass disappearance is under investigation: the missing VMs may be there
//  4. the status counts VMs that nobody can list: they may be there
func (p *Plan) cloningBlocked(in Input) bool {
	return placementError(in) != nil || networkError(in) != nil ||
		p.Problem != nil && p.Problem.blocksClones ||
		in.Snapshot.Disappearance != nil ||
		p.members.unlisted > 0
}

// clonesAllowed returns how many of the wanted clones may start now, and after how long to ask again. In order:
//
//  1. no clone from this spec has failed: all
//  2. the back-off of the last failure is not over: none
//  3. vCenter has run out of something: one, if none is in flight, until one succeeds
//  4. all
func clonesAllowed(failure *vsphere.Failure, wanted, inFlight int, now time.Time) (int, time.Duration) {
	switch {
	case failure == nil || wanted == 0:
		return wanted, 0
	case backOff(failure, now) > 0:
		return 0, backOff(failure, now)
	case failure.Err.Class == vsphere.ClassExhausted && inFlight > 0:
		return 0, 0
	case failure.Err.Class == vsphere.ClassExhausted:
		return 1, 0
	default:
		return wanted, 0
	}
}

// cloneFailure returns the last failure that concerns all clones of the group: those to any zone where VMs can be made have
// failed. It is nil if there is none.
func cloneFailure(in Input) *vsphere.Failure {
	var latest *vsphere.Failure
	for _, zone := range in.Snapshot.Zones {
		if zone.Err != nil || lacksNetwork(in, zone) != "" {
			continue
		}
		f := zoneFailure(in, zone.Name)
		if f == nil {
			return nil
		}
		if latest == nil || latestFirst(f, latest) < 0 {
			latest = f
		}
	}
	return latest
}

// zoneFailure returns the last failure that concerns all clones to a zone, nil if there is none. A failure of a spec that
// nothing is made from now does not count, nor does an outdated one: a spec that somebody has changed gets a new chance at
// once.
func zoneFailure(in Input, zone string) *vsphere.Failure {
	var latest *vsphere.Failure
	if len(in.Snapshot.Failures) == 0 { // mostly
		return nil
	}
	hashes := []string{SpecOf(in.Group).Hash()}
	if kept := KeptRevision(in); kept != nil {
		hashes = append(hashes, kept.Hash())
	}
	for i := range in.Snapshot.Failures {
		f := &in.Snapshot.Failures[i]
		concernsAll := f.Kind.Makes() && f.Place.Zone == zone && slices.Contains(hashes, f.SpecHash) && !vsphere.ConcernsName(f.Err)
		if concernsAll && !in.outdated(f) && (latest == nil || latestFirst(f, latest) < 0) {
			latest = f
		}
	}
	return latest
}

// outdated reports whether somebody has edited the spec since a failure that needs a human. The operation is tried again at
// once.
func (in Input) outdated(f *vsphere.Failure) bool {
	return f.Err.Class == vsphere.ClassInvalid && f.At.Before(in.SpecSince)
}

// backOff returns how long the next attempt after a failure still has to wait, 0 if it may start. The delays are those of the
// failure's class. They are part of the plan because every event of a VM wakes its group: a delay in the queue alone would
// hold nothing back.
func backOff(f *vsphere.Failure, now time.Time) time.Duration {
	return max(0, f.At.Add(vsphere.RetryDelay(f.Err.Class, f.Count)).Sub(now))
}

// powerOnBackOff returns how long the next power-on of a VM that does not stay on still has to wait, 0 if it may start. The
// first one never waits.
func powerOnBackOff(p *vsphere.PowerOn, now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	return max(0, p.At.Add(vsphere.PowerOnDelay(p.Count)).Sub(now))
}

// latestFirst orders failures by their time, and those of one instant somehow, but always alike.
func latestFirst(a, b *vsphere.Failure) int {
	if order := cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.VM, b.VM)); order != 0 {
		return order
	}
	return cmp.Or(cmp.Compare(a.Err.Class, b.Err.Class), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Err.Error(), b.Err.Error()))
}

// sooner returns the shorter of two delays, where 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
