package login

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// callTimeout bounds each of Begin and End.
const callTimeout = 10 * time.Second

// Gate decides whether a login may be attempted now. It is used by one goroutine at a time.
type Gate struct {
	leases coordinationclient.LeaseInterface
	name   string
	clock  clock.PassiveClock
	// iterations is how slow the hash is: hashIterations, but in tests.
	iterations int

	// current is the attempt that Begin allowed and End has not ended yet.
	current *attempt
}

// NewGate returns the gate whose record is in the Lease of that name.
func NewGate(leases coordinationclient.LeaseInterface, name string, clock clock.PassiveClock) *Gate {
	return &Gate{leases: leases, name: name, clock: clock, iterations: hashIterations}
}

// Begin asks for one attempt, to be made right away and reported to End. If it is not allowed, retryAfter says when to
// ask again with the same credentials. If it cannot be written down, or somebody else is writing down one of his own,
// there is an error and no attempt.
func (g *Gate) Begin(ctx context.Context, user, password string) (allowed bool, retryAfter time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	lease, err := g.leases.Get(ctx, g.name, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	if absent {
		lease, err = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: g.name}}, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("read Lease %s, which remembers logins: %w", g.name, err)
	}
	now := g.clock.Now().Truncate(time.Microsecond) // as the record has it
	r := readRecord(klog.FromContext(ctx), lease)
	r.prune(now)
	mine := attempt{User: user, Time: metav1.NewMicroTime(now), Outcome: tried}
	if mine.Hash, err = r.hash(user, password, g.iterations); err != nil {
		return false, 0, err
	}
	if wait := r.wait(now, mine.Hash); wait > 0 {
		return false, wait, nil
	}
	r.Attempts = append(r.Attempts, mine)
	if err := r.writeTo(lease); err != nil {
		return false, 0, err
	}
	if absent {
		_, err = g.leases.Create(ctx, lease, metav1.CreateOptions{})
	} else {
		_, err = g.leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return false, 0, fmt.Errorf("write down a login in Lease %s before it is tried: %w", g.name, err)
	}
	g.current = &mine
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

func (g *Gate) end(ctx context.Context, came outcome) error {
	if g.current == nil {
		return nil
	}
	mine := *g.current
	g.current = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		lease, err := g.leases.Get(ctx, g.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		r := readRecord(klog.FromContext(ctx), lease)
		r.end(mine, came)
		if err := r.writeTo(lease); err != nil {
			return err
		}
		_, err = g.leases.Update(ctx, lease, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("write down in Lease %s what came of a login: %w", g.name, err)
	}
	return nil
}
