package sim_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// cloudy is a guest that obeys cloud-init's keys.
func cloudy() control.Guest {
	g := patient
	g.CloudInit = true
	return g
}

// zipped is text as guestinfo carries it best.
func zipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// options is keys of ExtraConfig and their values in turn.
func options(pairs ...string) (out []types.BaseOptionValue) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, &types.OptionValue{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}

// seed is metadata and user data as a controller sends them.
func seed(metadata, userData string) []types.BaseOptionValue {
	return options("guestinfo.metadata", zipped(metadata), "guestinfo.metadata.encoding", "gzip+base64",
		"guestinfo.userdata", zipped(userData), "guestinfo.userdata.encoding", "gzip+base64")
}

// give reconfigures a virtual machine.
func (e *env) give(vm *object.VirtualMachine, extra []types.BaseOptionValue) {
	e.t.Helper()
	e.do(vm.Reconfigure(e.ctx, types.VirtualMachineConfigSpec{ExtraConfig: extra}))
}

// cloneOff is a clone that is off, and the MAC address of its network card.
func (e *env) cloneOff(name string, options ...option) (*object.VirtualMachine, string) {
	e.t.Helper()
	ref := e.clone(name, options...)
	return object.NewVirtualMachine(e.client.Client, ref), e.mac(ref)
}

// on switches a virtual machine on and lets it boot.
func (e *env) on(vm *object.VirtualMachine) {
	e.t.Helper()
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot + address)
}

// again switches a virtual machine off and on, and lets it boot.
func (e *env) again(vm *object.VirtualMachine) {
	e.t.Helper()
	e.do(vm.PowerOff(e.ctx))
	e.on(vm)
}

// guest is the truth about a guest.
func (e *env) guest(name string) control.GuestState {
	e.t.Helper()
	all, err := e.control.GuestStates(e.ctx)
	e.must(err)
	for _, g := range all {
		if g.Name == name {
			return g
		}
	}
	e.t.Fatalf("nothing is known of a guest of %q", name)
	return control.GuestState{}
}

// option reads a key of ExtraConfig.
func (e *env) option(vm *object.VirtualMachine, key string) string {
	e.t.Helper()
	value, _ := object.OptionValueList(e.read(vm).Config.ExtraConfig).GetString(key)
	return value
}

const static = `
instance-id: %s
local-hostname: %s
public-keys: [ssh-ed25519 one, ssh-ed25519 two]
vmgroup: {name: web, slot: 0}
network:
  version: 2
  ethernets:
    eth0:
      match: {macaddress: "%s"}
      set-name: eth0
      dhcp4: false
      addresses: [192.0.2.7/24, "2001:db8::7/64"]
      routes: [{to: default, via: 192.0.2.1}]
      nameservers: {addresses: [192.0.2.53], search: [example.com]}
`

