package sim_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

const instance = "0b5d3c3e-6f6e-4a64-9d0c-0d7b8d3a6c11"

// stamped gives a clone a stamp, and the instance that the stamp names.
func stamped(owner string, disks ...int32) option {
	text := fmt.Sprintf(`{"owner":%q,"uid":"u1","name":"g","disks":%s,"instance":%q}`,
		owner, strings.ReplaceAll(fmt.Sprint(disks), " ", ","), instance)
	return func(s *types.VirtualMachineCloneSpec) {
		s.Config.InstanceUuid = instance
		extra("vmgroup.stamp", text)(s)
	}
}

// own makes a virtual machine that the session may destroy.
func (e *env) own(name string) *object.VirtualMachine {
	e.t.Helper()
	return object.NewVirtualMachine(e.client.Client, e.clone(name, stamped("me", e.truth("template").Disks...)))
}

func (e *env) violations() []control.Violation {
	e.t.Helper()
	violations, err := e.control.Violations(e.ctx)
	e.must(err)
	return violations
}

// tripped fails the test unless the error is a tripwire's, and it was recorded last, with that reason.
func (e *env) tripped(err error, method, reason string) {
	e.t.Helper()
	if fault := wantFault[*types.SystemError](e.t, err); !strings.HasPrefix(fault.Reason, "tripwire: ") {
		e.t.Errorf("%s: fault %q", method, fault.Reason)
	}
	violations := e.violations()
	if len(violations) == 0 {
		e.t.Fatalf("%s was not recorded", method)
	}
	last := violations[len(violations)-1]
	if last.Kind != control.ViolationTripwire || last.Method != method || !strings.Contains(last.Reason, reason) || !last.Refused {
		e.t.Errorf("violation %+v, want %s because %s", last, method, reason)
	}
	if n := len(last.Trace); n == 0 || n > 30 || last.Trace[n-1].Kind != control.EntryViolation || last.UserAgent == "" {
		e.t.Errorf("trace of %d entries, by %q", n, last.UserAgent)
	}
}

func TestTripwireOfFolders(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	e.own("a")
	_, err := object.NewFolder(e.client.Client, e.folder).Destroy(e.ctx)
	e.tripped(err, "Folder.Destroy_Task", "deletes every VM")
	e.tripped(e.unregisterAndDestroy(e.folder), "Folder.UnregisterAndDestroy_Task", "1 children")
	if e.count("a") != 1 {
		t.Error("a refused call had an effect")
	}
	e.must(e.control.DestroyVM(e.ctx, "a"))                                                                    // what is done by hand never trips
	e.tripped(e.unregisterAndDestroy(e.folder), "Folder.UnregisterAndDestroy_Task", "outside the root folder") // it is the root
	e.tripped(e.unregisterAndDestroy(e.makeFolder("elsewhere")), "Folder.UnregisterAndDestroy_Task", "outside the root folder")
	e.must(e.unregisterAndDestroy(e.makeFolder("group/inner")))
	if n := len(e.violations()); n != 4 {
		t.Errorf("%d violations, want 4", n)
	}
}

func (e *env) makeFolder(path string) types.ManagedObjectReference {
	e.t.Helper()
	folder, err := e.control.CreateFolder(e.ctx, path)
	e.must(err)
	return types.ManagedObjectReference{Type: "Folder", Value: folder}
}

// TestTripwireOfWhatIsOutside moves a virtual machine of one's own out of the root folder: stamp and instance count no more.
func TestTripwireOfWhatIsOutside(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	inner, outer := e.makeFolder("group/inner"), e.makeFolder("elsewhere")
	vm := e.own("a")
	on := func() error { _, err := vm.PowerOn(e.ctx); return err }
	e.must(e.control.Move(e.ctx, "a", inner.Value))
	e.must(on())
	for name, move := range map[string]func(to types.ManagedObjectReference) error{
		"the VM":     func(to types.ManagedObjectReference) error { return e.control.Move(e.ctx, "a", to.Value) },
		"its folder": func(to types.ManagedObjectReference) error { return e.control.MoveFolder(e.ctx, inner.Value, to.Value) },
	} {
		t.Run(name, func(t *testing.T) {
			e.must(move(outer))
			e.tripped(on(), "VirtualMachine.PowerOnVM_Task", "outside the root folder")
			_, err := vm.Destroy(e.ctx)
			e.tripped(err, "VirtualMachine.Destroy_Task", "") // it is on as well
			back := e.folder
			if name == "the VM" {
				back = inner
			}
			e.must(move(back))
			e.must(on())
		})
	}
}

