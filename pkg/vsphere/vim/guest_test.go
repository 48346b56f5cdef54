package vim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// ipConfig is what Tools report of the addresses of a card.
func ipConfig(ips ...string) *types.NetIpConfigInfo {
	config := &types.NetIpConfigInfo{}
	for _, ip := range ips {
		config.IpAddress = append(config.IpAddress, types.NetIpConfigInfoIpAddress{IpAddress: ip, PrefixLength: 24})
	}
	return config
}

func TestAddressesOfAGuest(t *testing.T) {
	old := []string{"192.0.2.1"}
	for name, tt := range map[string]struct {
		cards []types.GuestNicInfo
		want  []string
	}{
		"1: ipConfig":                       {[]types.GuestNicInfo{{IpAddress: old, IpConfig: ipConfig("192.0.2.2")}}, []string{"192.0.2.2"}},
		"1: ipConfig without an address":    {[]types.GuestNicInfo{{IpAddress: old, IpConfig: ipConfig()}}, nil},
		"1: no ipConfig":                    {[]types.GuestNicInfo{{IpAddress: old}}, old},
		"1: neither":                        {[]types.GuestNicInfo{{MacAddress: "00:50:56:00:00:01"}}, nil},
		"1: an address that says nothing":   {[]types.GuestNicInfo{{IpConfig: ipConfig("", "192.0.2.2")}}, []string{"192.0.2.2"}},
		"2: the order of cards is kept":     {[]types.GuestNicInfo{{IpConfig: ipConfig("192.0.2.9", "fe80::1")}, {IpConfig: ipConfig("192.0.2.2")}}, []string{"192.0.2.9", "fe80::1", "192.0.2.2"}},
		"2: each once":                      {[]types.GuestNicInfo{{IpConfig: ipConfig("192.0.2.2", "192.0.2.2")}, {IpAddress: []string{"192.0.2.2", "192.0.2.3"}}}, []string{"192.0.2.2", "192.0.2.3"}},
		"3: a bridge within the guest":      {[]types.GuestNicInfo{{DeviceConfigId: -1, IpConfig: ipConfig("172.17.0.1")}, {DeviceConfigId: 4000, IpConfig: ipConfig("192.0.2.2")}}, []string{"192.0.2.2"}},
		"3: nothing but a bridge within it": {[]types.GuestNicInfo{{DeviceConfigId: -1, IpConfig: ipConfig("172.17.0.1")}}, nil},
		"no card":                           {nil, nil},
	} {
		got := properties{propNet: types.ArrayOfGuestNicInfo{GuestNicInfo: tt.cards}}.ofVM().IPs
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Tools that are starting do not run yet.
func TestWhetherToolsRun(t *testing.T) {
	for status, want := range map[types.VirtualMachineToolsRunningStatus]bool{
		types.VirtualMachineToolsRunningStatusGuestToolsRunning:          true,
		types.VirtualMachineToolsRunningStatusGuestToolsExecutingScripts: false,
		types.VirtualMachineToolsRunningStatusGuestToolsNotRunning:       false,
		"": false,
	} {
		if got := (properties{propToolsRunning: string(status)}).ofVM().ToolsRunning; got != want {
			t.Errorf("%s: %t", status, got)
		}
	}
}

func TestWhatAGuestWritesOfItself(t *testing.T) {
	for value, want := range map[any]bool{"True": true, "false": false, true: false, nil: false} {
		for _, option := range []any{types.OptionValue{Value: value}, &types.OptionValue{Key: vsphere.ReadyKey, Value: value}} {
			if got := (properties{propReady: option}).ofVM().GuestReady; got != want {
				t.Errorf("%v in a %T: %t", value, option, got)
			}
		}
	}
}

// What vCenter says of all VMs is in memory once.
func TestTextsThatVMsHaveInCommon(t *testing.T) {
	for _, text := range []string{"poweredOn", "poweredOff", vsphere.Connected, "disconnected", ""} {
		if got := usual(text); got != text {
			t.Errorf("%q has become %q", text, got)
		}
	}
}
