package vim

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

func TestTroubleWithTheRemovalOfAFolder(t *testing.T) {
	folder, task := folderRef("group-3"), types.ManagedObjectReference{} // as the script names it
	empty := []any{properties{propName: "web", propParent: folderRef("group-2")}}
	ended := func(fault types.BaseMethodFault) []any {
		return []any{properties{propTaskState: types.TaskInfoStateError, propTaskError: types.LocalizedMethodFault{Fault: fault}}}
	}
	for _, tt := range []struct {
		name   string
		script script
		class  vsphere.Class
		sent   bool // the removal
		known  bool // the folder, afterwards
	}{
		{"it cannot be read", script{reads: reads{folder: {noAnswer}}}, vsphere.ClassUnavailable, false, true},
		{"something else is gone", script{reads: reads{folder: {goneFault(folderRef("group-9"))}}}, vsphere.ClassConflict, false, true},
		{"it is gone when it is read", script{reads: reads{folder: {goneFault(folder)}}}, "", false, false},
		{"it is gone when it is to be removed", script{reads: reads{folder: empty}, fails: fails{"UnregisterAndDestroy_Task": {goneFault(folder)}}},
			"", true, false},
		{"the answer is lost", script{reads: reads{folder: empty}, fails: fails{"UnregisterAndDestroy_Task": {lostAnswer}}},
			vsphere.ClassUnknown, true, true},
		{"the task cannot be read", script{reads: reads{folder: empty, task: {noAnswer}}}, vsphere.ClassUnavailable, true, true},
		{"the task says that it is gone", script{reads: reads{folder: empty, task: ended(&types.ManagedObjectNotFound{Obj: folder})}}, "", true, false},
		{"the task fails", script{reads: reads{folder: empty, task: ended(&types.ResourceInUse{})}}, vsphere.ClassTransient, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &tt.script)
			wantClass(t, "RemoveFolder", removed(t, c), tt.class)
			if tt.script.sent("UnregisterAndDestroy_Task") != tt.sent {
				t.Errorf("sent: %v", tt.script.calls)
			}
			if _, known := c.v.inv.Child("group-2", "web"); known != tt.known {
				t.Errorf("the folder is known: %t", known)
			}
		})
	}
	t.Run("the connection ends while the task runs", func(t *testing.T) {
		s := &script{reads: reads{folder: empty, task: {properties{propTaskState: types.TaskInfoStateRunning}}}}
		c := scripted(t, s)
		if err := c.v.RemoveFolder(t.Context(), testGroup, "group-3"); !errors.Is(err, vsphere.ErrPending) {
			t.Fatal(err)
		}
		c.requests.end()
		wantClass(t, "RemoveFolder", removed(t, c), vsphere.ClassUnavailable)
		if _, known := c.v.inv.Child("group-2", "web"); !known {
			t.Error("the folder is forgotten")
		}
	})
}

// What is not found of a folder whose answer was lost is asked for once more.
func TestAFolderWhoseAnswerWasLost(t *testing.T) {
	other := vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-2"}
	hung := &callError{method: "CreateFolder", mutating: true, sent: true, err: context.DeadlineExceeded}
	for _, tt := range []struct {
		name  string
		fails fails
		class vsphere.Class
		sent  int
	}{
		{"it is not there", fails{"CreateFolder": {lostAnswer, nil}}, "", 2},
		{"nor is it after the second time", fails{"CreateFolder": {lostAnswer, lostAnswer}}, vsphere.ClassUnknown, 2},
		{"nobody says whether it is there", fails{"CreateFolder": {lostAnswer, nil}, "FindChild": {denied403}}, vsphere.ClassUnknown, 1},
		{"the time is up", fails{"CreateFolder": {hung, nil}}, vsphere.ClassUnknown, 1},
		{"vCenter is away", fails{"CreateFolder": {noAnswer, nil}}, vsphere.ClassUnavailable, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{fails: tt.fails}
			c := scripted(t, s)
			_, err := c.v.EnsureFolder(t.Context(), other)
			wantClass(t, "EnsureFolder", err, tt.class)
			if n := s.count("CreateFolder"); n != tt.sent {
				t.Errorf("sent %d times, want %d", n, tt.sent)
			}
		})
	}
}

// A filter whose answer was lost is looked for: a twin would report everything twice.
func TestAFilterWhoseAnswerWasLost(t *testing.T) {
	lost := &callError{method: "CreateFilter", sent: true, err: io.EOF}
	collector := types.ManagedObjectReference{Type: "PropertyCollector", Value: "pc"}
	ours := types.ManagedObjectReference{Type: "PropertyFilter", Value: "filter-1"}
	has := func(filters ...types.ManagedObjectReference) []any {
		return []any{properties{propFilters: types.ArrayOfManagedObjectReference{ManagedObjectReference: filters}}}
	}
	for _, tt := range []struct {
		name string
		script
		sent  int
		found bool
		err   error
	}{
		{"it was made", script{fails: fails{"CreateFilter": {lost, nil}}, reads: reads{collector: has(ours)}}, 1, true, nil},
		{"it was not made", script{fails: fails{"CreateFilter": {lost, nil}}, reads: reads{collector: has()}}, 2, false, nil},
		{"nobody says which there are", script{fails: fails{"CreateFilter": {lost, nil}}, reads: reads{collector: {denied403}}}, 1, false, denied403},
		{"it is refused", script{fails: fails{"CreateFilter": {denied403}}}, 1, false, denied403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &tt.script)
			c.collector = collector
			err := c.createFilter(t.Context(), taskFilter, c.taskView)
			kind, found := c.kindOf(ours)
			if !errors.Is(err, tt.err) || found != tt.found || found && kind != taskFilter || tt.script.count("CreateFilter") != tt.sent {
				t.Errorf("%v, found: %t, %v", err, found, tt.script.calls)
			}
		})
	}
}

