package plan

import (
	"net/netip"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func addresses(ips ...string) func(*vsphere.VM) { return func(v *vsphere.VM) { v.IPs = ips } }
func customization(guest string, state vsphere.CustomizationState) func(*vsphere.VM) {
	return func(v *vsphere.VM) { v.Stamp.Guest, v.Customization.State = guest, state }
}
func saysReady(v *vsphere.VM) { v.GuestReady = true }

func TestReadiness(t *testing.T) {
	tests := map[string]struct {
		by   v1alpha1.ReadinessType
		vm   vsphere.VM
		want bool
	}{
		"1: off, whatever the guest said": {v1alpha1.ReadyGuestInfo, vm(0, off, saysReady), false},
		"1: host away":                    {v1alpha1.ReadyToolsRunning, vm(0, disconnected, tools), false},
		"1: not readable":                 {v1alpha1.ReadyPoweredOn, vm(0, unreadable), false},
		"2: to be customized":             {v1alpha1.ReadyPoweredOn, vm(0, customization(vsphere.GuestTold, vsphere.CustomizationUnderWay)), false},
		"2: could not be customized":      {v1alpha1.ReadyPoweredOn, vm(0, customization(vsphere.GuestTold, vsphere.CustomizationFailed)), false},
		"2: nobody asked for that":        {v1alpha1.ReadyPoweredOn, vm(0, customization("", vsphere.CustomizationFailed)), true},
		"3: powered on":                   {v1alpha1.ReadyPoweredOn, vm(0), true},
		"3: no Tools":                     {v1alpha1.ReadyToolsRunning, vm(0), false},
		"3: Tools":                        {v1alpha1.ReadyToolsRunning, vm(0, tools), true},
		"3: no address":                   {v1alpha1.ReadyIPAddress, vm(0, tools), false},
		"3: an address":                   {v1alpha1.ReadyIPAddress, vm(0, addresses("10.0.0.7")), true},
		"3: a v6 address":                 {v1alpha1.ReadyIPAddress, vm(0, addresses("2001:db8::7")), true},
		"3: loopback":                     {v1alpha1.ReadyIPAddress, vm(0, addresses("127.0.0.1", "::1")), false},
		"3: link-local":                   {v1alpha1.ReadyIPAddress, vm(0, addresses("169.254.3.4", "fe80::1")), false},
		"3: link-local, mapped to v6":     {v1alpha1.ReadyIPAddress, vm(0, addresses("::ffff:169.254.3.4")), false},
		"3: unspecified, or no address":   {v1alpha1.ReadyIPAddress, vm(0, addresses("0.0.0.0", "n/a")), false},
		"3: one of several is of use":     {v1alpha1.ReadyIPAddress, vm(0, addresses("fe80::1", "10.0.0.7")), true},
		"3: the guest has not said so":    {v1alpha1.ReadyGuestInfo, vm(0, tools, addresses("10.0.0.7")), false},
		"3: the guest has said so":        {v1alpha1.ReadyGuestInfo, vm(0, saysReady), true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(group(1), tc.vm).with(readyWhen(tc.by))
			status := Status(in, Compute(in), Outcome{})
			if got := status.ReadyReplicas == 1 && status.VMs[0].Ready; got != tc.want {
				t.Errorf("ready: %t, want %t; %s", got, tc.want, status.VMs[0].Message)
			}
			if status.AvailableReplicas != status.ReadyReplicas {
				t.Errorf("%d ready, %d available", status.ReadyReplicas, status.AvailableReplicas)
			}
		})
	}
}