func TestTripwireOfWhatIsNotOwn(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	_, err := e.control.AddForeignVM(e.ctx, "group", "foreign")
	e.must(err)
	e.own("a")
	_, err = e.control.CloneVM(e.ctx, "a", "copy")
	e.must(err)
	for name, reason := range map[string]string{"template": "template", "foreign": "no stamp", "copy": "copy"} {
		vm := object.NewVirtualMachine(e.client.Client, e.vm(name))
		for method, call := range map[string]func() error{
			"Destroy_Task":    func() error { _, err := vm.Destroy(e.ctx); return err },
			"PowerOffVM_Task": func() error { _, err := vm.PowerOff(e.ctx); return err },
			"ResetVM_Task":    func() error { _, err := vm.Reset(e.ctx); return err },
			"SuspendVM_Task":  func() error { _, err := vm.Suspend(e.ctx); return err },
			"UnregisterVM":    func() error { return vm.Unregister(e.ctx) },
			"MarkAsTemplate":  func() error { return vm.MarkAsTemplate(e.ctx) },
			"Rename_Task":     func() error { _, err := vm.Rename(e.ctx, "other"); return err },
			"ReconfigVM_Task": func() error { _, err := vm.Reconfigure(e.ctx, types.VirtualMachineConfigSpec{NumCPUs: 2}); return err },
			"RelocateVM_Task": func() error {
				_, err := vm.Relocate(e.ctx, types.VirtualMachineRelocateSpec{}, types.VirtualMachineMovePriorityDefaultPriority)
				return err
			},
		} {
			e.tripped(call(), "VirtualMachine."+method, reason)
		}
		if e.count(name) != 1 {
			t.Errorf("%s was touched", name)
		}
	}
	garbled := object.NewVirtualMachine(e.client.Client, e.clone("garbled", extra("vmgroup.stamp", "{")))
	_, err = garbled.Destroy(e.ctx)
	e.tripped(err, "VirtualMachine.Destroy_Task", "cannot be read")
}

func TestTripwireOfOwners(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	vm := e.own("a")
	power := func(c *object.VirtualMachine) error { _, err := c.PowerOn(e.ctx); return err }
	other := e.login("user", "pass")
	seen := object.NewVirtualMachine(other.Client, vm.Reference())
	e.must(power(seen)) // a session that has made nothing may touch any owner's
	e.must(e.control.SetOwner(e.ctx, "somebody else"))
	e.tripped(power(seen), "VirtualMachine.PowerOnVM_Task", `owner "me"`)
	e.must(e.control.SetOwner(e.ctx, ""))
	e.client = other
	e.clone("b", stamped("another", e.truth("template").Disks...))
	e.tripped(power(seen), "VirtualMachine.PowerOnVM_Task", `owner "me"`)
}

func TestTripwireOfDestroy(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	vm := e.own("a")
	e.must(e.control.PowerOn(e.ctx, "a"))
	_, err := vm.Destroy(e.ctx)
	e.tripped(err, "VirtualMachine.Destroy_Task", "powered on")
	e.must(e.control.PowerOff(e.ctx, "a"))
	_, err = e.control.AddDisk(e.ctx, "a")
	e.must(err)
	_, err = vm.Destroy(e.ctx)
	e.tripped(err, "VirtualMachine.Destroy_Task", "did not come from the template")
	clean := e.own("b")
	task, err := clean.Destroy(e.ctx)
	e.must(err)
	e.must(task.Wait(e.ctx))
	if e.count("b") != 0 {
		t.Error("an own virtual machine that is off was not destroyed")
	}
}

// What is cloned must be a template, whatever it was when it was looked up.
func TestTripwireOfWhatIsCloned(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	e.clone("a")
	e.must(e.control.MarkAsVM(e.ctx, "template"))
	_, err := e.submit("b")
	e.tripped(err, "VirtualMachine.CloneVM_Task", "no template")
	e.must(e.control.MarkAsTemplate(e.ctx, "template"))
	e.clone("b")

	e.own("c")
	e.must(e.control.MarkAsTemplate(e.ctx, "c"))
	e.template = e.vm("c")
	_, err = e.submit("d")
	e.tripped(err, "VirtualMachine.CloneVM_Task", "a VM of a group")
	_, err = e.control.CloneVM(e.ctx, "c", "copy")
	e.must(err)
	e.must(e.control.Move(e.ctx, "copy", ""))
	e.must(e.control.MarkAsTemplate(e.ctx, "copy"))
	e.template = e.vm("copy")
	e.clone("d", stamped("me")) // whose own stamp it has instead of the copied one
	if text := e.truth("d").Stamp; !strings.Contains(text, `"disks":[]`) {
		t.Errorf("the clone of a copy has the stamp %s", text)
	}
}

func TestLaxModeCarriesOut(t *testing.T) {
	e := start(t, sim.Options{})
	task, err := object.NewVirtualMachine(e.client.Client, e.template).Destroy(e.ctx)
	e.must(err)
	e.must(task.Wait(e.ctx))
	if n := len(e.violations()); n != 0 {
		t.Errorf("%d violations", n)
	}
}

