package sim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// TestCloudInitFails gives a guest what it cannot read, and what it can afterwards.
func TestCloudInitFails(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, mac := e.cloneOff("a")
	good := fmt.Sprintf(static, "i-1", "web-0", mac)
	bad := func(old, new string) []types.BaseOptionValue { return seed(strings.Replace(good, old, new, 1), "") }
	for name, extra := range map[string][]types.BaseOptionValue{
		"no gzip":         options("guestinfo.metadata", "AAAA", "guestinfo.metadata.encoding", "gzip+base64"),
		"no base64":       options("guestinfo.userdata", "%", "guestinfo.userdata.encoding", "base64"),
		"no UTF-8":        options("guestinfo.userdata", "/w==", "guestinfo.userdata.encoding", "base64"),
		"no YAML":         seed("{", ""),
		"no object":       seed("text", ""),
		"a number":        bad("local-hostname: web-0", "local-hostname: 12"),
		"no name":         bad("web-0", "web_0"),
		"no list":         bad("public-keys: [", "redact: {a: b}\nignored: ["),
		"version 1":       bad("version: 2", "version: 1"),
		"a mistyped key":  bad("dhcp4: false", "dhpc4: false"),
		"no prefix":       bad("192.0.2.7/24", "192.0.2.7"),
		"no MAC address":  bad(mac, "zz"),
		"no nameserver":   bad("192.0.2.53", "ns"),
		"gateway too far": bad("via: 192.0.2.1", "via: 198.51.100.1"),
		"no gateway":      bad("via: 192.0.2.1", "via: x"),
		"twice":           bad("    eth0:", "    other: {match: {macaddress: \""+mac+"\"}}\n    eth0:"),
	} {
		e.give(vm, seed(good, "ran"))
		e.on(vm)
		if g := e.guest("a"); g.Failure != "" || g.Hostname == "" {
			t.Fatalf("before %s: %+v", name, g)
		}
		e.do(vm.PowerOff(e.ctx))
		e.give(vm, options("guestinfo.metadata", "", "guestinfo.metadata.encoding", "", "guestinfo.userdata.encoding", "", "guestinfo.userdata", ""))
		e.give(vm, extra)
		e.on(vm)
		g, guest := e.guest("a"), e.read(vm).Guest
		if g.Failure == "" || g.Hostname != "" || guest.HostName != "" || guest.IpAddress != "" || len(guest.Net[0].IpAddress) > 0 {
			t.Errorf("%s: hostname %q, address %q, %+v", name, guest.HostName, guest.IpAddress, g)
		}
		e.wantHealth(vm, name, booted)
		e.do(vm.PowerOff(e.ctx))
		e.give(vm, seed(strings.Replace(good, "i-1", "after-"+strings.ReplaceAll(name, " ", "-"), 1), ""))
		e.on(vm)
		e.do(vm.PowerOff(e.ctx))
	}
}

