// Package cloudinit writes what cloud-init reads in a guest: the keys below guestinfo. of a VM's ExtraConfig, as cloud-init's VMware
// datasource documents them. It is pure.
package cloudinit

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// MaxValue is the most bytes of one value that a guest can read: VMware Tools' messages are not longer (GUESTMSG_MAX_IN_SIZE in
// open-vm-tools). The value is compressed and encoded by then.
const MaxValue = 64 << 10

// The keys. All of them are written each time: what a template has left there is not the VM's.
const (
	Metadata         = "guestinfo.metadata"
	MetadataEncoding = "guestinfo.metadata.encoding"
	UserData         = "guestinfo.userdata"
	UserDataEncoding = "guestinfo.userdata.encoding"
	VendorData       = "guestinfo.vendordata"
)

// Data is what one guest is told of itself.
type Data struct {
	// Instance is the instance-id: cloud-init runs once for each. Hostname is a label of DNS.
	Instance, Hostname string
	// Cards are the network cards, in order. If there are none, cloud-init asks for addresses by DHCP, as it does unless told.
	Cards   []Card
	SSHKeys []string
	// UserData is handed on as it is; nil if there is none.
	UserData vsphere.Secret
	// Group and Slot are for user data that are a template of cloud-init's: {{ ds.meta_data.vmgroup.slot }}.
	Namespace, Group string
	Slot             int
}

// Card is one network card.
type Card struct {
	MAC     string
	Address netip.Addr // static; zero: DHCP
	vsphere.Subnet
}

type metadata struct {
	Instance string   `json:"instance-id"`
	Hostname string   `json:"local-hostname"`
	SSHKeys  []string `json:"public-keys,omitempty"`
	Network  *netplan `json:"network,omitempty"`
	// Redact has cloud-init write over the user data once it has read them: nobody else finds them in the VM's configuration.
	Redact  []string `json:"redact"`
	VMGroup member   `json:"vmgroup"`
}

type member struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Slot      int    `json:"slot"`
}

// netplan is version 2 of cloud-init's network config.
type netplan struct {
	Version   int                 `json:"version"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

type ethernet struct {
	Match       match        `json:"match"`
	SetName     string       `json:"set-name"`
	DHCP4       bool         `json:"dhcp4"`
	Addresses   []string     `json:"addresses,omitempty"`
	Routes      []route      `json:"routes,omitempty"`
	Nameservers *nameservers `json:"nameservers,omitempty"`
}

type match struct {
	MAC string `json:"macaddress"`
}

type route struct {
	To  string `json:"to"`
	Via string `json:"via"`
}

type nameservers struct {
	Addresses []netip.Addr `json:"addresses"`
}

// Value is one key of ExtraConfig and its value. An empty value takes the key away.
type Value struct{ Key, Value string }

// Values returns what tells a guest its data. It fails with ClassInvalid and ReasonUserDataTooLarge if that is more than a guest can
// read. The error holds nothing of the data.
func Values(d Data) ([]Value, error) {
	meta, err := json.Marshal(metadata{
		Instance: d.Instance, Hostname: d.Hostname, SSHKeys: d.SSHKeys, Network: networkOf(d.Cards),
		Redact: []string{"userdata"}, VMGroup: member{d.Group, d.Namespace, d.Slot},
	})
	if err != nil { // unreachable: texts and numbers always marshal
		return nil, fmt.Errorf("marshal metadata: %w", err)
	}
	values := []Value{{Key: VendorData}}
	for _, one := range []struct {
		key, encodingKey, what string
		data                   []byte
	}{
		{Metadata, MetadataEncoding, "The metadata, with spec.guest.cloudInit.sshAuthorizedKeys, have", meta},
		{UserData, UserDataEncoding, "The user data have", d.UserData.Bytes()},
	} {
		text, encoding, err := encode(one.data)
		if err != nil {
			return nil, err
		}
		if len(text) > MaxValue {
			return nil, &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonUserDataTooLarge, Message: fmt.Sprintf(
				"%s %d bytes, compressed and encoded, and a guest can read %d at most: let the guest fetch what is large from elsewhere.",
				one.what, len(text), MaxValue)}
		}
		values = append(values, Value{one.key, text}, Value{one.encodingKey, encoding})
	}
	return values, nil
}

// networkOf returns how a guest sets up its network cards, nil if it is told nothing of them. A card goes by its MAC address, and
// gets a name of its own, because not every distribution can do without. The default route goes by its prefix: not every version of
// cloud-init knows the word.
func networkOf(cards []Card) *netplan {
	if len(cards) == 0 {
		return nil
	}
	plan := &netplan{Version: 2, Ethernets: map[string]ethernet{}}
	for i, card := range cards {
		name := "eth" + strconv.Itoa(i)
		e := ethernet{Match: match{card.MAC}, SetName: name, DHCP4: !card.Address.IsValid()}
		if card.Address.IsValid() {
			e.Addresses = []string{netip.PrefixFrom(card.Address, card.CIDR.Bits()).String()}
			if card.Gateway.IsValid() {
				to := "0.0.0.0/0"
				if card.Gateway.Is6() {
					to = "::/0"
				}
				e.Routes = []route{{to, card.Gateway.String()}}
			}
			if len(card.Nameservers) > 0 {
				e.Nameservers = &nameservers{card.Nameservers}
			}
		}
		plan.Ethernets[name] = e
	}
	return plan
}

// encode returns data as the guest reads them, and the name of the encoding; both are empty for no data.
func encode(data []byte) (text, encoding string, err error) {
	if len(data) == 0 {
		return "", "", nil
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil { // unreachable: a buffer takes all
		return "", "", fmt.Errorf("compress: %w", err)
	}
	return base64.StdEncoding.EncodeToString(zipped.Bytes()), "gzip+base64", nil
}
