package fake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// What every implementation promises is in the contract; here is what only the fake can do.

var web = vsphere.GroupID{Namespace: "default", Name: "web", UID: "uid-web"}

// setup is a vCenter with one template, and one client with the group's folder made.
func setup(t *testing.T, cfg fake.Config) (*fake.VCenter, *fake.Client, *testclock.FakePassiveClock, vsphere.CloneSpec) {
	t.Helper()
	clock := testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	vc := fake.NewVCenter(clock)
	vc.AddTemplate("templates", "linux")
	client := vc.Connect(cfg)
	folder, err := client.EnsureFolder(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	vc.ResetCalls()
	return vc, client, clock, vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{CPU: 1, MemoryMiB: 512}, Folder: folder}
}

// start submits one clone of the template.
func start(t *testing.T, c *fake.Client, g vsphere.GroupID, name string, spec vsphere.CloneSpec) error {
	t.Helper()
	template, err := c.FindTemplate(t.Context(), g, "", "linux")
	if err != nil {
		return err
	}
	spec.Source = template
	return c.Start(t.Context(), g, []vsphere.Request{{Kind: vsphere.OperationClone, Name: name, Clone: &spec}})
}

// on asks for an operation on a VM.
func on(kind vsphere.OperationKind, vm vsphere.Ref) []vsphere.Request {
	return []vsphere.Request{{Kind: kind, VM: vm}}
}

func snapshot(t *testing.T, c vsphere.Interface) vsphere.Snapshot {
	t.Helper()
	s, err := c.Snapshot(t.Context(), web, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantCalls(t *testing.T, vc *fake.VCenter, want ...string) {
	t.Helper()
	var got []string
	for _, c := range vc.Calls() {
		got = append(got, c.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("calls are %q, want %q", got, want)
	}
}

func TestCallsAreInOrder(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{})
	ctx := t.Context()
	for _, name := range []string{"b", "a"} {
		if err := start(t, c, web, name, spec); err != nil {
			t.Fatal(err)
		}
	}
	vm := snapshot(t, c).VMs[0].Ref
	for _, call := range []func() error{
		func() error { return c.Start(ctx, web, on(vsphere.OperationPowerOn, vm)) },
		func() error { return c.Start(ctx, web, on(vsphere.OperationPowerOff, vm)) },
		func() error { return c.Start(ctx, web, on(vsphere.OperationDestroy, vm)) },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	wantCalls(t, vc, "StartClone b", "StartClone a", "StartPowerOn a", "StartPowerOff a", "StartDestroy a")
	vc.ResetCalls()
	if _, err := c.EnsureFolder(ctx, web); err != nil { // which is there: nothing is sent
		t.Fatal(err)
	}
	wantCalls(t, vc)
}

func TestHeldTasksEndWhenTheTestSaysSo(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{})
	vc.Hold()
	for i := range 3 {
		if err := start(t, c, web, fmt.Sprint(i), spec); err != nil {
			t.Fatal(err)
		}
	}
	running := vc.Running()
	if s := snapshot(t, c); len(running) != 3 || len(s.Operations) != 3 || len(s.VMs) != 0 {
		t.Fatalf("%d tasks run, snapshot is %+v", len(running), s)
	}
	vc.EndTask(running[1].Ref, nil)
	vc.EndTask(running[2].Ref, &vsphere.Error{Class: vsphere.ClassExhausted, Message: "full"})
	s := snapshot(t, c)
	if len(s.Operations) != 1 || len(s.VMs) != 1 || s.VMs[0].Name != "1" || len(s.Failures) != 1 {
		t.Errorf("want one of each, got %+v", s)
	}
	vc.Release()
	if s := snapshot(t, c); len(s.Operations) != 0 || len(s.VMs) != 2 {
		t.Errorf("want two VMs, got %+v", s)
	}
}

func TestFaults(t *testing.T) {
	full := &vsphere.Error{Class: vsphere.ClassExhausted, Reason: "ResourceExhausted", Message: "full"}
	for _, row := range []struct {
		name     string
		fault    fake.Fault
		class    vsphere.Class // of what the caller is told
		vms      int
		failures int
	}{
		{"refused at once", fake.Fault{Err: full}, vsphere.ClassExhausted, 0, 1},
		{"the task fails", fake.Fault{Err: full, Task: true}, "", 0, 1},
		{"the answer is lost", fake.Fault{Lost: true}, vsphere.ClassUnknown, 1, 0},
		{"the request is lost", fake.Fault{Err: &vsphere.Error{Class: vsphere.ClassUnknown}}, vsphere.ClassUnknown, 0, 0},
		{"of another target", fake.Fault{Err: full, Target: "b"}, "", 1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			vc, c, _, spec := setup(t, fake.Config{})
			row.fault.Method = fake.StartClone
			vc.Inject(row.fault)
			err := start(t, c, web, "a", spec)
			s := snapshot(t, c)
			if vsphere.ClassOf(err) != row.class || len(s.VMs) != row.vms || len(s.Failures) != row.failures || len(s.Operations) != 0 {
				t.Errorf("got %v and %+v", err, s)
			}
			if row.vms == 0 { // once is once
				if err := start(t, c, web, "a", spec); err != nil || len(snapshot(t, c).VMs) != 1 {
					t.Errorf("the next clone: %v, %+v", err, snapshot(t, c))
				}
			}
		})
	}
}

func TestLostAnswerStaysUnknownWhileTasksAreHeld(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{})
	vc.Hold()
	vc.Inject(fake.Fault{Method: fake.StartClone, Lost: true})
	if err := start(t, c, web, "a", spec); vsphere.ClassOf(err) != vsphere.ClassUnknown {
		t.Fatal(err)
	}
	if s := snapshot(t, c); len(s.Operations) != 1 || !s.Operations[0].Unknown {
		t.Errorf("want an operation of unknown outcome, got %+v", s.Operations)
	}
	vc.Release()
	if s := snapshot(t, c); len(s.Operations) != 0 || len(s.VMs) != 1 {
		t.Errorf("want one VM, got %+v", s)
	}
}