// TestCloudInit gives a guest all that there is, and looks at what it reports and at the truth.
func TestCloudInit(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, mac := e.cloneOff("a")
	e.give(vm, seed(fmt.Sprintf(static, "i-1", "web-0", strings.ToUpper(mac)), "#cloud-config\n{}\n"))
	tasks, err := e.control.Tasks(e.ctx)
	e.must(err)
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot - 1)
	if guest := e.read(vm).Guest; guest.HostName != "" {
		t.Errorf("hostname %q before the boot", guest.HostName)
	}
	e.advance(1)
	if guest := e.read(vm).Guest; guest.HostName != "web-0" || guest.IpAddress != "" {
		t.Errorf("when Tools run: hostname %q, address %q", guest.HostName, guest.IpAddress)
	}
	e.advance(address)
	got := e.read(vm)
	if got.Guest.HostName != "web-0" || got.Summary.Guest.HostName != "web-0" || got.Guest.IpAddress != "192.0.2.7" {
		t.Errorf("hostname %q, address %q, summary %+v", got.Guest.HostName, got.Guest.IpAddress, got.Summary.Guest)
	}
	if ips := got.Guest.Net[0].IpConfig.IpAddress; len(ips) != 2 || ips[0].PrefixLength != 24 || ips[1].IpAddress != "2001:db8::7" {
		t.Errorf("network card: %+v", ips)
	}
	want := control.GuestState{
		MoRef: vm.Reference().Value, Name: "a", On: true, Hostname: "web-0", InstanceID: "i-1", UserData: "#cloud-config\n{}\n",
		PublicKeys: []string{"ssh-ed25519 one", "ssh-ed25519 two"}, Runs: 1,
		Cards: []control.GuestCard{{
			MAC: mac, Static: []string{"192.0.2.7/24", "2001:db8::7/64"}, Gateways: []string{"192.0.2.1"},
			Nameservers: []string{"192.0.2.53"}, Addresses: []string{"192.0.2.7", "2001:db8::7"},
		}},
	}
	if diff := cmp.Diff(want, e.guest("a")); diff != "" {
		t.Error(diff)
	}
	if after, err := e.control.Tasks(e.ctx); err != nil || len(after) != len(tasks)+1 {
		t.Errorf("%d tasks, %v; the power-on is the only one", len(after)-len(tasks), err)
	}
	e.do(vm.PowerOff(e.ctx))
	if guest := e.read(vm).Guest; guest.HostName != "web-0" || guest.IpAddress != "" {
		t.Errorf("while it is off: hostname %q, address %q", guest.HostName, guest.IpAddress)
	}
}

// TestCloudInitRunsOncePerInstance boots a guest again and again.
func TestCloudInitRunsOncePerInstance(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, mac := e.cloneOff("a")
	ignore := cmpopts.IgnoreFields(control.GuestState{}, "MoRef", "Cards", "PublicKeys")
	is := func(when string, want control.GuestState, address string) {
		t.Helper()
		want.Name, want.On = "a", true
		got := e.guest("a")
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
		if ip := e.read(vm).Guest.IpAddress; ip != address {
			t.Errorf("%s: address %q, want %q", when, ip, address)
		}
	}
	first := fmt.Sprintf(static, "i-1", "web-0", mac)
	e.give(vm, seed(first, "one"))
	e.on(vm)
	is("first", control.GuestState{Hostname: "web-0", InstanceID: "i-1", UserData: "one", Runs: 1}, "192.0.2.7")

	other := strings.ReplaceAll(strings.ReplaceAll(first, "web-0", "web-9"), "192.0.2.7", "192.0.2.9")
	e.give(vm, seed(other, "two"))
	e.again(vm)
	is("the same instance", control.GuestState{Hostname: "web-0", InstanceID: "i-1", UserData: "one", Runs: 1}, "192.0.2.9")

	e.give(vm, seed(strings.ReplaceAll(other, "i-1", "i-2"), "two"))
	e.must(vm.RebootGuest(e.ctx))
	e.advance(shutdown + boot + address)
	is("another instance", control.GuestState{Hostname: "web-9", InstanceID: "i-2", UserData: "two", Runs: 2}, "192.0.2.9")

	uuid := e.read(vm).Config.Uuid
	e.give(vm, seed("local-hostname: web-3", "three"))
	e.again(vm)
	dhcp := e.read(vm).Guest.IpAddress
	if !strings.HasPrefix(dhcp, "198.1") {
		t.Errorf("without a network config the address is %q", dhcp)
	}
	none := control.GuestState{Hostname: "web-3", InstanceID: uuid, UserData: "three", Runs: 3}
	is("without an instance-id", none, dhcp)
	e.again(vm)
	is("again without an instance-id", none, dhcp)

	e.give(vm, options("guestinfo.metadata", "", "guestinfo.userdata", ""))
	e.again(vm)
	is("without anything", none, dhcp)
}