func TestLongNames(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	folder := object.NewFolder(e.client.Client, e.folder)
	fits, long := strings.Repeat("ü", 80), strings.Repeat("x", 81)
	_, err := folder.CreateFolder(e.ctx, long)
	wantFault[*types.InvalidName](t, err)
	_, err = e.submit(long)
	wantFault[*types.InvalidName](t, err)
	_, err = folder.CreateFolder(e.ctx, fits)
	e.must(err)
	e.clone(strings.Repeat("x", 80))
	if n := len(e.violations()); n != 0 {
		t.Errorf("%d violations", n)
	}
}

func TestPrivileges(t *testing.T) {
	e := start(t, sim.Options{Strict: true, DeniedPrivileges: []string{"Folder.Create"}})
	folder := object.NewFolder(e.client.Client, e.folder)
	_, err := folder.CreateFolder(e.ctx, "inner")
	if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != "Folder.Create" || *fault.Object != e.folder {
		t.Errorf("fault %+v", fault)
	}
	e.must(e.control.Allow(e.ctx, "Folder.Create"))
	_, err = folder.CreateFolder(e.ctx, "inner")
	e.must(err)
	e.must(e.control.Deny(e.ctx, "Datastore.AllocateSpace", "VirtualMachine.Interact.PowerOn"))
	_, err = e.submit("a")
	if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != "Datastore.AllocateSpace" || fault.Object.Type != "Datastore" {
		t.Errorf("fault %+v", fault)
	}
	e.must(e.control.Allow(e.ctx))
	vm := e.own("a")
	if n := len(e.violations()); n != 0 {
		t.Errorf("%d violations", n)
	}
	_, err = vm.Suspend(e.ctx)
	if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != "VirtualMachine.SuspendVM_Task" {
		t.Errorf("fault %+v", fault)
	}
	if v := e.violations(); len(v) != 1 || v[0].Kind != control.ViolationPrivilege {
		t.Errorf("violations: %v", v)
	}
	table, err := e.control.Privileges(e.ctx)
	e.must(err)
	if !slices.ContainsFunc(table, func(p control.Privilege) bool {
		return p.Method == "VirtualMachine.Destroy_Task" && slices.Contains(p.Privileges, "VirtualMachine.Inventory.Delete")
	}) {
		t.Errorf("table: %v", table)
	}
}

// TestGrants takes each call to the objects on which the account has its privileges, and to those on which it has not.
func TestGrants(t *testing.T) {
	e := start(t, sim.Options{Strict: true, TemplateFolder: "templates"})
	inner, elsewhere := e.makeFolder("group/inner"), e.makeFolder("elsewhere")
	vmFolder := e.makeFolder("")
	stray, err := e.control.AddTemplate(e.ctx, "stray", "elsewhere")
	e.must(err)
	create := func(in types.ManagedObjectReference) func() error {
		return func() error {
			_, err := object.NewFolder(e.client.Client, in).CreateFolder(e.ctx, fmt.Sprintf("new-%d", len(e.journal(0))))
			return err
		}
	}
	clone := func(source, folder types.ManagedObjectReference) func() error {
		return func() error {
			_, err := methods.CloneVM_Task(e.ctx, e.client, &types.CloneVM_Task{
				This: source, Folder: folder, Name: fmt.Sprintf("clone-%d", len(e.journal(0))),
				Spec: types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &e.pool}, PowerOn: true},
			})
			return err
		}
	}
	for name, tt := range map[string]struct {
		call func() error
		want string // the privilege that is missing
		on   types.ManagedObjectReference
	}{
		"a folder in the VM folder, which may become the root": {create(vmFolder), "", vmFolder},
		"a folder in the root folder":                          {create(e.folder), "", e.folder},
		"a folder below it: the grant propagates":              {create(inner), "", inner},
		"a folder elsewhere: that on the VM folder does not":   {create(elsewhere), "Folder.Create", elsewhere},
		"a clone into the root folder":                         {clone(e.template, e.folder), "", e.folder},
		"a clone below it":                                     {clone(e.template, inner), "", inner},
		"a clone elsewhere":                                    {clone(e.template, elsewhere), "VirtualMachine.Inventory.CreateFromExisting", elsewhere},
		"a clone into the VM folder":                           {clone(e.template, vmFolder), "VirtualMachine.Inventory.CreateFromExisting", vmFolder},
		"a clone of what is no template of the folder": {clone(types.ManagedObjectReference{Type: "VirtualMachine", Value: stray}, e.folder),
			"VirtualMachine.Provisioning.DeployTemplate", types.ManagedObjectReference{Type: "VirtualMachine", Value: stray}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.call()
			if tt.want == "" {
				e.must(err)
				return
			}
			if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId != tt.want || *fault.Object != tt.on {
				t.Errorf("%s on %v, want %s on %v", fault.PrivilegeId, fault.Object, tt.want, tt.on)
			}
		})
	}
	for id, kind := range map[string]string{"Resource.AssignVMToPool": "ResourcePool", "Datastore.AllocateSpace": "Datastore", "Network.Assign": "Network"} {
		e.must(e.control.Deny(e.ctx, id))
		if fault := wantFault[*types.NoPermission](t, clone(e.template, e.folder)()); fault.PrivilegeId != id || fault.Object.Type != kind {
			t.Errorf("%s on %v, want %s on a %s", fault.PrivilegeId, fault.Object, id, kind)
		}
		e.must(e.control.Allow(e.ctx, id))
	}
}