func TestOverdueCloneIsCancelled(t *testing.T) {
	vc, c, clock, spec := setup(t, fake.Config{CloneTimeout: time.Minute})
	vc.Hold()
	if err := start(t, c, web, "a", spec); err != nil {
		t.Fatal(err)
	}
	clock.SetTime(clock.Now().Add(time.Minute))
	vc.Tick()
	wantCalls(t, vc, "StartClone a", "Cancel a")
	if s := snapshot(t, c); len(s.Operations) != 1 || !s.Operations[0].Overdue {
		t.Errorf("want an overdue operation, got %+v", s.Operations)
	}
}

// TestTwoControllersMakeOneVM is why names are the lock.
func TestTwoControllersMakeOneVM(t *testing.T) {
	vc, a, _, spec := setup(t, fake.Config{})
	b := vc.Connect(fake.Config{})
	vc.Hold()
	for _, c := range []*fake.Client{a, b} {
		if err := start(t, c, web, "web-0", spec); err != nil {
			t.Fatal(err)
		}
	}
	vc.Release()
	for _, c := range []*fake.Client{a, b} {
		if s := snapshot(t, c); len(s.VMs) != 1 || len(s.Operations) != 0 {
			t.Errorf("want one VM, got %+v", s)
		}
	}
}

func TestGuardForbidsEveryChange(t *testing.T) {
	forbidden := false
	guard := func() error {
		if forbidden {
			return &vsphere.Error{Class: vsphere.ClassUnavailable, Message: "the lease is not surely ours"}
		}
		return nil
	}
	vc, c, _, spec := setup(t, fake.Config{Guard: guard})
	forbidden = true
	ctx := t.Context()
	_, err := c.EnsureFolder(ctx, web)
	refused := []error{err, c.Cancel(ctx, vsphere.Operation{}), c.RemoveFolder(ctx, web, spec.Folder)}
	for _, kind := range vsphere.Kinds() {
		refused = append(refused, c.Start(ctx, web, []vsphere.Request{{Kind: kind, Name: "a", VM: "vm-1", Clone: &spec, Resize: &vsphere.Resize{}}}))
	}
	for _, err := range refused {
		if vsphere.ClassOf(err) != vsphere.ClassUnavailable {
			t.Errorf("got %v", err)
		}
	}
	wantCalls(t, vc)
}

func TestUnreadableVMKeepsItsPlace(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{})
	if err := start(t, c, web, "a", spec); err != nil {
		t.Fatal(err)
	}
	vm := snapshot(t, c).VMs[0].Ref
	vc.Update(vm, func(vm *vsphere.VM) { vm.Unreadable = true })
	if err := c.Start(t.Context(), web, on(vsphere.OperationDestroy, vm)); err == nil {
		t.Error("what cannot be read was not refused")
	}
	if s := snapshot(t, c); len(s.VMs) != 1 || !s.VMs[0].Unreadable {
		t.Errorf("want one unreadable VM, got %+v", s.VMs)
	}
}