// TestCloudInitNetwork sets up two network cards in several ways.
func TestCloudInitNetwork(t *testing.T) {
	for name, tt := range map[string]struct {
		network string
		want    [2][]string // beginnings of the addresses
	}{
		"none":           {"", [2][]string{{"198.18."}, {"198.18."}}},
		"one of two":     {`a: {match: {macaddress: "MAC1"}, addresses: [192.0.2.8/28]}`, [2][]string{nil, {"192.0.2.8"}}},
		"DHCP":           {`a: {match: {macaddress: "MAC0"}, dhcp4: true}`, [2][]string{{"198.18."}, nil}},
		"both DHCPs":     {`a: {match: {macaddress: "MAC0"}, dhcp4: true, dhcp6: true}`, [2][]string{{"198.18.", "2001:2::"}, nil}},
		"both":           {`a: {match: {macaddress: "MAC0"}, dhcp4: true, addresses: [192.0.2.8/28]}`, [2][]string{{"192.0.2.8", "198.18."}, nil}},
		"old gateway":    {`a: {match: {macaddress: "MAC0"}, addresses: [192.0.2.8/28], gateway4: 192.0.2.1}`, [2][]string{{"192.0.2.8"}, nil}},
		"other card":     {`a: {match: {macaddress: "00:50:56:00:00:00"}, addresses: [192.0.2.8/28]}`, [2][]string{}},
		"by name":        {`ens192: {addresses: [192.0.2.8/28]}`, [2][]string{}},
		"route by range": {`a: {match: {macaddress: "MAC1"}, addresses: [192.0.2.8/28], routes: [{to: 0.0.0.0/0, via: 192.0.2.1}]}`, [2][]string{nil, {"192.0.2.8"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startGuests(t, cloudy())
			ref := e.clone("a", configured(card(addCard, -1, e.backingOn("VM Network"))))
			vm := object.NewVirtualMachine(e.client.Client, ref)
			cards := e.truth("a").NICs
			metadata := "instance-id: i-1\n"
			if tt.network != "" {
				metadata += "network: {version: 2, ethernets: {" + tt.network + "}}"
			}
			e.give(vm, seed(strings.NewReplacer("MAC0", cards[0].MAC, "MAC1", cards[1].MAC).Replace(metadata), ""))
			e.on(vm)
			guest, truth := e.read(vm).Guest, e.guest("a")
			if truth.Failure != "" {
				t.Fatal(truth.Failure)
			}
			for i, want := range tt.want {
				got := guest.Net[i].IpAddress
				same := len(got) == len(want)
				for j := range want {
					same = same && strings.HasPrefix(got[j], want[j])
				}
				if !same || !cmp.Equal(truth.Cards[i].Addresses, got, cmpopts.EquateEmpty()) {
					t.Errorf("network card %d has %v, in truth %v, want %v", i, got, truth.Cards[i].Addresses, want)
				}
			}
			if strings.Contains(tt.network, "via: ") || strings.Contains(tt.network, "gateway") {
				if g := truth.Cards[0].Gateways; len(g)+len(truth.Cards[1].Gateways) != 1 {
					t.Errorf("network cards %+v", truth.Cards)
				}
			}
		})
	}
}

// TestCloudInitNetworkAsText has the network config encoded within the metadata.
func TestCloudInitNetworkAsText(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, mac := e.cloneOff("a")
	network := zipped(`{version: 2, ethernets: {a: {match: {macaddress: "` + mac + `"}, addresses: [192.0.2.8/28]}}}`)
	e.give(vm, seed("network: "+network+"\nnetwork.encoding: gzip+base64\n", ""))
	e.on(vm)
	if ip := e.read(vm).Guest.IpAddress; ip != "192.0.2.8" {
		t.Errorf("address %q: %+v", ip, e.guest("a"))
	}
}

// TestCloudInitTakesMACAddressesInAnyCase has the network card say it in one way and the metadata in the other.
func TestCloudInitTakesMACAddressesInAnyCase(t *testing.T) {
	e := startGuests(t, cloudy())
	for name, mac := range map[string][2]string{
		"large": {"00:50:56:3A:BB:C1", "00:50:56:3a:bb:c1"}, "small": {"00:50:56:3a:bb:c2", "00:50:56:3A:BB:C2"},
	} {
		ref := e.clone(name, e.edited(func(c *types.VirtualEthernetCard) { c.MacAddress, c.AddressType = mac[0], "manual" }))
		vm := object.NewVirtualMachine(e.client.Client, ref)
		e.give(vm, seed(fmt.Sprintf(static, "i-1", "web", mac[1]), ""))
		e.on(vm)
		if ip := e.read(vm).Guest.IpAddress; ip != "192.0.2.7" || !strings.EqualFold(e.mac(ref), mac[0]) {
			t.Errorf("%s: address %q of the network card %s, %+v", name, ip, e.mac(ref), e.guest(name))
		}
		e.do(vm.PowerOff(e.ctx))
	}
}
