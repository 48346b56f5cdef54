package main

import (
	"context"
	"time"

	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// What scale measures at each size. hack/benchplots draws them; VMs are along the x axis.
const (
	timePlain    = "time until READY, s: a plain govmomi loop (made)"
	timeOne      = "time until READY, s: one group"
	timeMany     = "time until READY, s: groups of 3"
	removeOne    = "time until deleted, s: one group"
	removeMany   = "time until deleted, s: groups of 3"
	memoryOne    = "resident memory, MiB: one group"
	memoryMany   = "resident memory, MiB: groups of 3"
	soapMadeOne  = "SOAP calls per VM made: one group"
	soapMadeMany = "SOAP calls per VM made: groups of 3"
	soapGoneOne  = "SOAP calls per VM destroyed: one group"
	soapGoneMany = "SOAP calls per VM destroyed: groups of 3"
	apiOne       = "API server calls per VM, made and destroyed: one group"
	apiMany      = "API server calls per VM, made and destroyed: groups of 3"
)

// scale measures several sizes, in one group and in groups of 3.
func (b *bench) scale(ctx context.Context) error {
	for _, n := range b.sizes {
		vms := max(1, n/replicas) * replicas // the same number for all
		for range b.largeRuns {
			plain, err := b.plain(ctx, vcsim.Options{}, vms, 16)
			if err != nil {
				return err
			}
			b.point(timePlain, vms, "s", plain.Seconds())
			for _, line := range []struct {
				groups                                              int
				made, removed, memory, soapMade, soapGone, apiCalls string
			}{
				{1, timeOne, removeOne, memoryOne, soapMadeOne, soapGoneOne, apiOne},
				{vms / replicas, timeMany, removeMany, memoryMany, soapMadeMany, soapGoneMany, apiMany},
			} {
				err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
					from := time.Now()
					took, err := s.createMany(ctx, line.groups, vms/line.groups)
					if err != nil {
						return err
					}
					b.point(line.made, vms, "s", took.Seconds())
					if err := s.rss(func(mib float64) { b.point(line.memory, vms, "MiB", mib) }); err != nil {
						return err
					}
					calls, err := s.calls(ctx)
					if err != nil {
						return err
					}
					b.point(line.soapMade, vms, "calls", float64(calls)/float64(vms))
					if took, err = s.removeMany(ctx, line.groups); err != nil {
						return err
					}
					b.point(line.removed, vms, "s", took.Seconds())
					if calls, err = s.calls(ctx); err != nil {
						return err
					}
					b.point(line.soapGone, vms, "calls", float64(calls)/float64(vms))
					if err := wait(ctx, b.settle); err != nil {
						return err
					}
					total, err := b.showCalls(from, time.Now())
					b.point(line.apiCalls, vms, "calls", float64(total)/float64(vms))
					return err
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
