package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

const (
	group  = "kopf-vmworld-example"
	folder = "/DC0/vm/vmgroups/default/" + group
)

// chapter runs commands, and fails unless what they promise comes true.
type chapter struct {
	title string
	play  func(context.Context) error
}

// playLife is the first act: the life of a VmGroup.
func (e *environment) playLife(ctx context.Context) error {
	return e.playAll(ctx, []chapter{
		{"A VmGroup, before anything takes care of it: AVAILABLE and PHASE are empty", e.create},
		{"The controller starts, and the VMs arrive", e.arrive},
		{"Scale up, scale down", e.scale},
		{"Somebody destroys a VM in vCenter, and switches another off: both heal", e.heal},
		{"A new template: new VMs take the place of the old ones, one more at a time, and never fewer than 3 run", e.rollOut},
		{"A template whose guest never comes up: the update stops at one VM, and the others run on; taken back, it heals", e.halt},
		{"Another size, in place: the VMs stay the VMs that they are", e.resize},
		{"The controller is killed in the middle of a scale-up: nothing is doubled", e.crash},
		{"A template that does not exist: READY while no VM is due, then ERROR, with a message; patched, it heals", e.mistake},
		{"The group is deleted: VMs and folder are gone", e.remove},
	})
}

func (e *environment) playAll(ctx context.Context, chapters []chapter) error {
	for _, chapter := range chapters {
		title(chapter.title)
		if err := chapter.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	return nil
}

func (e *environment) create(ctx context.Context) error {
	if err := e.kubectl(ctx, "create", "-f", "artifacts/crd.yaml"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "wait", "--for=condition=Established", "crd/vmgroups.vsphere.vmware.com"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "create", "-f", "artifacts/examples/example.yaml"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "get", "vg", group); err != nil {
		return err
	}
	return e.status(ctx, "{.status}", "")
}

func (e *environment) arrive(ctx context.Context) error {
	if err := e.startController(); err != nil {
		return err
	}
	return e.settle(ctx, 3)
}

func (e *environment) scale(ctx context.Context) error {
	for _, n := range []int{5, 2, 3} {
		if err := e.kubectl(ctx, "scale", "vg", group, fmt.Sprintf("--replicas=%d", n)); err != nil {
			return err
		}
		if err := e.settle(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (e *environment) heal(ctx context.Context) error {
	before, err := e.members(ctx)
	if err != nil {
		return err
	}
	if err := e.vcsim(ctx, "vms"); err != nil {
		return err
	}
	if err := e.vcsim(ctx, "destroy", before[0].Name); err != nil {
		return err
	}
	if err := e.vcsim(ctx, "power-off", before[1].Name); err != nil {
		return err
	}
	err = eventually(ctx, "the group did not heal", func(ctx context.Context) error {
		after, err := e.members(ctx)
		if err != nil {
			return err
		}
		if err := running(after, 3); err != nil {
			return err
		}
		if slices.ContainsFunc(after, func(vm control.VM) bool { return vm.MoRef == before[0].MoRef }) {
			return fmt.Errorf("%s is still there", before[0].Name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := e.vcsim(ctx, "vms"); err != nil {
		return err
	}
	return e.settle(ctx, 3)
}

func (e *environment) crash(ctx context.Context) error {
	if err := e.kubectl(ctx, "scale", "vg", group, "--replicas=6"); err != nil {
		return err
	}
	err := eventually(ctx, "no clone was started", func(ctx context.Context) error {
		calls, err := e.vcenter.Control.Calls(ctx)
		if err == nil && calls.Methods["CloneVM_Task"] < 12 {
			err = fmt.Errorf("%d clones so far", calls.Methods["CloneVM_Task"])
		}
		return err
	})
	if err != nil {
		return err
	}
	say("kill -9 %d   # the controller, while clones run", e.controller.Process.Pid)
	if err := e.killController(); err != nil {
		return err
	}
	if err := e.startController(); err != nil {
		return err
	}
	return e.settle(ctx, 6)
}

func (e *environment) mistake(ctx context.Context) error {
	patch := func(template string) error { return e.patch(ctx, fmt.Sprintf(`{"template":%q}`, template)) }
	if err := patch("no-such-template"); err != nil {
		return err
	}
	if err := e.watch(ctx, "no-such-template", "6", "6", "READY"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "scale", "vg", group, "--replicas=7"); err != nil {
		return err
	}
	if err := e.watch(ctx, "ERROR"); err != nil {
		return err
	}
	if err := e.message(ctx); err != nil {
		return err
	}
	if err := patch(e.template); err != nil {
		return err
	}
	return e.settle(ctx, 7)
}

func (e *environment) remove(ctx context.Context) error {
	if err := e.kubectl(ctx, "delete", "vg", group); err != nil {
		return err
	}
	if err := e.vcsim(ctx, "vms"); err != nil {
		return err
	}
	left, err := e.members(ctx)
	if err != nil {
		return err
	}
	folders, err := e.vcenter.Control.Folders(ctx)
	if err != nil {
		return err
	}
	if len(left) > 0 || slices.ContainsFunc(folders, func(f control.Folder) bool { return f.Path == folder }) {
		return fmt.Errorf("%d VMs are left, or the folder %s", len(left), folder)
	}
	return nil
}

// settle shows the table until it is READY with n VMs, and then asks vCenter itself whether that is true.
func (e *environment) settle(ctx context.Context, n int) error {
	count := fmt.Sprint(n)
	if err := e.watch(ctx, e.template, count, count, "READY"); err != nil {
		return err
	}
	vms, err := e.members(ctx)
	if err != nil {
		return err
	}
	return running(vms, n)
}

// members returns the group's VMs from the simulator's own books.
func (e *environment) members(ctx context.Context) ([]control.VM, error) {
	vms, err := e.vcenter.Control.VMs(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(vms, func(vm control.VM) bool { return !strings.HasPrefix(vm.Path, folder+"/") }), nil
}

func running(vms []control.VM, n int) error {
	if len(vms) != n || on(vms) != n {
		return fmt.Errorf("vCenter has %d VMs, %d of them on, instead of %d", len(vms), on(vms), n)
	}
	return nil
}

// on counts the VMs that are on.
func on(vms []control.VM) int {
	n := 0
	for _, vm := range vms {
		if vm.PowerState == "poweredOn" {
			n++
		}
	}
	return n
}

// patch changes the group's spec.
func (e *environment) patch(ctx context.Context, spec string) error {
	return e.kubectl(ctx, "patch", "vg", group, "--type=merge", "-p", fmt.Sprintf(`{"spec":%s}`, spec))
}

// message shows what the group says.
func (e *environment) message(ctx context.Context) error {
	return e.kubectl(ctx, "get", "vg", group, "-o", `jsonpath={.status.message}{"\n"}`)
}

// status fails unless a part of the group's status reads as wanted.
func (e *environment) status(ctx context.Context, path, want string) error {
	cmd := exec.CommandContext(ctx, "bin/kubectl", "get", "vg", group, "-o", "jsonpath="+path)
	cmd.Env = e.environ()
	out, err := cmd.Output()
	if err == nil && string(out) != want {
		err = fmt.Errorf("%s of the VmGroup is %q instead of %q", path, out, want)
	}
	return err
}
