package vim

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// What a connection makes up for is made up for before it is in step, or it is not in step.
func TestWhatCannotBeMadeUpForEndsTheConnection(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails fails
		begin func(*testConn) // what has happened before
	}{
		{"the tasks cannot be read", fails{"RetrievePropertiesEx": {noAnswer}}, func(*testConn) {}},
		{"a VM that nobody reports cannot be read", fails{"RetrievePropertiesEx": {nil, nil, noAnswer}}, func(c *testConn) {
			c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
		}},
		{"a VM that nobody reports cannot be read again", fails{"RetrievePropertiesEx": {nil, nil, nil, noAnswer}}, func(c *testConn) {
			c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
		}},
		{"the tasks cannot be listed", fails{"ModifyListView": {nil, noAnswer}}, func(c *testConn) {
			c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
			c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
		}},
		{"VMs elsewhere cannot be listed", fails{"ModifyListView": {noAnswer}}, func(c *testConn) {
			c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
		}},
		{"a clone cannot be looked for", fails{"FindChild": {noAnswer}}, func(c *testConn) {
			op := beginClone(t, c)
			c.v.tracker.Refused(op.id, c.v.fail(op.what, lostAnswer))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: tt.fails, reads: reads{vmRef("vm-1"): {asRead(nil)}}})
			tt.begin(c)
			if err := c.reconcile(t.Context(), c.beginSweep(t.Context())); !errors.Is(err, noAnswer) {
				t.Errorf("%v", err)
			}
			wantKnown(t, c, "vm-1", true)
		})
	}
}

// verified asks for a VM, and returns the answer.
func verified(t *testing.T, c *testConn, vm vsphere.Ref) error {
	t.Helper()
	return answer(t, func() error { return c.v.Verify(t.Context(), testGroup, []vsphere.Ref{vm}) })
}

// What could not be read is read again later, and forgotten by nobody meanwhile.
func TestAVerificationThatFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reads reads
		class vsphere.Class
	}{
		{"nobody answers", reads{vmRef("vm-1"): {noAnswer}}, vsphere.ClassUnavailable},
		{"it may not be read", reads{vmRef("vm-1"): {denied403}}, ""},
	} {
		c := scripted(t, &script{reads: tt.reads})
		c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
		wantClass(t, tt.name, verified(t, c, "vm-1"), tt.class)
		wantKnown(t, c, "vm-1", true)
	}
	// One that only the status remembers is remembered by us only if it was read.
	c := scripted(t, &script{reads: reads{vmRef("vm-9"): {noAnswer, denied403}}})
	wantClass(t, "nobody answers", verified(t, c, "vm-9"), vsphere.ClassUnavailable)
	wantKnown(t, c, "vm-9", false)
	wantClass(t, "it may not be read", verified(t, c, "vm-9"), "")
	wantKnown(t, c, "vm-9", true)
}

// A folder that we have made and nobody reports is forgotten only when it is proven gone.
func TestFoldersThatNobodyReports(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer any
		known  bool
		again  bool // it is read again
	}{
		{"gone", goneFault(folderRef("group-9")), false, false},
		{"something else is gone", goneFault(folderRef("group-8")), true, false},
		{"it may not be read", denied403, true, false},
		{"there", properties{propName: "db", propParent: folderRef("group-2")}, true, false},
		{"nobody answers", noAnswer, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{reads: reads{folderRef("group-9"): {tt.answer}}})
			c.v.inv.AddFolder("group-9", "group-2", "db", c.v.cfg.Clock.Now().Add(-reportedWithin), &inventory.Changes{})
			c.recheck(t.Context())
			if _, known := c.v.inv.Child("group-2", "db"); known != tt.known {
				t.Errorf("it is known: %t", known)
			}
			overdue, left := c.v.inv.UnconfirmedFolders(c.v.cfg.Clock.Now().Add(-reportedWithin))
			if again := left || len(overdue) > 0; again != tt.again {
				t.Errorf("it is read again: %t", again)
			}
		})
	}
}

// A VM that no filter holds, and that cannot be read now, keeps its place.
func TestARecheckThatFails(t *testing.T) {
	s := &script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}
	c := scripted(t, s)
	c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
	c.recheck(t.Context())
	wantKnown(t, c, "vm-1", true)
	if !s.sent("RetrievePropertiesEx") || !slices.Contains(c.v.inv.Unheld(), "vm-1") {
		t.Errorf("sent %v; to be read again: %v", s.calls, c.v.inv.Unheld())
	}
}

// background runs a part of a connection by a clock of the test's, and returns what steps it until a condition holds.
func background(t *testing.T, c *testConn, run func(context.Context)) (stepUntil func(what string, d time.Duration, holds func() bool)) {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	c.v.cfg.Clock = clock
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return func(what string, d time.Duration, holds func() bool) {
		t.Helper()
		late := time.NewTimer(30 * time.Second)
		defer late.Stop()
		again := time.NewTicker(5 * time.Millisecond)
		defer again.Stop()
		for !holds() {
			select {
			case <-again.C:
				clock.Step(d)
			case <-late.C:
				t.Fatalf("never: %s", what)
			}
		}
	}
}

// inTurn hands out an answer a call of one method, and counts.
type inTurn struct {
	*script
	method string
	called chan struct{}
}

func (i *inTurn) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	err := i.script.RoundTrip(ctx, req, res)
	if methodName(req) == i.method {
		i.called <- struct{}{}
	}
	return err
}

