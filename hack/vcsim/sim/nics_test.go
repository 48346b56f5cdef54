package sim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const (
	addCard    = types.VirtualDeviceConfigSpecOperationAdd
	editCard   = types.VirtualDeviceConfigSpecOperationEdit
	removeCard = types.VirtualDeviceConfigSpecOperationRemove
)

// backingOn is the backing of a card on a network, as govmomi makes it for whatever kind the network is.
func (e *env) backingOn(network string) types.BaseVirtualDeviceBackingInfo {
	e.t.Helper()
	n, err := e.finder().Network(e.ctx, network)
	e.must(err)
	backing, err := n.EthernetCardBackingInfo(e.ctx)
	e.must(err)
	return backing
}

// card is a change of a network card: of the template's, which has the key 4000, or of a new one.
func card(op types.VirtualDeviceConfigSpecOperation, key int32, backing types.BaseVirtualDeviceBackingInfo) *types.VirtualDeviceConfigSpec {
	nic := new(types.VirtualE1000)
	nic.Key, nic.Backing = key, backing
	return &types.VirtualDeviceConfigSpec{Operation: op, Device: nic}
}

// located has a clone change devices by its location, and configured by its config.
func located(changes ...types.BaseVirtualDeviceConfigSpec) option {
	return func(s *types.VirtualMachineCloneSpec) {
		s.Location.DeviceChange = append(s.Location.DeviceChange, changes...)
	}
}

func configured(changes ...types.BaseVirtualDeviceConfigSpec) option {
	return func(s *types.VirtualMachineCloneSpec) {
		s.Config.DeviceChange = append(s.Config.DeviceChange, changes...)
	}
}

// c1 and c2 have a clone go to one of the clusters of the example inventory.
func (e *env) c1() option { return e.in("/DC0/host/c1/Resources", "shared") }

func (e *env) c2() option {
	in, host := e.in("/DC0/host/c2/Resources", "shared"), onHost(e.hostOf("c2"))
	return func(s *types.VirtualMachineCloneSpec) { in(s); host(s) }
}

