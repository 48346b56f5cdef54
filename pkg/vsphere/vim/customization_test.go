package vim

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// card returns a network card as a guest is to set it up; with no address, by DHCP.
func card(address, cidr, gateway string) vsphere.GuestCard {
	if address == "" {
		return vsphere.GuestCard{}
	}
	out := vsphere.GuestCard{Address: netip.MustParseAddr(address), Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix(cidr)}}
	if gateway != "" {
		out.Gateway = netip.MustParseAddr(gateway)
	}
	return out
}

// Each network card has a setting, that of the specification but for a static address. What is stored stays as it is.
func TestCustomizedCards(t *testing.T) {
	dns := func() types.CustomizationIPSettings {
		return types.CustomizationIPSettings{Ip: &types.CustomizationDhcpIpGenerator{}, DnsDomain: "corp.example.com", DnsServerList: []string{"192.0.2.53"}}
	}
	stored := types.CustomizationSpec{
		Identity:      &types.CustomizationLinuxPrep{HostName: &types.CustomizationVirtualMachineName{}, Domain: "example.com"},
		NicSettingMap: []types.CustomizationAdapterMapping{{MacAddress: "00:50:56:00:00:01", Adapter: dns()}, {Adapter: dns()}},
	}
	data := vsphere.GuestData{Hostname: "web-0", Cards: []vsphere.GuestCard{
		card("10.2.0.11", "10.2.0.0/23", "10.2.1.254"), card("", "", ""), card("2001:db8::11", "2001:db8::/64", ""),
	}}
	got, err := customized(stored, 3, data)
	if err != nil {
		t.Fatal(err)
	}
	first, last := dns(), types.CustomizationIPSettings{Ip: &types.CustomizationDhcpIpGenerator{}}
	first.Ip, first.SubnetMask, first.Gateway = &types.CustomizationFixedIp{IpAddress: "10.2.0.11"}, "255.255.254.0", []string{"10.2.1.254"}
	last.IpV6Spec = &types.CustomizationIPSettingsIpV6AddressSpec{
		Ip: []types.BaseCustomizationIpV6Generator{&types.CustomizationFixedIpV6{IpAddress: "2001:db8::11", SubnetMask: 64}},
	}
	want := types.CustomizationSpec{
		Identity:      &types.CustomizationLinuxPrep{HostName: &types.CustomizationFixedName{Name: "web-0"}, Domain: "example.com"},
		NicSettingMap: []types.CustomizationAdapterMapping{{Adapter: first}, {Adapter: dns()}, {Adapter: last}},
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if stored.NicSettingMap[0].MacAddress == "" || len(stored.NicSettingMap) != 2 || stored.Identity.(*types.CustomizationLinuxPrep).HostName == nil {
		t.Errorf("the specification that is stored is changed: %+v", stored)
	}
	if one, err := customized(stored, 1, vsphere.GuestData{Hostname: "web-0"}); err != nil || len(one.NicSettingMap) != 1 {
		t.Errorf("a VM with one network card has %d settings: %v", len(one.NicSettingMap), err)
	}
}

// Windows takes the name servers of each network card, Linux only those of the whole guest. What the class does not say stays.
func TestCustomizedNameservers(t *testing.T) {
	one, two, stored := "192.0.2.1", "2001:db8::2", "192.0.2.53"
	linux, windows := &types.CustomizationLinuxPrep{}, &types.CustomizationSysprep{}
	for name, tt := range map[string]struct {
		identity types.BaseCustomizationIdentitySettings
		cards    [][]string
		global   []string
		adapters [][]string
	}{
		"Linux":                      {linux, [][]string{{one}}, []string{one}, [][]string{{one}}},
		"Linux with two cards":       {linux, [][]string{{one, two}, {two, one}}, []string{one, two}, [][]string{{one, two}, {two, one}}},
		"Linux, one card has none":   {linux, [][]string{nil, {two}}, []string{two}, [][]string{{stored}, {two}}},
		"Linux, the class has none":  {linux, [][]string{nil}, []string{stored}, [][]string{{stored}}},
		"Linux, by DHCP":             {linux, nil, []string{stored}, nil},
		"Windows":                    {windows, [][]string{{one}, {two}}, []string{stored}, [][]string{{one}, {two}}},
		"Windows, the class has one": {windows, [][]string{nil, {two}}, []string{stored}, [][]string{{stored}, {two}}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := types.CustomizationSpec{Identity: tt.identity}
			spec.GlobalIPSettings.DnsServerList = []string{stored}
			data := vsphere.GuestData{Hostname: "web-0"}
			for _, servers := range tt.cards {
				told := card("10.2.0.11", "10.2.0.0/23", "")
				for _, server := range servers {
					told.Nameservers = append(told.Nameservers, netip.MustParseAddr(server))
				}
				data.Cards = append(data.Cards, told)
				spec.NicSettingMap = append(spec.NicSettingMap, types.CustomizationAdapterMapping{
					Adapter: types.CustomizationIPSettings{DnsServerList: []string{stored}},
				})
			}
			got, err := customized(spec, len(tt.cards), data)
			if err != nil {
				t.Fatal(err)
			}
			var adapters [][]string
			for _, nic := range got.NicSettingMap {
				adapters = append(adapters, nic.Adapter.DnsServerList)
			}
			if diff := cmp.Diff(tt.global, got.GlobalIPSettings.DnsServerList); diff != "" {
				t.Errorf("of the guest (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.adapters, adapters); diff != "" {
				t.Errorf("of its network cards (-want +got):\n%s", diff)
			}
			if !cmp.Equal(spec.GlobalIPSettings.DnsServerList, []string{stored}) {
				t.Errorf("the specification that is stored is changed: %+v", spec.GlobalIPSettings)
			}
		})
	}
}

// A hostname that would be cut off would be that of another VM, too.
func TestCustomizedNames(t *testing.T) {
	windows := &types.CustomizationSysprep{Identification: types.CustomizationIdentification{JoinDomain: "corp.example.com"}}
	for _, c := range []struct {
		identity types.BaseCustomizationIdentitySettings
		hostname string
		says     string // what the error says, empty for none
	}{
		{windows, "fifteen-chars-0", ""},
		{windows, "sixteen-chars-00", "set a shorter spec.guest.hostnamePrefix"},
		{&types.CustomizationLinuxPrep{}, strings.Repeat("a", 63), ""},
		{&types.CustomizationSysprepText{}, "web-0", "no hostname can be put into"},
		{&types.CustomizationIdentitySettings{}, "web-0", "no hostname can be put into"},
		{&types.CustomizationCloudinitPrep{}, "web-0", "no hostname can be put into"},
	} {
		got, err := customized(types.CustomizationSpec{Identity: c.identity}, 0, vsphere.GuestData{Customization: "join", Hostname: c.hostname})
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%T with %q: %v", c.identity, c.hostname, err)
		case c.says == "":
			if sysprep, ok := got.Identity.(*types.CustomizationSysprep); ok && sysprep.Identification.JoinDomain != "corp.example.com" {
				t.Errorf("the domain is lost: %+v", sysprep)
			}
		case err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "join") || reasonOf(err) != v1alpha1.ReasonCustomizationFailed:
			t.Errorf("%T with %q: %v", c.identity, c.hostname, err)
		}
	}
}

