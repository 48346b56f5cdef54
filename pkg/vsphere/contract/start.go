package contract

import (
	"slices"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var startScenarios = []scenario{
	{name: "all kinds in one call", run: func(f *fixture) {
		off, on, victim := f.madeOff(f.group, 0), f.made(f.group, 1), f.madeOff(f.group, 2)
		f.linux = f.found("linux", f.template)
		name := vmName(f.group, 3)
		f.notifies(f.group, func() {
			f.must(f.Client().Start(f.t.Context(), f.group, []vsphere.Request{
				{Kind: vsphere.OperationPowerOn, VM: off.Ref},
				cloneOf(f.linux, name, f.spec(f.folder(f.group), 3)),
				{Kind: vsphere.OperationPowerOff, VM: on.Ref},
				{Kind: vsphere.OperationDestroy, VM: victim.Ref},
			}))
		})
		f.await(f.group, "each has its effect", func(s vsphere.Snapshot) bool {
			poweredOn, _ := byRef(s, off.Ref)
			poweredOff, _ := byRef(s, on.Ref)
			_, there := byRef(s, victim.Ref)
			made, _ := named(s, name)
			return idle(s) && !there && made.Power == vsphere.PoweredOn &&
				poweredOn.Power == vsphere.PoweredOn && poweredOff.Power == vsphere.PoweredOff
		})
	}},
	{name: "a batch that fails keeps no other back", run: func(f *fixture) {
		on, victim := f.made(f.group, 0), f.madeOff(f.group, 1)
		f.notifies(f.group, func() {
			err := f.Client().Start(f.t.Context(), f.group, []vsphere.Request{
				{Kind: "Unheard", VM: victim.Ref},
				{Kind: vsphere.OperationDestroy, VM: on.Ref},
				{Kind: vsphere.OperationPowerOn, VM: victim.Ref},
			})
			var classes []vsphere.Class
			for _, err := range vsphere.Errors(err) {
				classes = append(classes, vsphere.ClassOf(err))
			}
			if want := []vsphere.Class{vsphere.ClassInvalid, vsphere.ClassConflict}; !slices.Equal(classes, want) {
				f.t.Errorf("it fails with %q, want %q: %v", classes, want, err)
			}
		})
		s := f.await(f.group, "the last has its effect", func(s vsphere.Snapshot) bool {
			vm, ok := byRef(s, victim.Ref)
			return ok && idle(s) && vm.Power == vsphere.PoweredOn
		})
		if _, ok := byRef(s, on.Ref); !ok || len(s.Failures) != 1 {
			f.t.Errorf("want a VM that is refused and its failure alone: %s", describe(s))
		}
	}},
	{name: "nothing to start", run: func(f *fixture) { f.must(f.Client().Start(f.t.Context(), f.group, nil)) }},
}
