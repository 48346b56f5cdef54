package sim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// flags is a virtual machine's hot-add flags, as a client reads them and as the books have them.
func (e *env) flags(name string) (cpu, memory bool) {
	e.t.Helper()
	config := e.read(object.NewVirtualMachine(e.client.Client, e.vm(name))).Config
	cpu, memory = config.CpuHotAddEnabled != nil && *config.CpuHotAddEnabled, config.MemoryHotAddEnabled != nil && *config.MemoryHotAddEnabled
	if vm := e.truth(name); vm.CPUHotAdd != cpu || vm.MemoryHotAdd != memory {
		e.t.Errorf("a client reads %t, %t; the books have %+v", cpu, memory, vm)
	}
	return cpu, memory
}

// TestHotAddFlags follows the flags from templates, clone specs and config specs to virtual machines.
func TestHotAddFlags(t *testing.T) {
	e := start(t, sim.Options{})
	want := func(name string, cpu, memory bool) {
		t.Helper()
		if gotCPU, gotMemory := e.flags(name); gotCPU != cpu || gotMemory != memory {
			t.Errorf("%s: cpu %t, memory %t", name, gotCPU, gotMemory)
		}
	}
	ask := func(cpu, memory *bool) option {
		return func(s *types.VirtualMachineCloneSpec) {
			s.Config.CpuHotAddEnabled, s.Config.MemoryHotAddEnabled = cpu, memory
		}
	}
	e.clone("default")
	want("template", false, false)
	want("default", false, false)
	e.clone("asked", ask(types.NewBool(true), nil))
	want("asked", true, false)

	e.must(e.control.SetHotAdd(e.ctx, "template", true, true))
	e.clone("inherited")
	want("template", true, true)
	want("inherited", true, true)
	want("default", false, false)
	e.clone("declined", ask(nil, types.NewBool(false)))
	want("declined", true, false)

	spec := types.VirtualMachineConfigSpec{
		Name: "made", Files: &types.VirtualMachineFileInfo{VmPathName: "[LocalDS_0]"}, MemoryHotAddEnabled: types.NewBool(true),
	}
	task, err := object.NewFolder(e.client.Client, e.folder).CreateVM(e.ctx, spec, object.NewResourcePool(e.client.Client, e.pool), nil)
	e.must(err)
	e.must(task.Wait(e.ctx))
	want("made", false, true)
}

// TestHotPlugLimits has a virtual machine say how much memory it can get while it is on, and only then.
func TestHotPlugLimits(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOff, false, true)
	want := func(when string, limit, increment int64) {
		t.Helper()
		if c := e.read(vm).Config; c.HotPlugMemoryLimit != limit || c.HotPlugMemoryIncrementSize != increment {
			t.Errorf("%s: limit %d, increment %d; want %d, %d", when, c.HotPlugMemoryLimit, c.HotPlugMemoryIncrementSize, limit, increment)
		}
	}
	want("off", 0, 0)
	e.do(vm.PowerOn(e.ctx))
	want("on", 16*1024, 128)
	e.must(e.reconfigure(vm, specOf(memory(2048))))
	want("with more memory", 16*1024, 128)
	e.do(vm.Suspend(e.ctx))
	e.do(vm.PowerOn(e.ctx))
	want("resumed", 16*1024, 128)
	e.do(vm.PowerOff(e.ctx))
	want("off again", 0, 0)
	e.do(vm.PowerOn(e.ctx))
	want("on again", 16*2048, 128)
	e.must(e.control.SetHotAdd(e.ctx, "a", true, false))
	want("without the flag", 0, 0)
	e.must(e.control.SetHotAdd(e.ctx, "a", true, true))
	want("with the flag again", 16*2048, 128)
}

// TestHotPlugLimitsAreUnset has who asks for the limits by their paths get none for a virtual machine that is off.
func TestHotPlugLimitsAreUnset(t *testing.T) {
	e := start(t, sim.Options{})
	vm := e.sized("a", poweredOff, false, true)
	paths := []string{"config.hotPlugMemoryIncrementSize", "config.hotPlugMemoryLimit"}
	read := func() map[string]any {
		t.Helper()
		var content []types.ObjectContent
		e.must(property.DefaultCollector(e.client.Client).Retrieve(e.ctx, []types.ManagedObjectReference{vm.Reference()}, paths, &content))
		got := map[string]any{}
		for _, p := range content[0].PropSet {
			got[p.Name] = p.Val
		}
		return got
	}
	if got := read(); len(got) != 0 {
		t.Errorf("off: %v", got)
	}
	e.do(vm.PowerOn(e.ctx))
	if diff := cmp.Diff(map[string]any{paths[0]: int64(128), paths[1]: int64(16 * 1024)}, read()); diff != "" {
		t.Errorf("on: %s", diff)
	}
}
