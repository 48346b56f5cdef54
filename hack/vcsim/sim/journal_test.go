package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/hack/vcsim/sim"
)

// journal returns every entry after a number that is there now.
func (e *env) journal(since int64) []control.Entry {
	e.t.Helper()
	entries, err := e.control.Journal(e.ctx, since, 0)
	e.must(err)
	return entries
}

// now is the number of the newest entry.
func (e *env) now() int64 {
	e.t.Helper()
	entries := e.journal(0)
	return entries[len(entries)-1].Seq
}

// find returns the first entry that the condition holds for.
func find(t testing.TB, entries []control.Entry, what string, condition func(control.Entry) bool) control.Entry {
	t.Helper()
	i := slices.IndexFunc(entries, condition)
	if i < 0 {
		t.Fatalf("no %s in the journal:\n%s", what, text(entries))
	}
	return entries[i]
}

// await waits for an entry after a number that the condition holds for.
func (e *env) await(since int64, what string, condition func(control.Entry) bool) {
	e.t.Helper()
	for {
		entries, err := e.control.Journal(e.ctx, since, timeout)
		e.must(err)
		if slices.ContainsFunc(entries, condition) {
			return
		}
		if len(entries) == 0 {
			e.t.Fatalf("no %s came", what)
		}
		since = entries[len(entries)-1].Seq
	}
}

func text(entries []control.Entry) string {
	var out strings.Builder
	for _, entry := range entries {
		fmt.Fprintf(&out, "%d %s %s\n", entry.Seq, entry.Kind, entry.Text())
	}
	return out.String()
}

func TestJournalOfAClone(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	vm := e.clone("a", extra("vmgroup.stamp", "s1"), powerOn)
	entries := e.journal(since)
	call := find(t, entries, "call", func(e control.Entry) bool { return e.Kind == control.EntryCall && e.Method == "CloneVM_Task" })
	if call.MoRef != e.template.Value || call.Name != "template" || call.Agent != e.client.UserAgent || call.User != "user" {
		t.Errorf("call: %+v", call)
	}
	answer := find(t, entries, "answer", func(e control.Entry) bool { return e.Kind == control.EntryAnswer && e.Call == call.Seq })
	accepted := find(t, entries, "clone", func(e control.Entry) bool { return e.Kind == control.EntryClone })
	ended := find(t, entries, "end of the clone", func(e control.Entry) bool { return e.Kind == control.EntryCloneEnd })
	want := control.Clone{
		Task: accepted.Clone.Task, Source: e.template.Value, Folder: e.folder.Value, Name: "a", Stamp: "s1", State: "queued",
		Agent: e.client.UserAgent,
	}
	if diff := cmp.Diff(want, *accepted.Clone); diff != "" {
		t.Error(diff)
	}
	want.State, want.Result = "success", vm.Value
	if diff := cmp.Diff(want, *ended.Clone); diff != "" {
		t.Error(diff)
	}
	first := find(t, entries, "virtual machine without a name", func(e control.Entry) bool { return e.VM != nil && e.VM.Name == "" })
	last := find(t, entries, "virtual machine that is on", func(e control.Entry) bool { return e.VM != nil && e.VM.PowerState == "poweredOn" })
	if diff := cmp.Diff(e.truth("a"), *last.VM); diff != "" {
		t.Errorf("the last description is not the truth: %s", diff)
	}
	order := []int64{call.Seq, accepted.Seq, first.Seq, last.Seq, ended.Seq}
	if !slices.IsSorted(order) || answer.Seq < accepted.Seq || answer.Fault != "" {
		t.Errorf("order:\n%s", text(entries))
	}
}