// TestCloneChangesCards changes network cards of clones, and looks at the truth and at what clients read.
func TestCloneChangesCards(t *testing.T) {
	e := zones(t, sim.Options{})
	on := e.backingOn
	for name, tt := range map[string]struct {
		options []option
		want    []string // networks of the cards
	}{
		"as-it-is":     {[]option{e.c1()}, []string{"front"}},
		"edit":         {[]option{e.c1(), located(card(editCard, 4000, on("db")))}, []string{"db"}},
		"standard":     {[]option{e.c1(), configured(card(editCard, 4000, on("VM Network")))}, []string{"VM Network"}},
		"opaque":       {[]option{e.c2(), located(card(editCard, 4000, on("segment")))}, []string{"segment"}},
		"add":          {[]option{e.c1(), configured(card(addCard, -1, on("db")))}, []string{"front", "db"}},
		"add-two":      {[]option{e.c1(), located(card(addCard, -1, on("db")), card(addCard, -2, on("db")))}, []string{"front", "db", "db"}},
		"add-opaque":   {[]option{e.c2(), located(card(addCard, -1, on("segment")))}, []string{"front", "segment"}},
		"remove":       {[]option{e.c1(), located(card(removeCard, 4000, nil))}, nil},
		"edit-and-add": {[]option{e.c2(), located(card(editCard, 4000, on("db"))), configured(card(addCard, -1, on("front")))}, []string{"db", "front"}},
		"edit-nothing": {[]option{e.c1(), located(card(editCard, 4000, nil))}, []string{"front"}},
		"replace":      {[]option{e.c1(), located(card(removeCard, 4000, nil), card(addCard, -1, on("VM Network")))}, []string{"VM Network"}},
	} {
		ref := e.clone(name, append(tt.options, func(s *types.VirtualMachineCloneSpec) { s.PowerOn = true })...)
		if diff := cmp.Diff(tt.want, e.truth(name).Networks()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		e.connected(name, ref, tt.want)
	}
	seen := map[string]string{}
	vms, err := e.control.VMs(e.ctx)
	e.must(err)
	for _, vm := range vms {
		for _, nic := range vm.NICs {
			if other, ok := seen[nic.MAC]; ok || nic.MAC == "" {
				t.Errorf("%s and %s have the MAC address %q", vm.Name, other, nic.MAC)
			}
			seen[nic.MAC] = vm.Name
			if vm.Name != "ubuntu" && !strings.HasPrefix(nic.MAC, "00:50:56:8") {
				t.Errorf("the MAC address %s of %s is none of vCenter's", nic.MAC, vm.Name)
			}
			if nic.Connected != (vm.Name != "ubuntu") {
				t.Errorf("%s: card %d is connected: %t", vm.Name, nic.Key, nic.Connected)
			}
		}
	}
}

// connected compares what a client reads of a virtual machine's networks with the networks of its cards.
func (e *env) connected(name string, ref types.ManagedObjectReference, want []string) {
	e.t.Helper()
	var got mo.VirtualMachine
	e.must(object.NewVirtualMachine(e.client.Client, ref).Properties(e.ctx, ref, []string{"network", "guest.net", "config.hardware"}, &got))
	var inGuest []string
	for i, nic := range got.Guest.Net {
		inGuest = append(inGuest, nic.Network)
		if nic.DeviceConfigId != e.cards(ref)[i].Key || nic.MacAddress != e.cards(ref)[i].MacAddress {
			e.t.Errorf("%s: the guest's card %+v is none of its cards", name, nic)
		}
	}
	once := slices.Compact(slices.Sorted(slices.Values(want)))
	if diff := cmp.Diff([][]string{want, once}, [][]string{inGuest, e.names(got.Network)}); diff != "" && len(want) > 0 {
		e.t.Errorf("%s: what a client reads: %s", name, diff)
	}
	for _, c := range e.cards(ref) {
		if opaque, ok := c.Backing.(*types.VirtualEthernetCardOpaqueNetworkBackingInfo); ok && opaque.OpaqueNetworkType != "nsx.LogicalSwitch" {
			e.t.Errorf("%s: the type of its opaque network is %q", name, opaque.OpaqueNetworkType)
		}
	}
}

// port is the backing on a distributed port group, changed.
func (e *env) port(change func(*types.DistributedVirtualSwitchPortConnection)) types.BaseVirtualDeviceBackingInfo {
	e.t.Helper()
	backing := e.backingOn("front").(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo)
	change(&backing.Port)
	return backing
}

// TestCloneRefusesCards asks for network cards that cannot be. Nothing is made.
func TestCloneRefusesCards(t *testing.T) {
	e := zones(t, sim.Options{})
	nowhere := new(types.VirtualEthernetCardNetworkBackingInfo)
	nowhere.DeviceName = "nowhere"
	group := new(types.VirtualEthernetCardNetworkBackingInfo)
	group.DeviceName = "front"
	opaque := &types.VirtualEthernetCardOpaqueNetworkBackingInfo{OpaqueNetworkId: "none", OpaqueNetworkType: "nsx.LogicalSwitch"}
	vmxnet := &types.VirtualDeviceConfigSpec{Operation: editCard, Device: &types.VirtualVmxnet3{}}
	vmxnet.Device.GetVirtualDevice().Key = 4000
	second := card(addCard, -1, e.backingOn("db"))
	second.Device.GetVirtualDevice().UnitNumber, second.Device.GetVirtualDevice().ControllerKey = types.NewInt32(7), 100
	var eleven []types.BaseVirtualDeviceConfigSpec
	for i := range int32(10) {
		eleven = append(eleven, card(addCard, -1-i, e.backingOn("db")))
	}
	for name, tt := range map[string]struct {
		fault   string
		cluster option
		changes []types.BaseVirtualDeviceConfigSpec
	}{
		"edit, no such card":            {"InvalidDeviceSpec", e.c1(), cardList(card(editCard, 4001, e.backingOn("db")))},
		"edit of a disk's key":          {"InvalidDeviceSpec", e.c1(), cardList(card(editCard, e.truth("ubuntu").Disks[0], nil))},
		"edit of the type":              {"InvalidDeviceSpec", e.c1(), cardList(vmxnet)},
		"remove, no such card":          {"InvalidDeviceSpec", e.c1(), cardList(card(removeCard, 4001, nil))},
		"removed twice":                 {"InvalidDeviceSpec", e.c1(), cardList(card(removeCard, 4000, nil), card(removeCard, 4000, nil))},
		"unit taken":                    {"InvalidDeviceSpec", e.c1(), cardList(second)},
		"an eleventh":                   {"TooManyDevices", e.c1(), eleven},
		"add without a backing":         {"InvalidDeviceBacking", e.c1(), cardList(card(addCard, -1, nil))},
		"no such network":               {"InvalidDeviceBacking", e.c1(), cardList(card(editCard, 4000, nowhere))},
		"a port group taken for a name": {"InvalidDeviceBacking", e.c1(), cardList(card(editCard, 4000, group))},
		"no such opaque network":        {"InvalidDeviceBacking", e.c2(), cardList(card(editCard, 4000, opaque))},
		"no such port group": {"InvalidDeviceBacking", e.c1(), cardList(card(editCard, 4000,
			e.port(func(p *types.DistributedVirtualSwitchPortConnection) { p.PortgroupKey = "dvportgroup-0" })))},
		"another switch": {"InvalidDeviceBacking", e.c1(), cardList(card(editCard, 4000,
			e.port(func(p *types.DistributedVirtualSwitchPortConnection) { p.SwitchUuid = "50 00" })))},
		"not on the host":         {"InvalidDeviceBacking", e.c2(), cardList(card(editCard, 4000, e.backingOn("VM Network")))},
		"opaque, not on the host": {"InvalidDeviceBacking", e.c1(), cardList(card(addCard, -1, e.backingOn("segment")))},
	} {
		t.Run(name, func(t *testing.T) {
			for _, where := range []func(...types.BaseVirtualDeviceConfigSpec) option{located, configured} {
				if got := faultType(e.cloneError("refused", tt.cluster, where(tt.changes...))); got != tt.fault {
					t.Errorf("fault %s, want %s", got, tt.fault)
				}
				if n := e.count("refused"); n != 0 {
					t.Errorf("%d virtual machines were left", n)
				}
			}
		})
	}
	// The index is that of the change.
	fault := wantFault[*types.InvalidDeviceSpec](t, e.cloneError("refused", e.c1(), located(
		card(editCard, 4000, e.backingOn("db")), card(editCard, 4001, nil))))
	if fault.DeviceIndex != 1 {
		t.Errorf("fault %+v", fault)
	}
}

func cardList(changes ...types.BaseVirtualDeviceConfigSpec) []types.BaseVirtualDeviceConfigSpec {
	return changes
}

// apart is an inventory of two clusters that share a datastore and no network.
func apart() *sim.Inventory {
	return &sim.Inventory{
		Clusters: []sim.Cluster{
			{Name: "c1", Datastores: []string{"shared", "one"}, Networks: []string{"front", "std"}},
			{Name: "c2", Datastores: []string{"shared", "two"}, Networks: []string{"other"}},
		},
		Datastores: []string{"shared", "one", "two"},
		Networks:   []sim.Network{{Name: "front", Kind: sim.DistributedNetwork, Switch: "dvs"}, {Name: "std"}, {Name: "other"}},
		Templates: []sim.Template{
			{Name: "t", Folder: "templates/linux", Networks: []string{"front", "std"}, Snapshots: []string{"base"}},
			{Name: "local", Folder: "templates/linux", Datastore: "one", Networks: []string{"front"}, Snapshots: []string{"base"}},
		},
	}
}

// TestCloneAwayFromItsNetworks clones to where the template's networks are not.
func TestCloneAwayFromItsNetworks(t *testing.T) {
	e := startIn(t, sim.Options{Inventory: apart()}, "t")
	front, std, other := e.backingOn("front"), e.backingOn("std"), e.backingOn("other")
	fault := wantFault[*types.CannotAccessNetwork](t, e.cloneError("a", e.c2()))
	if fault.Network == nil || e.names([]types.ManagedObjectReference{*fault.Network})[0] != "front" {
		t.Errorf("fault %+v", fault)
	}
	wantFault[*types.CannotAccessNetwork](t, e.cloneError("a", e.c2(), located(card(editCard, 4000, other))))
	member := wantFault[*types.InvalidArgument](t, e.cloneError("a", e.c2(), located(card(editCard, 4000, front))))
	if member.InvalidProperty != "spec.deviceChange.device.port.switchUuid" {
		t.Errorf("fault %+v", member)
	}
	wantFault[*types.InvalidDeviceBacking](t, e.cloneError("a", e.c2(), located(card(editCard, 4000, other), card(editCard, 4001, std))))
	if n := e.count("a"); n != 0 {
		t.Errorf("%d virtual machines were left", n)
	}
	e.clone("a", e.c2(), located(card(editCard, 4000, other), card(removeCard, 4001, nil)))
	if got := e.truth("a").Networks(); !slices.Equal(got, []string{"other"}) {
		t.Errorf("it is on %q", got)
	}
}

// TestReconfigureCards has a virtual machine that is there change its cards by the same rules.
func TestReconfigureCards(t *testing.T) {
	e := zones(t, sim.Options{})
	vm := object.NewVirtualMachine(e.client.Client, e.clone("a", e.c2()))
	reconfigure := func(changes ...types.BaseVirtualDeviceConfigSpec) error {
		return e.reconfigure(vm, types.VirtualMachineConfigSpec{DeviceChange: changes})
	}
	wantFault[*types.InvalidDeviceBacking](t, reconfigure(card(editCard, 4000, e.backingOn("VM Network"))))
	wantFault[*types.InvalidDeviceSpec](t, reconfigure(card(removeCard, 4001, nil)))
	e.connected("refused", vm.Reference(), []string{"front"})
	mac := e.truth("a").NICs[0].MAC
	e.must(reconfigure(card(editCard, 4000, e.backingOn("segment")), card(addCard, -1, e.backingOn("db"))))
	if got := e.truth("a").NICs[0]; got.Key != 4000 || got.MAC != mac {
		t.Errorf("an edit that says nothing of the MAC address %s makes %+v of the card", mac, got)
	}
	e.connected("edited", vm.Reference(), []string{"segment", "db"})
	e.must(reconfigure(card(removeCard, 4000, nil)))
	e.connected("removed", vm.Reference(), []string{"db"})
}
