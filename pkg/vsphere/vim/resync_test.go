package vim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// The end of a task that the watch has lost is found by reading it. One that can be read no more has ended somehow.
func TestARereadFindsTheEndOfATask(t *testing.T) {
	state := func(s types.TaskInfoState) properties {
		return properties{propTaskState: s, propTaskResult: vmRef("vm-7")}
	}
	for name, tt := range map[string]struct {
		answer                   any
		running, landed, unknown int
		err                      error
	}{
		"it goes on":         {answer: state(types.TaskInfoStateRunning), running: 1},
		"it has succeeded":   {answer: state(types.TaskInfoStateSuccess), landed: 1},
		"it is gone":         {answer: goneFault(taskRef("task-1")), unknown: 1},
		"it may not be read": {answer: denied403, running: 1},
		"nobody answers":     {answer: noAnswer, running: 1, err: noAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{reads: map[types.ManagedObjectReference][]any{taskRef("task-1"): {tt.answer}}})
			c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
			if err := c.rereadTasks(t.Context()); !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			tr := c.v.tracker
			got := []int{len(tr.Tasks()), len(tr.Awaited()), len(tr.Unknowns())}
			if diff := cmp.Diff([]int{tt.running, tt.landed, tt.unknown}, got); diff != "" {
				t.Errorf("running, landed, unknown (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARereadThatFailsChangesNothing(t *testing.T) {
	for n, what := range []string{"the tasks", "the VMs", "folders and templates", "the hosts"} {
		t.Run(what, func(t *testing.T) {
			answers := append(slices.Repeat([]error{nil}, n), noAnswer)
			c := scripted(t, &script{
				fails: fails{"RetrievePropertiesEx": answers},
				reads: map[types.ManagedObjectReference][]any{
					taskRef("task-1"): {properties{propTaskState: types.TaskInfoStateRunning}},
				},
			})
			c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
			c.watchedRoot = c.v.inv.Root()
			before := c.v.inv.Snapshot(testGroup, "")
			if err := c.reread(t.Context()); !errors.Is(err, noAnswer) {
				t.Errorf("%v, want %v", err, noAnswer)
			}
			if diff := cmp.Diff(before, c.v.inv.Snapshot(testGroup, "")); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
		})
	}
}

// folderRead is what a read says of a folder.
func folderRead(ref, name, parent vsphere.Ref) object {
	return object{ref: folderRef(ref), props: properties{propName: string(name), propParent: folderRef(parent)}}
}

// The root folder has gone, and the watch has lost it: what is below must not be taken for nothing.
func TestARereadThatFindsAnotherRootBeginsAnew(t *testing.T) {
	c := scripted(t, &script{})
	var lost error
	c.lost = func(err error) { lost = err }
	c.watchedRoot = "group-old"
	if err := c.reread(t.Context()); err != nil || !errors.Is(lost, errRewatch) {
		t.Errorf("%v, lost %v", err, lost)
	}
}

// Permissions may hide a VM's stamp and show the rest of it. It is not foreign for that, whoever reports or reads it.
func TestAVMWhoseStampIsWithheldIsNotForeign(t *testing.T) {
	withheld := asRead(properties{propStamp: &types.NoPermission{}})
	update := types.ObjectUpdate{Kind: types.ObjectUpdateKindEnter, Obj: vmRef("vm-1")}
	for path, val := range withheld {
		if fault, ok := val.(types.BaseMethodFault); ok {
			update.MissingSet = append(update.MissingSet, types.MissingProperty{Path: path, Fault: types.LocalizedMethodFault{Fault: fault}})
		} else {
			update.ChangeSet = append(update.ChangeSet, assign(path, val))
		}
	}
	root := types.ManagedObjectReference{Type: "PropertyFilter", Value: "root"}
	for name, look := range map[string]func(*testConn) error{
		"reported": func(c *testConn) error {
			c.filters[root] = rootFilter
			c.apply(&types.UpdateSet{FilterSet: []types.PropertyFilterUpdate{{Filter: root, ObjectSet: []types.ObjectUpdate{update}}}})
			return nil
		},
		"read": func(c *testConn) error {
			c.v.inv.Leave("vm-1", inventory.FromRoot, &inventory.Changes{})
			return c.verify(t.Context(), []vsphere.Ref{"vm-1"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, &script{reads: reads{vmRef("vm-1"): {withheld}}})
			if err := look(c); err != nil {
				t.Fatal(err)
			}
			if vm, _, _ := c.v.inv.Get("vm-1"); vsphere.Identify(testOwner, testUID, vm) != vsphere.Ours {
				t.Errorf("%+v", vm)
			}
		})
	}
}

// What a sweep has found by its stamp counts, and so does the VM of a clone that has succeeded, also if it cannot be read: it
// might be cloned again otherwise, or be left behind.
func TestWhatASweepCannotReadCounts(t *testing.T) {
	allVMs := types.ManagedObjectReference{Type: "ContainerView", Value: "all"}
	found := asRead(properties{propName: nil})
	s := &script{reads: reads{vmRef("vm-7"): {denied403}, vmRef("vm-8"): {denied403}, vmRef("vm-1"): {asRead(nil)}}}
	c := scripted(t, s)
	c.allVMs = allVMs
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		read, ok := req.(*methods.RetrievePropertiesExBody)
		if !ok || read.Req.SpecSet[0].ObjectSet[0].Obj != allVMs {
			return s.RoundTrip(t.Context(), req, res)
		}
		content := types.ObjectContent{Obj: vmRef("vm-8")}
		for _, path := range sweptProps() {
			content.PropSet = append(content.PropSet, types.DynamicProperty{Name: path, Val: found[path]})
		}
		res.(*methods.RetrievePropertiesExBody).Res = &types.RetrievePropertiesExResponse{
			Returnval: &types.RetrieveResult{Objects: []types.ObjectContent{content}},
		}
		return nil
	})
	c.submitted(t.Context(), beginClone(t, c), taskRef("task-1"))
	c.applyTask(taskUpdate(assign(propTaskState, types.TaskInfoStateSuccess), assign(propTaskResult, vmRef("vm-7"))), &inventory.Changes{})
	if err := c.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	snapshot, err := c.v.Snapshot(t.Context(), testGroup, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []vsphere.Ref{"vm-7", "vm-8"} {
		if !slices.ContainsFunc(snapshot.VMs, func(vm *vsphere.VM) bool { return vm.Ref == ref && vm.Unreadable }) {
			t.Errorf("%s counts for nothing: %+v", ref, snapshot.VMs)
		}
	}
}

// A datacenter may have many more VMs than ours: a sweep holds none of these while it reads.
func TestASweepKeepsOnlyWhatConcernsIt(t *testing.T) {
	foreign := properties{propName: "theirs"}
	theirs := vsphere.Stamp{Owner: "another", UID: testUID, Instance: "i-1"}
	another := asRead(properties{propStamp: types.OptionValue{Key: vsphere.StampKey, Value: theirs.String()}})
	inFolder := asRead(properties{propName: nil})
	s := &script{}
	c := scripted(t, s)
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		if _, ok := req.(*methods.RetrievePropertiesExBody); !ok {
			return s.RoundTrip(t.Context(), req, res)
		}
		page := &types.RetrieveResult{}
		for ref, props := range map[vsphere.Ref]properties{"vm-1": foreign, "vm-7": foreign, "vm-8": another, "vm-9": inFolder} {
			content := types.ObjectContent{Obj: vmRef(ref)}
			for path, val := range props {
				content.PropSet = append(content.PropSet, types.DynamicProperty{Name: path, Val: val})
			}
			page.Objects = append(page.Objects, content)
		}
		res.(*methods.RetrievePropertiesExBody).Res = &types.RetrievePropertiesExResponse{Returnval: page}
		return nil
	})
	read, err := c.readSweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, o := range read.objects {
		kept = append(kept, o.ref.Value)
	}
	slices.Sort(kept)
	if want := []string{"vm-1", "vm-9"}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v: the one that the inventory has, and the one with our stamp", kept, want)
	}
}

