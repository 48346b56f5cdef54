package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// replicas is how many VMs each of many groups has.
const replicas = 3

// life counts what one quiet group asks of the API server: it is created, becomes READY, and is deleted.
func (b *bench) life(ctx context.Context) error {
	for range b.runs {
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			if err := wait(ctx, b.settle); err != nil {
				return err
			}
			from := time.Now()
			if _, err := s.create(ctx, replicas); err != nil {
				return err
			}
			if err := wait(ctx, b.settle); err != nil {
				return err
			}
			if _, err := s.remove(ctx); err != nil {
				return err
			}
			if err := wait(ctx, b.settle); err != nil {
				return err
			}
			total, err := b.showCalls(from, time.Now())
			b.note("calls to the API server for the life of a group of 3, Lease apart", "<= 8", "calls", float64(total))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// showCalls lists the calls to the API server by verb and resource, and returns how many there were.
func (b *bench) showCalls(from, to time.Time) (total int, err error) {
	calls, err := b.apiCalls(from, to)
	for _, call := range slices.Sorted(maps.Keys(calls)) {
		fmt.Fprintf(os.Stderr, "  %s: %d\n", call, calls[call])
		total += calls[call]
	}
	return total, err
}

// manyGroups compares many small groups with one large one that has as many VMs. Beside the small ones the controller is
// started again.
func (b *bench) manyGroups(ctx context.Context) error {
	vms := replicas * b.groups
	many, one := fmt.Sprintf("%s groups of %d", count(b.groups), replicas), fmt.Sprintf("one group of %s", count(vms))
	for run := range b.largeRuns {
		var made, removed time.Duration
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) (err error) {
			if made, err = s.create(ctx, vms); err != nil {
				return err
			}
			if err := s.checkBooks(ctx, vms); err != nil {
				return err
			}
			b.note(one+": READY in", "", "s", made.Seconds())
			removed, err = s.remove(ctx)
			b.note(one+": deleted in", "", "s", removed.Seconds())
			return err
		})
		if err != nil {
			return err
		}
		err = b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			from := time.Now()
			took, err := s.createMany(ctx, b.groups, replicas)
			if err != nil {
				return err
			}
			if _, err := b.showCalls(from, time.Now()); err != nil {
				return err
			}
			if err := s.checkBooks(ctx, vms); err != nil {
				return err
			}
			b.note(many+": READY in", "", "s", took.Seconds())
			b.note(many+": READY / "+one, "<= 1.5", "", took.Seconds()/made.Seconds())
			if took, err = s.restart(ctx, run+2); err != nil {
				return err
			}
			b.note("started beside "+many+" -> first change answered", "<= 2", "s", took.Seconds())
			return b.removeGroups(ctx, s, many, one, removed)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) removeGroups(ctx context.Context, s *subject, many, one string, removed time.Duration) error {
	if err := wait(ctx, b.settle); err != nil { // the start has read the datacenter too
		return err
	}
	if _, err := s.calls(ctx); err != nil {
		return err
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	from := time.Now()
	took, err := s.removeMany(ctx, b.groups)
	if err != nil {
		return err
	}
	if _, err := b.showCalls(from, time.Now()); err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	calls, err := s.vcenter.Control.Calls(ctx)
	if err != nil {
		return err
	}
	b.note(many+": deleted in", "", "s", took.Seconds())
	b.note(many+": deleted / "+one, "<= 1.5", "", took.Seconds()/removed.Seconds())
	b.note(many+" deleted: reads of the whole datacenter", "<= 20", "reads", float64(calls.DatacenterReads))
	b.note(many+" deleted: CPU of the controller", "", "s", (after - before).Seconds())
	return s.vcenter.Violations(ctx)
}

// quietGroups watches many groups that have nothing to do, for so long that each is looked at again.
func (b *bench) quietGroups(ctx context.Context) error {
	resync := max(time.Minute, b.quiet*2/3) // it comes up to a fifth later
	for range b.largeRuns {
		err := b.with(ctx, vcsim.Options{}, []string{"-resync-period", resync.String()}, func(s *subject) error {
			if _, err := s.createMany(ctx, b.groups, replicas); err != nil {
				return err
			}
			if err := wait(ctx, b.settle+time.Duration(b.groups)*30*time.Millisecond); err != nil {
				return err
			}
			name := fmt.Sprintf("%s at rest with %s groups of %d", b.quiet, count(b.groups), replicas)
			u, err := s.over(ctx, b.quiet)
			if err != nil {
				return err
			}
			if u.syncs < b.groups {
				return fmt.Errorf("only %d syncs within %s: no resync came, and nothing was measured", u.syncs, b.quiet)
			}
			writes, err := b.apiWrites(u.from, u.to)
			b.note(name+": writes to the API server, Lease apart", "0", "writes", float64(writes))
			b.note(name+": CPU of the controller", "", "s", u.cpu.Seconds())
			b.note(name+": SOAP calls", "", "calls", float64(u.calls))
			b.note(name+": resident memory", "", "MiB", u.mib)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
