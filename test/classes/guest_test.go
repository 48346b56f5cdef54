package classes

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

// canary is in all user data of these tests, and must be seen nowhere but in guests.
const canary = "canary-6b1f0d"

// guests makes a world whose guests have cloud-init, with a class of two networks that static addresses may be chosen in.
func guests(t *testing.T, name string) *harness.World {
	t.Helper()
	w := harness.NewWorld(t, cluster, vcsim.Options{Inventory: "testdata/inventory.yaml", TemplateFolder: templates})
	invariants.Watch(w, invariants.Options{})
	harness.Must(t, w.VCenter.Control.SetUsualGuest(t.Context(), control.Guest{Tools: true, CloudInit: true}))
	class := class(name, name)
	class.Spec.Zones = []v1alpha1.ZoneSpec{{Name: "a", Cluster: "c1"}}
	class.Spec.Networks = []v1alpha1.ClassNetwork{
		{Name: "web", Path: "front", CIDR: "10.1.0.0/24", Gateway: "10.1.0.1", Nameservers: []string{"10.1.0.2"}}, {Name: "data", Path: "db"},
	}
	create(w, class)
	return w
}

// secret makes a Secret with user data, or replaces it.
func secret(w *harness.World, name, key, text string) {
	w.T.Helper()
	_ = w.Kube.CoreV1().Secrets(w.Namespace).Delete(w.T.Context(), name, metav1.DeleteOptions{})
	_, err := w.Kube.CoreV1().Secrets(w.Namespace).Create(w.T.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{key: []byte(text)},
	}, metav1.CreateOptions{})
	harness.Must(w.T, err)
}

// told returns what the guests of a group's VMs have made of themselves, by the names of the VMs.
func told(w *harness.World, name string) map[string]control.GuestState {
	w.T.Helper()
	vg, err := w.Get(name)
	harness.Must(w.T, err)
	states, err := w.VCenter.Control.GuestStates(w.T.Context())
	harness.Must(w.T, err)
	out := map[string]control.GuestState{}
	for _, vm := range w.VMs(vg) {
		i := slices.IndexFunc(states, func(s control.GuestState) bool { return s.MoRef == vm.MoRef })
		if i < 0 || states[i].Failure != "" || states[i].InstanceID != vm.InstanceUUID {
			w.T.Fatalf("the guest of %s is not as it was told to be: %+v", vm.Name, states)
		}
		out[vm.Name] = states[i]
	}
	return out
}

// TestGuests tells guests their hostnames, static addresses, keys and user data, before they start. A rollout gives each slot the
// address that it had, and no two VMs the same at one time. Nothing of the user data is seen anywhere else.
func TestGuests(t *testing.T) {
	w := guests(t, "guests")
	// Guests would look at a vApp config first. Invariant I16 sees to it that it is gone when they start.
	harness.Must(t, w.VCenter.Control.SetVApp(t.Context(), harness.Template, true))
	w.Verbosity = 10
	c := start(w, "guests")
	secret(w, "web-1", v1alpha1.DefaultUserDataKey, "#cloud-config\n# "+canary)
	vg := groupOf(w, "web", "guests", 3)
	vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "data"}, {Name: "web", Addresses: []string{"10.1.0.11-10.1.0.12", "10.1.0.20"}}}
	vg.Spec.Guest = &v1alpha1.GuestSpec{HostnamePrefix: "www", CloudInit: &v1alpha1.CloudInitSpec{
		UserDataSecretRef: &v1alpha1.SecretKeyReference{Name: "web-1"}, SSHAuthorizedKeys: []string{"ssh-ed25519 AAAA ops", "ssh-rsa BBBB dev"},
	}}
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyIPAddress}
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, MaxSurge: new(intstr.FromInt32(0)), MaxUnavailable: new(intstr.FromInt32(1))}
	w.Create(vg)
	w.Ready("web", 3)
	wantTold(w, "web", "#cloud-config\n# "+canary)

	secret(w, "web-2", "other", "#cloud-config\n# second "+canary)
	w.Update("web", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Guest.CloudInit.UserDataSecretRef = &v1alpha1.SecretKeyReference{Name: "web-2", Key: "other"}
	})
	w.Ready("web", 3)
	wantTold(w, "web", "#cloud-config\n# second "+canary)

	got, err := w.Get("web")
	harness.Must(t, err)
	slots := map[int32]string{0: "10.1.0.11", 1: "10.1.0.12", 2: "10.1.0.20"}
	w.Meets("web", func(vg *v1alpha1.VmGroup) error {
		for _, vm := range vg.Status.VMs {
			if want := fmt.Sprintf("www-%d", *vm.Slot); vm.Hostname != want || !slices.Contains(vm.IPs, slots[*vm.Slot]) {
				return fmt.Errorf("the status has hostname %q and addresses %q of slot %d", vm.Hostname, vm.IPs, *vm.Slot)
			}
		}
		return nil
	})
	w.Delete("web")
	w.Gone(got)
	c.Stop()
	events, err := w.Kube.CoreV1().Events(w.Namespace).List(t.Context(), metav1.ListOptions{})
	harness.Must(t, err)
	dump, err := json.Marshal(map[string]any{"log": c.Log(), "events": events, "group": got})
	if harness.Must(t, err); !strings.Contains(string(dump), "Response Body") || strings.Contains(string(dump), canary) ||
		strings.Contains(string(dump), "Y2FuYXJ5") { // the canary in base64, as Secrets have it
		t.Error("the user data show in the log, an event or the status, or the log does not have the bodies of answers")
	}
}

