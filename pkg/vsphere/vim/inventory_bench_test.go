package vim

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/clock"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// filled is an inventory of some groups of some VMs each, as the watch fills it.
type filled struct {
	inv    *inventory
	groups []vsphere.GroupID
	vms    [][]vsphere.Ref
	told   int // changes, so that each is one
}

func fill(groups, replicas int) filled {
	f := filled{inv: newInventory(testOwner, clock.RealClock{})}
	f.inv.restart(site{vmFolder: folderRef("group-0"), vmFolderPath: []string{"DC0", "vm"}, root: []string{"vmgroups"}})
	folder := func(ref, name, parent vsphere.Ref) {
		f.inv.updateFolder(ref, []types.PropertyChange{assign(propName, string(name)), assign(propParent, folderRef(parent))}, &touched{})
	}
	folder("group-1", "vmgroups", "group-0")
	folder("group-2", "default", "group-1")
	hosts := map[vsphere.Ref]string{}
	for i := range 64 {
		hosts[vsphere.Ref(fmt.Sprintf("host-%d", i))] = fmt.Sprintf("esx-%d.example.com", i)
	}
	f.inv.setHosts(hosts, &touched{})
	for n := range groups {
		g := vsphere.GroupID{Namespace: "default", Name: fmt.Sprintf("web-%d", n), UID: fmt.Sprintf("6f1c1d0e-5a0c-4a7b-9a53-%012d", n)}
		parent := vsphere.Ref(fmt.Sprintf("group-%d", n+3))
		folder(parent, vsphere.Ref(g.Name), "group-2")
		refs := make([]vsphere.Ref, replicas)
		for i := range refs {
			refs[i] = vsphere.Ref(fmt.Sprintf("vm-%d", n*replicas+i))
			f.inv.update(refs[i], fromRoot, true, watched(g, parent, n*replicas+i, i), &touched{})
		}
		f.groups, f.vms = append(f.groups, g), append(f.vms, refs)
	}
	return f
}

// watched is all that a filter says of a VM of ours, in memory of its own, as what comes off the wire.
func watched(g vsphere.GroupID, parent vsphere.Ref, id, slot int) []types.PropertyChange {
	instance := fmt.Sprintf("0c9a3c9e-9b1a-4f3e-8d43-%012d", id)
	stamp := vsphere.Stamp{
		Version: vsphere.StampVersion, Owner: testOwner, UID: g.UID, Namespace: g.Namespace, Name: g.Name, Slot: slot,
		Revision: "1:0a1b2c3d4e5f", Disks: []int32{2000}, Instance: instance,
	}
	ref := func(kind, value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: strings.Clone(kind), Value: strings.Clone(value)}
	}
	return []types.PropertyChange{
		assign(propName, fmt.Sprintf("%s-6f1c1-%d", g.Name, slot)), assign(propParent, ref("Folder", string(parent))),
		assign(propTemplate, false), assign(propInstanceUUID, strings.Clone(instance)), assign(propNumCPU, int32(2)),
		assign(propMemoryMB, int32(4096)), assign(propCreateDate, time.Date(2026, 1, 1, 0, 0, id, 0, time.UTC)),
		assign(propStamp, types.OptionValue{Key: strings.Clone(vsphere.StampKey), Value: stamp.String()}),
		assign(propPower, types.VirtualMachinePowerState(strings.Clone("poweredOn"))),
		assign(propConnection, types.VirtualMachineConnectionState(strings.Clone("connected"))),
		assign(propHost, ref("HostSystem", fmt.Sprintf("host-%d", id%64))), assign(propIP, fmt.Sprintf("10.0.%d.%d", id/250, id%250)),
	}
}

// asResynced is what a resync reads of such a VM.
func asResynced(ref vsphere.Ref, changes []types.PropertyChange) object {
	props := properties{}
	props.apply(changes)
	return object{ref: vmRef(ref), props: props}
}

var shapes = []struct{ groups, replicas int }{{1, 10_000}, {1000, 3}}

func BenchmarkInventory(b *testing.B) {
	for _, shape := range shapes {
		f := fill(shape.groups, shape.replicas)
		b.Run(fmt.Sprintf("%dx%d/Snapshot", shape.groups, shape.replicas), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f.inv.snapshot(f.groups[i%len(f.groups)])
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
				f.inv.snapshot(f.change(i))
			}
		})
		b.Run(fmt.Sprintf("%dx%d/RefreshAll", shape.groups, shape.replicas), func(b *testing.B) {
			var objects []object
			for n, g := range f.groups {
				for i, ref := range f.vms[n] {
					objects = append(objects, asResynced(ref, watched(g, f.parent(n), n*shape.replicas+i, i)))
				}
			}
			for b.Loop() {
				asked := f.inv.instant()
				for _, o := range objects {
					f.inv.refresh(o, vmProps(), asked, &touched{})
				}
			}
		})
	}
}

func (f *filled) parent(n int) vsphere.Ref { return vsphere.Ref(fmt.Sprintf("group-%d", n+3)) }

// change changes the address of the i-th VM, as the watch does, and returns its group.
func (f *filled) change(i int) vsphere.GroupID {
	n := i % len(f.groups)
	refs := f.vms[n]
	f.told++
	ip := fmt.Sprintf("10.%d.%d.%d", f.told/62500%250, f.told/250%250, f.told%250)
	f.inv.update(refs[i/len(f.groups)%len(refs)], fromRoot, false, []types.PropertyChange{assign(propIP, ip)}, &touched{})
	return f.groups[n]
}

// BenchmarkWakeUp is what a set of updates and the chores after it ask of the whole inventory.
func BenchmarkWakeUp(b *testing.B) {
	for _, shape := range shapes {
		f := fill(shape.groups, shape.replicas)
		for name, ask := range map[string]func(){
			"assess":             func() { f.inv.assess(&touched{}) },
			"unheld":             func() { f.inv.unheld() },
			"outside":            func() { f.inv.outside() },
			"overdueAssumptions": func() { f.inv.overdueAssumptions(time.Now()) },
			"distantFolders":     func() { f.inv.distantFolders() },
			"relocateBelow":      func() { f.inv.relocateBelow("group-1", &touched{}) },
			"stamped":            func() { f.inv.stamped() },
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
