package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// connectedTo asks for networks.
func connectedTo(names ...string) func(*Input) {
	return func(in *Input) {
		for _, name := range names {
			in.Group.Spec.Networks = append(in.Group.Spec.Networks, v1alpha1.NetworkSpec{Name: name})
		}
	}
}

// offered says which networks the class offers, and which of them each zone has.
func offered(zones map[string]string, names ...string) func(*Input) {
	return func(in *Input) {
		for _, name := range names {
			network := vsphere.Network{Name: strings.TrimSuffix(name, "!")}
			if network.Name != name {
				network.Err = &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonNetworkNotFound, Message: "gone"}
			}
			in.Snapshot.Networks = append(in.Snapshot.Networks, network)
		}
		for i := range in.Snapshot.Zones {
			in.Snapshot.Zones[i].Networks = strings.Fields(zones[in.Snapshot.Zones[i].Name])
		}
	}
}

// The numbers are those of the rules of networkError.
func TestNetworks(t *testing.T) {
	both := map[string]string{"a": "front db", "b": "front"}
	for name, tt := range map[string]struct {
		in     Input
		reason string // of the problem
		zones  string // of the clones
	}{
		"1: none":                           {input(group(2)).with(inZones("a", "b"), offered(both, "front")), "", "ab"},
		"2: without a class":                {input(group(2)).with(connectedTo("front")), v1alpha1.ReasonClassRequired, ""},
		"3: not offered":                    {input(group(2)).with(inZones("a", "b"), connectedTo("front", "dmz"), offered(both, "front", "db")), v1alpha1.ReasonNetworkNotOffered, ""},
		"4: not there":                      {input(group(2)).with(inZones("a", "b"), connectedTo("front"), offered(both, "front!")), v1alpha1.ReasonNetworkNotFound, ""},
		"5: in no zone":                     {input(group(2)).with(inZones("b"), connectedTo("db"), offered(both, "front", "db")), v1alpha1.ReasonNetworkNotFound, ""},
		"5: in a zone that is not there":    {input(group(2)).with(inZones("a!", "b"), connectedTo("db"), offered(both, "front", "db")), v1alpha1.ReasonNetworkNotFound, ""},
		"in both zones":                     {input(group(2)).with(inZones("a", "b"), connectedTo("front"), offered(both, "front", "db")), "", "ab"},
		"in one zone, and all VMs go there": {input(group(2)).with(inZones("a", "b"), connectedTo("front", "db"), offered(both, "front", "db")), "", "aa"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Compute(tt.in)
			zones := ""
			for _, r := range clonesIn(p) {
				zones += r.Clone.Place.Zone
				if r.Clone.Networks != vsphere.JoinNICs(nicsOf(tt.in.Group)) {
					t.Errorf("clone %s is connected to %q", r.Name, r.Clone.Networks)
				}
			}
			reason := ""
			if p.Problem != nil {
				reason = p.Problem.Reason
			}
			if zones != tt.zones || reason != tt.reason {
				t.Errorf("zones %q, reason %q; want %q, %q", zones, reason, tt.zones, tt.reason)
			}
		})
	}
	in := input(group(1), vm(0)).with(inZones("a", "b"), connectedTo("front", "db"), offered(both, "front", "db"))
	if p := Compute(in); len(p.Notices) != 1 || !strings.Contains(p.Notices[0].Message, `zone b takes no VMs`) || !strings.Contains(p.Notices[0].Message, "db") {
		t.Errorf("a zone that lacks a network: %+v", p.Notices)
	}
	if old := Compute(input(group(1), vm(0)).with(inZones("a"), connectedTo("front"), offered(both, "front"))); old.due.any() {
		t.Errorf("networks are asked for, and VMs are replaced without an update strategy: %+v", old.due)
	}
}

// Networks are part of the revision, and absent ones leave no trace in it.
func TestNetworksInTheRevision(t *testing.T) {
	plain, connected := SpecOf(group(1)), SpecOf(input(group(1)).with(connectedTo("front")).Group)
	if plain.Revision() == connected.Revision() {
		t.Error("networks make no difference")
	}
	if swapped := SpecOf(input(group(1)).with(connectedTo("db", "front")).Group); swapped.Revision() == SpecOf(input(group(1)).with(connectedTo("front", "db")).Group).Revision() {
		t.Error("their order makes no difference")
	}
	machine := vm(0)
	if plain.Revisions().AgeOf(&machine) != vsphere.Current || connected.Revisions().AgeOf(&machine) != vsphere.Old {
		t.Error("a VM without networks is of the age of one with")
	}
}