// wantTold checks by the simulator's own books what the guests of the group were told.
func wantTold(w *harness.World, name, userData string) {
	w.T.Helper()
	addresses := []string{"10.1.0.11/24", "10.1.0.12/24", "10.1.0.20/24"}
	for vm, got := range told(w, name) {
		var slot int
		_, err := fmt.Sscan(vm[strings.LastIndex(vm, "-")+1:], &slot)
		harness.Must(w.T, err)
		if len(got.Cards) != 2 {
			w.T.Fatalf("%s has network cards %+v", vm, got.Cards)
		}
		data, web := got.Cards[0], got.Cards[1]
		want := control.GuestCard{
			MAC: web.MAC, Static: addresses[slot : slot+1], Gateways: []string{"10.1.0.1"}, Nameservers: []string{"10.1.0.2"}, Addresses: web.Addresses,
		}
		if diff := cmp.Diff(want, web); diff != "" || !data.DHCP || len(data.Static) > 0 {
			w.T.Errorf("%s: network cards %+v (-want +got):\n%s", vm, got.Cards, diff)
		}
		if got.Hostname != fmt.Sprintf("www-%d", slot) || got.UserData != userData || len(got.PublicKeys) != 2 || got.Runs != 1 {
			w.T.Errorf("%s was told %+v", vm, got)
		}
	}
}

// TestUserData makes no VM whose user data cannot be read, says why, and makes it once they can be. A VM that was never finished is
// made anew when the spec changes.
func TestUserData(t *testing.T) {
	w := guests(t, "user-data")
	start(w, "user-data")
	vg := groupOf(w, "web", "user-data", 2)
	refer := func(name, key string) func(*v1alpha1.VmGroup) {
		return func(vg *v1alpha1.VmGroup) {
			vg.Spec.Guest = &v1alpha1.GuestSpec{CloudInit: &v1alpha1.CloudInitSpec{UserDataSecretRef: &v1alpha1.SecretKeyReference{Name: name, Key: key}}}
		}
	}
	refer("typo", "")(vg)
	w.Create(vg)
	none := func(reason string) {
		t.Helper()
		if vms := w.VMs(stalled(w, "web", reason)); len(vms) > 0 {
			t.Errorf("%s, and there are %+v", reason, vms)
		}
	}
	none(v1alpha1.ReasonUserDataNotFound)
	secret(w, "web", "one", "#cloud-config\n")
	w.Update("web", refer("web", "two"))
	none(v1alpha1.ReasonUserDataNotFound)
	large := make([]byte, 80<<10) // which do not compress
	_, err := rand.NewChaCha8([32]byte{}).Read(large)
	harness.Must(t, err)
	secret(w, "large", "one", string(large))
	w.Update("web", refer("large", "one"))
	vg = stalled(w, "web", v1alpha1.ReasonUserDataTooLarge)
	for _, vm := range w.VMs(vg) {
		if vm.PowerState != "poweredOff" {
			t.Errorf("%s is %s", vm.Name, vm.PowerState)
		}
	}
	w.Update("web", refer("web", "one"))
	w.Ready("web", 2)
	for vm, got := range told(w, "web") {
		if got.UserData != "#cloud-config\n" || got.Hostname != vm {
			t.Errorf("%s was told %+v", vm, got)
		}
	}
	w.Update("web", func(vg *v1alpha1.VmGroup) { vg.Spec.Replicas = new(int32(3)) })
	w.Ready("web", 3)
}

