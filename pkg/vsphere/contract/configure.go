package contract

import (
	"net/netip"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// toldData is what guests are told in these scenarios, apart from their network cards.
var toldData = vsphere.GuestData{
	Hostname: "web-7", SSHKeys: []string{"ssh-ed25519 AAAA ops"}, Secret: "web", Key: "user-data", UserData: vsphere.NewSecret([]byte("#cloud-config\n{}")),
}

var configureScenarios = []scenario{
	{name: "a guest is told of itself, and its VM is switched on after that alone", run: func(f *fixture) {
		vm := f.madeUntold(0)
		for _, kind := range []vsphere.OperationKind{vsphere.OperationPowerOn, vsphere.OperationReset} {
			err := f.ask(kind, vm.Ref)
			f.mustBe(vsphere.ClassConflict, err)
			f.wantReason(vsphere.ReasonChangedMeanwhile, err)
		}
		f.tells(vm, toldData)
		f.turnsOn(vm.Ref)
		want := GuestTruth{Hostname: "web-7", UserData: "#cloud-config\n{}", SSHKeys: toldData.SSHKeys, Addresses: []string{""}}
		if diff := cmp.Diff(want, f.GuestOf(vm.Ref)); diff != "" {
			f.t.Errorf("the guest (-want +got):\n%s", diff)
		}
	}},
	{name: "each network card gets the address that is its own", run: func(f *fixture) {
		f.Client().SetClasses([]vsphere.ClassSpec{{
			Name: gold, TemplateFolder: goldFolder, Zones: []vsphere.ZoneSpec{f.zone("a", 0)},
			Networks: []vsphere.NetworkSpec{{Name: "web", Path: "front"}, {Name: "data", Path: "db"}},
		}})
		f.class(gold, func(o vsphere.Offer) bool { return len(o.Networks) == 2 })
		spec := f.spec(f.folder(f.group), 3)
		spec.Networks, spec.Place = "data=10.2.0.11-10.2.0.20,web", vsphere.Place{Class: gold, Zone: "a"}
		spec.Guest, spec.PowerOn = vsphere.Guest{CloudInit: true}, false
		vm := f.madeFrom(f.foundIn(gold, "rocky", f.AddTemplate(goldFolder, "rocky")), 3, spec)
		if want := "data=10.2.0.14,web"; vm.Stamp.Networks != want || vm.Stamp.Guest != vsphere.GuestPending {
			f.t.Fatalf("the stamp is %s, want networks %s", vm.Stamp, want)
		}
		data := toldData
		data.Cards = []vsphere.GuestCard{
			{Address: netip.MustParseAddr("10.2.0.14"), Subnet: vsphere.Subnet{
				CIDR: netip.MustParsePrefix("10.2.0.0/24"), Gateway: netip.MustParseAddr("10.2.0.1"), Nameservers: []netip.Addr{netip.MustParseAddr("10.2.0.2")},
			}}, {},
		}
		f.tells(vm, data)
		f.turnsOn(vm.Ref)
		got := f.GuestOf(vm.Ref)
		if want := []string{"10.2.0.14/24", ""}; !cmp.Equal(got.Addresses, want) || !cmp.Equal(got.Gateways, []string{"10.2.0.1"}) {
			f.t.Errorf("addresses %q, gateways %q, want %q", got.Addresses, got.Gateways, want)
		}
	}},
	{name: "a guest is not told twice", run: func(f *fixture) {
		vm := f.madeUntold(0)
		f.tells(vm, toldData)
		f.refusesToTell(vm.Ref, vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile)
	}},
	{name: "a guest that was never to be told anything is told nothing", run: func(f *fixture) {
		f.refusesToTell(f.madeOff(f.group, 0).Ref, vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile)
	}},
	{name: "a guest that runs already is told nothing", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.SetStamp(vm.Ref, strings.Replace(vm.Stamp.String(), `"slot"`, `"guest":"pending","slot"`, 1))
		f.refusesToTell(vm.Ref, vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile)
	}},
	{name: "the guest of a VM that is not the group's, or lies outside the root folder, is told nothing", run: func(f *fixture) {
		vm := f.madeUntold(0)
		other := f.CopyVM(vm.Ref, "copy")
		f.refusesToTell(other, vsphere.ClassConflict, "NotOurs")
		f.Move(vm.Ref, "elsewhere")
		f.refusesToTell(vm.Ref, vsphere.ClassConflict, "VMOutsideRoot")
	}},
	{name: "an answer that was lost is looked after", run: func(f *fixture) {
		vm := f.madeUntold(0)
		f.LoseAnswer(vsphere.OperationConfigure)
		f.mustBe(vsphere.ClassUnknown, f.tell(vm.Ref, toldData))
		f.await(f.group, "the guest was told", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && idle(s) && got.Stamp.Guest == vsphere.GuestTold
		})
	}},
	{name: "a restart meanwhile leaves a VM whose guest is told once", run: func(f *fixture) {
		vm := f.madeUntold(0)
		f.must(f.tell(vm.Ref, toldData))
		f.Restart()
		f.await(f.group, "the guest was told", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Stamp.Guest == vsphere.GuestTold
		})
	}},
}

