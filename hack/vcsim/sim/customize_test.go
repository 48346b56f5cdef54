package sim_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const (
	asked     = "TOOLSDEPLOYPKG_PENDING"
	underWay  = "TOOLSDEPLOYPKG_RUNNING"
	succeeded = "TOOLSDEPLOYPKG_SUCCEEDED"
	failed    = "TOOLSDEPLOYPKG_FAILED"
)

// spec reads a customization spec as a controller does.
func (e *env) spec(name string) types.CustomizationSpec {
	e.t.Helper()
	item, err := object.NewCustomizationSpecManager(e.client.Client).GetCustomizationSpec(e.ctx, name)
	e.must(err)
	return item.Spec
}

// stored stores a customization spec and reads it.
func (e *env) stored(spec control.CustomizationSpec) types.CustomizationSpec {
	e.t.Helper()
	e.must(e.control.AddCustomizationSpec(e.ctx, spec))
	return e.spec(spec.Name)
}

// linux is a spec for one network card with a fixed address.
func (e *env) linux() types.CustomizationSpec {
	e.t.Helper()
	spec := fix(e.stored(control.CustomizationSpec{Name: "linux", NICs: 1, Hostname: "web-0"}), "192.0.2.7", "192.0.2.1")
	spec.GlobalIPSettings.DnsServerList = []string{"192.0.2.53"}
	return spec
}

// fix gives the first network card of a spec an address.
func fix(spec types.CustomizationSpec, ip, gateway string) types.CustomizationSpec {
	spec.NicSettingMap[0].Adapter = types.CustomizationIPSettings{
		Ip: &types.CustomizationFixedIp{IpAddress: ip}, SubnetMask: "255.255.255.0", Gateway: []string{gateway},
		DnsServerList: []string{"192.0.2.54"},
	}
	return spec
}

func customize(spec types.CustomizationSpec) option {
	return func(s *types.VirtualMachineCloneSpec) { s.Customization = &spec }
}

// customizationIs compares the state of a customization, in truth and as clients see it.
func (e *env) customizationIs(vm *object.VirtualMachine, when, want string) {
	e.t.Helper()
	got := e.read(vm)
	status := ""
	if info := got.Guest.CustomizationInfo; info != nil {
		status = info.CustomizationStatus
		if want == underWay && info.StartTime == nil || (want == succeeded || want == failed) && (info.EndTime == nil || info.StartTime == nil) ||
			(want == failed) != (info.ErrorMsg != "") {
			e.t.Errorf("%s: %+v", when, info)
		}
	}
	waits := got.Config.Tools != nil && got.Config.Tools.PendingCustomization != ""
	if truth := e.guest(got.Config.Name).Customization; status != want || truth != want || waits != (want == asked) {
		e.t.Errorf("%s: the customization is %q, in truth %q, and one is pending: %t; want %s", when, status, truth, waits, want)
	}
}

// customizationEvents is the types of the events of the customizations of a virtual machine.
func (e *env) customizationEvents(vm *object.VirtualMachine) []string {
	e.t.Helper()
	events, err := event.NewManager(e.client.Client).QueryEvents(e.ctx, types.EventFilterSpec{
		Entity: &types.EventFilterSpecByEntity{Entity: vm.Reference(), Recursion: types.EventFilterSpecRecursionOptionSelf},
	})
	e.must(err)
	slices.SortFunc(events, func(a, b types.BaseEvent) int { return int(a.GetEvent().Key - b.GetEvent().Key) })
	var out []string
	for _, one := range events {
		if name := reflect.TypeOf(one).Elem().Name(); strings.HasPrefix(name, "Customization") {
			out = append(out, name)
		}
	}
	return out
}