// TestGrantsWhereTheRootIsGiven lets nobody make the root folder; once it is there, all is granted in it.
func TestGrantsWhereTheRootIsGiven(t *testing.T) {
	e := start(t, sim.Options{Strict: true, RootGiven: true, Root: "given"})
	create := func(in types.ManagedObjectReference, name string) error {
		_, err := object.NewFolder(e.client.Client, in).CreateFolder(e.ctx, name)
		return err
	}
	if fault := wantFault[*types.NoPermission](t, create(e.makeFolder(""), "given")); fault.PrivilegeId != "Folder.Create" {
		t.Errorf("fault %+v", fault)
	}
	e.must(create(e.makeFolder("given"), "namespace"))
	e.must(e.control.RenameFolder(e.ctx, "given", "taken"))
	wantFault[*types.NoPermission](t, create(e.makeFolder("taken"), "other"))
}

func TestLockout(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	refused := func(password string) {
		t.Helper()
		wantFault[*types.InvalidLogin](t, e.dial().Login(e.ctx, url.UserPassword("user", password)))
	}
	for range 4 {
		refused("wrong")
	}
	wantFault[*types.InvalidLogin](t, e.dial().Login(e.ctx, url.UserPassword("other", "wrong"))) // counted for itself
	e.login("user", "pass")
	if state, err := e.control.Lockout(e.ctx); err != nil || state.Failures != 4 || !state.LockedUntil.IsZero() {
		t.Errorf("after 4 failures: %+v, %v", state, err)
	}
	refused("wrong")
	refused("pass") // the right one too
	_, err := methods.GetCurrentTime(e.ctx, e.client)
	e.must(err) // a session that lives is not touched
	state, err := e.control.Lockout(e.ctx)
	e.must(err)
	if left := time.Until(state.LockedUntil); left <= 0 || left > 300*time.Second {
		t.Errorf("locked for %s", left)
	}
	violations := e.violations()
	if len(violations) != 1 || violations[0].Kind != control.ViolationLockout || violations[0].Name != "user" {
		t.Errorf("violations: %v", violations)
	}
}

func TestLockoutEnds(t *testing.T) {
	e := start(t, sim.Options{Strict: true, LockoutScale: 1000}) // 300 s become 300 ms
	for range 5 {
		wantFault[*types.InvalidLogin](t, e.dial().Login(e.ctx, url.UserPassword("user", "wrong")))
	}
	for {
		err := e.dial().Login(e.ctx, url.UserPassword("user", "pass"))
		if err == nil {
			break
		}
		wantFault[*types.InvalidLogin](t, err)
	}
	if state, err := e.control.Lockout(e.ctx); err != nil || state.Failures != 0 || !state.LockedUntil.IsZero() {
		t.Errorf("after the lockout: %+v, %v", state, err)
	}
}

func TestReserveAtTheEnd(t *testing.T) {
	e := start(t, sim.Options{Reserve: sim.ReserveEnd, CloneDelay: 300 * time.Millisecond})
	first, err := e.submit("a")
	e.must(err)
	second, err := e.submit("a")
	e.must(err)
	failed := 0
	for _, task := range []*object.Task{first, second} {
		if err := task.Wait(e.ctx); err != nil {
			wantFault[*types.DuplicateName](t, err)
			failed++
		}
	}
	if failed != 1 || e.count("a") != 1 {
		t.Errorf("%d clones failed, %d virtual machines", failed, e.count("a"))
	}
	entries := e.journal(0)
	made := find(t, entries, "virtual machine", func(e control.Entry) bool { return e.VM != nil && e.VM.Name == "a" })
	refused := find(t, entries, "failed clone", func(e control.Entry) bool { return e.Clone != nil && e.Clone.State == "error" })
	if refused.Seq < made.Seq { // as the default does
		t.Errorf("the name was refused before it was taken:\n%s", text(entries))
	}
}