// madeUntold makes a VM whose guest is to be told something.
func (f *fixture) madeUntold(slot int) vsphere.VM {
	f.t.Helper()
	spec := f.spec(f.folder(f.group), slot)
	spec.Guest, spec.PowerOn = vsphere.Guest{CloudInit: true}, false
	vm := f.clone(f.group, slot, spec)
	if vm.Stamp.Guest != vsphere.GuestPending || vm.Power != vsphere.PoweredOff {
		f.t.Fatalf("the VM is %s, and its stamp is %s", vm.Power, vm.Stamp)
	}
	return vm
}

func (f *fixture) tell(ref vsphere.Ref, data vsphere.GuestData) error {
	return f.Client().Start(f.t.Context(), f.group, []vsphere.Request{{Kind: vsphere.OperationConfigure, VM: ref, Guest: &data}})
}

// tells tells the guest of a VM, and waits until that is seen. Nothing else of the stamp changes.
func (f *fixture) tells(vm vsphere.VM, data vsphere.GuestData) {
	f.t.Helper()
	f.notifies(f.group, func() { f.must(f.tell(vm.Ref, data)) })
	s := f.await(f.group, "the guest was told", func(s vsphere.Snapshot) bool {
		got, ok := byRef(s, vm.Ref)
		return ok && idle(s) && len(s.Failures) == 0 && got.Stamp.Guest == vsphere.GuestTold
	})
	got, _ := byRef(s, vm.Ref)
	want := vm.Stamp.Told()
	if diff := cmp.Diff(&want, got.Stamp); diff != "" {
		f.t.Errorf("the stamp (-want +got):\n%s", diff)
	}
}

func (f *fixture) turnsOn(ref vsphere.Ref) {
	f.t.Helper()
	f.SetGuest(ref, Guest{Tools: true})
	f.must(f.ask(vsphere.OperationPowerOn, ref))
	f.await(f.group, "it is on", func(s vsphere.Snapshot) bool {
		vm, ok := byRef(s, ref)
		return ok && idle(s) && vm.Power == vsphere.PoweredOn
	})
}

// refusesToTell expects that a guest is not told anything, and that a failure says why.
func (f *fixture) refusesToTell(ref vsphere.Ref, class vsphere.Class, reason string) {
	f.t.Helper()
	err := f.tell(ref, toldData)
	f.mustBe(class, err)
	f.wantReason(reason, err)
	s := f.snapshot(f.group)
	if got, ok := failure(s, vsphere.OperationConfigure, ref); !ok || got.Err.Reason != reason || len(s.Operations) != 0 {
		f.t.Errorf("want a failure that says why, and no operation: %s", describe(s))
	}
}
