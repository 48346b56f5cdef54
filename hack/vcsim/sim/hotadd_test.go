package sim_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
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
