package sim_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const (
	poweredOff = types.VirtualMachinePowerStatePoweredOff
	poweredOn  = types.VirtualMachinePowerStatePoweredOn
	suspended  = types.VirtualMachinePowerStateSuspended
)

// sized is a clone with 2 CPUs, 1 GiB of memory and these hot-add flags, in a power state.
func (e *env) sized(name string, power types.VirtualMachinePowerState, cpu, memory bool) *object.VirtualMachine {
	e.t.Helper()
	vm := object.NewVirtualMachine(e.client.Client, e.clone(name, extra("vmgroup.stamp", "s1"), func(s *types.VirtualMachineCloneSpec) {
		s.Config.NumCPUs, s.Config.MemoryMB = 2, 1024
		s.Config.CpuHotAddEnabled, s.Config.MemoryHotAddEnabled = &cpu, &memory
	}))
	if power != poweredOff {
		e.do(vm.PowerOn(e.ctx))
	}
	if power == suspended {
		e.do(vm.Suspend(e.ctx))
	}
	return vm
}

// reconfigure returns how a reconfiguration ended, be it in the call or in the task.
func (e *env) reconfigure(vm *object.VirtualMachine, spec types.VirtualMachineConfigSpec) error {
	e.t.Helper()
	task, err := vm.Reconfigure(e.ctx, spec)
	e.must(err)
	return task.Wait(e.ctx)
}

// faultType is the type name of an error's fault, or "".
func faultType(err error) string {
	var got types.BaseMethodFault
	if _, ok := fault.As(err, &got); !ok {
		return ""
	}
	return reflect.TypeOf(got).Elem().Name()
}

// specOf is a config spec with a new stamp beside what the changes make of it.
func specOf(changes ...func(*types.VirtualMachineConfigSpec)) types.VirtualMachineConfigSpec {
	spec := types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "vmgroup.stamp", Value: "s2"}},
	}
	for _, change := range changes {
		change(&spec)
	}
	return spec
}

func cpus(n int32) func(*types.VirtualMachineConfigSpec) {
	return func(s *types.VirtualMachineConfigSpec) { s.NumCPUs = n }
}

func memory(mb int64) func(*types.VirtualMachineConfigSpec) {
	return func(s *types.VirtualMachineConfigSpec) { s.MemoryMB = mb }
}

func cores(n int32) func(*types.VirtualMachineConfigSpec) {
	return func(s *types.VirtualMachineConfigSpec) { s.NumCoresPerSocket = &n }
}

func hotAdd(cpu, memory bool) func(*types.VirtualMachineConfigSpec) {
	return func(s *types.VirtualMachineConfigSpec) { s.CpuHotAddEnabled, s.MemoryHotAddEnabled = &cpu, &memory }
}

func hotRemove(s *types.VirtualMachineConfigSpec) { s.CpuHotRemoveEnabled = types.NewBool(true) }

