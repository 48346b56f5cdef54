package contract

import (
	"net/netip"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// joins is the customization specification of these scenarios, and customizedData what guests are told by it.
const joins = "join"

var customizedData = vsphere.GuestData{
	Customization: joins, Hostname: "web-3",
	Cards: []vsphere.GuestCard{{Address: netip.MustParseAddr("10.2.0.14"), Subnet: vsphere.Subnet{
		CIDR: netip.MustParsePrefix("10.2.0.0/24"), Gateway: netip.MustParseAddr("10.2.0.1"), Nameservers: []netip.Addr{netip.MustParseAddr("10.2.0.2")},
	}}},
}

// customizeScenarios are about guests that vCenter customizes: the clone request says how, and the guest does it when it starts.
var customizeScenarios = []scenario{
	{name: "a clone is customized with its own name and address", run: func(f *fixture) {
		f.AddCustomizationSpec(joins)
		vm := f.madeCustomized()
		f.tells(vm, vsphere.GuestData{Customization: joins})
		f.turnsOn(vm.Ref)
		want := GuestTruth{Hostname: "web-3", Addresses: []string{"10.2.0.14/24"}, Gateways: []string{"10.2.0.1"}, Nameservers: []string{"10.2.0.2"}}
		if diff := cmp.Diff(want, f.GuestOf(vm.Ref)); diff != "" {
			f.t.Errorf("the guest (-want +got):\n%s", diff)
		}
		f.await(f.group, "nothing is left to be customized", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Customization == vsphere.Customization{}
		})
	}},
	{name: "how far vCenter is shows, and that it has failed", run: func(f *fixture) {
		f.AddCustomizationSpec(joins)
		vm := f.madeCustomized()
		if vm.Customization.State != vsphere.CustomizationUnderWay {
			f.t.Errorf("the customization of a VM that was never on is %+v", vm.Customization)
		}
		f.tells(vm, vsphere.GuestData{Customization: joins})
		f.FailCustomization(vm.Ref)
		f.turnsOn(vm.Ref)
		f.await(f.group, "it has failed", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Customization.State == vsphere.CustomizationFailed && got.Customization.Message != ""
		})
	}},
	{name: "without the specification there is no clone", run: func(f *fixture) {
		r := f.customizedClone()
		err := f.Client().Start(f.t.Context(), f.group, []vsphere.Request{r})
		f.mustBe(vsphere.ClassInvalid, err)
		f.wantReason(v1alpha1.ReasonCustomizationSpecNotFound, err)
		if s := f.snapshot(f.group); len(s.Operations) != 0 || len(s.Failures) != 1 || len(s.VMs) != 0 {
			f.t.Errorf("want a failure and no clone: %s", describe(s))
		}
		f.AddCustomizationSpec(joins)
		f.must(f.Client().Start(f.t.Context(), f.group, []vsphere.Request{r}))
		f.await(f.group, "it is made", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 && len(s.Failures) == 0 })
	}},
	{name: "a class tells which specifications are not there", run: func(f *fixture) {
		f.AddCustomizationSpec(joins)
		f.Client().SetClasses([]vsphere.ClassSpec{{
			Name: gold, TemplateFolder: goldFolder, Zones: []vsphere.ZoneSpec{f.zone("a", 0)}, CustomizationSpecs: []string{joins, "leave"},
		}})
		offer := f.class(gold, func(o vsphere.Offer) bool { return len(o.CustomizationErrs) > 0 })
		if errs := offer.CustomizationErrs; len(errs) != 1 || errs[0].Reason != v1alpha1.ReasonCustomizationSpecNotFound {
			f.t.Errorf("the class says %v", errs)
		}
	}},
	{name: "a VM that a failed clone has left without its customization is not taken for one that has it", run: func(f *fixture) {
		f.AddCustomizationSpec(joins)
		f.LoseCustomization()
		r := f.customizedClone()
		f.must(f.Client().Start(f.t.Context(), f.group, []vsphere.Request{r}))
		s := f.await(f.group, "the clone has failed, and its VM is there", func(s vsphere.Snapshot) bool {
			return idle(s) && len(s.VMs) == 1
		})
		vm := s.VMs[0]
		if vm.Stamp.Guest != vsphere.GuestPending || vm.Power != vsphere.PoweredOff {
			f.t.Fatalf("the VM is %s, and its stamp is %s", vm.Power, vm.Stamp)
		}
		err := f.tell(vm.Ref, vsphere.GuestData{Customization: joins})
		f.mustBe(vsphere.ClassConflict, err)
		f.wantReason(vsphere.ReasonNotCustomized, err)
		f.must(f.ask(vsphere.OperationDestroy, vm.Ref))
		f.await(f.group, "it is gone", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 0 })
		f.must(f.Client().Start(f.t.Context(), f.group, []vsphere.Request{r}))
		f.await(f.group, "another one is made", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 && len(s.Failures) == 0 })
	}},
}

// customizedClone asks for a VM that vCenter is to customize.
func (f *fixture) customizedClone() vsphere.Request {
	f.t.Helper()
	f.linux = f.found("linux", f.template)
	spec := f.spec(f.folder(f.group), 3)
	spec.Guest, spec.PowerOn = vsphere.Guest{Customization: joins}, false
	r := cloneOf(f.linux, vmName(f.group, 3), spec)
	data := customizedData
	r.Guest = &data
	return r
}

// madeCustomized makes such a VM.
func (f *fixture) madeCustomized() vsphere.VM {
	f.t.Helper()
	f.must(f.Client().Start(f.t.Context(), f.group, []vsphere.Request{f.customizedClone()}))
	s := f.await(f.group, "it is made", func(s vsphere.Snapshot) bool { return idle(s) && len(s.VMs) == 1 && len(s.Failures) == 0 })
	return *s.VMs[0]
}
