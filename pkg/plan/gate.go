package plan

import (
	"cmp"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// wait returns how long a failure still has to be waited out, 0 if it is time to try again. The delays are those of the
// failure's class. Groups are woken by every event of their VMs, so a delay in the queue alone would hold nothing back.
func wait(f *vsphere.Failure, now time.Time) time.Duration {
	return max(0, f.At.Add(vsphere.RetryDelay(f.Err.Class, f.Count)).Sub(now))
}

// powerOnWait returns how long a VM that does not stay on still has to wait, 0 if it is time to power it on. The first time
// it never waits.
func powerOnWait(p *vsphere.PowerOn, now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	return max(0, p.At.Add(vsphere.PowerOnDelay(p.Count)).Sub(now))
}

// outdated reports whether a failure says nothing any more: what needs a human, or another spec, has been edited since. It
// is tried again at once.
func (in Input) outdated(f *vsphere.Failure) bool {
	return f.Err.Class == vsphere.ClassInvalid && f.At.Before(in.SpecSince)
}

// cloneGate returns how many of the wanted clones may be sent now, and how long the rest has to wait. In order:
//
//  1. no failure of a clone from this spec: all
//  2. it has not been waited out: none
//  3. vCenter ran out of something: one, if none is under way, until one succeeds
//  4. all
func cloneGate(failure *vsphere.Failure, wanted, underWay int, now time.Time) (int, time.Duration) {
	switch {
	case failure == nil || wanted == 0:
		return wanted, 0
	case wait(failure, now) > 0:
		return 0, wait(failure, now)
	case failure.Err.Class == vsphere.ClassExhausted && underWay > 0:
		return 0, 0
	case failure.Err.Class == vsphere.ClassExhausted:
		return 1, 0
	default:
		return wanted, 0
	}
}

// cloneFailure returns the failure that concerns all clones of the group, and not the name of one, if it is one of this
// spec and not outdated: a spec that was changed gets a new chance at once.
func cloneFailure(in Input) *vsphere.Failure {
	var latest *vsphere.Failure
	hash := SpecOf(in.Group).Hash()
	for i := range in.Snapshot.Failures {
		f := &in.Snapshot.Failures[i]
		mine := f.Kind == vsphere.OperationClone && !vsphere.ConcernsName(f.Err) && f.SpecHash == hash
		if mine && !in.outdated(f) && (latest == nil || latestFirst(*f, *latest) < 0) {
			latest = f
		}
	}
	return latest
}

// latestFirst orders failures by their time, and those of one instant somehow, but always alike.
func latestFirst(a, b vsphere.Failure) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.VM, b.VM),
		cmp.Compare(a.Err.Class, b.Err.Class), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Err.Error(), b.Err.Error()))
}

// sooner returns the shorter of two delays, where 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
