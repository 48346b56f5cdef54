package sim_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// edit is the edit of a virtual machine's first disk, as a client writes it: what it has read, with a change.
func (e *env) edit(vm *object.VirtualMachine, change func(*types.VirtualDisk)) *types.VirtualDeviceConfigSpec {
	e.t.Helper()
	disk, _ := e.disk(vm.Reference())
	change(disk)
	return &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: disk}
}

// growing is a spec with a new stamp and a new size of the first disk.
func (e *env) growing(vm *object.VirtualMachine, kib int64) types.VirtualMachineConfigSpec {
	e.t.Helper()
	spec := specOf()
	spec.DeviceChange = append(spec.DeviceChange, e.edit(vm, func(d *types.VirtualDisk) {
		d.CapacityInKB, d.CapacityInBytes = kib, kib*1024
	}))
	return spec
}

const ten, twenty = 10 << 20, 20 << 20 // GiB in KiB: the template's disk, and a bigger one

// TestDiskSizes takes rule 5 in each power state, and the two fields of a size.
func TestDiskSizes(t *testing.T) {
	e := start(t, sim.Options{})
	for name, tt := range map[string]struct {
		kib, bytes int64
		parent     bool
		want       int64 // KiB; 0 is InvalidDeviceOperation
	}{
		"grows":                          {twenty, twenty * 1024, false, twenty},
		"grows, by the old field alone":  {twenty, 0, false, twenty},
		"grows, by the new field alone":  {0, twenty * 1024, false, twenty},
		"grows, the new field as it was": {twenty, ten * 1024, false, twenty},
		"grows, the old field as it was": {ten, twenty * 1024, false, twenty},
		"the fields disagree":            {twenty, 15 << 30, false, 0},
		"stays":                          {ten, ten * 1024, false, ten},
		"stays, neither field":           {0, 0, false, ten},
		"stays, one field":               {0, ten * 1024, false, ten},
		"shrinks":                        {ten - 1, ten*1024 - 1024, false, 0},
		"shrinks, by the old field":      {ten - 1, 0, false, 0},
		"shrinks, by the new field":      {ten, ten*1024 - 1, false, 0},
		"grows, with a parent":           {twenty, twenty * 1024, true, 0},
		"stays, with a parent":           {ten, ten * 1024, true, ten},
	} {
		for _, power := range []types.VirtualMachinePowerState{poweredOff, poweredOn, suspended} {
			t.Run(fmt.Sprintf("%s, %s", name, power), func(t *testing.T) {
				vm := e.sized("a", power, false, false)
				defer func() { e.must(e.control.DestroyVM(e.ctx, "a")) }()
				if tt.parent {
					e.must(e.control.TakeSnapshot(e.ctx, "a"))
				}
				spec := specOf()
				spec.DeviceChange = append(spec.DeviceChange, e.edit(vm, func(d *types.VirtualDisk) {
					d.CapacityInKB, d.CapacityInBytes, d.Backing = tt.kib, tt.bytes, nil // which may be left out
				}))
				err := e.reconfigure(vm, spec)
				want := tt.want
				if want == 0 {
					if fault := wantFault[*types.InvalidDeviceOperation](t, err); fault.DeviceIndex != 0 || fault.BadOp != "edit" {
						t.Errorf("fault %+v", fault)
					}
					want = ten
				} else {
					e.must(err)
				}
				got := e.truth("a")
				if !cmp.Equal(got.DiskKiB, []int64{want}) || got.Stamp == "s2" != (tt.want != 0) {
					t.Errorf("disks of %v KiB with the stamp %s, want %d", got.DiskKiB, got.Stamp, want)
				}
				if disk, _ := e.disk(vm.Reference()); disk.Backing == nil || disk.CapacityInKB != want || disk.CapacityInBytes != want*1024 {
					t.Errorf("disk of %d KiB and %d bytes", disk.CapacityInKB, disk.CapacityInBytes)
				}
			})
		}
	}
}

