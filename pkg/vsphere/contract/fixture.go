package contract

import (
	"fmt"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// patience is how long a condition is waited for. It bounds a test that fails; one that passes never waits that long.
const patience = time.Minute

const templateFolder = "templates"

// fixture is one scenario's world, with a template and a group in it.
type fixture struct {
	World
	t        *testing.T
	heard    *recorder
	group    vsphere.GroupID
	template vsphere.Ref
	linux    vsphere.Template // what template was found as, see start
}

func newFixture(t *testing.T, newWorld func(*testing.T, Options) World, s scenario) *fixture {
	f := &fixture{
		t:     t,
		heard: newRecorder(),
		group: vsphere.GroupID{Namespace: "default", Name: "web", UID: "0d1f2a3b-0000-4000-8000-000000000001"},
	}
	opts := s.opts
	opts.Notifier = f.heard
	if !s.anywhere {
		opts.TemplateFolder = templateFolder
	}
	f.World = newWorld(t, opts)
	t.Cleanup(func() {
		for _, violation := range f.Violations() {
			t.Error(violation)
		}
	})
	f.template = f.AddTemplate(templateFolder, "linux")
	return f
}

// other is a second group.
func (f *fixture) other() vsphere.GroupID {
	return vsphere.GroupID{Namespace: "default", Name: "db", UID: "0d1f2a3b-0000-4000-8000-000000000002"}
}

// must fails the test on an error.
func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatalf("%s: %v", vsphere.ClassOf(err), err)
	}
}

// mustBe fails the test unless err has the class.
func (f *fixture) mustBe(class vsphere.Class, err error) {
	f.t.Helper()
	if vsphere.ClassOf(err) != class {
		f.t.Fatalf("class of error %v is %q, want %q", err, vsphere.ClassOf(err), class)
	}
}

func (f *fixture) snapshot(g vsphere.GroupID) vsphere.Snapshot {
	f.t.Helper()
	s, err := f.Client().Snapshot(f.t.Context(), g, "")
	f.must(err)
	return s
}

// await waits until the group's snapshot is as it should be, and returns it. It looks now, and whenever the group is
// notified: what changes without a word is never seen.
func (f *fixture) await(g vsphere.GroupID, what string, is func(vsphere.Snapshot) bool) vsphere.Snapshot {
	f.t.Helper()
	var s vsphere.Snapshot
	f.awaitNotified(g, what, func() bool {
		var err error
		s, err = f.Client().Snapshot(f.t.Context(), g, "")
		return err == nil && is(s)
	})
	return s
}

// awaitNotified waits for a condition that may become true whenever the group is notified.
func (f *fixture) awaitNotified(g vsphere.GroupID, what string, is func() bool) {
	f.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for looked := -1; ; {
		n, next := f.heard.of(g)
		if n != looked && is() {
			return
		}
		looked = n
		select {
		case <-next:
		case <-late.C:
			silent := ""
			if is() {
				silent = " (it is by now, but nobody was told)"
			}
			s, err := f.Client().Snapshot(f.t.Context(), g, "")
			f.t.Fatalf("%s: not within %s%s; last snapshot: %s, %v", what, patience, silent, describe(s), err)
		}
	}
}