// TestCustomizationOfAClone follows one from the clone to its end, and looks at another boot.
func TestCustomizationOfAClone(t *testing.T) {
	e := startGuests(t, patient)
	vm, mac := e.cloneOff("a", customize(e.linux()))
	e.customizationIs(vm, "after the clone", asked)
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot - 1)
	e.customizationIs(vm, "before Tools run", asked)
	e.advance(1)
	e.customizationIs(vm, "when Tools run", underWay)
	e.wantHealth(vm, "when Tools run", booted)
	e.advance(address)
	for _, when := range []string{"in the end", "after another boot"} {
		e.customizationIs(vm, when, succeeded)
		guest := e.read(vm).Guest
		if guest.HostName != "web-0" || guest.IpAddress != "192.0.2.7" || guest.Net[0].IpConfig.IpAddress[0].PrefixLength != 24 {
			t.Errorf("%s: hostname %q, address %q", when, guest.HostName, guest.IpAddress)
		}
		want := []control.GuestCard{{
			MAC: mac, Static: []string{"192.0.2.7/24"}, Gateways: []string{"192.0.2.1"}, Nameservers: []string{"192.0.2.53"},
			Addresses: []string{"192.0.2.7"},
		}}
		if diff := cmp.Diff(want, e.guest("a").Cards); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
		e.again(vm)
	}
	if diff := cmp.Diff([]string{"CustomizationStartedEvent", "CustomizationSucceeded"}, e.customizationEvents(vm)); diff != "" {
		t.Error(diff)
	}
	on, err := e.control.PowerOns(e.ctx)
	if err != nil || len(on) != 3 || !on[0].Customization || on[1].Customization {
		t.Errorf("power-ons %+v, %v", on, err)
	}
}

// TestNameserversOfCustomizations gives an adapter and the whole guest different ones.
func TestNameserversOfCustomizations(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	windows := fix(e.stored(control.CustomizationSpec{Name: "windows", NICs: 1, Windows: true}), "192.0.2.8", "192.0.2.1")
	windows.GlobalIPSettings.DnsServerList = []string{"192.0.2.53"}
	for name, tt := range map[string]struct {
		spec types.CustomizationSpec
		want string
	}{"a": {e.linux(), "192.0.2.53"}, "b": {windows, "192.0.2.54"}} {
		vm, _ := e.cloneOff(name, customize(tt.spec))
		e.on(vm)
		if got := e.guest(name).Cards[0].Nameservers; !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%T: name servers %q, want %s", tt.spec.Identity, got, tt.want)
		}
	}
}

// TestCustomizationIsWatched follows one by its updates alone.
func TestCustomizationIsWatched(t *testing.T) {
	e := startGuests(t, patient)
	vm, _ := e.cloneOff("a")
	w := e.watch(newView(e, e.folder, []string{"VirtualMachine"}).Reference(), "ContainerView", types.PropertySpec{
		Type: "VirtualMachine", PathSet: []string{"guest.customizationInfo", "guest.hostName"},
	})
	w.next()
	is := func(want string) {
		t.Helper()
		w.until(want, func() bool {
			info, ok := w.value(vm.Reference(), "guest.customizationInfo").(types.GuestInfoCustomizationInfo)
			return ok && info.CustomizationStatus == want
		})
	}
	e.do(vm.Customize(e.ctx, e.linux()))
	is(asked)
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot)
	is(underWay)
	e.advance(address)
	is(succeeded)
	w.until("the hostname", func() bool { return w.value(vm.Reference(), "guest.hostName") == "web-0" })
}

// TestCustomizationNeedsTools keeps one pending until the guest has Tools, and has one start again that was cut short.
func TestCustomizationNeedsTools(t *testing.T) {
	e := startGuests(t, control.Guest{})
	vm, _ := e.cloneOff("a", customize(e.linux()))
	e.on(vm)
	e.customizationIs(vm, "without Tools", asked)
	if guest := e.read(vm).Guest; guest.HostName != "" || guest.IpAddress != "" {
		t.Errorf("hostname %q, address %q of a guest that nothing can be heard of", guest.HostName, guest.IpAddress)
	}
	e.must(e.control.SetGuest(e.ctx, "a", patient))
	e.advance(boot)
	e.customizationIs(vm, "with Tools", underWay)
	e.do(vm.PowerOff(e.ctx))
	e.do(vm.PowerOn(e.ctx))
	e.advance(boot)
	e.customizationIs(vm, "after it was cut short", underWay)
	e.advance(address)
	e.customizationIs(vm, "in the end", succeeded)
}