// TestReconfigure takes the rules of reconfigVM one by one. Whatever is refused leaves the stamp of the same call as it was.
func TestReconfigure(t *testing.T) {
	e := start(t, sim.Options{})
	const cpuFault, memoryFault, state = "CpuHotPlugNotSupported", "MemoryHotPlugNotSupported", "InvalidPowerState"
	for name, tt := range map[string]struct {
		power       types.VirtualMachinePowerState
		cpu, memory bool // hot-add flags
		spec        types.VirtualMachineConfigSpec
		want        string // fault
	}{
		"1: more CPUs, without the flag":                {poweredOn, false, true, specOf(cpus(3)), cpuFault},
		"1: more CPUs":                                  {poweredOn, true, false, specOf(cpus(3)), ""},
		"1: more CPUs, off":                             {poweredOff, false, false, specOf(cpus(3)), ""},
		"1: as many CPUs":                               {poweredOn, false, false, specOf(cpus(2)), ""},
		"2: fewer CPUs":                                 {poweredOn, true, true, specOf(cpus(1)), cpuFault},
		"2: fewer CPUs, off":                            {poweredOff, false, false, specOf(cpus(1)), ""},
		"3: more memory, without the flag":              {poweredOn, true, false, specOf(memory(2048)), memoryFault},
		"3: more memory":                                {poweredOn, false, true, specOf(memory(1024 + 128)), ""},
		"3: more memory, half a step":                   {poweredOn, false, true, specOf(memory(1024 + 64)), memoryFault},
		"3: more memory, up to the limit":               {poweredOn, false, true, specOf(memory(16 * 1024)), ""},
		"3: more memory than the limit":                 {poweredOn, false, true, specOf(memory(16*1024 + 128)), memoryFault},
		"3: more memory, off":                           {poweredOff, false, false, specOf(memory(1024 + 1)), ""},
		"3: as much memory":                             {poweredOn, false, false, specOf(memory(1024)), ""},
		"4: less memory":                                {poweredOn, true, true, specOf(memory(512)), memoryFault},
		"4: less memory, off":                           {poweredOff, false, false, specOf(memory(512)), ""},
		"6: flags, on":                                  {poweredOn, true, true, specOf(hotAdd(false, true)), state},
		"6: flags, suspended":                           {suspended, true, true, specOf(hotAdd(true, false)), state},
		"6: flags, off":                                 {poweredOff, true, true, specOf(hotAdd(false, false)), ""},
		"6: the same flags":                             {poweredOn, true, false, specOf(hotAdd(true, false)), ""},
		"6: the flag for fewer CPUs, on":                {poweredOn, true, true, specOf(hotRemove), state},
		"6: cores per socket, on":                       {poweredOn, true, true, specOf(cores(2)), state},
		"6: cores per socket, off":                      {poweredOff, true, true, specOf(cores(2)), ""},
		"6: CPUs, suspended":                            {suspended, true, true, specOf(cpus(3)), state},
		"6: memory, suspended":                          {suspended, true, true, specOf(memory(2048)), state},
		"7: CPUs would do, memory does not":             {poweredOn, true, false, specOf(cpus(3), memory(2048)), memoryFault},
		"7: memory would do, CPUs do not":               {poweredOn, false, true, specOf(cpus(3), memory(2048)), cpuFault},
		"7: what only the stock simulator refuses":      {poweredOff, false, false, specOf(cpus(3), guest("none")), "InvalidArgument"},
		"7: a device that the stock simulator refuses":  {poweredOff, false, false, specOf(memory(2048), anotherCard, noDisk), "InvalidDeviceSpec"},
		"7: a name and a device that it refuses":        {poweredOn, false, false, specOf(renamed, noDisk), "InvalidDeviceSpec"},
		"8: a changeVersion that is not the VM's":       {poweredOff, false, false, specOf(cpus(3), version("0")), "ConcurrentAccess"},
		"8: one that is not the VM's, ExtraConfig only": {poweredOn, false, false, specOf(version("0")), "ConcurrentAccess"},
		"ExtraConfig, off":                              {poweredOff, false, false, specOf(), ""},
		"ExtraConfig, on":                               {poweredOn, false, false, specOf(), ""},
		"ExtraConfig, suspended":                        {suspended, false, false, specOf(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			vm := e.sized("a", tt.power, tt.cpu, tt.memory)
			defer func() { e.must(e.control.DestroyVM(e.ctx, "a")) }()
			before, read := e.truth("a"), e.read(vm)
			since := e.now()
			err := e.reconfigure(vm, tt.spec)
			if got := faultType(err); got != tt.want || err != nil && got == "" {
				t.Fatalf("ended with %v, want fault %q", err, tt.want)
			}
			want := before
			if tt.want == "" {
				want = after(before, tt.spec)
			}
			if diff := cmp.Diff(want, e.truth("a")); diff != "" {
				t.Error(diff)
			}
			if tt.want == "" {
				return
			}
			if now := e.read(vm); now.Config.ChangeVersion != read.Config.ChangeVersion ||
				!cmp.Equal(now.Summary.Config, read.Summary.Config) || !cmp.Equal(now.Guest.Net, read.Guest.Net) {
				t.Errorf("something has changed: %+v", now)
			}
			for _, entry := range e.journal(since) {
				if entry.VM != nil && entry.VM.Stamp != "s1" {
					t.Errorf("the stamp was another for a moment: %+v", entry.VM)
				}
			}
		})
	}
}

