package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// releaseTimeout bounds the release of the Lease at a stop.
const releaseTimeout = 5 * time.Second

// errLost means that another process may be the leader by now.
var errLost = errors.New("the Lease was lost; start again")

// loginLease is the name of the Lease that remembers logins.
func loginLease(name string) string { return name + "-login" }

// lead waits for the Lease and works while it holds it. It returns nil when ctx has ended, or errLost.
func (a *app) lead(ctx context.Context, owner string) error {
	lease, err := a.newLease()
	if err != nil {
		return err
	}
	began := make(chan context.Context, 1)
	elector, err := a.newElector(klog.FromContext(ctx), lease, func(leading context.Context) { began <- leading })
	if err != nil {
		return err
	}
	a.health.election.SetLeaderElection(elector)

	// The elector outlives ctx: it renews the Lease until the workers have ended.
	electing, stopElecting := context.WithCancel(context.WithoutCancel(ctx))
	var election sync.WaitGroup
	election.Go(func() { elector.Run(electing) })

	err = a.workAsLeader(ctx, owner, lease, began)
	stopElecting()
	election.Wait()
	if errors.Is(err, errLost) {
		return err
	}
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return errors.Join(err, lease.release(releasing))
}

// workAsLeader waits until began gives a context, and works until that or ctx ends.
func (a *app) workAsLeader(ctx context.Context, owner string, lease *lease, began <-chan context.Context) error {
	var leading context.Context
	select {
	case <-ctx.Done():
		return nil
	case leading = <-began:
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(leading, stop)()
	err := a.work(working, owner, lease)
	if leading.Err() != nil {
		return errors.Join(errLost, err)
	}
	return err
}

func (a *app) newLease() (*lease, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find a name for the holder of the Lease: %w", err)
	}
	// Two processes of one name must not take each other's Lease for their own.
	identity := host + "_" + string(uuid.NewUUID())
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, a.clients.namespace, a.options.LeaseName(),
		a.clients.leases.CoreV1(), a.clients.leases.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: identity})
	if err != nil {
		return nil, fmt.Errorf("make a lock for the leader election: %w", err)
	}
	// The elector goes by the real clock, and so does every other replica.
	return newLease(lock, a.options.LeaderElection.RenewDeadline, clock.RealClock{}), nil
}

func (a *app) newElector(logger klog.Logger, lease *lease, began func(context.Context)) (*leaderelection.LeaderElector, error) {
	election := a.options.LeaderElection
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:          lease,
		LeaseDuration: election.LeaseDuration,
		RenewDeadline: election.RenewDeadline,
		RetryPeriod:   election.RetryPeriod,
		Name:          a.options.LeaseName(),
		// We release it ourselves: the elector would do so also when it has failed to renew, while workers are running,
		// and would tell them only afterwards.
		ReleaseOnCancel: false,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: began,
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				logger.Info("Observed the leader", "identity", identity, "self", identity == lease.Identity())
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make an elector: %w", err)
	}
	return elector, nil
}
