package login

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// callTimeout bounds each of Begin and End.
const callTimeout = 10 * time.Second

// Gate decides whether a login may be attempted now. It is used by one goroutine at a time.
type Gate struct {
	store store
	clock clock.PassiveClock
	// limit is how many attempts of rule 3 there may be.
	limit int
	// iterations is how slow the hash is: hashIterations, but in tests.
	iterations int

	// current is the attempt that Begin allowed and End has not ended yet.
	current *attempt
	putOff  PutOff
}

// PutOff says until when no login is attempted. A time that is zero or past keeps from nothing.
type PutOff struct {
	Same  time.Time // with the same credentials
	Other time.Time // with any others
}

// NewGate returns the gate of a controller, whose record is in the Lease of that name.
func NewGate(leases coordinationclient.LeaseInterface, name string, clock clock.PassiveClock) *Gate {
	return &Gate{store: &leaseStore{leases, name}, clock: clock, limit: maxInWindow, iterations: hashIterations}
}

// NewFileGate returns the gate of a command that a person runs, whose record of a vCenter, by its address, is a file in dir.
// The directory is made when it is needed.
func NewFileGate(dir, vCenter string, clock clock.PassiveClock) *Gate {
	return &Gate{store: newFileStore(dir, vCenter), clock: clock, limit: maxInWindowOfFile, iterations: hashIterations}
}

// Begin asks for one attempt, to be made right away and reported to End. If it is not allowed, retryAfter says when to
// ask again with the same credentials. If it cannot be written down, or somebody else is writing down one of his own,
// there is an error and no attempt.
func (g *Gate) Begin(ctx context.Context, user, password string) (allowed bool, retryAfter time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var mine *attempt
	err = g.store.begin(ctx, func(text string) (string, error) {
		now := g.clock.Now().Truncate(time.Microsecond) // as the record has it
		r := g.read(ctx, text)
		r.prune(now)
		hash, err := r.hash(user, password, g.iterations)
		if err != nil {
			return "", err
		}
		if retryAfter = g.wait(r, now, hash); retryAfter > 0 {
			return "", nil
		}
		mine = &attempt{User: user, Hash: hash, Time: metav1.NewMicroTime(now), Outcome: tried}
		r.Attempts = append(r.Attempts, *mine)
		return r.text()
	})
	if err != nil || retryAfter > 0 {
		return false, retryAfter, err
	}
	g.current = mine
	return true, 0, nil
}

// End reports what came of the attempt. wasRefused means that vCenter said so. If it cannot be written down, the attempt
// stays one that never came to an end. A cancelled ctx does not keep it from being written.
func (g *Gate) End(ctx context.Context, wasRefused bool) error {
	if wasRefused {
		return g.end(ctx, refused)
	}
	return g.end(ctx, notRefused)
}

// Unanswered reports, in place of End, that the attempt was sent and vCenter did not answer.
func (g *Gate) Unanswered(ctx context.Context) error { return g.end(ctx, unanswered) }

// PutOff says what keeps from a login since the last answer of Begin, or the last report of what came of an attempt.
func (g *Gate) PutOff() PutOff { return g.putOff }

func (g *Gate) end(ctx context.Context, came outcome) error {
	if g.current == nil {
		return nil
	}
	mine := *g.current
	g.current = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return g.store.end(ctx, func(text string) (string, error) {
		r := g.read(ctx, text)
		r.end(mine, came)
		g.wait(r, g.clock.Now(), mine.Hash)
		return r.text()
	})
}

// wait returns how long an attempt with this hash must wait, and notes it.
func (g *Gate) wait(r *record, now time.Time, hash string) time.Duration {
	same, other := r.wait(now, hash, g.limit)
	g.putOff = PutOff{Same: now.Add(same), Other: now.Add(other)}
	return same
}

func (g *Gate) read(ctx context.Context, text string) *record {
	r, err := readRecord(text)
	if err != nil {
		klog.FromContext(ctx).Error(err, "The record of logins cannot be read, and is begun anew", "in", g.store.String())
	}
	return r
}
