package vsphere_test

import (
	"math"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestAddressRanges(t *testing.T) {
	for text, want := range map[string]struct {
		text string // empty: it is an error
		n    int
	}{
		"10.0.0.1":                    {"10.0.0.1", 1},
		"10.0.0.1-10.0.0.1":           {"10.0.0.1", 1},
		"10.0.0.250-10.0.1.4":         {"10.0.0.250-10.0.1.4", 11},
		"2001:DB8::1-2001:db8:0::ff":  {"2001:db8::1-2001:db8::ff", 255},
		"2001:db8::-2001:db8:1::":     {"2001:db8::-2001:db8:1::", math.MaxInt32},
		"10.0.0.2-10.0.0.1":           {},
		"10.0.0.1-2001:db8::1":        {},
		"10.0.0.1-":                   {},
		"":                            {},
		"web":                         {},
		"10.0.0.0/24":                 {},
		"10.0.0.1-10.0.0.2-10.0.0.3":  {},
		"fe80::1%eth0":                {},
		"::ffff:10.0.0.1":             {},
		" 10.0.0.1":                   {},
		"010.0.0.1":                   {},
		"10.0.0.1-::ffff:10.0.0.2":    {},
		"0.0.0.0-255.255.255.255":     {"0.0.0.0-255.255.255.255", math.MaxInt32},
		"10.0.0.1-10.0.0.2147483647":  {},
		"2001:db8::1 - 2001:db8::2":   {},
		"255.255.255.255":             {"255.255.255.255", 1},
		"2001:db8::1-2001:db8::1:0:0": {"2001:db8::1-2001:db8::1:0:0", math.MaxInt32},
	} {
		got, err := vsphere.ParseAddressRange(text)
		switch {
		case (err == nil) != (want.text != ""):
			t.Errorf("%q: %v, %v", text, got, err)
		case err == nil && (got.String() != want.text || got.Len() != want.n):
			t.Errorf("%q is %s, with %d addresses; want %s, %d", text, got, got.Len(), want.text, want.n)
		}
	}
}

func TestAddressesOfSlots(t *testing.T) {
	const text = "front,db=10.2.0.254-10.2.1.0+10.2.0.7+2001:db8::ffff-2001:db8::1:1"
	nics, err := vsphere.ParseNICs(text)
	if err != nil || len(nics) != 2 || vsphere.JoinNICs(nics) != text {
		t.Fatalf("%+v, %v", nics, err)
	}
	spec := vsphere.VMSpec{Networks: text}
	for slot, want := range []string{"10.2.0.254", "10.2.0.255", "10.2.1.0", "10.2.0.7", "2001:db8::ffff", "2001:db8::1:0", "2001:db8::1:1"} {
		if got, ok := spec.NetworksOf(slot); !ok || got != "front,db="+want {
			t.Errorf("slot %d: %s, %t", slot, got, ok)
		}
	}
	if got, ok := spec.NetworksOf(7); ok || nics[1].Count() != 7 {
		t.Errorf("slot 7: %s, of %d", got, nics[1].Count())
	}
	if spec.Networks != text {
		t.Errorf("the spec has become %s", spec.Networks)
	}
	if got, ok := (vsphere.VMSpec{}).NetworksOf(3); !ok || got != "" {
		t.Errorf("without networks: %q, %t", got, ok)
	}
	for _, bad := range []string{",", "a,", "=10.0.0.1", "a=", "a=10.0.0.1-10.0.0.1", "a=2001:DB8::1", "a=x", "a=10.0.0.1+"} {
		if nics, err := vsphere.ParseNICs(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, nics)
		}
	}
}

func TestOverlaps(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", true},
		{"10.0.0.1-10.0.0.5", "10.0.0.6", false},
		{"10.0.0.1-10.0.0.9", "10.0.0.4", true},
		{"10.0.0.1", "::a00:1", false},
	} {
		a, errA := vsphere.ParseAddressRange(tt.a)
		b, errB := vsphere.ParseAddressRange(tt.b)
		if errA != nil || errB != nil || a.Overlaps(b) != tt.want || b.Overlaps(a) != tt.want {
			t.Errorf("%s and %s: %t, %v, %v", tt.a, tt.b, a.Overlaps(b), errA, errB)
		}
	}
}
