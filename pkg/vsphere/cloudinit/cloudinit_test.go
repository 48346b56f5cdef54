package cloudinit_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/cloudinit"
)

// decoded returns the values by their keys, as a guest reads them.
func decoded(t *testing.T, values []cloudinit.Value) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, v := range values {
		out[v.Key] = v.Value
	}
	for _, key := range []string{cloudinit.Metadata, cloudinit.UserData} {
		if out[key] == "" {
			continue
		}
		zipped, err := base64.StdEncoding.DecodeString(out[key])
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[key] = string(text)
	}
	return out
}

func TestValues(t *testing.T) {
	const encoding = "gzip+base64"
	least := cloudinit.Data{Instance: "i-1", Hostname: "web-0", Namespace: "shop", Group: "web"}
	all := least
	all.SSHKeys, all.UserData, all.Slot = []string{"k1", "k2"}, vsphere.NewSecret([]byte("#cloud-config\n")), 3
	all.Cards = []cloudinit.Card{
		{MAC: "00:50:56:80:00:01", Address: netip.MustParseAddr("10.1.0.11"), Subnet: vsphere.Subnet{
			CIDR: netip.MustParsePrefix("10.1.0.0/24"), Gateway: netip.MustParseAddr("10.1.0.1"), Nameservers: []netip.Addr{netip.MustParseAddr("10.1.0.2")},
		}},
		{MAC: "00:50:56:80:00:02"},
		{MAC: "00:50:56:80:00:03", Address: netip.MustParseAddr("2001:db8::11"), Subnet: vsphere.Subnet{
			CIDR: netip.MustParsePrefix("2001:db8::/64"), Gateway: netip.MustParseAddr("2001:db8::1"),
		}},
		{MAC: "00:50:56:80:00:04", Address: netip.MustParseAddr("10.2.0.11"), Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix("10.2.0.0/16")}},
	}
	for name, tt := range map[string]struct {
		data cloudinit.Data
		want map[string]string
	}{
		// What a template has left is taken away.
		"the least": {least, map[string]string{
			cloudinit.Metadata:         `{"instance-id":"i-1","local-hostname":"web-0","redact":["userdata"],"vmgroup":{"name":"web","namespace":"shop","slot":0}}`,
			cloudinit.MetadataEncoding: encoding, cloudinit.UserData: "", cloudinit.UserDataEncoding: "", cloudinit.VendorData: "",
		}},
		"all": {all, map[string]string{
			cloudinit.Metadata: `{"instance-id":"i-1","local-hostname":"web-0","public-keys":["k1","k2"],"network":{"version":2,"ethernets":{` +
				`"eth0":{"match":{"macaddress":"00:50:56:80:00:01"},"set-name":"eth0","dhcp4":false,"addresses":["10.1.0.11/24"],"routes":[{"to":"0.0.0.0/0","via":"10.1.0.1"}],"nameservers":{"addresses":["10.1.0.2"]}},` +
				`"eth1":{"match":{"macaddress":"00:50:56:80:00:02"},"set-name":"eth1","dhcp4":true},` +
				`"eth2":{"match":{"macaddress":"00:50:56:80:00:03"},"set-name":"eth2","dhcp4":false,"addresses":["2001:db8::11/64"],"routes":[{"to":"::/0","via":"2001:db8::1"}]},` +
				`"eth3":{"match":{"macaddress":"00:50:56:80:00:04"},"set-name":"eth3","dhcp4":false,"addresses":["10.2.0.11/16"]}}},` +
				`"redact":["userdata"],"vmgroup":{"name":"web","namespace":"shop","slot":3}}`,
			cloudinit.MetadataEncoding: encoding, cloudinit.UserData: "#cloud-config\n", cloudinit.UserDataEncoding: encoding, cloudinit.VendorData: "",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := cloudinit.Values(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, decoded(t, values)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is too large for a guest is refused, and the error does not show it.
func TestTooLarge(t *testing.T) {
	noise := make([]byte, 60<<10) // does not compress
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(noise)
	for name, data := range map[string]cloudinit.Data{
		"user data": {UserData: vsphere.NewSecret(noise)},
		"SSH keys":  {SSHKeys: []string{key}},
	} {
		_, err := cloudinit.Values(data)
		e, ok := errors.AsType[*vsphere.Error](err)
		if !ok || e.Class != vsphere.ClassInvalid || e.Reason != v1alpha1.ReasonUserDataTooLarge || len(e.Error()) > 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cloudinit.Values(cloudinit.Data{UserData: vsphere.NewSecret([]byte(strings.Repeat("large, and all the same\n", 100_000)))}); err != nil {
		t.Errorf("what compresses well: %v", err)
	}
}