// TestReadySince shows what a process knows of the time before it: what the status says, and nothing else.
func TestReadySince(t *testing.T) {
	listed := func(vCenter string, states ...v1alpha1.VMState) func(*v1alpha1.VmGroup) {
		return func(g *v1alpha1.VmGroup) {
			g.Status.Folder = &v1alpha1.FolderStatus{VCenter: vCenter}
			for i, state := range states {
				g.Status.VMs = append(g.Status.VMs, v1alpha1.VMStatus{MoRef: string(vm(i).Ref), State: state})
			}
		}
	}
	many := func(last v1alpha1.VMState) func(*v1alpha1.VmGroup) {
		return func(g *v1alpha1.VmGroup) {
			g.Status.Folder = &v1alpha1.FolderStatus{VCenter: "vcenter-1"}
			g.Status.VMs = make([]v1alpha1.VMStatus, v1alpha1.MaxListedVMs)
			g.Status.VMs[v1alpha1.MaxListedVMs-1].State = last
		}
	}
	known := map[vsphere.Ref]time.Time{"vm-0": testNow.Add(-time.Minute)}
	tests := map[string]struct {
		status func(*v1alpha1.VmGroup)
		clocks Clocks
		want   int32 // available, of one that has to be ready for a minute
	}{
		"1: observed for a minute":                {nil, Clocks{ReadySince: known}, 1},
		"1: observed for less":                    {nil, Clocks{ReadySince: map[vsphere.Ref]time.Time{"vm-0": testNow.Add(-59 * time.Second)}}, 0},
		"3: the status lists it as available":     {listed("vcenter-1", v1alpha1.VMAvailable), Clocks{}, 1},
		"3: of an unknown vCenter":                {listed("", v1alpha1.VMAvailable), Clocks{}, 0},
		"3: the status lists it as not ready":     {listed("vcenter-1", v1alpha1.VMNotReady), Clocks{}, 0},
		"3: others are listed, all not available": {many(v1alpha1.VMNotReady), Clocks{}, 0},
		"3: others are listed, some available":    {many(v1alpha1.VMAvailable), Clocks{}, 1},
		"3: no status":                            {nil, Clocks{}, 0},
		"3: the group has observed, but not it":   {listed("vcenter-1", v1alpha1.VMAvailable), Clocks{ReadySince: map[vsphere.Ref]time.Time{}}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := group(1)
			if tc.status != nil {
				tc.status(g)
			}
			g.Spec.MinReadySeconds = ptr.To[int32](60)
			in := input(g, vm(0)).with(func(in *Input) { in.Clocks = tc.clocks })
			p := Compute(in)
			status := Status(in, p, Outcome{})
			if status.ReadyReplicas != 1 || status.AvailableReplicas != tc.want {
				t.Errorf("%d ready, %d available, want %d", status.ReadyReplicas, status.AvailableReplicas, tc.want)
			}
			if waits := p.RetryAfter > 0 && p.RetryAfter <= time.Minute; waits == (tc.want == 1) {
				t.Errorf("it is planned again after %s", p.RetryAfter)
			}
		})
	}
}

// The subnets of the class's networks bound the addresses that count.
func TestReadinessInSubnets(t *testing.T) {
	network := func(name, cidr string) vsphere.Network {
		n := vsphere.Network{Name: name}
		if cidr != "" {
			n.CIDR = netip.MustParsePrefix(cidr)
		}
		return n
	}
	front, data, plain := network("front", "10.1.0.0/24"), network("data", "2001:db8::/64"), network("plain", "")
	for name, c := range map[string]struct {
		networks string // of the VM
		ips      []string
		want     bool
	}{
		"in the subnet":                    {"front=10.1.0.7", []string{"10.1.0.7"}, true},
		"outside":                          {"front", []string{"192.0.2.7"}, false},
		"one of several is in it":          {"front", []string{"192.0.2.7", "10.1.0.7"}, true},
		"in that of the second network":    {"front,data", []string{"2001:db8::7"}, true},
		"in that of another network":       {"front", []string{"2001:db8::7"}, false},
		"a network without a subnet":       {"front,plain", []string{"192.0.2.7"}, true},
		"a network that is gone":           {"gone", []string{"192.0.2.7"}, true},
		"the networks of the template":     {"", []string{"192.0.2.7"}, true},
		"the networks of the present spec": {"current", []string{"192.0.2.7"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(1, func(g *v1alpha1.VmGroup) { g.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "front"}} })
			v := vm(0, addresses(c.ips...), func(v *vsphere.VM) { v.Stamp.Networks = c.networks })
			if c.networks == "current" {
				v.Stamp.Networks, v.Stamp.Revision = "front", SpecOf(g).Revision()
			}
			in := input(g, v).with(readyWhen(v1alpha1.ReadyIPAddress))
			in.Class, in.Snapshot.Networks = "gold", []vsphere.Network{front, data, plain}
			if status := Status(in, Compute(in), Outcome{}); (status.ReadyReplicas == 1) != c.want {
				t.Errorf("%d are ready: %s", status.ReadyReplicas, status.VMs[0].Message)
			}
		})
	}
}
