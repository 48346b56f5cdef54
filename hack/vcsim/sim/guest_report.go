package sim

import (
	"net/netip"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// report is what vCenter knows of a guest.
type report struct {
	installed bool // Tools
	state     types.VirtualMachineGuestState
	addresses addresses
}

// running reports whether Tools run. They do so until a shutdown is over.
func (r report) running() bool { return r.state != types.VirtualMachineGuestStateNotRunning }

// tell makes a report the guest of a virtual machine. All that it holds is new: what collectors have read of the old one is
// not touched. The hostname stays known while Tools do not run. The caller holds the virtual machine's lock.
func (s *Simulator) tell(ctx *simulator.Context, vm *simulator.VirtualMachine, r report) {
	guest, summary := *vm.Guest, *vm.Summary.Guest
	heartbeat := types.ManagedEntityStatusGray
	if r.running() {
		heartbeat = types.ManagedEntityStatusGreen
		s.guests.take(vm, r.addresses)
		guest.HostName = s.guests.hostname(vm.Self)
	}
	guest.ToolsStatus, guest.ToolsVersionStatus2, guest.ToolsRunningStatus, guest.ToolsVersion = r.tools()
	guest.ToolsVersionStatus = guest.ToolsVersionStatus2
	guest.GuestState = string(r.state)
	guest.GuestOperationsReady = types.NewBool(r.running())
	guest.GuestStateChangeSupported = types.NewBool(r.running())
	guest.Net = nics(guest.Net, r.addresses)
	guest.IpAddress = primary(guest.Net)
	summary.ToolsStatus, summary.ToolsRunningStatus = guest.ToolsStatus, guest.ToolsRunningStatus
	summary.ToolsVersionStatus, summary.ToolsVersionStatus2 = guest.ToolsVersionStatus, guest.ToolsVersionStatus2
	summary.IpAddress, summary.HostName = guest.IpAddress, guest.HostName
	ctx.Update(vm, []types.PropertyChange{
		{Name: "guest", Val: guest},
		{Name: "summary.guest", Val: summary},
		{Name: "guestHeartbeatStatus", Val: heartbeat},
		{Name: "summary.quickStats.guestHeartbeatStatus", Val: heartbeat},
	})
}

// tools is the status of Tools in its several forms. Their version stays known while they do not run.
func (r report) tools() (status types.VirtualMachineToolsStatus, version2, running, version string) {
	notRunning := string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)
	current := string(types.VirtualMachineToolsVersionStatusGuestToolsCurrent)
	const number = "12352"
	switch {
	case !r.installed:
		return types.VirtualMachineToolsStatusToolsNotInstalled,
			string(types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled), notRunning, "0"
	case r.running():
		return types.VirtualMachineToolsStatusToolsOk, current, string(types.VirtualMachineToolsRunningStatusGuestToolsRunning), number
	default:
		return types.VirtualMachineToolsStatusToolsNotRunning, current, notRunning, number
	}
}

// nics is the network cards with other addresses. A real vCenter lists none while Tools do not run; here they stay, without
// addresses, because a customization counts them.
func nics(cards []types.GuestNicInfo, all addresses) []types.GuestNicInfo {
	cards = slices.Clone(cards)
	for i := range cards {
		cards[i].IpAddress, cards[i].IpConfig = nil, nil
		if i >= len(all) || len(all[i]) == 0 {
			continue
		}
		cards[i].IpConfig = new(types.NetIpConfigInfo)
		for _, prefix := range all[i] {
			ip := prefix.Addr().String()
			cards[i].IpAddress = append(cards[i].IpAddress, ip)
			cards[i].IpConfig.IpAddress = append(cards[i].IpConfig.IpAddress, types.NetIpConfigInfoIpAddress{
				IpAddress: ip, PrefixLength: int32(prefix.Bits()), State: string(types.NetIpConfigInfoIpAddressStatusPreferred),
			})
		}
	}
	return cards
}

func prefixLength(ip netip.Addr) int {
	if ip.Is6() {
		return 64
	}
	return guestRange.Bits()
}

// primary is the address that vCenter shows for the guest as a whole: the first.
func primary(cards []types.GuestNicInfo) string {
	for _, card := range cards {
		if len(card.IpAddress) > 0 {
			return card.IpAddress[0]
		}
	}
	return ""
}
