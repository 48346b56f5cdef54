package sim_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

func TestLogin(t *testing.T) {
	e := start(t, sim.Options{Username: "alice", Password: "secret"})
	err := e.dial().Login(e.ctx, url.UserPassword("alice", "wrong"))
	wantFault[*types.InvalidLogin](t, err)
	e.must(e.control.SetPassword(e.ctx, "alice", "changed"))
	err = e.dial().Login(e.ctx, url.UserPassword("alice", "secret"))
	wantFault[*types.InvalidLogin](t, err)
	e.login("alice", "changed")
	calls, err := e.control.Calls(e.ctx)
	e.must(err)
	if calls.LoginsOK != 2 || calls.LoginsRefused != 2 || calls.Methods["Login"] != 4 {
		t.Errorf("calls: %+v", calls)
	}
	sessions, err := e.control.Sessions(e.ctx)
	e.must(err)
	if len(sessions) != 2 || sessions[0].User != "alice" {
		t.Errorf("sessions: %+v", sessions)
	}
}

func TestCalls(t *testing.T) {
	e := start(t, sim.Options{})
	e.clone("a")
	calls, err := e.control.Calls(e.ctx)
	e.must(err)
	if calls.Methods["CloneVM_Task"] != 1 || calls.LastClone == 0 || calls.UserAgents[e.client.UserAgent]["CloneVM_Task"] != 1 {
		t.Errorf("calls: %+v", calls)
	}
	e.must(e.control.ResetCalls(e.ctx))
	calls, err = e.control.Calls(e.ctx)
	e.must(err)
	if calls.Total() != 0 || calls.LastClone != 0 {
		t.Errorf("calls after reset: %+v", calls)
	}
}

func TestFaultOfCall(t *testing.T) {
	e := start(t, sim.Options{})
	e.must(e.control.AddFault(e.ctx, control.Fault{
		Method: "CloneVM_Task", Entity: "b*", Type: "NoPermission", PrivilegeID: "VirtualMachine.Provisioning.DeployTemplate", Count: 1,
	}))
	e.clone("a")
	_, err := e.submit("b1")
	if fault := wantFault[*types.NoPermission](t, err); fault.PrivilegeId == "" || fault.Object == nil || *fault.Object != e.template {
		t.Errorf("fault %+v", fault)
	}
	e.clone("b1") // the rule is used up
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "*", Type: "NotAuthenticated"}))
	_, err = e.submit("c")
	wantFault[*types.NotAuthenticated](t, err)
	e.must(e.control.ClearFaults(e.ctx))
	e.clone("c")
	if err := e.control.AddFault(e.ctx, control.Fault{Method: "*", Type: "NoSuchFault"}); err == nil {
		t.Error("a fault type that does not exist is accepted")
	}
}

func TestFaultOfTask(t *testing.T) {
	e := start(t, sim.Options{})
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "CloneVM_Task", Type: "NoDiskSpace", Count: 1, TaskLevel: true}))
	task, err := e.submit("a")
	e.must(err)
	wantFault[*types.NoDiskSpace](t, task.Wait(e.ctx))
	vm := object.NewVirtualMachine(e.client.Client, e.clone("a"))
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "PowerOnVM_Task", Entity: "a", Type: "InsufficientResourcesFault", Count: 1, TaskLevel: true}))
	task, err = vm.PowerOn(e.ctx)
	e.must(err)
	wantFault[*types.InsufficientResourcesFault](t, task.Wait(e.ctx))
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "Destroy_Task", Type: "TaskInProgress", Count: 1, TaskLevel: true}))
	task, err = vm.Destroy(e.ctx)
	e.must(err)
	wantFault[*types.TaskInProgress](t, task.Wait(e.ctx))
	if e.count("a") != 1 {
		t.Error("the virtual machine is gone")
	}
}

func TestLostReply(t *testing.T) {
	e := start(t, sim.Options{})
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "CloneVM_Task", Type: control.LostReply, Count: 1}))
	if task, err := e.submit("a"); err == nil {
		t.Fatalf("an answer came: %s", task.Reference())
	}
	for e.count("a") == 0 && e.ctx.Err() == nil {
	}
	e.must(e.ctx.Err())
	calls, err := e.control.Calls(e.ctx)
	e.must(err)
	if calls.Methods["CloneVM_Task"] != 1 {
		t.Errorf("%d clones sent", calls.Methods["CloneVM_Task"])
	}
}