// TestGrownDisk has a disk that grows stay the disk that it is.
func TestGrownDisk(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	vm := e.own("a")
	e.added("a")
	before, space := e.read(vm), e.space()
	spec := e.growing(vm, twenty)
	spec.ExtraConfig = nil
	disk := spec.DeviceChange[0].GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
	disk.Backing, disk.DeviceInfo = nil, nil // as a client may leave them out
	e.must(e.reconfigure(vm, spec))
	want := before.Config.Hardware.Device
	for _, device := range want {
		if grown, ok := device.(*types.VirtualDisk); ok && grown.Key == disk.Key {
			grown.CapacityInKB, grown.CapacityInBytes = twenty, twenty*1024
			grown.DeviceInfo.GetDescription().Summary = "20,971,520 KB"
		}
	}
	if diff := cmp.Diff(want, e.read(vm).Config.Hardware.Device); diff != "" {
		t.Error(diff)
	}
	if taken := space - e.space(); taken != ten*1024 {
		t.Errorf("%d bytes of the datastore were taken", taken)
	}
	if got := e.truth("a").DiskKiB; !cmp.Equal(got, []int64{twenty, 1 << 20}) {
		t.Errorf("disks of %v KiB", got)
	}
	if v := e.violations(); len(v) != 0 {
		t.Errorf("violations: %v", v)
	}
}

// space is the free space of the first datastore.
func (e *env) space() int64 {
	e.t.Helper()
	var store mo.Datastore
	disk, _ := e.disk(e.template)
	e.must(property.DefaultCollector(e.client.Client).RetrieveOne(e.ctx, *backing(disk).Datastore, []string{"summary"}, &store))
	return store.Summary.FreeSpace
}

// TestGrownDiskIsCopied has a snapshot and a clone take the new size.
func TestGrownDiskIsCopied(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOff, false, false)
	e.must(e.reconfigure(vm, e.growing(vm, twenty)))
	_, err := e.control.CloneVM(e.ctx, "a", "copy")
	e.must(err)
	e.must(e.control.TakeSnapshot(e.ctx, "a"))
	for _, name := range []string{"a", "copy"} {
		if got := e.truth(name).DiskKiB; !cmp.Equal(got, []int64{twenty}) {
			t.Errorf("%s has disks of %v KiB", name, got)
		}
	}
}

// TestCloneGrowsItsDisk has a clone edit the disk that it read from the template: its own grows, and stays its own.
func TestCloneGrowsItsDisk(t *testing.T) {
	e := start(t, sim.Options{})
	template := object.NewVirtualMachine(e.client.Client, e.template)
	resized := func(kib int64) option {
		return func(s *types.VirtualMachineCloneSpec) {
			s.Config.DeviceChange = append(s.Config.DeviceChange, e.growing(template, kib).DeviceChange...)
		}
	}
	grown, vmx := e.disk(e.clone("a", resized(twenty)))
	var file, config object.DatastorePath
	if !file.FromString(backing(grown).FileName) || !config.FromString(vmx) || dir(file) != dir(config) {
		t.Errorf("the disk lies in %s, and the VM in %s", file, config)
	}
	if grown.CapacityInKB != twenty {
		t.Errorf("the clone's disk has %d KiB", grown.CapacityInKB)
	}
	if got := e.truth("template").DiskKiB; !cmp.Equal(got, []int64{ten}) {
		t.Errorf("the template has disks of %v KiB", got)
	}
	if err := e.cloneError("b", resized(ten-1)); faultType(err) != "InvalidDeviceOperation" {
		t.Errorf("a clone with a smaller disk ended with %v", err)
	}
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	for _, vm := range vms {
		if vm.Name == "b" {
			t.Errorf("it has left %+v", vm)
		}
	}
	same, vmx := e.disk(e.clone("c", resized(ten)))
	if !file.FromString(backing(same).FileName) || !config.FromString(vmx) || dir(file) != dir(config) {
		t.Errorf("a disk that keeps its size lies in %s, and the VM in %s", file, config)
	}
}

// TestCloneIsBornWithItsDisk has nobody see a clone with the disk of its template, in the journal, once it has a name.
func TestCloneIsBornWithItsDisk(t *testing.T) {
	for _, visible := range []sim.Visible{sim.VisibleEnd, sim.VisibleStart} {
		e := start(t, sim.Options{Visible: visible})
		template := object.NewVirtualMachine(e.client.Client, e.template)
		e.clone("a", func(s *types.VirtualMachineCloneSpec) {
			s.Config.DeviceChange = append(s.Config.DeviceChange, e.growing(template, twenty).DeviceChange...)
		})
		entries, err := e.control.Journal(e.ctx, 0, 0)
		e.must(err)
		seen := 0
		for _, entry := range entries {
			if entry.VM == nil || entry.VM.Name != "a" {
				continue
			}
			if seen++; entry.VM.FirstDiskKiB() != twenty {
				t.Errorf("%s: it was seen with a disk of %d KiB", visible, entry.VM.FirstDiskKiB())
			}
		}
		if seen == 0 {
			t.Errorf("%s: it was not seen", visible)
		}
	}
}
