package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// rollOut shows a rolling update without a gap.
func (e *environment) rollOut(ctx context.Context) error {
	before, err := e.members(ctx)
	if err != nil {
		return err
	}
	if err := e.use(ctx, newTemplate, `"readiness":{"type":"ToolsRunning"},"update":{"strategy":"Replace"}`); err != nil {
		return err
	}
	if err := e.withoutGap(ctx, len(before), func() error {
		return e.kubectl(ctx, "vmgroup", "rollout", "status", group)
	}); err != nil {
		return err
	}
	if err := e.settle(ctx, len(before)); err != nil {
		return err
	}
	after, err := e.members(ctx)
	if err != nil {
		return err
	}
	if n := left(before, after); n > 0 {
		return fmt.Errorf("%d of the old VMs are still there", n)
	}
	return e.vcsim(ctx, "vms")
}

// halt shows what becomes of a template that does not work.
func (e *environment) halt(ctx context.Context) error {
	before, err := e.members(ctx)
	if err != nil {
		return err
	}
	if err := e.vcsim(ctx, "guests", "hang"); err != nil {
		return err
	}
	if err := e.use(ctx, brokenTemplate, ""); err != nil {
		return err
	}
	// The new VM is there, and never ready: nothing else is replaced.
	if err := e.kubectl(ctx, "wait", fmt.Sprintf("--for=jsonpath={.status.replicas}=%d", len(before)+1), "vg", group); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "wait", "--for=jsonpath={.status.vms[0].state}=NotReady", "vg", group); err != nil {
		return err
	}
	if err := e.message(ctx); err != nil {
		return err
	}
	if err := e.vcsim(ctx, "guests", "run"); err != nil {
		return err
	}
	if err := e.use(ctx, newTemplate, ""); err != nil {
		return err
	}
	return e.unchanged(ctx, before)
}

// resize shows a change that needs no new VM.
func (e *environment) resize(ctx context.Context) error {
	before, err := e.members(ctx)
	if err != nil {
		return err
	}
	if err := e.patch(ctx, `{"cpu":2,"update":{"strategy":"InPlaceOnly"}}`); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "vmgroup", "rollout", "status", group); err != nil {
		return err
	}
	if err := e.unchanged(ctx, before); err != nil {
		return err
	}
	after, err := e.members(ctx)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(after, func(vm control.VM) bool { return vm.NumCPU != 2 }); i >= 0 {
		return fmt.Errorf("%s has %d CPUs", after[i].Name, after[i].NumCPU)
	}
	if err := e.vcsim(ctx, "vms"); err != nil {
		return err
	}
	// From here on, a change reaches only new VMs, as without a word about updates.
	return e.patch(ctx, `{"readiness":null,"update":null}`)
}

// use gives the group another template, and more of a spec.
func (e *environment) use(ctx context.Context, template, more string) error {
	e.template = template
	spec := fmt.Sprintf(`{"template":%q}`, template)
	if more != "" {
		spec = fmt.Sprintf(`{"template":%q,%s}`, template, more)
	}
	return e.patch(ctx, spec)
}

// withoutGap does something, and fails if ever fewer than n of the group's VMs run meanwhile.
func (e *environment) withoutGap(ctx context.Context, n int, do func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	gap := make(chan error, 1)
	go func() { gap <- e.findGap(ctx, n) }()
	err := do()
	cancel()
	return errors.Join(err, <-gap)
}

// findGap looks for fewer than n VMs that run, until ctx ends.
func (e *environment) findGap(ctx context.Context, n int) error {
	for {
		vms, err := e.members(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case on(vms) < n:
			return fmt.Errorf("vCenter has %d VMs that run, instead of %d", on(vms), n)
		}
	}
}

// unchanged waits until the group is READY with the VMs that it had, and no others.
func (e *environment) unchanged(ctx context.Context, before []control.VM) error {
	if err := e.settle(ctx, len(before)); err != nil {
		return err
	}
	after, err := e.members(ctx)
	if err != nil {
		return err
	}
	if n := left(before, after); n < len(before) {
		return fmt.Errorf("%d of %d VMs were replaced", len(before)-n, len(before))
	}
	return nil
}

// left counts those of some VMs that are still there.
func left(before, after []control.VM) int {
	n := 0
	for _, vm := range before {
		if slices.ContainsFunc(after, func(now control.VM) bool { return now.MoRef == vm.MoRef }) {
			n++
		}
	}
	return n
}