// counted returns a connection whose calls of one method can be counted, and the count.
func counted(t *testing.T, s *script, method string) (*testConn, func(n int) func() bool) {
	t.Helper()
	c := scripted(t, s)
	turns := &inTurn{s, method, make(chan struct{}, 1000)}
	c.client.RoundTripper = turns
	return c, func(n int) func() bool { return func() bool { return len(turns.called) >= n } }
}

func TestWhatFailsBesideTheWatchIsTriedAgain(t *testing.T) {
	t.Run("a read", func(t *testing.T) {
		c, calls := counted(t, &script{fails: fails{"RetrievePropertiesEx": {noAnswer, nil}}}, "RetrievePropertiesEx")
		c.queue.addVMs("vm-1")
		background(t, c, c.processQueue)("the VM is read again", readRetry, calls(2))
	})
	t.Run("the list of tasks", func(t *testing.T) {
		c, calls := counted(t, &script{fails: fails{"ModifyListView": {noAnswer, nil}}}, "ModifyListView")
		c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
		stepUntil := background(t, c, c.flushTasks)
		stepUntil("the tasks are listed again", readRetry, calls(2))
		stepUntil("the task is listed", readRetry, func() bool { return c.tasks.size() == 1 })
	})
	t.Run("a resync", func(t *testing.T) {
		c, calls := counted(t, &script{fails: fails{"RetrievePropertiesEx": {noAnswer, nil}}}, "RetrievePropertiesEx")
		background(t, c, c.resync)("the stamps are read again", 2*DefaultResyncPeriod, calls(2))
		wantKnown(t, c, "vm-1", true)
	})
}

// What an earlier connection has left is freed, whatever has become of the rest of it, and by the next one if there is no
// time.
func TestLeftoversThatCannotBeFreed(t *testing.T) {
	view := func(name string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: "ContainerView", Value: name}
	}
	all := []types.ManagedObjectReference{view("a"), view("b"), {Type: "PropertyCollector", Value: "c"}}
	s := &script{fails: fails{"DestroyView": {goneFault(view("a")), nil}}}
	c := scripted(t, s)
	c.v.leftovers = slices.Clone(all)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.destroyLeftovers(ended)
	c.handOver()
	if diff := cmp.Diff(all, c.v.leftovers); diff != "" || len(s.calls) > 0 {
		t.Errorf("called %v, left to the next (-want +got):\n%s", s.calls, diff)
	}
	c.destroyLeftovers(t.Context())
	if diff := cmp.Diff([]string{"DestroyView", "DestroyView", "DestroyPropertyCollector"}, s.calls); diff != "" {
		t.Errorf("called (-want +got):\n%s", diff)
	}
}

// A view that cannot be destroyed is left to the next connection.
func TestAListWhoseViewCannotBeFreed(t *testing.T) {
	c := scripted(t, &script{fails: fails{"DestroyView": {denied403}}})
	if _, err := c.list(t.Context(), folderRef("group-0"), []string{"Folder"}, []string{propName}); err != nil {
		t.Fatal(err)
	}
	if c.handOver(); len(c.v.leftovers) != 1 {
		t.Errorf("left to the next: %v", c.v.leftovers)
	}
	failing := scripted(t, &script{fails: fails{"CreateContainerView": {denied403}}})
	if _, err := failing.list(t.Context(), folderRef("group-0"), []string{"Folder"}, nil); !errors.Is(err, denied403) {
		t.Errorf("%v", err)
	}
}

// The end of a connection ends its watch, also between two polls that have nothing to tell.
func TestAWatchOfNothingEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &script{}
	c := scripted(t, s)
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		cancel(errRewatch)
		return s.RoundTrip(ctx, req, res)
	})
	if err := c.watch(ctx, "1"); !errors.Is(err, errRewatch) || !cmp.Equal([]string{"WaitForUpdatesEx"}, s.calls) {
		t.Errorf("%v after %v", err, s.calls)
	}
}

// Tasks that nobody watches would never end: a watch that cannot list them ends, and the next connection does.
func TestAWatchThatCannotListTheTasksEnds(t *testing.T) {
	s := &script{fails: fails{"ModifyListView": {noAnswer}}}
	c := scripted(t, s)
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
	c.watchedRoot = c.v.inv.Root()
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		err := s.RoundTrip(t.Context(), req, res)
		if wait, ok := res.(*methods.WaitForUpdatesExBody); ok {
			wait.Res.Returnval = &types.UpdateSet{Version: "2"}
		}
		return err
	})
	if err := c.watch(t.Context(), "1"); !errors.Is(err, noAnswer) || !cmp.Equal([]string{"WaitForUpdatesEx", "ModifyListView"}, s.calls) {
		t.Errorf("%v after %v", err, s.calls)
	}
	if len(c.v.tracker.Tasks()) != 1 {
		t.Error("the task is forgotten")
	}
}

// A clone that has ended counts until its VM was read: were it dropped before, another one would take its place.
func TestAFinishedCloneCountsUntilItsVMIsRead(t *testing.T) {
	c := scripted(t, &script{fails: fails{"RetrievePropertiesEx": {nil, nil, noAnswer}}})
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess), assign(propTaskResult, vmRef("vm-7"))), &inventory.Changes{})
	if err := c.sweep(t.Context()); !errors.Is(err, noAnswer) || len(c.tracker.Awaited()) != 1 {
		t.Errorf("%v; not read yet: %+v", err, c.tracker.Awaited())
	}
}
