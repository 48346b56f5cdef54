package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// ten is how many VMs the small groups have that a large one is compared with.
const ten = 10

// largeGroup makes one large group and, beside another controller, as many VMs in groups of 10.
func (b *bench) largeGroup(ctx context.Context) error {
	groups := max(1, b.large/ten)
	one, many := "one group of "+count(b.large), fmt.Sprintf("%s groups of %d", count(groups), ten)
	for run := range b.largeRuns {
		var perVM float64
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) (err error) {
			if perVM, err = b.cpuPerVM(ctx, s, one, 1, b.large); err != nil {
				return err
			}
			if err := s.rss(func(mib float64) { b.note("resident memory, "+one, "<= 120", "MiB", mib) }); err != nil {
				return err
			}
			took, err := s.restart(ctx, run+2)
			if err != nil {
				return err
			}
			b.note("started beside "+one+" -> first change answered", "<= 4", "s", took.Seconds())
			return b.healMany(ctx, s, fmt.Sprintf("destroyed in vCenter -> clone sent, %s", one), b.large)
		})
		if err != nil {
			return err
		}
		err = b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			small, err := b.cpuPerVM(ctx, s, many, groups, ten)
			if err != nil {
				return err
			}
			b.note(fmt.Sprintf("CPU per VM made: apart by, groups of %d and %s", ten, one), "<= 1.5", "", apart(small, perVM))
			return s.rss(func(mib float64) { b.note("resident memory, "+many, "<= 150", "MiB", mib) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cpuPerVM makes groups and returns how much CPU time the controller took for each VM, in milliseconds.
func (b *bench) cpuPerVM(ctx context.Context, s *subject, name string, groups, replicas int) (float64, error) {
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	took, err := s.createMany(ctx, groups, replicas)
	if err != nil {
		return 0, err
	}
	after, err := s.cpu()
	if err != nil {
		return 0, err
	}
	perVM := float64(max(after-before, clockTick)) / float64(time.Millisecond) / float64(groups*replicas)
	b.note(name+": READY in", "", "s", took.Seconds())
	b.note(name+": CPU per VM made", "", "ms", perVM)
	return perVM, s.checkBooks(ctx, groups*replicas)
}

// failing makes a group whose VMs are all switched off, and none can be switched on again, and measures its syncs.
func (b *bench) failing(ctx context.Context) error {
	name := fmt.Sprintf("one sync, %s VMs, all of them failing", count(b.large))
	for range b.largeRuns {
		err := b.with(ctx, vcsim.Options{}, nil, func(s *subject) error {
			if _, err := s.create(ctx, b.large); err != nil {
				return err
			}
			if err := s.failPower(ctx, b.large); err != nil {
				return err
			}
			const changes = 20
			before, err := s.usage(ctx)
			if err != nil {
				return err
			}
			for i := range changes {
				if err := s.answer(ctx, i+2); err != nil {
					return err
				}
			}
			after, err := s.usage(ctx)
			if err != nil {
				return err
			}
			syncs := after.syncs - before.syncs
			if syncs < changes {
				return fmt.Errorf("%d syncs answered %d changes", syncs, changes)
			}
			b.note(name, "<= 30", "ms", 1000*(after.syncing-before.syncing)/float64(syncs))
			b.note(name+": CPU of the controller", "", "ms", float64(after.cpu-before.cpu)/float64(time.Millisecond)/float64(syncs))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// failPower has n VMs fail to be switched on, each once at least.
func (s *subject) failPower(ctx context.Context, n int) error {
	err := s.vcenter.Control.AddFault(ctx, control.Fault{Method: "PowerOnVM_Task", Type: "ResourceInUse", TaskLevel: true})
	if err != nil {
		return err
	}
	vms, err := s.vcenter.Control.VMs(ctx)
	if err != nil {
		return err
	}
	vms = slices.DeleteFunc(vms, func(vm control.VM) bool { return vm.Stamp == "" })
	if len(vms) != n {
		return fmt.Errorf("there are %d VMs, want %d", len(vms), n)
	}
	err = each(ctx, n, func(ctx context.Context, i int) error { return s.vcenter.Control.PowerOff(ctx, vms[i].MoRef) })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		tasks, err := s.vcenter.Control.Tasks(ctx)
		if err != nil {
			return err
		}
		failed := map[string]bool{}
		for _, task := range tasks {
			if task.DescriptionID == "VirtualMachine.powerOn" && task.State == "error" {
				failed[task.Entity] = true
			}
		}
		if len(failed) == n {
			return nil
		}
		if err := wait(ctx, time.Second); err != nil {
			return fmt.Errorf("%d of %d VMs have failed: %w", len(failed), n, err)
		}
	}
}

// foreignVMs compares one group in a datacenter full of other people's VMs with one in an empty datacenter. Both are watched
// at the same time, with a resync within.
func (b *bench) foreignVMs(ctx context.Context) error {
	const vms = 100
	beside := fmt.Sprintf("one group of %d beside %s foreign VMs", vms, count(b.foreign))
	args := []string{"-template-folder", "templates", "-resync-period", max(time.Minute, b.rest*2/3).String()}
	o := vcsim.Options{TemplateFolder: "templates"}
	crowded := o
	crowded.ForeignVMs = b.foreign
	for range b.largeRuns {
		err := b.with(ctx, o, args, func(empty *subject) error {
			alone, err := empty.create(ctx, vms)
			if err != nil {
				return err
			}
			return b.with(ctx, crowded, args, func(full *subject) error {
				took, err := full.create(ctx, vms)
				if err != nil {
					return err
				}
				b.note(beside+": READY in", "", "s", took.Seconds())
				b.note(beside+": READY / without them", "<= 1.2", "", took.Seconds()/alone.Seconds())
				return b.restBeside(ctx, beside, empty, full)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) restBeside(ctx context.Context, beside string, empty, full *subject) error {
	if err := wait(ctx, b.settle); err != nil {
		return err
	}
	var used [2]usage
	err := each(ctx, 2, func(ctx context.Context, i int) (err error) {
		used[i], err = []*subject{empty, full}[i].over(ctx, b.rest)
		return err
	})
	if err != nil {
		return err
	}
	without, with := used[0], used[1]
	b.note(fmt.Sprintf("%s: CPU in %s at rest", beside, b.rest), "", "ms", float64(with.cpu)/float64(time.Millisecond))
	b.note(fmt.Sprintf("%s: CPU in %s at rest / without them", beside, b.rest), "<= 1.2", "", timesAs(with.cpu, without.cpu))
	b.note(beside+": resident memory", "", "MiB", with.mib)
	b.note(beside+": resident memory / without them", "<= 1.2", "", with.mib/without.mib)
	b.note(beside+": reads of the whole datacenter", "", "reads", float64(with.datacenterReads))
	return nil
}