func guest(id string) func(*types.VirtualMachineConfigSpec) {
	return func(s *types.VirtualMachineConfigSpec) { s.GuestId = id }
}

func version(v string) func(*types.VirtualMachineConfigSpec) {
	return func(s *types.VirtualMachineConfigSpec) { s.ChangeVersion = v }
}

func renamed(s *types.VirtualMachineConfigSpec) { s.Name = "b" }

// noDisk edits a disk that is not there.
func noDisk(s *types.VirtualMachineConfigSpec) {
	disk := types.VirtualDisk{CapacityInKB: 1}
	disk.Key = 4711
	s.DeviceChange = append(s.DeviceChange, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &disk})
}

// anotherCard adds a network card.
func anotherCard(s *types.VirtualMachineConfigSpec) {
	card := new(types.VirtualE1000)
	card.Key, card.Backing = -1, &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "VM Network"},
	}
	s.DeviceChange = append(s.DeviceChange, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: card})
}

// after is a virtual machine as a spec leaves it.
func after(vm control.VM, spec types.VirtualMachineConfigSpec) control.VM {
	vm.Stamp = "s2"
	if spec.NumCPUs != 0 {
		vm.NumCPU = spec.NumCPUs
	}
	if spec.MemoryMB != 0 {
		vm.MemoryMB = int32(spec.MemoryMB)
	}
	if spec.CpuHotAddEnabled != nil {
		vm.CPUHotAdd, vm.MemoryHotAdd = *spec.CpuHotAddEnabled, *spec.MemoryHotAddEnabled
	}
	return vm
}

// TestReconfigureTakesCPUsAway has the one flag that lets a virtual machine have fewer while it is on.
func TestReconfigureTakesCPUsAway(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOff, false, false)
	e.must(e.reconfigure(vm, specOf(hotRemove)))
	e.do(vm.PowerOn(e.ctx))
	e.must(e.reconfigure(vm, specOf(cpus(1))))
	wantFault[*types.CpuHotPlugNotSupported](t, e.reconfigure(vm, specOf(cpus(2))))
}

// TestReconfigureGuardsByVersion reads, changes behind the reader's back, and lets the reader change what it has read.
func TestReconfigureGuardsByVersion(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOff, false, false)
	read := e.read(vm).Config.ChangeVersion
	e.must(e.control.SetHotAdd(e.ctx, "a", true, true))
	wantFault[*types.ConcurrentAccess](t, e.reconfigure(vm, specOf(cpus(3), version(read))))
	e.must(e.reconfigure(vm, specOf(cpus(3), version(e.read(vm).Config.ChangeVersion))))
	wantFault[*types.ConcurrentAccess](t, e.reconfigure(vm, specOf(cpus(4), version(read))))
}

// TestReconfigureHasOneTask has a task for what succeeds and for what is refused, with the right name and on the right object.
func TestReconfigureHasOneTask(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOn, true, false)
	for state, spec := range map[string]types.VirtualMachineConfigSpec{"success": specOf(cpus(4)), "error": specOf(memory(2048))} {
		before, err := e.control.Tasks(e.ctx)
		e.must(err)
		if err := e.reconfigure(vm, spec); (err != nil) != (state == "error") {
			t.Fatal(err)
		}
		after, err := e.control.Tasks(e.ctx)
		e.must(err)
		if len(after) != len(before)+1 {
			t.Fatalf("%d tasks more", len(after)-len(before))
		}
		last := after[len(after)-1]
		if last.DescriptionID != "VirtualMachine.reconfigVm" || last.Entity != vm.Reference().Value || last.State != state {
			t.Errorf("task %+v", last)
		}
	}
}

