package invariants

import (
	"slices"
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

func TestGuestBreaches(t *testing.T) {
	const ours = `{"owner":"o","uid":"u","instance":"i","guest":"told"}`
	plain := control.PowerOn{Name: "plain", MoRef: "vm-1", Stamp: `{"owner":"o","uid":"u","instance":"i"}`}
	told := control.PowerOn{Name: "told", MoRef: "vm-2", Stamp: ours, Metadata: "{}"}
	early := control.PowerOn{Name: "early", MoRef: "vm-3", Stamp: ours}
	hidden := control.PowerOn{Name: "hidden", MoRef: "vm-4", Stamp: ours, Metadata: "{}", VApp: true}
	customized := control.PowerOn{Name: "customized", MoRef: "vm-7", Stamp: ours, Customization: true}
	again := control.PowerOn{Name: "customized", MoRef: "vm-7", Stamp: ours}
	got := guestBreaches([]control.PowerOn{plain, told, early, hidden, customized, again}, []control.SharedAddress{
		{Address: "192.0.2.1", Names: [2]string{"a", "b"}, MoRefs: [2]string{"vm-5", "vm-6"}},
	})
	want := []string{
		"I16: early (vm-3) was switched on before its guest could find its data",
		"I16: hidden (vm-4) was switched on before its guest could find its data",
		"I17: a (vm-5) and b (vm-6) had the address 192.0.2.1 at one moment",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
