package sim

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// lasting is the fields of a stamp that never change once its virtual machine is made. The revision may, and what is said of the guest.
var lasting = []string{"owner", "uid", "slot", "disks", "base", "instance", "template", "class", "zone", "networks"}

// restamps says what a reconfiguration does to the answer to whose a virtual machine is, or to what it is made from without a
// change of its size, or returns "". The caller holds the virtual machine's lock, and the virtual machine is the session's own.
func restamps(vm *simulator.VirtualMachine, m *simulator.Method) string {
	req, ok := m.Body.(*types.ReconfigVM_Task)
	if !ok {
		return ""
	}
	if id := req.Spec.InstanceUuid; id != "" && id != vm.Config.InstanceUuid {
		return "it gives the VM another instanceUuid"
	}
	resizes := req.Spec.NumCPUs != 0 || req.Spec.MemoryMB != 0 || len(req.Spec.DeviceChange) > 0
	old, _ := object.OptionValueList(vm.Config.ExtraConfig).GetString(stampKey)
	for _, base := range req.Spec.ExtraConfig {
		option := base.GetOptionValue()
		if option.Key != stampKey {
			continue
		}
		text, _ := option.Value.(string)
		if reason := stampChange(old, text); reason != "" {
			return reason
		}
		if text == old {
			continue
		}
		tells, reason := tellsGuest(vm, old, text, req.Spec)
		switch {
		case reason != "":
			return reason
		case !tells && !resizes:
			return "it changes the stamp and not the size"
		}
	}
	return ""
}

func customizationPends(vm *simulator.VirtualMachine) bool {
	return vm.Config.Tools != nil && vm.Config.Tools.PendingCustomization != ""
}

// tellsGuest reports whether a reconfiguration writes into a stamp that the guest was told what it is to be told, and says what is wrong
// with that, if anything: it comes from another state than before, or on its own and no customization is pending, or after the guest has
// started without it.
func tellsGuest(vm *simulator.VirtualMachine, old, text string, spec types.VirtualMachineConfigSpec) (tells bool, wrong string) {
	was, is := guestOf(old), guestOf(text)
	if was == is {
		return false, ""
	}
	metadata, _ := object.OptionValueList(spec.ExtraConfig).GetString(guestInfo + "metadata")
	switch {
	case was != "pending" || is != "told":
		return true, fmt.Sprintf("it changes the stamp's guest from %q to %q", was, is)
	case metadata == "" && !customizationPends(vm):
		return true, "it says that the guest was told, and tells it nothing"
	case vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff:
		return true, "it tells a guest that runs already"
	}
	return true, ""
}

// guestOf is what a stamp says of the guest.
func guestOf(stamp string) string {
	var fields struct {
		Guest string `json:"guest"`
	}
	_ = json.Unmarshal([]byte(stamp), &fields) // stampChange has read it
	return fields.Guest
}

// stampChange says why a stamp must not be written in the place of another, or returns "".
func stampChange(old, text string) string {
	if text == "" {
		return "it takes the VM's stamp away"
	}
	var was, is map[string]any
	if err := json.Unmarshal([]byte(old), &was); err != nil {
		return "the VM's stamp cannot be read: " + err.Error()
	}
	if err := json.Unmarshal([]byte(text), &is); err != nil {
		return "the new stamp cannot be read: " + err.Error()
	}
	for _, field := range lasting {
		if !reflect.DeepEqual(was[field], is[field]) {
			return fmt.Sprintf("it changes the stamp's %s from %v to %v", field, was[field], is[field])
		}
	}
	return ""
}

