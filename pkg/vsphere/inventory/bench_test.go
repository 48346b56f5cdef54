package inventory

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// filled is an inventory of some groups of some VMs each, as filters fill it.
type filled struct {
	inv     *Inventory
	groups  []vsphere.GroupID
	vms     [][]vsphere.Ref
	changes int // so that each is one
}

func fill(groups, replicas int) filled {
	f := filled{inv: New(testOwner, clock.RealClock{})}
	f.inv.Restart(testLayout)
	folder := func(ref, name, parent vsphere.Ref) {
		f.inv.UpdateFolder(ref, FolderUpdate{Name: string(name), Parent: parent}, &Changes{})
	}
	folder("group-1", "vmgroups", "group-0")
	folder("group-2", "default", "group-1")
	hosts := map[vsphere.Ref]string{}
	for i := range 64 {
		hosts[vsphere.Ref(fmt.Sprintf("host-%d", i))] = fmt.Sprintf("esx-%d.example.com", i)
	}
	f.inv.SetHostNames(hosts, &Changes{})
	for n := range groups {
		g := vsphere.GroupID{Namespace: "default", Name: fmt.Sprintf("web-%d", n), UID: fmt.Sprintf("6f1c1d0e-5a0c-4a7b-9a53-%012d", n)}
		folder(f.parent(n), vsphere.Ref(g.Name), "group-2")
		refs := make([]vsphere.Ref, replicas)
		for i := range refs {
			refs[i] = vsphere.Ref(fmt.Sprintf("vm-%d", n*replicas+i))
			enter(f.inv, refs[i], watched(g, f.parent(n), n*replicas+i, i))
		}
		f.groups, f.vms = append(f.groups, g), append(f.vms, refs)
	}
	return f
}

// watched is all that a filter says of a VM of ours, in memory of its own, as what comes off the wire.
func watched(g vsphere.GroupID, parent vsphere.Ref, id, slot int) Update {
	instance := fmt.Sprintf("0c9a3c9e-9b1a-4f3e-8d43-%012d", id)
	stamp := vsphere.Stamp{
		Version: vsphere.StampVersion, Owner: testOwner, UID: g.UID, Namespace: g.Namespace, Name: g.Name, Slot: slot,
		Revision: "1:0a1b2c3d4e5f", Disks: []int32{2000}, Instance: instance,
	}
	ip := fmt.Sprintf("10.0.%d.%d", id/250, id%250)
	return Update{allFields, Properties{
		Set:  allFields,
		Name: fmt.Sprintf("%s-6f1c1-%d", g.Name, slot), Parent: vsphere.Ref(strings.Clone(string(parent))),
		InstanceUUID: strings.Clone(instance), CPU: 2, MemoryMiB: 4096, Created: time.Date(2026, 1, 1, 0, 0, id, 0, time.UTC),
		Stamp: stamp.String(), Power: vsphere.PoweredOn, Connection: vsphere.Connected, // of which there is one for all
		Host: vsphere.Ref(fmt.Sprintf("host-%d", id%64)), IP: ip,
		ToolsRunning: true, IPs: []string{strings.Clone(ip)}, GuestReady: true, CPUHotAdd: true, MemoryHotAdd: true,
		MemoryHotAddLimitMiB: 65536, MemoryHotAddIncrementMiB: 128,
	}}
}

var shapes = []struct{ groups, replicas int }{{1, 10_000}, {1000, 3}}

func BenchmarkInventory(b *testing.B) {
	for _, shape := range shapes {
		f := fill(shape.groups, shape.replicas)
		b.Run(fmt.Sprintf("%dx%d/Snapshot", shape.groups, shape.replicas), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.inv.Snapshot(f.groups[i%len(f.groups)], "")
			}
		})
		b.Run(fmt.Sprintf("%dx%d/Update", shape.groups, shape.replicas), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.change(i)
			}
		})
		b.Run(fmt.Sprintf("%dx%d/UpdateAndSnapshot", shape.groups, shape.replicas), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.inv.Snapshot(f.change(i), "")
			}
		})
		b.Run(fmt.Sprintf("%dx%d/RefreshAll", shape.groups, shape.replicas), func(b *testing.B) {
			var reads []Update
			for n, g := range f.groups {
				for i := range f.vms[n] {
					reads = append(reads, watched(g, f.parent(n), n*shape.replicas+i, i))
				}
			}
			for b.Loop() {
				asked, next := f.inv.VMsVersion(), 0
				for n := range f.groups {
					for _, ref := range f.vms[n] {
						f.inv.Refresh(ref, reads[next], asked, &Changes{})
						next++
					}
				}
			}
		})
	}
}

func (f *filled) parent(n int) vsphere.Ref { return vsphere.Ref(fmt.Sprintf("group-%d", n+3)) }

// change changes the address of the i-th VM, as a filter does, and returns its group.
func (f *filled) change(i int) vsphere.GroupID {
	n := i % len(f.groups)
	refs := f.vms[n]
	f.changes++
	ip := fmt.Sprintf("10.%d.%d.%d", f.changes/62500%250, f.changes/250%250, f.changes%250)
	modify(f.inv, refs[i/len(f.groups)%len(refs)], Update{FieldIP, Properties{Set: FieldIP, IP: ip}})
	return f.groups[n]
}

// BenchmarkWakeUp is what a set of updates and the reads after it ask of the whole inventory.
func BenchmarkWakeUp(b *testing.B) {
	for _, shape := range shapes {
		f := fill(shape.groups, shape.replicas)
		for name, ask := range map[string]func(){
			"Assess":             func() { f.inv.Assess(&Changes{}) },
			"Unheld":             func() { f.inv.Unheld() },
			"OutsideRoot":        func() { f.inv.OutsideRoot() },
			"AssumedPower":       func() { f.inv.AssumedPower(time.Now()) },
			"FoldersOutsideTree": func() { f.inv.FoldersOutsideTree() },
			"relocateBelow":      func() { f.inv.relocateBelow("group-1", &Changes{}) },
			"Stamped":            func() { f.inv.Stamped() },
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", shape.groups, shape.replicas, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ask()
				}
			})
		}
	}
}

// BenchmarkFill reports what one VM costs in memory.
func BenchmarkFill(b *testing.B) {
	for _, shape := range shapes {
		b.Run(fmt.Sprintf("%dx%d", shape.groups, shape.replicas), func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				f := fill(shape.groups, shape.replicas)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(shape.groups*shape.replicas), "B/VM")
				runtime.KeepAlive(f)
			}
		})
	}
}
