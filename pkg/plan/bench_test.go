package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// largest is the size of the largest group.
const largest = 10_000

// BenchmarkSync measures what one sync of the largest group decides and reports. The time must grow with the number of VMs,
// and not with its square.
func BenchmarkSync(b *testing.B) {
	for _, bb := range []struct {
		name string
		in   Input
	}{
		{"at rest", input(group(largest), many()...)},
		{"all to make", input(group(largest))},
		{"all to make on named hosts", input(group(largest)).with(hostsToName(manyHosts()))},
		{"all clones under way", input(group(largest)).with(each(func(in *Input, slot int) { operations(cloning(slot))(in) }))},
		{"all names in use", input(group(largest)).with(each(func(in *Input, slot int) {
			failures(cloneFailed(slot, vsphere.ClassConflict))(in)
		}))},
		{"all power-ons failed", input(group(largest), many(off)...).with(each(func(in *Input, slot int) {
			failures(failed(vsphere.OperationPowerOn, slot, vsphere.ClassTransient))(in)
		}))},
		{"all power-ons refused", input(group(largest), many(off)...).with(each(func(in *Input, slot int) {
			failures(failed(vsphere.OperationPowerOn, slot, vsphere.ClassInvalid))(in)
		}))},
		{"all power-ons under way", input(group(largest), many(off)...).with(each(func(in *Input, slot int) {
			operations(operation(vsphere.OperationPowerOn, slot))(in)
		}))},
		{"all in a crash loop", input(group(largest), many(off)...).with(each(func(in *Input, slot int) { powerOns(slot, 3, time.Second)(in) }))},
		{"all to remove", input(group(0), many()...)},
		{"half to remove, of an earlier spec", input(group(largest/2), many(oldRevision)...)},
		{"all removals failed", input(group(0), many(off)...).with(each(func(in *Input, slot int) {
			failures(failed(vsphere.OperationDestroy, slot, vsphere.ClassTransient))(in)
		}))},
		{"all without configuration", input(group(largest), many(unconfigured)...).with(each(func(in *Input, slot int) { operations(cloning(slot))(in) }))},
		{"all names taken by others", input(group(largest), many(foreign)...).with(each(func(in *Input, slot int) {
			operations(cloning(slot + largest))(in)
		}))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Status(bb.in, Compute(bb.in), Outcome{})
			}
		})
	}
}

// many returns the VMs of the largest group, in any order, as the inventory does.
func many(changes ...func(*vsphere.VM)) []vsphere.VM {
	vms := make([]vsphere.VM, largest)
	for i, slot := range rand.New(rand.NewPCG(1, 2)).Perm(largest) {
		vms[i] = vm(slot, changes...)
	}
	return vms
}

func manyHosts() map[string]int {
	hosts := map[string]int{}
	for i := range 64 {
		hosts[fmt.Sprintf("esx-%d", i)] = i
	}
	return hosts
}

// each changes an input for each slot of the largest group.
func each(change func(in *Input, slot int)) func(*Input) {
	return func(in *Input) {
		for slot := range largest {
			change(in, slot)
		}
	}
}