// A clone whose answer was lost counts until it was looked for, and it was looked for only if vCenter has answered.
func TestAnUnknownCloneCountsUntilItIsLookedFor(t *testing.T) {
	somebodysClone := types.TaskInfo{
		DescriptionId: "VirtualMachine.clone", State: types.TaskInfoStateRunning, EventChainId: 7,
		Reason: &types.TaskReasonUser{UserName: "me"},
	}
	for _, tt := range []struct {
		name  string
		fails fails
		left  bool // it is looked for again
	}{
		{"the tasks cannot be read", fails{"RetrievePropertiesEx": {noAnswer}}, true},
		{"the folder cannot be asked", fails{"FindChild": {noAnswer}}, true},
		{"something else is gone", fails{"FindChild": {goneFault(folderRef("group-9"))}}, true},
		{"nobody answers what the tasks make", fails{"QueryEvents": {noAnswer}}, true},
		{"nobody may know what the tasks make", fails{"QueryEvents": {denied403}}, false},
		{"the folder is gone", fails{"FindChild": {goneFault(folderRef("group-3"))}}, false},
		{"nothing has the name", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: tt.fails, reads: reads{{}: {properties{"info": somebodysClone}}}}) // the task manager's
			c.v.noteUser("me")
			op := beginClone(t, c)
			c.v.tracker.Refused(op.id, c.v.fail(op.what, lostAnswer))
			if n := len(c.v.tracker.Unknowns()); n != 1 {
				t.Fatalf("%d are of unknown outcome", n)
			}
			err := c.resolveUnknowns(t.Context())
			if (err != nil) != tt.left || len(c.v.tracker.Unknowns()) > 0 != tt.left {
				t.Errorf("%v; left: %+v", err, c.v.tracker.Unknowns())
			}
			if again := c.v.pending.folderOf(op.id) != ""; again != tt.left {
				t.Errorf("its folder is remembered: %t", again)
			}
		})
	}
}

func TestTroubleWithACancellation(t *testing.T) {
	for _, tt := range []struct {
		name      string
		err       error
		class     vsphere.Class
		cancelled bool
	}{
		{"taken", nil, "", true},
		{"the task is gone", goneFault(taskRef("task-1")), "", true},
		{"the task has ended", soap.WrapVimFault(&types.InvalidState{}), "", false},
		{"it is not allowed", denied403, vsphere.ClassInvalid, false},
		{"something else is gone", goneFault(taskRef("task-9")), vsphere.ClassConflict, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: fails{"CancelTask": {tt.err}}})
			c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
			ops, _ := c.v.tracker.Of(testUID)
			wantClass(t, "Cancel", c.v.Cancel(t.Context(), ops[0]), tt.class)
			ops, _ = c.v.tracker.Of(testUID)
			if len(ops) != 1 || ops[0].Cancelled != tt.cancelled {
				t.Errorf("under way: %+v", ops)
			}
		})
	}
}

