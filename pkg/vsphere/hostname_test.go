package vsphere_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestHostnames(t *testing.T) {
	long := strings.Repeat("n", 50) + "-" + strings.Repeat("m", 12)
	for _, tt := range []struct {
		prefix, vm string
		slot       int
		want       string
	}{
		{"web", "shop-0d1f2-7", 7, "web-7"},
		{"", "shop-0d1f2-7", 7, "shop-0d1f2-7"},
		{"", "shop.eu-0d1f2-7", 7, "shop-eu-0d1f2-7"},
		{"", long + "-0d1f2-12", 12, strings.Repeat("n", 50) + "-mmm" + "-0d1f2-12"},
		{"", strings.Repeat("n", 53) + "-m-0d1f2-123", 123, strings.Repeat("n", 53) + "-0d1f2-123"},
		{strings.Repeat("p", 57), "x", 9999, strings.Repeat("p", 57) + "-9999"},
	} {
		got := vsphere.Guest{HostnamePrefix: tt.prefix}.HostnameOf(tt.vm, tt.slot)
		if got != tt.want || len(got) > 63 {
			t.Errorf("%q %q: %q of %d, want %q", tt.prefix, tt.vm, got, len(got), tt.want)
		}
	}
}

// However it is written, a Secret does not show.
func TestSecretsDoNotShow(t *testing.T) {
	type holder struct {
		Name string
		Data vsphere.Secret
		Ref  *vsphere.Secret
	}
	secret := vsphere.NewSecret([]byte("c4n4ry"))
	h := holder{"web", secret, &secret}
	out, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	all := string(out)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, h) + fmt.Sprintf(verb, &h) + fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, &secret)
	}
	all += fmt.Sprint(vsphere.Request{Guest: &vsphere.GuestData{UserData: secret}}, secret.String())
	for _, text := range []string{"c4n4ry", "63346e347279", "YzRuNHJ5", "99 52 110"} {
		if strings.Contains(all, text) {
			t.Errorf("%q is in %s", text, all)
		}
	}
	if string(secret.Bytes()) != "c4n4ry" {
		t.Error("the contents are gone")
	}
}