// awaitPolled waits for a condition that nobody is notified of.
func (f *fixture) awaitPolled(what string, is func() bool) {
	f.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-late.C:
			f.t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// notifies expects that the group is notified of a change.
func (f *fixture) notifies(g vsphere.GroupID, change func()) {
	f.t.Helper()
	before, _ := f.heard.of(g)
	change()
	f.awaitNotified(g, "the notification", func() bool {
		now, _ := f.heard.of(g)
		return now > before
	})
}

func describe(s vsphere.Snapshot) string {
	text := fmt.Sprintf("path %s, root %t, %d clones to come", s.Path, s.RootExists, s.ClonesToCome)
	for _, f := range s.Folders {
		text += fmt.Sprintf("\n folder %+v", f)
	}
	for _, vm := range s.VMs {
		text += fmt.Sprintf("\n VM %+v stamp %+v", *vm, vm.Stamp)
	}
	for _, op := range s.Operations {
		text += fmt.Sprintf("\n operation %+v", op)
	}
	for _, failure := range s.Failures {
		text += fmt.Sprintf("\n failure %+v", failure)
	}
	return text
}

// spec is what all VMs are made with.
func (f *fixture) spec(folder vsphere.Ref, slot int) vsphere.CloneSpec {
	return vsphere.CloneSpec{
		VMSpec: &vsphere.VMSpec{Template: "linux", CPU: 2, MemoryMiB: 1024}, Folder: folder, Slot: slot, PowerOn: true,
	}
}

// start submits one clone of the template of all scenarios.
func (f *fixture) start(g vsphere.GroupID, name string, spec vsphere.CloneSpec) error {
	f.t.Helper()
	if f.linux.Ref == "" {
		f.linux = f.found("linux", f.template)
	}
	return f.startFrom(f.linux, g, name, spec)
}

func (f *fixture) startFrom(t vsphere.Template, g vsphere.GroupID, name string, spec vsphere.CloneSpec) error {
	return f.Client().Start(f.t.Context(), g, []vsphere.Request{cloneOf(t, name, spec)})
}

// cloneOf asks for a clone of a template.
func cloneOf(t vsphere.Template, name string, spec vsphere.CloneSpec) vsphere.Request {
	spec.Source = t
	return vsphere.Request{Kind: vsphere.OperationClone, Name: name, Clone: &spec}
}

// ask submits requests of one kind for VMs of the group.
func (f *fixture) ask(kind vsphere.OperationKind, vms ...vsphere.Ref) error {
	requests := make([]vsphere.Request, len(vms))
	for i, vm := range vms {
		requests[i] = vsphere.Request{Kind: kind, VM: vm}
	}
	return f.Client().Start(f.t.Context(), f.group, requests)
}

// folder makes the group's folder.
func (f *fixture) folder(g vsphere.GroupID) vsphere.Ref {
	f.t.Helper()
	ref, err := f.Client().EnsureFolder(f.t.Context(), g)
	f.must(err)
	return ref
}

// vmName is the name of the VM in a slot.
func vmName(g vsphere.GroupID, slot int) string {
	return fmt.Sprintf("%s-%s-%d", g.Name, g.UID[:5], slot)
}

// made clones a VM that is on, and returns it once nothing is under way any more.
func (f *fixture) made(g vsphere.GroupID, slot int) vsphere.VM {
	f.t.Helper()
	return f.clone(g, slot, f.spec(f.folder(g), slot))
}

// madeOff is made, with a VM that is off.
func (f *fixture) madeOff(g vsphere.GroupID, slot int) vsphere.VM {
	f.t.Helper()
	spec := f.spec(f.folder(g), slot)
	spec.PowerOn = false
	return f.clone(g, slot, spec)
}

func (f *fixture) clone(g vsphere.GroupID, slot int, spec vsphere.CloneSpec) vsphere.VM {
	f.t.Helper()
	name := vmName(g, slot)
	f.notifies(g, func() { f.must(f.start(g, name, spec)) })
	want := vsphere.PoweredOff
	if spec.PowerOn {
		want = vsphere.PoweredOn
	}
	s := f.await(g, name+" is made", func(s vsphere.Snapshot) bool {
		vm, ok := named(s, name)
		return ok && vm.Configured && vm.Power == want && len(s.Operations) == 0
	})
	vm, _ := named(s, name)
	return vm
}

// idle is true once nothing is under way.
func idle(s vsphere.Snapshot) bool { return len(s.Operations) == 0 && s.ClonesToCome == 0 }

func named(s vsphere.Snapshot, name string) (vsphere.VM, bool) {
	for _, vm := range s.VMs {
		if vm.Name == name {
			return *vm, true
		}
	}
	return vsphere.VM{}, false
}

func byRef(s vsphere.Snapshot, ref vsphere.Ref) (vsphere.VM, bool) {
	for _, vm := range s.VMs {
		if vm.Ref == ref {
			return *vm, true
		}
	}
	return vsphere.VM{}, false
}

func (f *fixture) identify(s vsphere.Snapshot, vm vsphere.VM) vsphere.Identity {
	return vsphere.Identify(s.Owner, f.group.UID, vm)
}

// count returns how many VMs of a name there really are.
func (f *fixture) count(name string) int {
	n := 0
	for _, vm := range f.VMs() {
		if vm.Name == name {
			n++
		}
	}
	return n
}

// exists is true if there really is such a VM.
func (f *fixture) exists(ref vsphere.Ref) bool {
	for _, vm := range f.VMs() {
		if vm.Ref == ref {
			return true
		}
	}
	return false
}

// failure returns the failure of an operation on a VM.
func failure(s vsphere.Snapshot, kind vsphere.OperationKind, vm vsphere.Ref) (vsphere.Failure, bool) {
	for _, f := range s.Failures {
		if f.Kind == kind && f.VM == vm {
			return f, true
		}
	}
	return vsphere.Failure{}, false
}