// privilegesOf returns what a call asks for, and whether it is allowed at all. A reconfiguration asks for what it changes; the
// table says what of that the account has. A clone asks for what it changes of the devices and the vApp config, as a
// reconfiguration does: the API reference says nothing of that.
func (s *Simulator) privilegesOf(ctx *simulator.Context, m *simulator.Method) ([]string, bool) {
	ids, ok := control.PrivilegesOf(m.This.Type + "." + m.Name)
	switch req := m.Body.(type) {
	case *types.ReconfigVM_Task:
		return specPrivileges(req.Spec, s.devicesOf(ctx, m.This)), ok
	case *types.CloneVM_Task:
		ifAsked := control.OptionalClonePrivileges()
		ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(ifAsked, id) })
		changes := types.VirtualMachineConfigSpec{DeviceChange: deviceChanges(req)}
		if config := req.Spec.Config; config != nil {
			changes.VAppConfigRemoved = config.VAppConfigRemoved
		}
		if req.Spec.Customization != nil {
			ids = append(ids, customize)
		}
		return append(ids, specPrivileges(changes, s.devicesOf(ctx, m.This))...), ok
	case *types.CustomizeVM_Task:
		return []string{customize}, ok
	case *types.GetCustomizationSpec, *types.DoesCustomizationSpecExist:
		return []string{readSpecs}, ok
	default:
		return ids, ok
	}
}

// Privileges of customizations. See customizeVM.
const (
	customize = "VirtualMachine.Provisioning.Customize"
	readSpecs = "VirtualMachine.Provisioning.ReadCustSpecs"
)

func (s *Simulator) devicesOf(ctx *simulator.Context, ref types.ManagedObjectReference) (devices object.VirtualDeviceList) {
	if vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine); ok {
		ctx.WithLock(vm, func() { devices = slices.Clone(vm.Config.Hardware.Device) })
	}
	return devices
}

// specPrivileges is what a config spec asks for, as the API reference has it field by field. Resource allocations count as
// miscellaneous settings here.
func specPrivileges(spec types.VirtualMachineConfigSpec, devices object.VirtualDeviceList) []string {
	var ids []string
	ask := func(when bool, id string) {
		if when {
			ids = append(ids, "VirtualMachine.Config."+id)
		}
	}
	ask(spec.Name != "" || spec.Annotation != "", "Rename")
	ask(spec.NumCPUs != 0 || spec.NumCoresPerSocket != nil || spec.CpuHotAddEnabled != nil || spec.CpuHotRemoveEnabled != nil, "CPUCount")
	ask(spec.MemoryMB != 0 || spec.MemoryHotAddEnabled != nil, "Memory")
	ask(len(spec.ExtraConfig) > 0, "AdvancedConfig")
	for _, base := range spec.DeviceChange {
		change := base.GetVirtualDeviceConfigSpec()
		_, disk := change.Device.(*types.VirtualDisk)
		edits := change.Operation == types.VirtualDeviceConfigSpecOperationEdit
		adds := change.Operation == types.VirtualDeviceConfigSpecOperationAdd
		ask(edits, "EditDevice")
		ask(edits && grows(devices, change), "DiskExtend")
		ask(adds && disk && change.FileOperation != "", "AddNewDisk")
		ask(adds && disk && change.FileOperation == "", "AddExistingDisk")
		ask(!edits && !adds && disk, "RemoveDisk")
		ask(!edits && !disk, "AddRemoveDevice")
	}
	if spec.VAppConfigRemoved != nil {
		ids = append(ids, "VApp.ApplicationConfig")
	}
	spec.VAppConfigRemoved = nil
	spec.ChangeVersion, spec.Name, spec.Annotation, spec.ExtraConfig, spec.DeviceChange = "", "", "", nil, nil
	spec.NumCPUs, spec.NumCoresPerSocket, spec.CpuHotAddEnabled, spec.CpuHotRemoveEnabled = 0, nil, nil, nil
	spec.MemoryMB, spec.MemoryHotAddEnabled = 0, nil
	ask(!reflect.DeepEqual(spec, types.VirtualMachineConfigSpec{}), "Settings")
	return ids
}

// grows reports whether a change gives a disk more space.
func grows(devices object.VirtualDeviceList, change *types.VirtualDeviceConfigSpec) bool {
	old, edit := editedDisk(devices, change)
	if old == nil {
		return false
	}
	size, _ := sizeOf(old, edit)
	return size > old.CapacityInBytes
}
