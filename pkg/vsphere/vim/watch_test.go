package vim_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// started is a simulator with a template, an adapter in step with it, and the group's folder.
func started(t *testing.T, change func(*vim.Config)) (sim *vcsim.Process, cfg vim.Config, v *vim.VCenter, stop func()) {
	t.Helper()
	sim = startSimulator(t, vcsim.Options{Templates: []string{"linux"}})
	cfg = configFor(sim, &notifier{})
	if change != nil {
		change(&cfg)
	}
	v, stop = run(t, cfg)
	awaitSynced(t, v)
	return sim, cfg, v, stop
}

// submit submits a clone into the group's folder.
func submit(t *testing.T, v *vim.VCenter, name string) error {
	t.Helper()
	ctx := t.Context()
	folder, err := v.EnsureFolder(ctx, web)
	must(t, err)
	template, err := findTemplate(t, v, web, "linux")
	must(t, err)
	return startClone(t, v, web, template, name, vsphere.CloneSpec{
		VMSpec: &vsphere.VMSpec{CPU: 1, MemoryMiB: 512}, Folder: folder, PowerOn: true,
	})
}

// awaitSnapshot waits until the group's snapshot is as it should be.
func awaitSnapshot(t *testing.T, v *vim.VCenter, what string, is func(vsphere.Snapshot) bool) vsphere.Snapshot {
	t.Helper()
	var s vsphere.Snapshot
	await(t, what, func() bool {
		var err error
		s, err = v.Snapshot(t.Context(), web, "")
		return err == nil && is(s)
	})
	return s
}

// cloned makes one VM and returns it.
func cloned(t *testing.T, v *vim.VCenter, name string) vsphere.VM {
	t.Helper()
	must(t, submit(t, v, name))
	s := awaitSnapshot(t, v, name, func(s vsphere.Snapshot) bool { return ready(s) == 1 && len(s.Operations) == 0 })
	return *s.VMs[0]
}

// The end of the task says that the VM is on, and the watch has nothing to say: it is off, as it was.
func TestSwitchedOffAgainBeforeTheWatchLooked(t *testing.T) {
	sim, _, v, _ := started(t, nil)
	ctx, vm := t.Context(), cloned(t, v, "web-0d1f2-0")
	must(t, sim.Control.PowerOff(ctx, string(vm.Ref)))
	awaitSnapshot(t, v, "off", func(s vsphere.Snapshot) bool { return ready(s) == 0 })
	must(t, sim.Control.FreezeUpdates(ctx, true))
	must(t, v.Start(ctx, web, requestsOn(vsphere.OperationPowerOn, vm.Ref)))
	await(t, "on and off again", func() bool { return sim.Control.PowerOff(ctx, string(vm.Ref)) == nil })
	must(t, sim.Control.FreezeUpdates(ctx, false))
	awaitSnapshot(t, v, "off, and nothing under way", func(s vsphere.Snapshot) bool { return ready(s) == 0 && len(s.Operations) == 0 })
}

func TestRootFolderRenamedAndBack(t *testing.T) {
	sim, _, v, _ := started(t, nil)
	vm := cloned(t, v, "web-0d1f2-0")
	before, err := sim.Control.Leaks(t.Context())
	must(t, err)
	must(t, sim.Control.RenameFolder(t.Context(), "vmgroups", "other"))
	s := awaitSnapshot(t, v, "no root", func(s vsphere.Snapshot) bool { return !s.RootExists })
	if len(s.VMs) != 1 || s.VMs[0].Ref != vm.Ref || len(s.Folders) != 0 {
		t.Errorf("without the root: VMs %+v, folders %+v", s.VMs, s.Folders)
	}
	if s.VMs[0].ParentPath != "/DC0/vm/other/default/web" {
		t.Errorf("the VM lies in %s", s.VMs[0].ParentPath)
	}
	// Its state stays live out there.
	must(t, sim.Control.PowerOff(t.Context(), string(vm.Ref)))
	awaitSnapshot(t, v, "off", func(s vsphere.Snapshot) bool { return len(s.VMs) == 1 && s.VMs[0].Power == vsphere.PoweredOff })
	must(t, sim.Control.RenameFolder(t.Context(), "other", "vmgroups"))
	awaitSnapshot(t, v, "the root again", func(s vsphere.Snapshot) bool {
		return s.RootExists && len(s.VMs) == 1 && len(s.Folders) == 1
	})
	// The session was the same all the time, and each connection has freed what the one before it had made.
	// The snapshot may be the last one of the connection that has seen the root come.
	await(t, "what is held on the server is what was held before", func() bool {
		after, err := sim.Control.Leaks(t.Context())
		must(t, err)
		return after == before
	})
}