// vCenter tells of customizations since 7.0 Update 2, and refuses to be asked before that.
func TestWhoTellsCustomizations(t *testing.T) {
	for version, want := range map[string]bool{"6.7.3": false, "7.0.1.0": false, "7.0.2.0": true, "8.0.3.0": true, "9.0": true, "": false, "next": false} {
		if got := tellsCustomizations(version); got != want {
			t.Errorf("version %q: %t", version, got)
		}
	}
}

// scriptedSpecs is a connection to a vCenter that answers reads of customization specifications with errors, in turn.
func scriptedSpecs(t *testing.T, answers ...error) (*testConn, *script) {
	t.Helper()
	s := &script{fails: fails{"GetCustomizationSpec": answers}, reads: reads{vmRef("vm-5"): {asTemplate(nil)}}}
	c := scripted(t, s)
	c.client.ServiceContent.CustomizationSpecManager = &types.ManagedObjectReference{Type: "CustomizationSpecManager", Value: "CustomizationSpecManager"}
	return c, s
}

// What is wrong with a specification is told of its class alone. Nothing but the end of the connection is everybody's.
func TestCustomizationSpecsThatCannotBeRead(t *testing.T) {
	lost := &callError{method: "GetCustomizationSpec", sent: true, err: io.EOF}
	for name, tt := range map[string]struct {
		answer error
		class  vsphere.Class // of what is told of the class, empty for an error
	}{
		"it is not there":       {soap.WrapVimFault(&types.NotFound{}), vsphere.ClassInvalid},
		"it may not be read":    {denied403, vsphere.ClassInvalid},
		"it cannot be read":     {soap.WrapVimFault(&types.SystemError{}), vsphere.ClassTransient},
		"that takes too long":   {soap.WrapVimFault(&types.Timedout{}), vsphere.ClassTransient},
		"the answer was lost":   {lost, vsphere.ClassTransient},
		"vCenter is away":       {noAnswer, ""},
		"the session has ended": {soap.WrapVimFault(&types.NotAuthenticated{}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := scriptedSpecs(t, tt.answer, nil)
			wrong, err := c.wrongCustomizationSpecs(t.Context(), vsphere.ClassSpec{Name: "gold", CustomizationSpecs: []string{"join", "leave"}})
			if tt.class == "" {
				if !errors.Is(err, tt.answer) {
					t.Errorf("%v, %v", wrong, err)
				}
				return
			}
			if err != nil || len(wrong) != 1 || wrong[0].Class != tt.class {
				t.Errorf("%v, %v; want one that is %s", wrong, err, tt.class)
			}
		})
	}
}

// A clone whose specification cannot be read is not sent, and nobody waits for what has become of it.
func TestACloneThatLacksItsSpecification(t *testing.T) {
	for name, answer := range map[string]error{
		"the answer was lost": &callError{method: "GetCustomizationSpec", sent: true, err: io.EOF},
		"that takes too long": soap.WrapVimFault(&types.Timedout{}),
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptedSpecs(t, answer)
			r := cloneOfLinux("web-1")
			r.Guest = &vsphere.GuestData{Customization: "join", Hostname: "web-1"}
			err := c.v.Start(t.Context(), testGroup, []vsphere.Request{r})
			wantClass(t, "Start", err, vsphere.ClassTransient)
			ops, failures := c.v.tracker.Of(testUID)
			if len(ops) != 0 || len(failures) != 1 || s.sent("CloneVM_Task") {
				t.Errorf("under way: %+v; failures: %+v; calls: %v", ops, failures, s.calls)
			}
		})
	}
}
