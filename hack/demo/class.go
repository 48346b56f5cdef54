package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// playClass is the second act: an administrator offers a class, and a tenant uses it.
func (e *environment) playClass(ctx context.Context) error {
	return e.playAll(ctx, []chapter{
		{"An administrator offers a class: two zones, a network, and a limit", e.offer},
		{"A tenant asks for four VMs with hostnames, addresses and user data of their own: two go to each zone", e.tell},
		{"Somebody destroys a VM in vCenter: the new one has its hostname and its address", e.healSlot},
		{"The namespace may have five VMs: the sixth is not made, and the message says why", e.limit},
		{"A size that the class does not allow: the VMs stay as they are, and the message says why", e.outgrow},
		{"The group is deleted, and then the class", e.removeClass},
	})
}

func (e *environment) offer(ctx context.Context) error {
	if err := e.kubectl(ctx, "create", "-f", "artifacts/crd.yaml"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "wait", "--for=condition=Established", "crd/vmgroups.vsphere.vmware.com", "crd/vmgroupclasses.vsphere.vmware.com"); err != nil {
		return err
	}
	if err := e.shell(ctx, "cat", "hack/demo/class.yaml"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "create", "-f", "hack/demo/class.yaml"); err != nil {
		return err
	}
	if err := e.startController(); err != nil {
		return err
	}
	return e.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "vgc/gold")
}

func (e *environment) tell(ctx context.Context) error {
	if err := e.shell(ctx, "cat", "hack/demo/group.yaml"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "create", "secret", "generic", "web", "--from-file=artifacts/examples/user-data"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "create", "-f", "hack/demo/group.yaml"); err != nil {
		return err
	}
	if err := e.settle(ctx, 4); err != nil {
		return err
	}
	if err := e.spreadEvenly(ctx); err != nil {
		return err
	}
	if err := e.knowThemselves(ctx, 4); err != nil {
		return err
	}
	return e.kubectl(ctx, "vmgroup", "tree", group)
}

// spreadEvenly fails unless each cluster has as many VMs of the group.
func (e *environment) spreadEvenly(ctx context.Context) error {
	vms, err := e.members(ctx)
	if err != nil {
		return err
	}
	inClusters := map[string]int{}
	for _, vm := range vms {
		inClusters[vm.Cluster]++
	}
	if len(inClusters) != 2 || inClusters["DC0_C0"] != inClusters["DC0_C1"] {
		return fmt.Errorf("the clusters have %v VMs", inClusters)
	}
	return nil
}

// knowThemselves fails unless n guests have the hostnames and addresses of the slots from 0 on.
func (e *environment) knowThemselves(ctx context.Context, n int) error {
	return eventually(ctx, "guests do not know who they are", func(ctx context.Context) error {
		states, err := e.vcenter.Control.GuestStates(ctx)
		if err != nil {
			return err
		}
		for slot := range n {
			hostname, address := fmt.Sprintf("web-%d", slot), fmt.Sprintf("10.1.0.%d/24", 11+slot)
			if !slices.ContainsFunc(states, func(s control.GuestState) bool {
				return s.On && s.Hostname == hostname && len(s.Cards) == 1 && slices.Equal(s.Cards[0].Static, []string{address}) && s.UserData != ""
			}) {
				return fmt.Errorf("no guest is %s with %s: %+v", hostname, address, states)
			}
		}
		return nil
	})
}

func (e *environment) healSlot(ctx context.Context) error {
	before, err := e.members(ctx)
	if err != nil {
		return err
	}
	if err := e.vcsim(ctx, "destroy", before[1].Name); err != nil {
		return err
	}
	err = eventually(ctx, "the group did not heal", func(ctx context.Context) error {
		after, err := e.members(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(after, func(vm control.VM) bool { return vm.MoRef == before[1].MoRef }) {
			return errors.New("it is still there")
		}
		return running(after, 4)
	})
	if err != nil {
		return err
	}
	if err := e.settle(ctx, 4); err != nil {
		return err
	}
	return e.knowThemselves(ctx, 4)
}

func (e *environment) limit(ctx context.Context) error {
	if err := e.kubectl(ctx, "scale", "vg", group, "--replicas=8"); err != nil {
		return err
	}
	if err := e.watch(ctx, "8", "5", "ERROR"); err != nil {
		return err
	}
	if err := e.message(ctx); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "vmgroup", "class", "gold"); err != nil {
		return err
	}
	if err := e.kubectl(ctx, "scale", "vg", group, "--replicas=4"); err != nil {
		return err
	}
	return e.settle(ctx, 4)
}

func (e *environment) outgrow(ctx context.Context) error {
	if err := e.patch(ctx, `{"cpu":4,"update":{"strategy":"Replace","maxSurge":1}}`); err != nil {
		return err
	}
	if err := e.watch(ctx, "4", "4", "ERROR"); err != nil {
		return err
	}
	if err := e.message(ctx); err != nil {
		return err
	}
	if err := e.patch(ctx, `{"cpu":1}`); err != nil {
		return err
	}
	return e.settle(ctx, 4)
}

func (e *environment) removeClass(ctx context.Context) error {
	if err := e.remove(ctx); err != nil {
		return err
	}
	return e.kubectl(ctx, "delete", "vgc", "gold", "--timeout=60s")
}
