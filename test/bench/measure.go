package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// throughput makes one large group without any simulated delay, and deletes it.
func (b *bench) throughput(ctx context.Context) error {
	name := fmt.Sprintf("%d VMs in one group", b.vms)
	for range b.runs {
		plain, err := b.plain(ctx, vcsim.Options{}, b.vms, 16)
		if err != nil {
			return err
		}
		err = b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			took, err := s.create(ctx, b.vms)
			if err != nil {
				return err
			}
			b.note(name+": plain loop", "", "s", plain.Seconds())
			b.note(name+": wall time / plain loop", "<= 1.10", "", took.Seconds()/plain.Seconds())
			calls, err := s.calls(ctx)
			if err != nil {
				return err
			}
			b.note("SOAP calls per VM created", "<= 1.8", "calls", float64(calls)/float64(b.vms))
			if err := s.rss(func(mib float64) { b.note("resident memory after creation", "<= 80", "MiB", mib) }); err != nil {
				return err
			}
			if took, err = s.remove(ctx); err != nil {
				return err
			}
			b.note(name+": deleted in", "", "s", took.Seconds())
			if calls, err = s.calls(ctx); err != nil {
				return err
			}
			b.note("SOAP calls per VM destroyed", "<= 3.4", "calls", float64(calls)/float64(b.vms))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// slowClones makes a group whose clones take 3 s each, all at once.
func (b *bench) slowClones(ctx context.Context) error {
	const n = 60
	o := vcsim.Options{CloneDelay: 3 * time.Second}
	for range b.runs {
		plain, err := b.plain(ctx, o, n, n)
		if err != nil {
			return err
		}
		err = b.with(ctx, o, []string{"-max-clones", fmt.Sprint(n)}, func(s *subject) error {
			took, err := s.create(ctx, n)
			if err != nil {
				return err
			}
			b.note("60 VMs, 3 s a clone: plain loop", "", "s", plain.Seconds())
			b.note("60 VMs, 3 s a clone: wall time / plain loop", "<= 1.15", "", took.Seconds()/plain.Seconds())
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// heal destroys VMs in vCenter, one at a time, and times the clone that replaces each.
func (b *bench) heal(ctx context.Context) error {
	for range b.runs {
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			if _, err := s.create(ctx, b.vms); err != nil {
				return err
			}
			return b.healMany(ctx, s, "destroyed in vCenter -> clone sent", b.vms)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// healMany destroys VMs of a group of n, one after the other, and reports how long it takes until a clone is sent.
func (b *bench) healMany(ctx context.Context, s *subject, name string, n int) error {
	var latencies []float64
	for range b.heals {
		latency, err := s.healOne(ctx, n)
		if err != nil {
			return err
		}
		latencies = append(latencies, float64(latency)/float64(time.Millisecond))
	}
	slices.Sort(latencies)
	b.note(fmt.Sprintf("%s, p50 of %d", name, b.heals), "", "ms", percentile(latencies, 50))
	b.note(fmt.Sprintf("%s, p99 of %d", name, b.heals), "<= 150", "ms", percentile(latencies, 99))
	return nil
}

// startUp stops the controller of a large group and starts it again: until it has ended, and until it has answered a change.
func (b *bench) startUp(ctx context.Context) error {
	const vms = 1000
	return b.with(ctx, vcsim.Options{}, []string{"-max-clones", "64"}, func(s *subject) error {
		if _, err := s.create(ctx, vms); err != nil {
			return err
		}
		for run := range b.runs {
			began := time.Now()
			if err := s.stop(); err != nil {
				return err
			}
			b.note("SIGTERM -> ended, with 1,000 VMs", "<= 3", "s", time.Since(began).Seconds())
			took, err := s.startAgain(ctx, run+2)
			if err != nil {
				return err
			}
			b.note("started -> first sync, with 1,000 VMs", "<= 5", "s", took.Seconds())
		}
		return nil
	})
}

// takeOver ends the leader of two replicas that run as in artifacts/, in good order and by SIGKILL.
func (b *bench) takeOver(ctx context.Context) error {
	return b.with(ctx, vcsim.Options{}, []string{"-leader-elect-retry-period=1s"}, func(s *subject) error {
		if _, err := s.create(ctx, 1); err != nil {
			return err
		}
		for run := range b.runs {
			took, err := s.succeed(ctx, syscall.SIGTERM, 2*run+2)
			if err != nil {
				return err
			}
			b.note("SIGTERM to the leader -> the next has synced", "<= 3", "s", took.Seconds())
			if took, err = s.succeed(ctx, os.Kill, 2*run+3); err != nil {
				return err
			}
			b.note("SIGKILL to the leader -> the next has synced", "<= 20", "s", took.Seconds())
		}
		return nil
	})
}

// atRest watches groups that have nothing to do. All runs are made at once: they have nothing to do.
func (b *bench) atRest(ctx context.Context) error {
	results := make(chan error, b.runs)
	settled := make(chan struct{}, b.runs)
	watch := make(chan struct{})
	done := make(chan struct{})
	values := make(chan restValues, b.runs)
	for range b.runs {
		go func() {
			results <- b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
				if _, err := s.create(ctx, b.vms); err != nil {
					return err
				}
				settled <- struct{}{}
				<-watch
				if _, err := s.calls(ctx); err != nil {
					return err
				}
				<-done
				calls, err := s.calls(ctx)
				if err != nil {
					return err
				}
				v := restValues{calls: calls}
				err = s.rss(func(mib float64) { v.mib = mib })
				values <- v
				return err
			})
		}()
	}
	var errs []error
	for range b.runs {
		select {
		case <-settled:
		case err := <-results: // before it has settled, it can only have failed
			close(watch)
			close(done)
			return err
		}
	}
	if err := wait(ctx, b.settle); err != nil {
		return err
	}
	from := time.Now()
	close(watch)
	errs = append(errs, wait(ctx, b.rest))
	to := time.Now()
	close(done)
	for range b.runs {
		errs = append(errs, <-results)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for range b.runs {
		v := <-values
		b.note(fmt.Sprintf("SOAP calls in %s at rest, %d VMs", b.rest, b.vms), "<= 10", "calls", float64(v.calls))
		b.note(fmt.Sprintf("resident memory at rest, %d VMs", b.vms), "<= 80", "MiB", v.mib)
	}
	writes, err := b.apiWrites(from, to)
	if err != nil {
		return err
	}
	b.note(fmt.Sprintf("API writes in %s at rest, all controllers, Lease apart", b.rest), "0", "writes", float64(writes))
	return nil
}

type restValues struct {
	calls int
	mib   float64
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