// TestADestructionIsJudgedByTheTruth: a disk that the rule cannot tell from the VM's own, for it has been moved into the VM's
// directory, is destroyed, and the fake says so. Tests look at what it says.
func TestADestructionIsJudgedByTheTruth(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{})
	if err := start(t, c, web, "a", spec); err != nil {
		t.Fatal(err)
	}
	ours, other := snapshot(t, c).VMs[0].Ref, vc.AddForeignVM("others", "db")
	vc.MoveDisk(other, fmt.Sprintf("a_%s", ours))
	vc.ReplaceDisk(ours, other)
	if err := c.Start(t.Context(), web, on(vsphere.OperationDestroy, ours)); err != nil {
		t.Fatal(err)
	}
	if got := vc.Violations(); len(got) != 1 {
		t.Errorf("violations: %q, want one", got)
	}
}

// TestACopyIsSilent: what a guest has told is its own, and a clone made by hand is off.
func TestACopyIsSilent(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{})
	vc.Update(vc.VMs()[0].Ref, func(vm *vsphere.VM) { vm.CPUHotAdd, vm.MemoryHotAdd = true, true })
	spec.PowerOn = true
	if err := start(t, c, web, "a", spec); err != nil {
		t.Fatal(err)
	}
	vm := snapshot(t, c).VMs[0]
	vc.SetTools(vm.Ref, true)
	vc.SetIPs(vm.Ref, "192.0.2.1")
	vc.SetReady(vm.Ref, "true")
	vc.CopyVM(vm.Ref, "b")
	s := snapshot(t, c)
	if vm := s.VMs[0]; !vm.ToolsRunning || vm.IP != "192.0.2.1" || len(vm.IPs) != 1 || !vm.GuestReady || !vm.CPUHotAdd || !vm.MemoryHotAdd {
		t.Errorf("the VM is %+v", vm)
	}
	if vm := s.VMs[1]; vm.ToolsRunning || vm.IP != "" || vm.IPs != nil || vm.GuestReady || !vm.CPUHotAdd {
		t.Errorf("the copy is %+v", vm)
	}
}

func TestLostRoot(t *testing.T) {
	vc, c, _, _ := setup(t, fake.Config{})
	if !snapshot(t, c).RootExists {
		t.Error("the root does not exist")
	}
	vc.RemoveFolder("vmgroups")
	if s := snapshot(t, c); s.RootExists || len(s.Folders) != 0 {
		t.Errorf("want no root, got %+v", s)
	}
}

// asker asks for a snapshot whenever it is notified, as a careless caller may.
type asker struct {
	mu     sync.Mutex
	client *fake.Client
	asked  int
}

func (a *asker) Notify(g vsphere.GroupID) {
	a.mu.Lock()
	client := a.client
	a.asked++
	a.mu.Unlock()
	if client != nil {
		_, _ = client.Snapshot(context.Background(), g, "")
	}
}

func (a *asker) NotifyAll() { a.Notify(web) }

func TestNotifierMayAsk(t *testing.T) {
	a := &asker{}
	vc, c, _, spec := setup(t, fake.Config{Notifier: a})
	a.mu.Lock()
	a.client, a.asked = c, 0
	a.mu.Unlock()
	if err := start(t, c, web, "a", spec); err != nil {
		t.Fatal(err)
	}
	vc.SetOutage(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked < 2 {
		t.Errorf("notified %d times", a.asked)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	vc, c, _, spec := setup(t, fake.Config{MaxClones: 2})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			g := vsphere.GroupID{Namespace: "default", Name: fmt.Sprint("g", i), UID: fmt.Sprint("uid-", i)}
			for n := range 20 {
				err := start(t, c, g, fmt.Sprintf("%s-%d", g.Name, n), spec)
				if err != nil && !errors.Is(err, vsphere.ErrNoBudget) {
					t.Error(err)
				}
				s, err := c.Snapshot(t.Context(), g, "")
				if err != nil {
					t.Error(err)
				}
				for _, vm := range s.VMs {
					vc.Rename(vm.Ref, vm.Name+"x")
				}
				vc.Tick()
			}
		})
	}
	wg.Wait()
}

func TestEveryKindCanBeStarted(t *testing.T) {
	for _, kind := range vsphere.Kinds() {
		_, c, _, spec := setup(t, fake.Config{})
		if err := c.Start(t.Context(), web, []vsphere.Request{{Kind: kind, Name: "a", VM: "vm-none", Clone: &spec}}); vsphere.ClassOf(err) == vsphere.ClassInvalid {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
