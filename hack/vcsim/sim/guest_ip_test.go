package sim_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

func TestGuestsHaveAddressesOfTheirOwn(t *testing.T) {
	e := startGuests(t, patient)
	all := netip.MustParsePrefix("198.18.0.0/15")
	seen := map[string]string{}
	ipOf := func(vm *object.VirtualMachine) string { return e.read(vm).Guest.IpAddress }
	for i := range 4 {
		e.cloneOn(fmt.Sprint("vm", i))
	}
	e.advance(boot + address)
	for i := range 4 {
		name := fmt.Sprint("vm", i)
		vm := object.NewVirtualMachine(e.client.Client, e.vm(name))
		guest := e.read(vm).Guest
		ip := guest.IpAddress
		if other, ok := seen[ip]; ok || !all.Contains(netip.MustParseAddr(ip)) {
			t.Errorf("%s has the address %s, as %q", name, ip, other)
		}
		seen[ip] = name
		if nic := guest.Net[0]; len(guest.Net) != 1 || nic.IpAddress[0] != ip || nic.MacAddress != e.mac(vm.Reference()) ||
			nic.IpConfig.IpAddress[0].IpAddress != ip || nic.IpConfig.IpAddress[0].PrefixLength != 15 {
			t.Errorf("the network cards of %s: %+v", name, guest.Net)
		}
	}
	vm := object.NewVirtualMachine(e.client.Client, e.vm("vm0"))
	before := ipOf(vm)
	e.do(vm.Reset(e.ctx))
	e.advance(boot + address)
	if after := ipOf(vm); after != before {
		t.Errorf("after a reset the address is %s, was %s", after, before)
	}
}

// TestGuestHasAnAddressForEachCard gives a clone a second network card.
func TestGuestHasAnAddressForEachCard(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	second := *e.cards(e.template)[0]
	second.Key, second.UnitNumber, second.MacAddress = -1, nil, ""
	ref := e.clone("a", func(s *types.VirtualMachineCloneSpec) {
		s.PowerOn = true
		s.Config.DeviceChange = append(s.Config.DeviceChange, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: &types.VirtualE1000{VirtualEthernetCard: second},
		})
	})
	guest := e.read(object.NewVirtualMachine(e.client.Client, ref)).Guest
	if len(guest.Net) != 2 || guest.Net[0].IpAddress[0] == guest.Net[1].IpAddress[0] || guest.Net[0].MacAddress == guest.Net[1].MacAddress {
		t.Errorf("network cards %+v", guest.Net)
	}
}

// TestGuestHasTheAddressOfItsCustomization has a customization set it, which the guest reports once it has booted.
func TestGuestHasTheAddressOfItsCustomization(t *testing.T) {
	e := startGuests(t, patient)
	const fixed = "203.0.113.7"
	ref := e.clone("a", func(s *types.VirtualMachineCloneSpec) {
		s.PowerOn = true
		s.Customization = &types.CustomizationSpec{
			Identity: &types.CustomizationLinuxPrep{HostName: &types.CustomizationVirtualMachineName{}, Domain: "example.com"},
			NicSettingMap: []types.CustomizationAdapterMapping{{
				Adapter: types.CustomizationIPSettings{Ip: &types.CustomizationFixedIp{IpAddress: fixed}, SubnetMask: "255.255.255.0"},
			}},
		}
	})
	vm := object.NewVirtualMachine(e.client.Client, ref)
	e.wantHealth(vm, "before the boot", booting)
	e.advance(boot + address)
	if guest := e.read(vm).Guest; guest.IpAddress != fixed || guest.Net[0].IpAddress[0] != fixed {
		t.Errorf("address %s, network cards %+v, want %s", guest.IpAddress, guest.Net, fixed)
	}
}

func TestGuestInfo(t *testing.T) {
	e := startGuests(t, patient)
	vm := e.cloneOn("a")
	tasks, err := e.control.Tasks(e.ctx)
	e.must(err)
	ready := func() any {
		value, _ := object.OptionValueList(e.read(vm).Config.ExtraConfig).Get(readyKey)
		return value
	}
	for _, want := range []string{"1", "2"} {
		e.must(e.control.SetGuestInfo(e.ctx, "a", readyKey, want))
		if got := ready(); got != want {
			t.Errorf("the key is %v, want %s", got, want)
		}
	}
	e.must(e.control.SetGuestInfo(e.ctx, "a", readyKey, ""))
	if got := ready(); got != nil {
		t.Errorf("the key that was cleared is %v", got)
	}
	if after, err := e.control.Tasks(e.ctx); err != nil || len(after) != len(tasks) {
		t.Errorf("%d tasks, %v; the guest has none", len(after)-len(tasks), err)
	}
	if err := e.control.SetGuestInfo(e.ctx, "a", "vmgroup.stamp", "x"); err == nil || e.truth("a").Stamp != "" {
		t.Errorf("a guest wrote what it cannot: %v", err)
	}
	e.do(vm.PowerOff(e.ctx))
	if err := e.control.SetGuestInfo(e.ctx, "a", readyKey, "1"); err == nil {
		t.Error("a guest that is off wrote a key")
	}
}

func TestGuestIPs(t *testing.T) {
	e := startGuests(t, patient)
	vm := e.cloneOn("a")
	if err := e.control.SetGuestIPs(e.ctx, "a", "192.0.2.1"); err == nil {
		t.Error("a guest without Tools reported an address")
	}
	e.advance(boot)
	e.must(e.control.SetGuestIPs(e.ctx, "a"))
	e.advance(address)
	e.wantHealth(vm, "told to have no addresses before it had any", booted)
	e.do(vm.Reset(e.ctx))
	e.advance(boot + address)
	own := e.read(vm).Guest.IpAddress
	e.must(e.control.SetGuestIPs(e.ctx, "a"))
	e.wantHealth(vm, "without addresses", booted)
	e.advance(time.Hour)
	e.wantHealth(vm, "without addresses for good", booted)
	e.do(vm.Reset(e.ctx))
	e.advance(boot + address)
	if ip := e.read(vm).Guest.IpAddress; ip != own {
		t.Errorf("after a boot the address is %q, was %s", ip, own)
	}
	const other = "2001:db8::1"
	e.must(e.control.SetGuestIPs(e.ctx, "a", other))
	e.must(vm.ShutdownGuest(e.ctx))
	e.must(e.control.SetGuestIPs(e.ctx, "a", other)) // a shutdown goes on
	e.wantHealth(vm, "going down", leaving())
	e.advance(shutdown)
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot + address)
	if guest := e.read(vm).Guest; guest.IpAddress != other || guest.Net[0].IpConfig.IpAddress[0].PrefixLength != 64 {
		t.Errorf("the guest did not keep its address: %+v", guest)
	}
	for _, bad := range [][]string{{"nonsense"}, {"192.0.2.1", "192.0.2.2"}} {
		if err := e.control.SetGuestIPs(e.ctx, "a", bad...); err == nil {
			t.Errorf("the addresses %s were accepted", strings.Join(bad, ", "))
		}
	}
}
