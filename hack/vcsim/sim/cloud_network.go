package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// network is how a guest sets up its network cards, by MAC address in small letters. Cards that are not in it get no address. A
// nil network asks for addresses by DHCP on all.
type network map[string]cardSetup

// cardSetup is how a guest sets up one network card.
type cardSetup struct {
	dhcp4, dhcp6 bool
	static       []netip.Prefix
	gateways     []netip.Addr
	nameservers  []string
}

// byDHCP is the setup of a card that nobody has said anything about.
var byDHCP = cardSetup{dhcp4: true}

func (n network) of(mac string) cardSetup {
	if n == nil {
		return byDHCP
	}
	return n[strings.ToLower(mac)]
}

// netplan is version 2 of cloud-init's network config, as far as ethernets go. As in netplan, any other key is a mistake.
type netplan struct {
	Version   int                 `json:"version"`
	Renderer  string              `json:"renderer"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

// ethernet is one network card, or several. The keys without a type of their own make no difference here.
type ethernet struct {
	Match struct {
		MAC    string `json:"macaddress"`
		Name   any    `json:"name"`
		Driver any    `json:"driver"`
	} `json:"match"`
	DHCP4       bool     `json:"dhcp4"`
	DHCP6       bool     `json:"dhcp6"`
	Addresses   []string `json:"addresses"`
	Gateway4    string   `json:"gateway4"`
	Gateway6    string   `json:"gateway6"`
	Routes      []route  `json:"routes"`
	Nameservers struct {
		Search    []string `json:"search"`
		Addresses []string `json:"addresses"`
	} `json:"nameservers"`

	SetName        any `json:"set-name"`
	WakeOnLAN      any `json:"wakeonlan"`
	MTU            any `json:"mtu"`
	Optional       any `json:"optional"`
	AcceptRA       any `json:"accept-ra"`
	LinkLocal      any `json:"link-local"`
	DHCPIdentifier any `json:"dhcp-identifier"`
	DHCP4Overrides any `json:"dhcp4-overrides"`
	DHCP6Overrides any `json:"dhcp6-overrides"`
	Critical       any `json:"critical"`
}

type route struct {
	To     string `json:"to"`
	Via    string `json:"via"`
	Metric any    `json:"metric"`
	OnLink bool   `json:"on-link"`
}

// readNetwork reads the network of metadata: an object, or one as text, which may be encoded.
func readNetwork(raw json.RawMessage, encoding string) (network, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	text := string(raw)
	if json.Unmarshal(raw, &text) == nil {
		var err error
		if text, err = decodeGuestData(text, encoding); err != nil {
			return nil, err
		}
	}
	var plan netplan
	if err := yaml.UnmarshalStrict([]byte(text), &plan); err != nil {
		return nil, err
	}
	if plan.Version != 2 {
		return nil, fmt.Errorf("version %d is not known here, but version 2", plan.Version)
	}
	out := network{}
	for _, name := range slices.Sorted(maps.Keys(plan.Ethernets)) {
		if err := out.add(plan.Ethernets[name]); err != nil {
			return nil, fmt.Errorf("ethernets.%s: %w", name, err)
		}
	}
	return out, nil
}

// add sets up the network card that an ethernet matches. One that does not go by a MAC address matches none: the names of
// network cards are not simulated.
func (n network) add(e ethernet) error {
	setup, err := e.setup()
	if err != nil || e.Match.MAC == "" {
		return err
	}
	mac, err := net.ParseMAC(e.Match.MAC)
	if err != nil {
		return err
	}
	if _, ok := n[mac.String()]; ok {
		return errors.New("another one matches the same network card")
	}
	n[mac.String()] = setup
	return nil
}

func (e ethernet) setup() (cardSetup, error) {
	out := cardSetup{dhcp4: e.DHCP4, dhcp6: e.DHCP6, nameservers: e.Nameservers.Addresses}
	for _, text := range e.Addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return out, err
		}
		out.static = append(out.static, prefix)
	}
	for _, text := range e.Nameservers.Addresses {
		if _, err := netip.ParseAddr(text); err != nil {
			return out, err
		}
	}
	routes := slices.Clone(e.Routes)
	for _, via := range []string{e.Gateway4, e.Gateway6} {
		if via != "" {
			routes = append(routes, route{To: "default", Via: via})
		}
	}
	for _, r := range routes {
		if err := out.addRoute(r); err != nil {
			return out, err
		}
	}
	return out, nil
}

// addRoute checks a route and keeps a default one. A gateway that no address of the card reaches cannot be used.
func (c *cardSetup) addRoute(r route) error {
	via, err := netip.ParseAddr(r.Via)
	if err != nil {
		return err
	}
	dynamic := via.Is4() && c.dhcp4 || via.Is6() && c.dhcp6
	reached := slices.ContainsFunc(c.static, func(p netip.Prefix) bool { return p.Contains(via) })
	if !reached && !dynamic && !r.OnLink && !via.IsLinkLocalUnicast() {
		return fmt.Errorf("no address reaches the gateway %s", via)
	}
	if r.To == "default" {
		c.gateways = append(c.gateways, via)
		return nil
	}
	to, err := netip.ParsePrefix(r.To)
	if err == nil && to.Bits() == 0 {
		c.gateways = append(c.gateways, via)
	}
	return err
}
