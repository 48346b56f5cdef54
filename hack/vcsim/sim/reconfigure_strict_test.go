package sim_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// TestTripwireOfStamps writes another stamp on a virtual machine of the session's own.
func TestTripwireOfStamps(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	const kept = `{"owner":"me","uid":"u1","slot":3,"revision":%q,"disks":[2000,2001],"instance":%q}`
	old := fmt.Sprintf(kept, "r1", instance)
	vm := object.NewVirtualMachine(e.client.Client, e.clone("a", stamped("me"), func(s *types.VirtualMachineCloneSpec) {
		s.Config.ExtraConfig = nil
		extra("vmgroup.stamp", old)(s)
	}))
	restamp := func(text string) types.VirtualMachineConfigSpec {
		spec := specOf(cpus(2))
		spec.ExtraConfig[0].GetOptionValue().Value = text
		return spec
	}
	for name, tt := range map[string]struct {
		spec   types.VirtualMachineConfigSpec
		reason string
	}{
		"none":     {restamp(""), "takes the VM's stamp away"},
		"garbled":  {restamp("{"), "cannot be read"},
		"owner":    {restamp(`{"owner":"you","uid":"u1","slot":3,"disks":[2000,2001],"instance":"` + instance + `"}`), "owner from me to you"},
		"uid":      {restamp(`{"owner":"me","uid":"u2","slot":3,"disks":[2000,2001],"instance":"` + instance + `"}`), "uid from u1 to u2"},
		"slot":     {restamp(`{"owner":"me","uid":"u1","slot":4,"disks":[2000,2001],"instance":"` + instance + `"}`), "slot from 3 to 4"},
		"disks":    {restamp(`{"owner":"me","uid":"u1","slot":3,"disks":[2000],"instance":"` + instance + `"}`), "disks from [2000 2001] to [2000]"},
		"base":     {restamp(`{"owner":"me","uid":"u1","slot":3,"disks":[2000,2001],"base":["[a] b"],"instance":"` + instance + `"}`), "base from"},
		"instance": {restamp(`{"owner":"me","uid":"u1","slot":3,"disks":[2000,2001],"instance":"i2"}`), "instance from"},
		"alone": {func() types.VirtualMachineConfigSpec {
			spec := restamp(fmt.Sprintf(kept, "r2", instance))
			spec.NumCPUs = 0
			return spec
		}(), "the stamp and not the size"},
		"identity": {types.VirtualMachineConfigSpec{InstanceUuid: "5d1d3c3e-6f6e-4a64-9d0c-0d7b8d3a6c22"}, "another instanceUuid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := vm.Reconfigure(e.ctx, tt.spec)
			e.tripped(err, "VirtualMachine.ReconfigVM_Task", tt.reason)
			if got := e.truth("a"); got.Stamp != old || got.NumCPU != 1 || got.InstanceUUID != instance {
				t.Errorf("a refused call had an effect: %+v", got)
			}
		})
	}
	before := len(e.violations())
	fresh := fmt.Sprintf(kept, "r2", instance)
	e.must(e.reconfigure(vm, restamp(fresh)))
	if got := e.truth("a"); got.Stamp != fresh || got.NumCPU != 2 {
		t.Errorf("a new revision: %+v", got)
	}
	if v := e.violations(); len(v) != before {
		t.Errorf("violations: %v", v[before:])
	}
}

// TestReconfigureAsksForWhatItChanges denies each privilege, and has no call fail that does not need it.
func TestReconfigureAsksForWhatItChanges(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	vm := e.own("a")
	stamp := []types.BaseOptionValue{&types.OptionValue{Key: "other", Value: "x"}}
	edit := func(kib int64) types.VirtualMachineConfigSpec {
		return types.VirtualMachineConfigSpec{DeviceChange: e.growing(vm, kib).DeviceChange}
	}
	specs := map[string]types.VirtualMachineConfigSpec{
		"cpu":      {NumCPUs: 2},
		"cpu flag": {CpuHotAddEnabled: types.NewBool(true)},
		"memory":   {MemoryMB: 2048},
		"flag":     {MemoryHotAddEnabled: types.NewBool(true)},
		"extra":    {ExtraConfig: stamp},
		"disk":     edit(ten),
		"growth":   edit(twenty),
		"others":   {BootOptions: &types.VirtualMachineBootOptions{BootDelay: 1}},
	}
	for id, asked := range map[string][]string{
		"CPUCount": {"cpu", "cpu flag"}, "Memory": {"memory", "flag"}, "AdvancedConfig": {"extra"}, "Settings": {"others"},
		"DiskExtend": {"growth"}, "EditDevice": {"disk", "growth"}, "": nil,
	} {
		t.Run("without "+id, func(t *testing.T) {
			id = "VirtualMachine.Config." + id
			e.must(e.control.Deny(e.ctx, id))
			defer func() { e.must(e.control.Allow(e.ctx)) }()
			for name, spec := range specs {
				if name == "growth" && !slices.Contains(asked, name) {
					continue // once it has grown it cannot grow so far again
				}
				task, err := vm.Reconfigure(e.ctx, spec)
				if slices.Contains(asked, name) {
					if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != id || *fault.Object != vm.Reference() {
						t.Errorf("%s: fault %+v", name, fault)
					}
					continue
				}
				e.do(task, err)
			}
		})
	}
	e.must(e.reconfigure(vm, specs["growth"]))
	for name, want := range map[string]string{"a disk": "VirtualMachine.Config.RemoveDisk", "a name": "VirtualMachine.Config.Rename"} {
		spec := types.VirtualMachineConfigSpec{Name: "b"}
		if name == "a disk" {
			spec = edit(twenty)
			spec.DeviceChange[0].GetVirtualDeviceConfigSpec().Operation = types.VirtualDeviceConfigSpecOperationRemove
		}
		_, err := vm.Reconfigure(e.ctx, spec)
		if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != want {
			t.Errorf("%s, which nobody may change: %+v", name, fault)
		}
	}
	if v := e.violations(); len(v) != 0 {
		t.Errorf("violations: %v", v)
	}
}

// TestCloneAsksForItsDisk denies what a disk of another size needs: all other clones need none of it.
func TestCloneAsksForItsDisk(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	template := object.NewVirtualMachine(e.client.Client, e.template)
	grown := func(s *types.VirtualMachineCloneSpec) {
		s.Config.DeviceChange = append(s.Config.DeviceChange, e.growing(template, twenty).DeviceChange...)
	}
	for i, id := range control.DiskPrivileges() {
		e.must(e.control.Deny(e.ctx, id))
		e.clone(fmt.Sprintf("plain-%d", i), stamped("me"))
		_, err := e.submit("grown", stamped("me"), grown)
		if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != id {
			t.Errorf("without %s: %+v", id, fault)
		}
		e.must(e.control.Allow(e.ctx))
	}
	e.clone("grown", stamped("me"), grown)
	if got := e.truth("grown").FirstDiskKiB(); got != twenty {
		t.Errorf("it has a disk of %d KiB", got)
	}
}