func TestOutage(t *testing.T) {
	for _, mode := range []control.Outage{control.OutageRefuse, control.OutageUnavailable, control.OutageHang} {
		t.Run(string(mode), func(t *testing.T) {
			e := start(t, sim.Options{})
			w := e.watchFolder()
			w.next()
			ctx, cancel := context.WithCancel(e.ctx)
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, err := w.poll(ctx, w.version)
				done <- err
			}()
			e.must(e.control.SetOutage(e.ctx, mode))
			if mode == control.OutageHang {
				_, err := e.control.AddForeignVM(e.ctx, "group", "a") // would end the poll
				e.must(err)
				e.must(e.control.SetOutage(e.ctx, control.OutageOff))
				e.must(<-done)
				return
			}
			if err := <-done; err == nil {
				t.Error("a long poll survived the outage")
			}
			if _, err := methods.GetCurrentTime(e.ctx, e.client); err == nil {
				t.Error("a call was answered")
			}
			e.must(e.control.SetOutage(e.ctx, control.OutageOff))
			_, err := methods.GetCurrentTime(e.ctx, e.client)
			e.must(err)
		})
	}
}

func TestControlChanges(t *testing.T) {
	e := start(t, sim.Options{TemplateFolder: "templates"})
	e.clone("a")
	disk, err := e.control.AddDisk(e.ctx, "a")
	e.must(err)
	e.must(e.control.Reconfigure(e.ctx, "a", 4, 512))
	e.must(e.control.SetConnectionState(e.ctx, "a", true))
	vm := e.truth("a")
	if len(vm.Disks) != 2 || vm.Disks[1] != disk || vm.NumCPU != 4 || vm.MemoryMB != 512 || vm.ConnectionState != "disconnected" {
		t.Errorf("after the changes: %+v", vm)
	}
	e.must(e.control.SetConnectionState(e.ctx, vm.MoRef, false))
	if _, err := e.control.AddTemplate(e.ctx, "second", "templates/deep"); err != nil {
		t.Fatal(err)
	}
	if got := e.truth("second"); !got.Template || got.Path != "/DC0/vm/templates/deep/second" {
		t.Errorf("second template: %+v", got)
	}
	e.must(e.control.RenameFolder(e.ctx, "group", "renamed"))
	if got := e.truth("a").Path; got != "/DC0/vm/renamed/a" {
		t.Errorf("path %q", got)
	}
	e.must(e.control.RemoveFolder(e.ctx, "renamed"))
	if got := e.truth("a").Path; got != "?/a" {
		t.Errorf("path of an orphan %q", got)
	}
	if err := e.control.PowerOn(e.ctx, "nobody"); err == nil {
		t.Error("a virtual machine that does not exist was switched on")
	}
}

func TestRename(t *testing.T) {
	e := start(t, sim.Options{})
	a, b := e.clone("a"), e.clone("b")
	task, err := object.NewVirtualMachine(e.client.Client, a).Rename(e.ctx, "b")
	e.must(err)
	if fault := wantFault[*types.DuplicateName](t, task.Wait(e.ctx)); fault.Object != b {
		t.Errorf("fault names %s", fault.Object)
	}
	_, err = object.NewFolder(e.client.Client, e.folder).CreateFolder(e.ctx, "")
	wantFault[*types.InvalidName](t, err)
}

func TestManyInOneProcess(t *testing.T) {
	one := start(t, sim.Options{CloneDelay: endless})
	two := start(t, sim.Options{Datacenters: []string{"north", "south"}, Datastores: 2, Clusters: 2})
	_, err := one.submit("a")
	one.must(err)
	two.clone("a")
	if one.count("a") != 0 || two.truth("a").Path != "/north/vm/group/a" {
		t.Errorf("the simulators share something: %+v", two.truth("a"))
	}
	// A certificate of one is no good for the other.
	if string(one.sim.CAPEM()) == string(two.sim.CAPEM()) {
		t.Error("one certificate for both")
	}
}