// An overdue clone that cannot be cancelled counts as before.
func TestAnOverdueCloneThatCannotBeCancelledCounts(t *testing.T) {
	s := &script{fails: fails{"CancelTask": {denied403}}}
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	v, err := New(Config{
		Endpoint: "host", Owner: testOwner, Notifier: deaf{}, Clock: clock,
		Credentials: func() (string, string, error) { return "", "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &testConn{newConnection(v.shared, scripted(t, s).client, func(error) {}), v}
	v.setSynced(c.connection)
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
	clock.Step(DefaultCloneTimeout + time.Second)
	c.cancelOverdue(t.Context())
	if ops, _ := v.tracker.Of(testUID); !s.sent("CancelTask") || len(ops) != 1 || ops[0].Cancelled {
		t.Errorf("sent %v, under way: %+v", s.calls, ops)
	}
}

// Before there is a connection, and after it is lost, nobody is told anything, and nothing is asked.
func TestWithoutAConnection(t *testing.T) {
	v, ctx := testConnection(t).v, t.Context()
	errs := map[string]error{
		"Clone":        v.Start(ctx, testGroup, []vsphere.Request{cloneOfLinux("web-0")}),
		"PowerOn":      v.Start(ctx, testGroup, requestsOn(vsphere.OperationPowerOn, "vm-1")),
		"PowerOff":     v.Start(ctx, testGroup, requestsOn(vsphere.OperationPowerOff, "vm-1")),
		"Destroy":      v.Start(ctx, testGroup, requestsOn(vsphere.OperationDestroy, "vm-1")),
		"Cancel":       v.Cancel(ctx, vsphere.Operation{Task: "task-1"}),
		"RemoveFolder": v.RemoveFolder(ctx, testGroup, "group-3"),
		"Verify":       v.Verify(ctx, testGroup, []vsphere.Ref{"vm-1"}),
	}
	_, errs["EnsureFolder"] = v.EnsureFolder(ctx, testGroup)
	_, errs["FindTemplate"] = v.FindTemplate(ctx, testGroup, "", "linux")
	_, errs["Sweep"] = v.Sweep(ctx, testGroup)
	_, errs["Snapshot"] = v.Snapshot(ctx, testGroup, "")
	_, errs["Stamped"] = v.Stamped(ctx)
	for name, err := range errs {
		wantClass(t, name, err, vsphere.ClassUnavailable)
	}
}

// heldClock holds everybody who asks for the time until it is released.
type heldClock struct{ asked, release chan struct{} }

func (c heldClock) Now() time.Time {
	c.asked <- struct{}{}
	<-c.release
	return time.Now()
}

func (c heldClock) Since(t time.Time) time.Duration { return time.Since(t) }

// An inventory that is read while the connection is lost may be half of one.
func TestALossWhileTheInventoryIsRead(t *testing.T) {
	for name, read := range map[string]func(*VCenter) error{
		"Inventory).Snapshot": func(v *VCenter) error { _, err := v.Snapshot(context.Background(), testGroup, ""); return err },
		"Inventory).Stamped":  func(v *VCenter) error { _, err := v.Stamped(context.Background()); return err },
	} {
		for reason, lose := range map[string]func(*testConn){
			v1alpha1.ReasonVCenterUnreachable: func(c *testConn) { c.v.setLost(c.v.fail("Read", noAnswer)) },
			v1alpha1.ReasonVCenterSyncing:     func(c *testConn) { c.v.setSynced(newConnection(c.v.shared, c.client, c.lost)) }, // the next one
		} {
			c := scripted(t, &script{})
			held := heldClock{make(chan struct{}), make(chan struct{})}
			c.v.inv = testInventory(held)
			enter(c.v.inv, "vm-1", described("web-0", "group-3")...)
			go c.v.inv.Delete("vm-1", &inventory.Changes{})
			<-held.asked // and the inventory stays locked: the read stops here
			answer := make(chan error, 1)
			go func() { answer <- read(c.v) }()
			stacks := make([]byte, 1<<20)
			for !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), name) {
				runtime.Gosched()
			}
			lose(c)
			close(held.release)
			err := <-answer
			wantClass(t, name, err, vsphere.ClassUnavailable)
			if e, _ := errors.AsType[*vsphere.Error](err); e == nil || e.Reason != reason {
				t.Errorf("%s: %v, want %s", name, err, reason)
			}
		}
	}
}

// The second page of an answer is as much of it as the first: without it, nothing is known.
func TestAnAnswerThatIsCutAfterItsFirstPage(t *testing.T) {
	s := &script{fails: fails{"ContinueRetrievePropertiesEx": {noAnswer}}}
	c := scripted(t, s)
	rest := s.RoundTrip
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		err := rest(t.Context(), req, res)
		if read, ok := res.(*methods.RetrievePropertiesExBody); ok && err == nil {
			read.Res.Returnval = &types.RetrieveResult{Token: "more"}
		}
		return err
	})
	if objects, err := c.retrieve(t.Context(), types.PropertyFilterSpec{}); !errors.Is(err, noAnswer) || objects != nil {
		t.Errorf("%v, %v", objects, err)
	}
}

// A page whose answer was lost cannot be had again: the read begins anew, and takes no half for the whole.
func TestAReadWhoseSecondPageIsLostBeginsAnew(t *testing.T) {
	lost := &callError{method: "ContinueRetrievePropertiesEx", sent: true, err: io.EOF}
	s := &script{fails: fails{"ContinueRetrievePropertiesEx": {lost, nil}}}
	c := scripted(t, s)
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		err := s.RoundTrip(t.Context(), req, res)
		page := func(name string) []types.ObjectContent { return []types.ObjectContent{{Obj: vmRef(vsphere.Ref(name))}} }
		switch res := res.(type) {
		case *methods.RetrievePropertiesExBody:
			res.Res.Returnval = &types.RetrieveResult{Token: "more", Objects: page("vm-1")}
		case *methods.ContinueRetrievePropertiesExBody:
			if err == nil {
				res.Res.Returnval = types.RetrieveResult{Objects: page("vm-2")}
			}
		}
		return err
	})
	objects, err := c.retrieve(t.Context(), types.PropertyFilterSpec{})
	if err != nil || len(objects) != 2 || s.count("RetrievePropertiesEx") != 2 {
		t.Errorf("%v, %v, after %v", objects, err, s.calls)
	}
}