// TestCloudInitReadsEncodings has one text in all encodings.
func TestCloudInitReadsEncodings(t *testing.T) {
	e := startGuests(t, cloudy())
	const metadata, user = `{"instance-id": 7, "local-hostname": "db-1"}`, "#!/bin/sh\necho ü"
	base := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	plain := func(text string) string { return text }
	for encoding, encode := range map[string]func(string) string{
		"": plain, "none": plain, "base64": base, "b64": base, "gzip+base64": zipped, "gz+b64": zipped,
	} {
		name := "vm-" + strings.ReplaceAll(encoding, "+", "-")
		vm, _ := e.cloneOff(name)
		extra := options("guestinfo.metadata", encode(metadata), "guestinfo.userdata", encode(user))
		if encoding != "" {
			extra = append(extra, options("guestinfo.metadata.encoding", encoding, "guestinfo.userdata.encoding", encoding)...)
		}
		e.give(vm, extra)
		e.on(vm)
		if g := e.guest(name); g.Hostname != "db-1" || g.InstanceID != "7" || g.UserData != user || g.Failure != "" {
			t.Errorf("encoding %q: %+v", encoding, g)
		}
	}
}

// TestCloudInitOfOtherGuests leaves guestinfo alone: without Tools, without cloud-init, and with a vApp config.
func TestCloudInitOfOtherGuests(t *testing.T) {
	e := startGuests(t, control.Guest{})
	for name, tt := range map[string]struct {
		guest control.Guest
		vapp  bool
		reads bool
	}{
		"no-tools":      {control.Guest{CloudInit: true}, false, false},
		"no-cloud-init": {patient, false, false},
		"vapp":          {cloudy(), true, false},
		"cloud-init":    {cloudy(), false, true},
	} {
		vm, _ := e.cloneOff(name)
		e.must(e.control.SetGuest(e.ctx, name, tt.guest))
		e.must(e.control.SetVApp(e.ctx, name, tt.vapp))
		e.give(vm, seed("local-hostname: web\nredact: [userdata]", "secret"))
		e.on(vm)
		g := e.guest(name)
		if read := g.Hostname == "web" && g.Runs == 1; read != tt.reads || g.Failure != "" {
			t.Errorf("%s: %+v", name, g)
		}
		if kept := e.option(vm, "guestinfo.userdata") == zipped("secret"); kept == tt.reads {
			t.Errorf("%s: the user data was kept: %t", name, kept)
		}
		if ip := e.read(vm).Guest.IpAddress; (ip != "") != tt.guest.Tools {
			t.Errorf("%s: address %q", name, ip)
		}
	}
}

// TestCloudInitAndVApp has clones inherit a vApp config, unless it is removed with the clone or later.
func TestCloudInitAndVApp(t *testing.T) {
	e := startGuests(t, cloudy())
	e.must(e.control.SetVApp(e.ctx, "template", true))
	remove := types.VirtualMachineConfigSpec{VAppConfigRemoved: types.NewBool(true)}
	without := func(s *types.VirtualMachineCloneSpec) { s.Config.VAppConfigRemoved = remove.VAppConfigRemoved }
	inherits, _ := e.cloneOff("inherits")
	removed, _ := e.cloneOff("removed", without)
	later, _ := e.cloneOff("later")
	e.do(later.Reconfigure(e.ctx, remove))
	for vm, reads := range map[*object.VirtualMachine]bool{inherits: false, removed: true, later: true} {
		e.give(vm, seed("local-hostname: web", ""))
		e.on(vm)
		got := e.read(vm)
		if (got.Config.VAppConfig == nil) != reads || (got.Guest.HostName == "web") != reads {
			t.Errorf("vApp config %v, hostname %q, want it read: %t", got.Config.VAppConfig, got.Guest.HostName, reads)
		}
	}
}

// TestCloudInitRedacts has the guest write over what was read, without a task, and boot again afterwards.
func TestCloudInitRedacts(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, _ := e.cloneOff("a")
	e.give(vm, seed("instance-id: i-1\nlocal-hostname: web\nredact: [userdata]", "secret"))
	tasks, err := e.control.Tasks(e.ctx)
	e.must(err)
	e.on(vm)
	if text, encoding := e.option(vm, "guestinfo.userdata"), e.option(vm, "guestinfo.userdata.encoding"); text != "---" || encoding != " " {
		t.Errorf("user data %q, encoding %q", text, encoding)
	}
	if e.option(vm, "guestinfo.metadata") == "" {
		t.Error("the metadata has gone, too")
	}
	if after, err := e.control.Tasks(e.ctx); err != nil || len(after) != len(tasks)+1 {
		t.Errorf("%d tasks, %v; the power-on is the only one", len(after)-len(tasks), err)
	}
	e.again(vm)
	if g := e.guest("a"); g.UserData != "secret" || g.Runs != 1 || g.Failure != "" {
		t.Errorf("after another boot: %+v", g)
	}
	e.give(vm, options("guestinfo.metadata", zipped("instance-id: i-2")))
	e.again(vm)
	if g := e.guest("a"); g.UserData != "" || g.Runs != 2 || g.InstanceID != "i-2" || g.Hostname != "web" {
		t.Errorf("as another instance, which has no user data any more: %+v", g)
	}
}