// TestAddresses makes no VM whose static address is wrong, and says why.
func TestAddresses(t *testing.T) {
	w := guests(t, "addresses")
	start(w, "addresses")
	for name, tt := range map[string]struct {
		network string
		ranges  []string
		reason  string
	}{
		"outside":     {"web", []string{"10.1.0.250-10.1.1.3"}, v1alpha1.ReasonAddressNotInNetwork},
		"no-cidr":     {"data", []string{"10.1.0.11-10.1.0.19"}, v1alpha1.ReasonAddressNotInNetwork},
		"gateway":     {"web", []string{"10.1.0.1-10.1.0.9"}, v1alpha1.ReasonAddressNotInNetwork},
		"broadcast":   {"web", []string{"10.1.0.250-10.1.0.255"}, v1alpha1.ReasonAddressNotInNetwork},
		"the-network": {"web", []string{"10.1.0.0", "10.1.0.11-10.1.0.19"}, v1alpha1.ReasonAddressNotInNetwork},
		"backwards":   {"web", []string{"10.1.0.19-10.1.0.11"}, v1alpha1.ReasonAddressesInvalid},
		"families":    {"web", []string{"10.1.0.11-2001:db8::1"}, v1alpha1.ReasonAddressesInvalid},
		"overlap":     {"web", []string{"10.1.0.11-10.1.0.19", "10.1.0.15"}, v1alpha1.ReasonAddressesInvalid},
		"too-few":     {"web", []string{"10.1.0.11"}, v1alpha1.ReasonAddressesExhausted},
		// With the surge of a rollout, two VMs need three.
		"surge": {"web", []string{"10.1.0.11-10.1.0.12"}, v1alpha1.ReasonAddressesExhausted},
	} {
		vg := groupOf(w, name, "addresses", 2)
		vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: tt.network, Addresses: tt.ranges}}
		vg.Spec.Guest = &v1alpha1.GuestSpec{CloudInit: &v1alpha1.CloudInitSpec{}}
		if name == "surge" {
			vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace}
		}
		w.Create(vg)
		if vms := w.VMs(stalled(w, name, tt.reason)); len(vms) > 0 {
			t.Errorf("%s: there are %+v", name, vms)
		}
	}
	w.Update("too-few", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Networks[0].Addresses = []string{"10.1.0.11", "10.1.0.13"}
	})
	w.Ready("too-few", 2)
	// The addresses change places: no VM gets one that another still has.
	w.Update("too-few", func(vg *v1alpha1.VmGroup) {
		vg.Spec.Networks[0].Addresses = []string{"10.1.0.13", "10.1.0.14"}
		vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, MaxSurge: new(intstr.FromInt32(0)), MaxUnavailable: new(intstr.FromInt32(1))}
	})
	w.Ready("too-few", 2)
	var got []string
	for _, state := range told(w, "too-few") {
		got = append(got, state.Cards[0].Static...)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"10.1.0.13/24", "10.1.0.14/24"}) {
		t.Errorf("the addresses are %q", got)
	}
}