func TestCloneOfADeadProcessIsToCome(t *testing.T) {
	sim, cfg, v, stop := started(t, nil)
	cloned(t, v, "web-0d1f2-0")
	must(t, sim.Control.SetCloneDelay(t.Context(), slowClone))
	must(t, submit(t, v, "web-0d1f2-1"))
	stop()

	next, _ := run(t, cfg)
	awaitSynced(t, next)
	s, err := next.Snapshot(t.Context(), web, "")
	must(t, err)
	if s.ClonesToCome != 1 || len(s.Operations) != 0 {
		t.Errorf("%d clones to come and operations %+v, want one and none", s.ClonesToCome, s.Operations)
	}
	awaitSnapshot(t, next, "the clone task has ended", func(s vsphere.Snapshot) bool { return s.ClonesToCome == 0 && len(s.VMs) == 2 })
}

func TestLostAnswerOfARunningClone(t *testing.T) {
	sim, _, v, _ := started(t, nil)
	cloned(t, v, "web-0d1f2-0")
	must(t, sim.Control.SetCloneDelay(t.Context(), slowClone))
	must(t, sim.Control.AddFault(t.Context(), control.Fault{Method: "CloneVM_Task", Type: control.LostReply, Count: 1}))
	if err := submit(t, v, "web-0d1f2-1"); vsphere.ClassOf(err) != vsphere.ClassUnknown {
		t.Fatalf("%s: %v", vsphere.ClassOf(err), err)
	}
	// At no time is there neither an operation, nor a clone to come, nor the VM.
	awaitSnapshot(t, v, "the VM", func(s vsphere.Snapshot) bool {
		if len(s.VMs)+len(s.Operations)+s.ClonesToCome < 2 {
			t.Fatalf("the clone is forgotten: %+v", s)
		}
		return len(s.VMs) == 2 && len(s.Operations) == 0 && s.ClonesToCome == 0
	})
}

func TestCloneThatOthersMakeIsNotToCome(t *testing.T) {
	sim, cfg, v, stop := started(t, nil)
	must(t, sim.Control.SetPassword(t.Context(), "somebody", "else"))
	must(t, sim.Control.SetCloneDelay(t.Context(), slowClone))
	must(t, submit(t, v, "web-0d1f2-0"))
	stop()

	cfg.Credentials = func() (string, string, error) { return "somebody", "else", nil }
	other, _ := run(t, cfg)
	awaitSynced(t, other)
	s, err := other.Snapshot(t.Context(), web, "")
	must(t, err)
	if s.ClonesToCome != 0 {
		t.Errorf("%d clones to come", s.ClonesToCome)
	}
}

