package sim

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// customizeVM carries out CustomizeVM_Task. The stock simulator customizes as soon as a virtual machine is switched on, whether it
// has Tools or not, and reports what its guest cannot know yet.
//
// These are the rules, for clones with a customization, too:
//
//  1. There is one mapping for each network card, or the fault is NicSettingMismatch. A clone that fails leaves its virtual
//     machine behind.
//  2. The customization is pending until the guest boots with Tools: guest.customizationInfo says so. Then it runs, until the guest
//     has its addresses; and it succeeds or fails, which an event tells.
//  3. A guest whose customization has failed asks for addresses by DHCP and keeps the hostname that it had: that it has an
//     address does not mean that it was customized.
//  4. Windows has the name servers of each adapter, Linux those of the global settings alone.
//  5. A customization that is pending is not replaced: CustomizationPending. A virtual machine that is on is not customized.
//
// vCenter asks for VirtualMachine.Provisioning.Customize on the virtual machine, and of a clone on its destination; reading a spec
// asks for VirtualMachine.Provisioning.ReadCustSpecs. CustomizationCloudinitPrep is not supported.
func (s *Simulator) customizeVM(ctx *simulator.Context, m *simulator.Method) soap.HasFault {
	vm, ok := ctx.Map.Get(m.This).(*simulator.VirtualMachine)
	if !ok {
		return s.stock(ctx, m)
	}
	spec := m.Body.(*types.CustomizeVM_Task).Spec
	task := s.startTask(ctx, vm, "customizeVm", func(ctx *simulator.Context, _ <-chan struct{}) (types.AnyType, types.BaseMethodFault) {
		return nil, s.askToCustomize(ctx, vm, &spec)
	})
	return &methods.CustomizeVM_TaskBody{Res: &types.CustomizeVM_TaskResponse{Returnval: task}}
}

// askToCustomize makes a customization pending, or says why not.
func (s *Simulator) askToCustomize(
	ctx *simulator.Context, vm *simulator.VirtualMachine, spec *types.CustomizationSpec,
) types.BaseMethodFault {
	defer ctx.Map.AcquireLock(ctx, vm)()
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
		}
	}
	if _, ok := spec.Identity.(*types.CustomizationCloudinitPrep); ok {
		return &types.NotSupported{}
	}
	if n := len(vm.Guest.Net); n != len(spec.NicSettingMap) {
		return &types.NicSettingMismatch{NumberOfNicsInSpec: int32(len(spec.NicSettingMap)), NumberOfNicsInVM: int32(n)}
	}
	pending := false
	s.guests.change(vm.Self, func(g *guest) {
		if pending = g.pending != nil; !pending {
			g.pending = spec
		}
	})
	if pending {
		return &types.CustomizationPending{}
	}
	s.tellCustomization(ctx, vm, types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_PENDING, "")
	return nil
}

// tellCustomization reports the state of a customization. The caller holds the virtual machine's lock.
func (*Simulator) tellCustomization(
	ctx *simulator.Context, vm *simulator.VirtualMachine, status types.GuestInfoCustomizationStatus, message string,
) {
	now := time.Now()
	info := types.GuestInfoCustomizationInfo{CustomizationStatus: string(status), ErrorMsg: message}
	pending := ""
	switch status {
	case types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_PENDING:
		pending = newUUID()
	case types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_RUNNING:
		info.StartTime = &now
	default:
		info.EndTime = &now
		if before := vm.Guest.CustomizationInfo; before != nil {
			info.StartTime = before.StartTime
		}
	}
	var tools types.ToolsConfigInfo
	if vm.Config.Tools != nil {
		tools = *vm.Config.Tools
	}
	tools.PendingCustomization = pending
	ctx.Update(vm, []types.PropertyChange{
		{Name: "config.tools", Val: &tools},
		{Name: "guest.customizationInfo", Val: &info},
	})
}

// customizes has a guest that boots begin a customization that is pending, if there is one. What it gives takes effect with the
// addresses.
func (s *Simulator) customizes(ctx *simulator.Context, vm *simulator.VirtualMachine, fails bool) bool {
	var spec *types.CustomizationSpec
	s.guests.change(vm.Self, func(g *guest) { spec = g.pending })
	if spec == nil {
		return false
	}
	s.tellCustomization(ctx, vm, types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_RUNNING, "")
	post(ctx, &types.CustomizationStartedEvent{CustomizationEvent: types.CustomizationEvent{VmEvent: vmEvent(ctx, vm)}})
	hostname, network, err := customized(vm, spec)
	if fails {
		err = errTold
	}
	s.guests.change(vm.Self, func(g *guest) {
		if err != nil {
			g.boot.failure = err.Error()
			return
		}
		g.boot.network = network
		if hostname != "" {
			g.disk.hostname = hostname
		}
	})
	return true
}