// The numbers are those of the rules of addressError.
func TestStaticAddresses(t *testing.T) {
	network := vsphere.Network{Name: "front", Subnet: vsphere.Subnet{
		CIDR: netip.MustParsePrefix("10.1.0.0/24"), Gateway: netip.MustParseAddr("10.1.0.1"),
	}}
	for name, tt := range map[string]struct {
		ranges []string
		spec   func(*v1alpha1.VmGroupSpec)
		noCIDR bool
		reason string
	}{
		"1: ends before it begins":     {ranges: []string{"10.1.0.9-10.1.0.5"}, reason: v1alpha1.ReasonAddressesInvalid},
		"1: two families":              {ranges: []string{"10.1.0.5-2001:db8::1"}, reason: v1alpha1.ReasonAddressesInvalid},
		"2: without a CIDR":            {ranges: []string{"10.1.0.5-10.1.0.9"}, noCIDR: true, reason: v1alpha1.ReasonAddressNotInNetwork},
		"3: outside":                   {ranges: []string{"10.1.0.5-10.1.1.1"}, reason: v1alpha1.ReasonAddressNotInNetwork},
		"3: another family":            {ranges: []string{"2001:db8::1-2001:db8::9"}, reason: v1alpha1.ReasonAddressNotInNetwork},
		"3: the network's own":         {ranges: []string{"10.1.0.0", "10.1.0.5"}, reason: v1alpha1.ReasonAddressNotInNetwork},
		"3: the broadcast's":           {ranges: []string{"10.1.0.254-10.1.0.255"}, reason: v1alpha1.ReasonAddressNotInNetwork},
		"3: the gateway's":             {ranges: []string{"10.1.0.1-10.1.0.5"}, reason: v1alpha1.ReasonAddressNotInNetwork},
		"4: twice":                     {ranges: []string{"10.1.0.5", "10.1.0.4-10.1.0.6"}, reason: v1alpha1.ReasonAddressesInvalid},
		"5: too few":                   {ranges: []string{"10.1.0.5"}, reason: v1alpha1.ReasonAddressesExhausted},
		"5: too few with the surge":    {ranges: []string{"10.1.0.5-10.1.0.6"}, spec: replacing(1, 0), reason: v1alpha1.ReasonAddressesExhausted},
		"5: enough with the surge":     {ranges: []string{"10.1.0.5-10.1.0.7"}, spec: replacing(1, 0)},
		"5: enough, in several ranges": {ranges: []string{"10.1.0.5", "10.1.0.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(group(2)).with(inZones("a"), offered(map[string]string{"a": "front"}))
			in.Snapshot.Networks = []vsphere.Network{network}
			if tt.noCIDR {
				in.Snapshot.Networks[0].CIDR = netip.Prefix{}
			}
			addressed(tt.ranges...)(&in.Group.Spec)
			toldOf("one")(&in.Group.Spec)
			if tt.spec != nil {
				tt.spec(&in.Group.Spec)
			}
			p, reason := Compute(in), ""
			if p.Problem != nil {
				reason = p.Problem.Reason
			}
			if made := len(clonesIn(p)); reason != tt.reason || (made > 0) != (tt.reason == "") {
				t.Errorf("reason %q and %d clones, want %q", reason, made, tt.reason)
			}
		})
	}
}

// subnetted says how the network of a class is addressed.
func subnetted(in *Input) {
	in.Snapshot.Networks = []vsphere.Network{{Name: "front", Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix("10.1.0.0/24")}}}
}

// TestAddressesOfOnePlan makes two VMs at once, one by the revision that the partition keeps, whose addresses were in another order.
func TestAddressesOfOnePlan(t *testing.T) {
	recorded := func(name string, number int64, ranges ...string) Revision {
		g := group(2)
		addressed(ranges...)(&g.Spec)
		return Revision{Object: name, Number: number, Name: SpecOf(g).Revision(), VMSpec: SpecOf(g), Source: "vm-old", VCenter: "vcenter-1"}
	}
	now := []string{"10.1.0.12", "10.1.0.11", "10.1.0.13"}
	early, present := recorded("web-1", 1, "10.1.0.11", "10.1.0.12"), recorded("web-2", 2, now...)
	in := input(group(2)).with(inZones("a"), offered(map[string]string{"a": "front"}), subnetted, spec(addressed(now...)), partitioned(intstr.FromInt32(1)))
	var got []string
	for _, r := range clonesIn(Compute(in.with(revisions(early, present)))) {
		networks, _ := r.Clone.NetworksOf(r.Clone.Slot)
		got = append(got, networks)
	}
	if want := []string{"front=10.1.0.11", "front=10.1.0.13"}; !slices.Equal(got, want) {
		t.Errorf("the VMs have %q, want %q", got, want)
	}
}

// TestAddressesAllTaken has a free address, and no slot that is free for it: the group says so.
func TestAddressesAllTaken(t *testing.T) {
	in := input(group(2), vm(0, template), vm(1)).with(inZones("a"), offered(map[string]string{"a": "front"}), subnetted, spec(addressed("10.1.0.11", "10.1.0.12")))
	in.Snapshot.VMs[1].Stamp.Networks = "front=10.1.0.12"
	p := Compute(in)
	if len(clonesIn(p)) > 0 || p.Problem == nil || p.Problem.Reason != v1alpha1.ReasonAddressesExhausted {
		t.Errorf("the requests are %+v, the problem %+v", p.Requests, p.Problem)
	}
}

// TestOneDefaultRoute tells a guest of one gateway for each family, that of the first network that has one.
func TestOneDefaultRoute(t *testing.T) {
	in := input(group(1))
	subnet := func(name, cidr, gateway string) vsphere.Network {
		n := vsphere.Network{Name: name, Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix(cidr)}}
		if gateway != "" {
			n.Gateway = netip.MustParseAddr(gateway)
		}
		return n
	}
	in.Snapshot.Networks = []vsphere.Network{
		subnet("none", "10.0.0.0/24", ""), subnet("front", "10.1.0.0/24", "10.1.0.1"), subnet("six", "2001:db8::/64", "2001:db8::1"),
		subnet("db", "10.2.0.0/24", "10.2.0.1"), subnet("six2", "2001:db8:1::/64", "2001:db8:1::1"),
	}
	data, why := guestDataOf(in, vsphere.Guest{CloudInit: true}, "web-0", 0, "none=10.0.0.5,front=10.1.0.5,six=2001:db8::5,db=10.2.0.5,six2=2001:db8:1::5")
	if why != "" {
		t.Fatal(why)
	}
	var got []string
	for _, card := range data.Cards {
		got = append(got, card.Address.String()+" by "+card.Gateway.String())
	}
	want := []string{
		"10.0.0.5 by invalid IP", "10.1.0.5 by 10.1.0.1", "2001:db8::5 by 2001:db8::1", "10.2.0.5 by invalid IP", "2001:db8:1::5 by invalid IP",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
