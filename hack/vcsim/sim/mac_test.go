package sim_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// cards is the network cards of a virtual machine.
func (e *env) cards(ref types.ManagedObjectReference) []*types.VirtualEthernetCard {
	e.t.Helper()
	devices, err := object.NewVirtualMachine(e.client.Client, ref).Device(e.ctx)
	e.must(err)
	var cards []*types.VirtualEthernetCard
	for _, d := range devices.SelectByType((*types.VirtualEthernetCard)(nil)) {
		cards = append(cards, d.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard())
	}
	return cards
}

// mac is the MAC address of a virtual machine's only network card.
func (e *env) mac(ref types.ManagedObjectReference) string {
	e.t.Helper()
	cards := e.cards(ref)
	if len(cards) != 1 {
		e.t.Fatalf("%s has %d network cards, want 1", ref.Value, len(cards))
	}
	return cards[0].MacAddress
}

// edited has a clone change its network card.
func (e *env) edited(change func(*types.VirtualEthernetCard)) option {
	e.t.Helper()
	card := *e.cards(e.template)[0]
	change(&card)
	return func(s *types.VirtualMachineCloneSpec) {
		s.Location.DeviceChange = append(s.Location.DeviceChange, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationEdit,
			Device:    &types.VirtualE1000{VirtualEthernetCard: card},
		})
	}
}

func TestClonesHaveMACsOfTheirOwn(t *testing.T) {
	e := start(t, sim.Options{})
	e.clone("a")
	_, err := e.control.CloneVM(e.ctx, "a", "copy")
	e.must(err)
	seen := map[string]string{e.mac(e.template): "template"}
	for name, ref := range map[string]types.ManagedObjectReference{
		"a": e.vm("a"), "b": e.clone("b"), "copy": e.vm("copy"),
		"edited, no MAC": e.clone("c", e.edited(func(c *types.VirtualEthernetCard) { c.MacAddress = "" })),
		"edited, the template's MAC": e.clone("d", e.edited(func(c *types.VirtualEthernetCard) {
			c.MacAddress = strings.ToUpper(c.MacAddress)
		})),
	} {
		mac := e.mac(ref)
		if other, ok := seen[mac]; ok {
			t.Errorf("%s has the MAC address %s of %s", name, mac, other)
		}
		if !strings.HasPrefix(mac, "00:50:56:8") {
			t.Errorf("the MAC address %s of %s is none of vCenter's", mac, name)
		}
		seen[mac] = name
	}
}

func TestCloneWithTheMACThatItsRequestNames(t *testing.T) {
	e := start(t, sim.Options{})
	const mac = "00:50:56:00:00:07"
	if got := e.mac(e.clone("a", e.edited(func(c *types.VirtualEthernetCard) { c.MacAddress = mac }))); got != mac {
		t.Errorf("the clone has the MAC address %s, want %s", got, mac)
	}
	byHand := e.edited(func(c *types.VirtualEthernetCard) { c.AddressType = string(types.VirtualEthernetCardMacTypeManual) })
	if got, want := e.mac(e.clone("b", byHand)), e.mac(e.template); got != want {
		t.Errorf("the clone has the MAC address %s, want the template's %s, which was set by hand", got, want)
	}
}
