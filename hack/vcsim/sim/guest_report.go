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
	ips       []string // of the network cards in turn, "" for none
}

// running reports whether Tools run. They do so until a shutdown is over.
func (r report) running() bool { return r.state != types.VirtualMachineGuestStateNotRunning }

// tell makes a report the guest of a virtual machine. All that it holds is new: what collectors have read of the old one is
// not touched. The caller holds the virtual machine's lock.
func tell(ctx *simulator.Context, vm *simulator.VirtualMachine, r report) {
	guest, summary := *vm.Guest, *vm.Summary.Guest
	heartbeat := types.ManagedEntityStatusGray
	if r.running() {
		heartbeat = types.ManagedEntityStatusGreen
	}
	guest.ToolsStatus, guest.ToolsVersionStatus2, guest.ToolsRunningStatus, guest.ToolsVersion = r.tools()
	guest.ToolsVersionStatus = guest.ToolsVersionStatus2
	guest.GuestState = string(r.state)
	guest.GuestOperationsReady = types.NewBool(r.running())
	guest.GuestStateChangeSupported = types.NewBool(r.running())
	guest.Net, guest.IpAddress = nics(guest.Net, r.ips), primary(r.ips)
	summary.ToolsStatus, summary.ToolsRunningStatus = guest.ToolsStatus, guest.ToolsRunningStatus
	summary.ToolsVersionStatus, summary.ToolsVersionStatus2 = guest.ToolsVersionStatus, guest.ToolsVersionStatus2
	summary.IpAddress = guest.IpAddress
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
// addresses, because the stock simulator counts them when it customizes.
func nics(cards []types.GuestNicInfo, ips []string) []types.GuestNicInfo {
	cards = slices.Clone(cards)
	for i := range cards {
		cards[i].IpAddress, cards[i].IpConfig = nil, nil
		if i < len(ips) && ips[i] != "" {
			cards[i].IpAddress = []string{ips[i]}
			cards[i].IpConfig = &types.NetIpConfigInfo{IpAddress: []types.NetIpConfigInfoIpAddress{{
				IpAddress: ips[i], PrefixLength: prefixLength(ips[i]), State: string(types.NetIpConfigInfoIpAddressStatusPreferred),
			}}}
		}
	}
	return cards
}

func prefixLength(ip string) int32 {
	if addr, err := netip.ParseAddr(ip); err == nil && addr.Is6() {
		return 64
	}
	return int32(guestRange.Bits())
}

// primary is the address that vCenter shows for the guest as a whole: the first.
func primary(ips []string) string {
	if i := slices.IndexFunc(ips, func(ip string) bool { return ip != "" }); i >= 0 {
		return ips[i]
	}
	return ""
}