// The answer to a clone's request was lost, there is a VM of its name, and it cannot be read.
func TestACloneThatIsFoundAndCannotBeReadCounts(t *testing.T) {
	child := vmRef("vm-7")
	s := &script{reads: reads{child: {denied403}}}
	c := scripted(t, s)
	c.client.RoundTripper = roundTripper(func(req, res soap.HasFault) error {
		err := s.RoundTrip(t.Context(), req, res)
		if found, ok := res.(*methods.FindChildBody); ok {
			found.Res.Returnval = &child
		}
		return err
	})
	op := beginClone(t, c)
	c.v.tracker.Refused(op.id, &vsphere.Error{Class: vsphere.ClassUnknown})
	if err := c.resolveUnknowns(t.Context()); err != nil {
		t.Fatal(err)
	}
	snapshot, err := c.v.Snapshot(t.Context(), testGroup, "")
	if err != nil || !slices.ContainsFunc(snapshot.VMs, func(vm *vsphere.VM) bool { return vm.Ref == "vm-7" }) {
		t.Errorf("%+v, %v", snapshot.VMs, err)
	}
}

// Clones that ran when another vCenter answered for a while may have been ours.
func TestCloneTasksAreExpectedAfterAnotherVCenter(t *testing.T) {
	c := scripted(t, &script{})
	var err error
	if c.client.Client, err = c.v.newSoapClient(); err != nil {
		t.Fatal(err)
	}
	for _, uuid := range []string{"a", "b"} {
		c.v.cloneTasksUntil = time.Time{}
		about := *c.client
		about.ServiceContent.About.InstanceUuid = uuid
		c.v.adopt(&about)
		if got, want := c.v.cloneTasksExpected(), uuid == "b"; got != want {
			t.Errorf("vCenter %s: clone tasks are expected: %t, want %t", uuid, got, want)
		}
	}
}