// endCustomization ends the one that is running, if there is one. The caller holds the virtual machine's lock.
func (s *Simulator) endCustomization(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	info := vm.Guest.CustomizationInfo
	running := string(types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_RUNNING)
	if info == nil || info.CustomizationStatus != running {
		return
	}
	var failure string
	s.guests.change(vm.Self, func(g *guest) {
		failure, g.pending = g.boot.failure, nil
		if failure == "" {
			g.fixed = g.boot.network
		}
	})
	event := types.CustomizationEvent{VmEvent: vmEvent(ctx, vm)}
	if failure != "" {
		s.tellCustomization(ctx, vm, types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_FAILED, failure)
		post(ctx, &types.CustomizationFailed{CustomizationEvent: event, Reason: failure})
		return
	}
	s.tellCustomization(ctx, vm, types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_SUCCEEDED, "")
	post(ctx, &types.CustomizationSucceeded{CustomizationEvent: event})
}

// customized is what a customization gives a guest.
func customized(vm *simulator.VirtualMachine, spec *types.CustomizationSpec) (name string, n network, err error) {
	switch identity := spec.Identity.(type) {
	case *types.CustomizationLinuxPrep:
		name, err = customName(vm, identity.HostName, 63)
	case *types.CustomizationSysprep:
		name, err = customName(vm, identity.UserData.ComputerName, 15)
	case *types.CustomizationSysprepText:
	default:
		err = fmt.Errorf("no identity is given, but %T", identity)
	}
	if err != nil {
		return "", nil, err
	}
	n = network{}
	for i, mapping := range spec.NicSettingMap {
		var setup cardSetup
		if setup, err = fixed(mapping.Adapter); err != nil {
			return "", nil, err
		}
		setup.nameservers = nameservers(spec, mapping.Adapter)
		mac := cmp.Or(mapping.MacAddress, vm.Guest.Net[i].MacAddress)
		if !slices.ContainsFunc(vm.Guest.Net, func(card types.GuestNicInfo) bool { return strings.EqualFold(card.MacAddress, mac) }) {
			return "", nil, fmt.Errorf("there is no network card %s", mac)
		}
		n[strings.ToLower(mac)] = setup
	}
	return name, n, nil
}

// customName is the name that a customization gives. By the API reference, what is longer than Windows can bear is cut off.
func customName(vm *simulator.VirtualMachine, base types.BaseCustomizationName, longest int) (string, error) {
	name := vm.Name
	switch base := base.(type) {
	case *types.CustomizationFixedName:
		name = base.Name
	case *types.CustomizationVirtualMachineName:
	case *types.CustomizationPrefixName:
		name = base.Base + "-" + strings.TrimPrefix(vm.Self.Value, "vm-")
	default:
		return "", fmt.Errorf("a name that is a %T cannot be worked out", base)
	}
	name = strings.TrimRight(name[:min(len(name), longest)], "-")
	if !dnsName.MatchString(name) || strings.Contains(name, ".") || strings.Trim(name, "0123456789") == "" && longest == 15 {
		return "", fmt.Errorf("%q is no name of a host", name)
	}
	return name, nil
}

// nameservers are those that a customization gives a network card. By the API reference, Linux does not look at those of its adapter.
func nameservers(spec *types.CustomizationSpec, adapter types.CustomizationIPSettings) []string {
	if _, linux := spec.Identity.(*types.CustomizationLinuxPrep); linux {
		return spec.GlobalIPSettings.DnsServerList
	}
	return adapter.DnsServerList
}

// fixed is how a customization sets up a network card, but for its name servers.
func fixed(adapter types.CustomizationIPSettings) (out cardSetup, err error) {
	if v6 := adapter.IpV6Spec; v6 != nil {
		if err := out.fixV6(v6); err != nil {
			return out, err
		}
	}
	ip, ok := adapter.Ip.(*types.CustomizationFixedIp)
	if !ok {
		out.dhcp4 = true
		return out, nil
	}
	addr, err := netip.ParseAddr(ip.IpAddress)
	if err != nil {
		return out, err
	}
	mask, err := netip.ParseAddr(adapter.SubnetMask)
	if err != nil || !mask.Is4() {
		return out, fmt.Errorf("subnet mask %q", adapter.SubnetMask)
	}
	ones, bits := net.IPMask(mask.AsSlice()).Size()
	if bits == 0 || !addr.Is4() {
		return out, errors.New("an address and a subnet mask that do not go together")
	}
	out.static = append(out.static, netip.PrefixFrom(addr, ones))
	for _, text := range adapter.Gateway {
		if err := out.addRoute(route{To: "default", Via: text}); err != nil {
			return out, err
		}
	}
	return out, nil
}

// fixV6 adds the IPv6 addresses that a customization gives.
func (c *cardSetup) fixV6(v6 *types.CustomizationIPSettingsIpV6AddressSpec) error {
	for _, generator := range v6.Ip {
		ip, ok := generator.(*types.CustomizationFixedIpV6)
		if !ok {
			return fmt.Errorf("IPv6 addresses of a %T cannot be worked out", generator)
		}
		addr, err := netip.ParseAddr(ip.IpAddress)
		if err != nil || !addr.Is6() || ip.SubnetMask < 1 || ip.SubnetMask > 128 {
			return fmt.Errorf("IPv6 address %q/%d", ip.IpAddress, ip.SubnetMask)
		}
		c.static = append(c.static, netip.PrefixFrom(addr, int(ip.SubnetMask)))
	}
	for _, text := range v6.Gateway {
		if err := c.addRoute(route{To: "default", Via: text}); err != nil {
			return err
		}
	}
	return nil
}