// TestCustomizationMismatch has clones with too many mappings and too few fail, and leave their virtual machines behind.
func TestCustomizationMismatch(t *testing.T) {
	e := startGuests(t, patient)
	for name, nics := range map[string]int{"few": 0, "many": 2} {
		spec := e.stored(control.CustomizationSpec{Name: name, NICs: nics})
		task, err := e.submit(name, customize(spec), func(s *types.VirtualMachineCloneSpec) { s.PowerOn = true })
		e.must(err)
		fault := wantFault[*types.NicSettingMismatch](t, task.Wait(e.ctx))
		if fault.NumberOfNicsInSpec != int32(nics) || fault.NumberOfNicsInVM != 1 {
			t.Errorf("%s: %+v", name, fault)
		}
		if vm := e.truth(name); vm.PowerState != "poweredOff" {
			t.Errorf("%s: the virtual machine that is left is %s", name, vm.PowerState)
		}
		e.on(object.NewVirtualMachine(e.client.Client, e.vm(name)))
		if g := e.guest(name); g.Customization != "" || g.Hostname != "" || len(g.Cards[0].Addresses) != 1 {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// TestCustomizationFails lets one fail that could succeed, and some that cannot.
func TestCustomizationFails(t *testing.T) {
	e := startGuests(t, patient)
	named := func(name string) types.CustomizationSpec {
		return e.stored(control.CustomizationSpec{Name: "named", NICs: 1, Hostname: name, Windows: true})
	}
	mask := e.linux()
	mask.NicSettingMap[0].Adapter.SubnetMask = "255.0.255.0"
	for name, spec := range map[string]types.CustomizationSpec{
		"told": e.linux(), "address": fix(e.linux(), "x", "192.0.2.1"), "gateway": fix(e.linux(), "192.0.2.7", "198.51.100.1"),
		"mask": mask, "digits": named("123"), "underscore": named("a_b"),
		"other-card": func() types.CustomizationSpec { s := e.linux(); s.NicSettingMap[0].MacAddress = "zz"; return s }(),
	} {
		vm, _ := e.cloneOff(name, customize(spec))
		if name == "told" {
			e.must(e.control.FailGuest(e.ctx, name))
		}
		e.do(vm.PowerOn(e.ctx))
		e.advance(boot)
		e.customizationIs(vm, name, underWay)
		e.advance(address)
		for range 2 {
			e.customizationIs(vm, name, failed)
			guest := e.read(vm).Guest
			if guest.HostName != "" || !strings.HasPrefix(guest.IpAddress, "198.18.") {
				t.Errorf("%s: hostname %q, address %q", name, guest.HostName, guest.IpAddress)
			}
			e.again(vm)
		}
		if diff := cmp.Diff([]string{"CustomizationStartedEvent", "CustomizationFailed"}, e.customizationEvents(vm)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestCustomizationNames works out hostnames.
func TestCustomizationNames(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	for name, tt := range map[string]struct {
		spec control.CustomizationSpec
		want string
	}{
		"of-the-vm":                     {control.CustomizationSpec{}, "of-the-vm"},
		"fixed":                         {control.CustomizationSpec{Hostname: "web-0"}, "web-0"},
		"windows":                       {control.CustomizationSpec{Windows: true, Hostname: "web-0", Domain: "corp"}, "web-0"},
		"windows-is-cut-off":            {control.CustomizationSpec{Windows: true}, "windows-is-cut"},
		"linux-is-not-cut-off-so-early": {control.CustomizationSpec{}, "linux-is-not-cut-off-so-early"},
	} {
		tt.spec.Name, tt.spec.NICs = name, 1
		vm, _ := e.cloneOff(name, customize(e.stored(tt.spec)))
		e.on(vm)
		if got := e.read(vm).Guest.HostName; got != tt.want {
			t.Errorf("%s: hostname %q, want %q", name, got, tt.want)
		}
	}
}

// TestCustomizeVM customizes virtual machines that are there already, and some that cannot be.
func TestCustomizeVM(t *testing.T) {
	e := startGuests(t, control.Guest{Tools: true})
	vm, _ := e.cloneOff("a")
	spec := e.linux()
	refused := func(spec types.CustomizationSpec) error {
		task, err := vm.Customize(e.ctx, spec)
		e.must(err)
		return task.Wait(e.ctx)
	}
	wantFault[*types.NicSettingMismatch](t, refused(e.stored(control.CustomizationSpec{Name: "none"})))
	cloudInit := spec
	cloudInit.Identity = new(types.CustomizationCloudinitPrep)
	wantFault[*types.NotSupported](t, refused(cloudInit))
	e.do(vm.Customize(e.ctx, spec))
	wantFault[*types.CustomizationPending](t, refused(spec))
	e.on(vm)
	e.customizationIs(vm, "after the boot", succeeded)
	wantFault[*types.InvalidPowerState](t, refused(spec))
	e.do(vm.PowerOff(e.ctx))
	e.do(vm.Customize(e.ctx, fix(spec, "192.0.2.8", "192.0.2.1")))
	e.customizationIs(vm, "the second one", asked)
	e.on(vm)
	if ip := e.read(vm).Guest.IpAddress; ip != "192.0.2.8" {
		t.Errorf("address %q", ip)
	}
}

// TestCustomizationSpecs has people add, replace and remove specs behind the back of a client that reads them.
func TestCustomizationSpecs(t *testing.T) {
	e := start(t, sim.Options{})
	manager := object.NewCustomizationSpecManager(e.client.Client)
	exists := func() bool {
		ok, err := manager.DoesCustomizationSpecExist(e.ctx, "w")
		e.must(err)
		return ok
	}
	if info, err := manager.Info(e.ctx); err != nil || len(info) != 0 || exists() {
		t.Errorf("there are specs before any was added: %v, %v", info, err)
	}
	_, err := manager.GetCustomizationSpec(e.ctx, "w")
	wantFault[*types.NotFound](t, err)

	spec := e.stored(control.CustomizationSpec{Name: "w", Windows: true, NICs: 2, Domain: "corp"})
	prep, ok := spec.Identity.(*types.CustomizationSysprep)
	if !ok || prep.Identification.JoinDomain != "corp" || prep.Identification.DomainAdminPassword == nil || len(spec.NicSettingMap) != 2 {
		t.Errorf("the spec is %+v", spec)
	}
	item, err := manager.GetCustomizationSpec(e.ctx, "w")
	e.must(err)
	e.stored(control.CustomizationSpec{Name: "w", NICs: 1})
	info, err := manager.Info(e.ctx)
	if err != nil || len(info) != 1 || info[0].Type != "Linux" || info[0].ChangeVersion == item.Info.ChangeVersion || !exists() {
		t.Errorf("specs %+v, %v", info, err)
	}
	wantFault[*types.ConcurrentAccess](t, manager.OverwriteCustomizationSpec(e.ctx, *item))
	wantFault[*types.AlreadyExists](t, manager.CreateCustomizationSpec(e.ctx, *item))
	e.must(e.control.RemoveCustomizationSpec(e.ctx, "w"))
	if info, err := manager.Info(e.ctx); err != nil || len(info) != 0 || exists() {
		t.Errorf("there are specs after the only one was removed: %v, %v", info, err)
	}
	wantFault[*types.NotFound](t, manager.OverwriteCustomizationSpec(e.ctx, *item))
}

// TestPrivilegesOfCustomizations denies each to a client, and looks at what asks for it.
func TestPrivilegesOfCustomizations(t *testing.T) {
	e := startGuests(t, patient)
	spec := e.linux()
	vm, _ := e.cloneOff("there")
	ended := func(task *object.Task, err error) error {
		if err != nil {
			return err
		}
		return task.Wait(e.ctx)
	}
	remove := types.VirtualMachineConfigSpec{VAppConfigRemoved: types.NewBool(true)}
	calls := map[string]func() error{
		"read": func() error {
			_, err := object.NewCustomizationSpecManager(e.client.Client).GetCustomizationSpec(e.ctx, "linux")
			return err
		},
		"clone":        func() error { return ended(e.submit("a", customize(spec))) },
		"customize":    func() error { _, err := vm.Customize(e.ctx, spec); return err },
		"plain clone":  func() error { return ended(e.submit("b")) },
		"removes vApp": func() error { return ended(vm.Reconfigure(e.ctx, remove)) },
		"clone without": func() error {
			return ended(e.submit("c", func(s *types.VirtualMachineCloneSpec) { *s.Config = remove }))
		},
	}
	for id, by := range map[string]string{
		"VirtualMachine.Provisioning.ReadCustSpecs": "read",
		"VirtualMachine.Provisioning.Customize":     "clone, customize",
		"VApp.ApplicationConfig":                    "removes vApp, clone without",
	} {
		e.must(e.control.Deny(e.ctx, id))
		for name, call := range calls {
			err := call()
			switch {
			case !strings.Contains(", "+by+",", ", "+name+","):
				e.must(err)
			case wantFault[*types.NoPermission](t, err).PrivilegeId != id:
				t.Errorf("%s: %v", name, err)
			}
		}
		e.must(e.control.Allow(e.ctx, id))
		for _, name := range []string{"a", "b", "c"} {
			_ = e.control.DestroyVM(e.ctx, name)
		}
	}
}