func TestJournalOfChanges(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	var want, got []string
	does := func(what string, err error) {
		t.Helper()
		e.must(err)
		want = append(want, what)
	}
	describe := func(vm control.VM) string {
		return fmt.Sprintf("%s %s template=%t cpu=%d disks=%d %s", vm.Path, vm.PowerState, vm.Template, vm.NumCPU, len(vm.Disks), vm.ConnectionState)
	}
	ref, err := e.control.AddForeignVM(e.ctx, "group", "a")
	does("/DC0/vm/group/a poweredOff template=false cpu=1 disks=1 connected", err)
	does("/DC0/vm/group/a poweredOn template=false cpu=1 disks=1 connected", e.control.PowerOn(e.ctx, "a"))
	does("/DC0/vm/group/a poweredOff template=false cpu=1 disks=1 connected", e.control.PowerOff(e.ctx, "a"))
	does("/DC0/vm/group/a poweredOff template=false cpu=4 disks=1 connected", e.control.Reconfigure(e.ctx, "a", 4, 0))
	_, err = e.control.AddDisk(e.ctx, "a")
	does("/DC0/vm/group/a poweredOff template=false cpu=4 disks=2 connected", err)
	does("/DC0/vm/group/a poweredOff template=false cpu=4 disks=2 disconnected", e.control.SetConnectionState(e.ctx, "a", true))
	does("/DC0/vm/group/a poweredOff template=false cpu=4 disks=2 connected", e.control.SetConnectionState(e.ctx, "a", false))
	does("/DC0/vm/group/b poweredOff template=false cpu=4 disks=2 connected", e.control.Rename(e.ctx, "a", "b"))
	does("/DC0/vm/b poweredOff template=false cpu=4 disks=2 connected", e.control.Move(e.ctx, "b", ""))
	does("/DC0/vm/b poweredOff template=true cpu=4 disks=2 connected", e.control.MarkAsTemplate(e.ctx, "b"))
	does("/DC0/vm/b poweredOff template=false cpu=4 disks=2 connected", e.control.MarkAsVM(e.ctx, "b"))
	does("gone", e.control.DestroyVM(e.ctx, "b"))
	for _, entry := range e.journal(since) {
		switch {
		case entry.Kind == control.EntryVMGone && entry.MoRef == ref:
			got = append(got, "gone")
		case entry.VM != nil && entry.VM.MoRef == ref && entry.VM.Name != "":
			if d := describe(*entry.VM); len(got) == 0 || d != got[len(got)-1] {
				got = append(got, d)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJournalOfFolders(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	ref, err := e.control.CreateFolder(e.ctx, "group/inner")
	e.must(err)
	e.must(e.control.RenameFolder(e.ctx, "group/inner", "renamed"))
	e.must(e.control.RemoveFolder(e.ctx, "group/renamed"))
	var got []string
	for _, entry := range e.journal(since) {
		if entry.Folder != nil || entry.Kind == control.EntryFolderGone {
			got = append(got, string(entry.Kind)+" "+strings.TrimSpace(entry.Text()))
		}
	}
	want := []string{"folder " + ref + " /DC0/vm/group/inner", "folder " + ref + " /DC0/vm/group/renamed", "folderGone " + ref}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJournalOfSessions(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	second := e.login("user", "pass")
	third := e.login("user", "pass")
	_, err := methods.GetCurrentTime(e.ctx, third)
	e.must(err)
	e.must(second.Logout(e.ctx))
	e.must(e.control.EndSessions(e.ctx)) // the third's, and the first's of the environment
	if _, err := methods.GetCurrentTime(e.ctx, third); err == nil {
		t.Error("a session that was ended answers")
	}
	var got []string
	for _, entry := range e.journal(since) {
		if entry.Kind == control.EntryLogin || entry.Kind == control.EntryLogout {
			got = append(got, fmt.Sprintf("%s %s %t", entry.Kind, entry.User, entry.Agent == e.client.UserAgent))
		}
	}
	want := []string{"login user true", "login user true", "logout user true", "logout user true", "logout user true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	refused := find(t, e.journal(since), "refused call", func(e control.Entry) bool { return e.Fault == "NotAuthenticated" })
	if refused.Method != "CurrentTime" || refused.Kind != control.EntryAnswer {
		t.Errorf("refused: %+v", refused)
	}
}

func TestJournalOfLostReplies(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "CloneVM_Task", Type: control.LostReply, Count: 1}))
	if _, err := e.submit("a"); err == nil {
		t.Fatal("an answer came")
	}
	e.must(e.control.AddFault(e.ctx, control.Fault{Method: "PowerOnVM_Task", Type: "NoPermission", Count: 1}))
	_, err := object.NewVirtualMachine(e.client.Client, e.template).PowerOn(e.ctx)
	wantFault[*types.NoPermission](t, err)
	for method, fault := range map[string]string{"CloneVM_Task": control.ReplyLost, "PowerOnVM_Task": "NoPermission"} {
		answer := find(t, e.journal(since), "answer", func(e control.Entry) bool { return e.Kind == control.EntryAnswer && e.Method == method })
		if answer.Fault != fault {
			t.Errorf("%s was answered with %q, want %q", method, answer.Fault, fault)
		}
	}
}

func TestJournalWaits(t *testing.T) {
	e := start(t, sim.Options{})
	since := e.now()
	if entries, err := e.control.Journal(e.ctx, since, time.Millisecond); err != nil || len(entries) != 0 {
		t.Fatalf("entries %v, error %v", entries, err)
	}
	got := make(chan []control.Entry, 1)
	go func() {
		entries, err := e.control.Journal(e.ctx, since, timeout)
		if err != nil {
			t.Error(err)
		}
		got <- entries
	}()
	_, err := e.control.CreateFolder(e.ctx, "group/inner")
	e.must(err)
	if entries := <-got; len(entries) == 0 || entries[0].Seq != since+1 {
		t.Errorf("entries: %+v", entries)
	}
}

func TestClonesThatGoOn(t *testing.T) {
	e := start(t, sim.Options{CloneDelay: endless})
	task, err := e.submit("a", extra("vmgroup.stamp", "s1"))
	e.must(err)
	req := types.CancelTask{This: task.Reference()}
	_, err = methods.CancelTask(e.ctx, e.client, &req)
	e.must(err)
	wantFault[*types.RequestCanceled](t, task.Wait(e.ctx))
	for e.ctx.Err() == nil {
		clones, err := e.control.Clones(e.ctx)
		e.must(err)
		if len(clones) != 1 || clones[0].Name != "a" || clones[0].Stamp != "s1" {
			t.Fatalf("clones: %+v", clones)
		}
		if clones[0].State == "running" { // although its task reads as cancelled
			break
		}
	}
	e.must(e.ctx.Err())
}