// TestCloneHasTheDiskOfItsSource has a copy boot that was made by hand: cloud-init has run in it already, but its network card is
// another one.
func TestCloneHasTheDiskOfItsSource(t *testing.T) {
	e := startGuests(t, cloudy())
	vm, mac := e.cloneOff("a")
	e.give(vm, seed(fmt.Sprintf(static, "i-1", "web-0", mac), "once"))
	e.on(vm)
	_, err := e.control.CloneVM(e.ctx, "a", "copy")
	e.must(err)
	e.must(e.control.PowerOn(e.ctx, "copy"))
	e.advance(boot + address)
	g := e.guest("copy")
	if g.Hostname != "web-0" || g.UserData != "once" || g.InstanceID != "i-1" || g.Runs != 0 || len(g.Cards[0].Addresses) != 0 {
		t.Errorf("the copy: %+v", g)
	}
}

// TestGuestIsToldToFail lets one boot of a guest fail, and no other.
func TestGuestIsToldToFail(t *testing.T) {
	for name, g := range map[string]control.Guest{"cloud-init": cloudy(), "any": patient} {
		e := startGuests(t, g)
		vm, _ := e.cloneOff("a")
		e.cloneOff("b")
		e.give(vm, seed("local-hostname: web", "data"))
		e.must(e.control.FailGuest(e.ctx, "a"))
		e.on(vm)
		e.advance(time.Hour)
		e.wantHealth(vm, name, booted)
		if got := e.guest("a"); got.Failure == "" || got.Hostname != "" || got.Runs != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		other := object.NewVirtualMachine(e.client.Client, e.vm("b"))
		e.on(other)
		e.wantHealth(other, name+", the other one", ready())
		e.again(vm)
		e.wantHealth(vm, name+", the next boot", ready())
		if got := e.guest("a"); got.Failure != "" || (got.Hostname == "web") != g.CloudInit {
			t.Errorf("%s, the next boot: %+v", name, got)
		}
	}
}

// TestGuestInfoAtPowerOff has keys stay that a guest has set, or vanish from guests that forget them, unless somebody has
// reconfigured them.
func TestGuestInfoAtPowerOff(t *testing.T) {
	for name, forgets := range map[string]bool{"stays": false, "vanishes": true} {
		e := startGuests(t, control.Guest{Tools: true, CloudInit: true, ForgetsInfo: forgets})
		vm, _ := e.cloneOff("a")
		e.give(vm, append(seed("redact: [userdata]", "secret"), options("guestinfo.given", "x")...))
		e.do(vm.PowerOn(e.ctx))
		for _, key := range []string{readyKey, "guestinfo.given", "guestinfo.adopted"} {
			e.must(e.control.SetGuestInfo(e.ctx, "a", key, "1"))
		}
		e.give(vm, options("guestinfo.adopted", "2"))
		e.must(vm.RebootGuest(e.ctx))
		if got := e.option(vm, readyKey); got != "1" {
			t.Errorf("%s: after a reboot the key is %q", name, got)
		}
		e.do(vm.PowerOff(e.ctx))
		want := map[string]string{readyKey: "1", "guestinfo.given": "1", "guestinfo.adopted": "2", "guestinfo.userdata": "---"}
		if forgets {
			want[readyKey] = ""
		}
		for key, value := range want {
			if got := e.option(vm, key); got != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got, value)
			}
		}
	}
}
