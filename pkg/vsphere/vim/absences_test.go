package vim_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
)

func TestMassDisappearanceEndsWithTheLastProof(t *testing.T) {
	heard := &notifier{}
	sim, _, v, _ := started(t, func(cfg *vim.Config) { cfg.Notifier = heard })
	for slot := range 8 {
		must(t, submit(t, v, fmt.Sprintf("web-0d1f2-%d", slot)))
	}
	s := awaitSnapshot(t, v, "all", func(s vsphere.Snapshot) bool { return ready(s) == 8 && len(s.Operations) == 0 })
	for _, vm := range s.VMs[:4] {
		must(t, sim.Control.DestroyVM(t.Context(), string(vm.Ref)))
	}
	awaitSnapshot(t, v, "four are proven gone, and that is all", func(s vsphere.Snapshot) bool {
		return len(s.VMs) == 4 && s.Disappearance == nil
	})

	must(t, sim.Control.AddFault(t.Context(), control.Fault{
		Method: "RetrievePropertiesEx", Type: "NoPermission", PrivilegeID: "System.Read",
	}))
	before := heard.all.Load()
	must(t, sim.Control.DestroyVM(t.Context(), string(s.VMs[4].Ref)))
	unproven := awaitSnapshot(t, v, "the fifth cannot be proven gone", func(s vsphere.Snapshot) bool { return s.Disappearance != nil })
	want := &vsphere.Disappearance{Missing: 5, Unproven: 1, Of: 8}
	if diff := cmp.Diff(want, unproven.Disappearance); diff != "" || len(unproven.VMs) != 4 {
		t.Errorf("%d VMs; (-want +got):\n%s", len(unproven.VMs), diff)
	}
	another, err := v.Snapshot(t.Context(), vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-db"}, "")
	must(t, err)
	if another.Disappearance == nil || v.State().Disappearance == nil {
		t.Error("another group, or the state, does not know of it")
	}

	must(t, sim.Control.ClearFaults(t.Context()))
	awaitSnapshot(t, v, "the fifth is proven gone", func(s vsphere.Snapshot) bool { return len(s.VMs) == 3 && s.Disappearance == nil })
	await(t, "everybody is told of the begin and the end", func() bool { return heard.all.Load() >= before+2 })
}

func TestOurOwnDestructionsAreNoDisappearance(t *testing.T) {
	_, _, v, _ := started(t, nil)
	for slot := range 6 {
		must(t, submit(t, v, fmt.Sprintf("web-0d1f2-%d", slot)))
	}
	s := awaitSnapshot(t, v, "all", func(s vsphere.Snapshot) bool { return ready(s) == 6 && len(s.Operations) == 0 })
	var refs []vsphere.Ref
	for _, vm := range s.VMs {
		must(t, v.Start(t.Context(), web, requestsOn(vsphere.OperationPowerOff, vm.Ref)))
		refs = append(refs, vm.Ref)
	}
	awaitSnapshot(t, v, "all off", func(s vsphere.Snapshot) bool { return ready(s) == 0 && len(s.Operations) == 0 })
	must(t, v.Start(t.Context(), web, requestsOn(vsphere.OperationDestroy, refs...)))
	awaitSnapshot(t, v, "none", func(s vsphere.Snapshot) bool {
		if s.Disappearance != nil {
			t.Fatalf("%+v", s.Disappearance)
		}
		return len(s.VMs) == 0
	})
}
