package plan

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A caller may ask for the status of a plan any number of times, and in any order.
func TestStatusOnlyReadsThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := drawInput(t), drawOutcome(t)
		p, untouched := Compute(in), Compute(in)
		if !reflect.DeepEqual(p, untouched) {
			t.Fatal("two plans of the same input differ")
		}
		copied := p
		first := Status(in, p, out)
		whole, states := WholeStatus(in, p), p.VMStates(in)
		for what, again := range map[string]any{"again": Status(in, p, out), "of a copy of the plan": Status(in, copied, out)} {
			if diff := cmp.Diff(any(first), again); diff != "" {
				t.Errorf("the status %s (-first +%s):\n%s", what, what, diff)
			}
		}
		if diff := cmp.Diff(whole, WholeStatus(in, p)); diff != "" {
			t.Errorf("the whole status again (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(states, p.VMStates(in)); diff != "" {
			t.Errorf("the states again (-first +again):\n%s", diff)
		}
		if !reflect.DeepEqual(p, untouched) {
			t.Error("Status, WholeStatus or VMStates has changed the plan")
		}
	})
}

// A snapshot may be shared between groups and syncs.
func TestNobodyWritesToTheInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := drawInput(t), drawOutcome(t)
		before := in
		before.Group, before.Snapshot = in.Group.DeepCopy(), copySnapshot(in.Snapshot)
		Status(in, Compute(in), out)
		if !reflect.DeepEqual(before, in) {
			t.Errorf("the input is another (-before +after):\n%s", cmp.Diff(before, in))
		}
	})
}

func copySnapshot(s vsphere.Snapshot) vsphere.Snapshot {
	s.VMs = slices.Clone(s.VMs)
	for i, vm := range s.VMs {
		if vm.Stamp != nil {
			stamp := *vm.Stamp
			s.VMs[i].Stamp = &stamp
		}
	}
	s.Operations, s.Failures, s.PowerOns = slices.Clone(s.Operations), slices.Clone(s.Failures), slices.Clone(s.PowerOns)
	s.Folders, s.Zones = slices.Clone(s.Folders), slices.Clone(s.Zones)
	for i := range s.Zones {
		s.Zones[i].Hosts = slices.Clone(s.Zones[i].Hosts)
	}
	return s
}