// Rotated to another account while a clone's answer is lost, the process still knows its own clone.
func TestCloneUnderAnEarlierAccountIsToCome(t *testing.T) {
	var user atomic.Value
	sim, _, v, _ := started(t, nil)
	must(t, sim.Control.SetPassword(t.Context(), "somebody", "else"))
	user.Store([2]string{sim.Username, sim.Password})
	cfg := configFor(sim, &notifier{})
	cfg.Credentials = func() (string, string, error) {
		u := user.Load().([2]string)
		return u[0], u[1], nil
	}
	rotated, _ := run(t, cfg)
	awaitSynced(t, rotated)
	before := rotated.State().Since
	user.Store([2]string{"somebody", "else"})
	must(t, sim.Control.SetCloneDelay(t.Context(), 10*slowClone)) // far longer than to log in again
	must(t, submit(t, v, "web-0d1f2-0"))                          // by another process, under the first account: as if rotated's own was forgotten
	must(t, sim.Control.EndSessions(t.Context()))
	await(t, "logged in as another", func() bool { s := rotated.State(); return s.Synced && s.Since.After(before) })
	s, err := rotated.Snapshot(t.Context(), web, "")
	must(t, err)
	if s.ClonesToCome != 1 {
		t.Errorf("%d clones to come, want 1", s.ClonesToCome)
	}
}

func TestAtRestThereIsOneLongPoll(t *testing.T) {
	sim, _, v, _ := started(t, nil)
	cloned(t, v, "web-0d1f2-0")
	// All that is still to be done after a clone costs a few calls; then the calls stop.
	var total int
	quiet := time.Now()
	await(t, "no call for two seconds", func() bool {
		calls, err := sim.Control.Calls(context.WithoutCancel(t.Context()))
		must(t, err)
		if calls.Total() != total {
			total, quiet = calls.Total(), time.Now()
		}
		return time.Since(quiet) > 2*time.Second
	})
}

func TestFolderOfManyVMsDestroyedBehindTheBack(t *testing.T) {
	sim, _, v, _ := started(t, nil)
	for _, name := range []string{"web-0d1f2-0", "web-0d1f2-1", "web-0d1f2-2"} {
		must(t, submit(t, v, name))
	}
	s := awaitSnapshot(t, v, "three", func(s vsphere.Snapshot) bool { return ready(s) == 3 && len(s.Operations) == 0 })
	for _, vm := range s.VMs {
		must(t, sim.Control.DestroyVM(t.Context(), string(vm.Ref)))
	}
	awaitSnapshot(t, v, "none", func(s vsphere.Snapshot) bool { return len(s.VMs) == 0 })
}

func TestAnUnreadableVMIsNotGone(t *testing.T) {
	sim, _, v, _ := started(t, nil)
	vm := cloned(t, v, "web-0d1f2-0")
	must(t, sim.Control.AddFault(t.Context(), control.Fault{
		Method: "RetrievePropertiesEx", Type: "NoPermission", PrivilegeID: "System.Read",
	}))
	if _, err := sim.Control.CreateFolder(t.Context(), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	must(t, sim.Control.Move(t.Context(), string(vm.Ref), "elsewhere"))
	s := awaitSnapshot(t, v, "unreadable", func(s vsphere.Snapshot) bool { return len(s.VMs) == 1 && s.VMs[0].Unreadable })
	if s.VMs[0].Stamp == nil {
		t.Error("what was known of it is forgotten")
	}
	must(t, sim.Control.ClearFaults(t.Context()))
	awaitSnapshot(t, v, "readable", func(s vsphere.Snapshot) bool {
		return len(s.VMs) == 1 && !s.VMs[0].Unreadable && s.VMs[0].ParentPath == "/DC0/vm/elsewhere"
	})
}

func TestResyncFindsWhatNobodyReported(t *testing.T) {
	sim, cfg, v, stop := started(t, nil)
	vm := cloned(t, v, "web-0d1f2-0")
	stop()
	if _, err := sim.Control.CreateFolder(t.Context(), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	must(t, sim.Control.Move(t.Context(), string(vm.Ref), "elsewhere"))

	next, _ := run(t, cfg)
	awaitSynced(t, next)
	s, err := next.Snapshot(t.Context(), web, "")
	must(t, err)
	if len(s.VMs) != 1 || s.VMs[0].ParentPath != "/DC0/vm/elsewhere" {
		t.Errorf("right after the start: %+v", s.VMs)
	}
}
