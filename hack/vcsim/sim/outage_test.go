package sim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

func TestRestart(t *testing.T) {
	for _, tasks := range []string{control.TasksFail, control.TasksFinish} {
		t.Run(tasks, func(t *testing.T) {
			e := start(t, sim.Options{CloneDelay: endless})
			w := e.watchFolder()
			w.next()
			_, err := e.submit("a")
			e.must(err)
			poll := make(chan error, 1)
			go func() {
				_, err := w.poll(e.ctx, w.version)
				poll <- err
			}()
			url, since := e.sim.URL(), e.now()
			e.must(e.control.Restart(e.ctx, time.Millisecond, tasks))
			if err := <-poll; err == nil {
				t.Error("a long poll survived the restart")
			}
			if e.sim.URL() != url {
				t.Errorf("it listens at %s, and did at %s", e.sim.URL(), url)
			}
			_, err = methods.GetCurrentTime(e.ctx, e.client)
			wantFault[*types.NotAuthenticated](t, err)
			e.client = e.login("user", "pass")
			if want := map[string]int{control.TasksFail: 0, control.TasksFinish: 1}[tasks]; e.count("a") != want {
				t.Errorf("%d virtual machines, want %d", e.count("a"), want)
			}
			leaks, err := e.control.Leaks(e.ctx)
			e.must(err)
			if leaks != (control.Leaks{Sessions: 1}) {
				t.Errorf("left of the sessions before: %+v", leaks)
			}
			entries := e.journal(since)
			find(t, entries, "end of the clone", func(e control.Entry) bool { return e.Kind == control.EntryCloneEnd })
			find(t, entries, "end of the session", func(e control.Entry) bool { return e.Kind == control.EntryLogout })
			e.must(e.control.SetCloneDelay(e.ctx, 0))
			e.clone("b")
		})
	}
}

func TestSlowOutage(t *testing.T) {
	e := start(t, sim.Options{})
	e.must(e.control.SetSlow(e.ctx, endless))
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan error, 1)
	go func() {
		_, err := object.NewFolder(e.client.Client, e.folder).CreateFolder(ctx, "inner")
		done <- err
	}()
	for !e.hasFolder("/DC0/vm/group/inner") { // it is carried out; only the answer is late
		if e.ctx.Err() != nil {
			t.Fatal(e.ctx.Err())
		}
	}
	select {
	case err := <-done:
		t.Errorf("an answer came: %v", err)
	default:
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("an answer came")
	}
	e.must(e.control.SetSlow(e.ctx, time.Millisecond))
	_, err := methods.GetCurrentTime(e.ctx, e.client)
	e.must(err)
}

func (e *env) hasFolder(path string) bool {
	e.t.Helper()
	folders, err := e.control.Folders(e.ctx)
	e.must(err)
	for _, f := range folders {
		if f.Path == path {
			return true
		}
	}
	return false
}

func TestCutOutage(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	e.must(e.control.SetOutage(e.ctx, control.OutageCut))
	_, err := object.NewFolder(e.client.Client, e.folder).CreateFolder(e.ctx, "inner")
	if err == nil {
		t.Error("half an answer is taken for one")
	}
	e.must(e.control.SetOutage(e.ctx, control.OutageOff))
	if !e.hasFolder("/DC0/vm/group/inner") {
		t.Error("the call was not carried out")
	}
	answer := find(t, e.journal(since), "answer", func(e control.Entry) bool { return e.Kind == control.EntryAnswer })
	if answer.Fault != control.ReplyLost {
		t.Errorf("answer: %+v", answer)
	}
}

func TestFaultsOfTheConnection(t *testing.T) {
	for _, kind := range []string{control.Cut, control.Unavailable} {
		t.Run(kind, func(t *testing.T) {
			e := start(t, sim.Options{})
			e.must(e.control.AddFault(e.ctx, control.Fault{Method: "CreateFolder", Type: kind, Skip: 1, Count: 1}))
			folder := object.NewFolder(e.client.Client, e.folder)
			for i, want := range []bool{true, false, true} {
				name := fmt.Sprintf("inner-%d", i)
				_, err := folder.CreateFolder(e.ctx, name)
				if got := err == nil; got != want || e.hasFolder("/DC0/vm/group/"+name) != want {
					t.Errorf("call %d: error %v, folder made: %v", i+1, err, e.hasFolder("/DC0/vm/group/"+name))
				}
			}
		})
	}
}

func TestHangingCall(t *testing.T) {
	e := start(t, sim.Options{})
	hang := control.Fault{Method: "CreateFolder", Type: control.Hang}
	e.must(e.control.AddFault(e.ctx, hang))
	folder := object.NewFolder(e.client.Client, e.folder)
	call := func(ctx context.Context, name string) <-chan error {
		since := e.now()
		done := make(chan error, 1)
		go func() {
			_, err := folder.CreateFolder(ctx, name)
			done <- err
		}()
		e.await(since, "call", func(e control.Entry) bool { return e.Kind == control.EntryCall && e.Method == "CreateFolder" })
		return done
	}
	since := e.now()
	ctx, cancel := context.WithCancel(e.ctx)
	given := call(ctx, "given-up")
	cancel()
	if err := <-given; err == nil {
		t.Error("an answer came")
	}
	e.await(since, "end of the call", func(e control.Entry) bool { return e.Kind == control.EntryAnswer })
	waited := call(e.ctx, "waited")
	_, err := methods.GetCurrentTime(e.ctx, e.client) // others are answered
	e.must(err)
	e.must(e.control.ClearFaults(e.ctx))
	e.must(<-waited)
	if e.hasFolder("/DC0/vm/group/given-up") {
		t.Error("a call was carried out that its client had given up")
	}
}

func TestSlowCall(t *testing.T) {
	e := start(t, sim.Options{})
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "CreateFolder", Slow: 100 * time.Millisecond, Count: 1}))
	ctx, cancel := context.WithCancel(e.ctx)
	since, done := e.now(), make(chan error, 1)
	go func() {
		_, err := object.NewFolder(e.client.Client, e.folder).CreateFolder(ctx, "late")
		done <- err
	}()
	e.await(since, "call", func(e control.Entry) bool { return e.Kind == control.EntryCall })
	cancel()
	<-done
	for !e.hasFolder("/DC0/vm/group/late") { // although nobody waits for it any more
		if e.ctx.Err() != nil {
			t.Fatal(e.ctx.Err())
		}
	}
	if err := e.control.AddFault(e.ctx, control.Fault{Method: "CreateFolder"}); err == nil {
		t.Error("a fault that is none is accepted")
	}
}

func TestFirstClassDisk(t *testing.T) {
	e := start(t, sim.Options{Strict: true})
	vm := e.own("a")
	key, err := e.control.AddFirstClassDisk(e.ctx, "a")
	e.must(err)
	if got := e.truth("a"); len(got.FirstClassDisks) != 1 || got.FirstClassDisks[0] != key || len(got.Disks) != 2 {
		t.Errorf("disks: %+v", got)
	}
	_, err = vm.Destroy(e.ctx)
	e.tripped(err, "VirtualMachine.Destroy_Task", "first-class disk")
}