// TestReconfigureByHand changes a virtual machine that is on, and a template, as clients cannot.
func TestReconfigureByHand(t *testing.T) {
	e := start(t, sim.Options{})
	e.sized("a", poweredOn, false, false)
	e.must(e.control.Reconfigure(e.ctx, "a", 1, 512))
	if vm := e.truth("a"); vm.NumCPU != 1 || vm.MemoryMB != 512 {
		t.Errorf("%+v", vm)
	}
	template := object.NewVirtualMachine(e.client.Client, e.template)
	wantFault[*types.NotSupported](t, e.reconfigure(template, specOf(cpus(4))))
	for _, kib := range []int64{twenty, ten - 1} {
		disk := types.VirtualMachineConfigSpec{DeviceChange: e.growing(template, kib).DeviceChange}
		wantFault[*types.NotSupported](t, e.reconfigure(template, disk))
	}
}

// TestReconfigureMeetsFaults has the faults that every method can meet.
func TestReconfigureMeetsFaults(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOn, true, false)
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "ReconfigVM_Task", Entity: "a", Type: "TaskInProgress", Count: 1, TaskLevel: true}))
	wantFault[*types.TaskInProgress](t, e.reconfigure(vm, specOf(cpus(3))))
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "ReconfigVM_Task", Type: "InsufficientResourcesFault", Count: 1}))
	_, err := vm.Reconfigure(e.ctx, specOf(cpus(3)))
	wantFault[*types.InsufficientResourcesFault](t, err)
	if got := e.truth("a"); got.NumCPU != 2 || got.Stamp != "s1" {
		t.Errorf("a call that failed had an effect: %+v", got)
	}
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "ReconfigVM_Task", Type: control.LostReply, Count: 1}))
	since := e.now()
	if _, err := vm.Reconfigure(e.ctx, specOf(cpus(3))); err == nil || faultType(err) != "" {
		t.Errorf("the answer was not lost: %v", err)
	}
	e.await(since, "effect", func(e control.Entry) bool { return e.VM != nil && e.VM.NumCPU == 3 && e.VM.Stamp == "s2" })
}

// TestReconfigureIsWatched has the size and the stamp of one call come in one update.
func TestReconfigureIsWatched(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOn, true, true)
	const cpu, mb, limit, summary = "config.hardware.numCPU", "config.hardware.memoryMB", "config.hotPlugMemoryLimit", "summary.config.numCpu"
	w := e.watch(newView(e, e.folder, []string{"VirtualMachine"}).Reference(), "ContainerView", types.PropertySpec{
		Type: "VirtualMachine", PathSet: []string{cpu, mb, limit, summary, stampPath, "config.changeVersion", "config.cpuHotAddEnabled"},
	})
	alone := e.watch(newView(e, e.folder, []string{"VirtualMachine"}).Reference(), "ContainerView",
		types.PropertySpec{Type: "VirtualMachine", PathSet: []string{summary}})
	value := func(path string) any { return w.value(vm.Reference(), path) }
	w.next()
	alone.next()
	was := value("config.changeVersion")
	e.must(e.reconfigure(vm, specOf(cpus(3), memory(2048))))
	w.next()
	if value(cpu) != int32(3) || value(mb) != int32(2048) || value(summary) != int32(3) || value("config.changeVersion") == was ||
		!cmp.Equal(value(stampPath), types.OptionValue{Key: "vmgroup.stamp", Value: "s2"}) {
		t.Errorf("the update has not all of it: %v", w.objects)
	}
	alone.until("the summary", func() bool { return alone.value(vm.Reference(), summary) == int32(3) })
	if value(limit) != int64(16*1024) {
		t.Errorf("limit %v", value(limit))
	}
	e.do(vm.PowerOff(e.ctx))
	w.until("no limit", func() bool { return value(limit) == nil })
	e.must(e.reconfigure(vm, specOf(hotAdd(false, false))))
	w.until("no hot-add", func() bool { return value("config.cpuHotAddEnabled") == false })
}

// TestReconfigureOfWhatGoes reconfigures a virtual machine until it is gone.
func TestReconfigureOfWhatGoes(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOff, false, false)
	e.must(e.control.DestroyVM(e.ctx, "a"))
	_, err := methods.ReconfigVM_Task(e.ctx, e.client, &types.ReconfigVM_Task{This: vm.Reference(), Spec: specOf(cpus(3))})
	wantFault[*types.ManagedObjectNotFound](t, err)
}
