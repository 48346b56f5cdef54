package vim

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// small is what the VM of these tests has, large what it is to have.
var (
	small = properties{propNumCPU: int32(2), propMemoryMB: int32(1024), propVersion: "version-7"}
	large = vsphere.Resize{CPU: 4, MemoryMiB: 2048, Revision: "2:new"}
)

// asLarge is what a read says of a VM that is as it is to be.
func asLarge() properties {
	stamp := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1", Revision: large.Revision}
	return asRead(properties{
		propNumCPU: large.CPU, propMemoryMB: int32(large.MemoryMiB), propStamp: types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()},
	})
}

// reconfigured asks for another size of vm-1.
func reconfigured(t *testing.T, c *testConn, want vsphere.Resize) error {
	t.Helper()
	return c.v.Start(t.Context(), testGroup, []vsphere.Request{{Kind: vsphere.OperationReconfigure, VM: "vm-1", Resize: &want}})
}

// specs writes down what ReconfigVM_Task is asked for.
type specs struct {
	*script
	sent []types.VirtualMachineConfigSpec
}

func (s *specs) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	if r, ok := req.(*methods.ReconfigVM_TaskBody); ok {
		s.sent = append(s.sent, r.Req.Spec)
	}
	return s.script.RoundTrip(ctx, req, res)
}

// What the VM has already is not sent, but for the stamp. All else of the stamp stays, what a newer controller has written too.
func TestWhatAReconfigurationSends(t *testing.T) {
	const stamp = `{"owner":"owner-1","uid":"uid-1","name":"web","slot":3,"revision":"%","disks":[2000],"instance":"i-1","newer":{"a":[1]}}`
	const revised = `{"disks":[2000],"instance":"i-1","name":"web","newer":{"a":[1]},"owner":"owner-1","revision":"2:new","slot":3,"uid":"uid-1"}`
	for name, tt := range map[string]struct {
		want   vsphere.Resize
		cpu    int32
		memory int64
	}{
		"all of it": {large, 4, 2048},
		"CPUs":      {vsphere.Resize{CPU: 4, MemoryMiB: 1024, Revision: "2:new"}, 4, 0},
		"memory":    {vsphere.Resize{CPU: 2, MemoryMiB: 2048, Revision: "2:new"}, 0, 2048},
	} {
		t.Run(name, func(t *testing.T) {
			read := asRead(small)
			read[propStamp] = types.OptionValue{Key: vsphere.StampKey, Value: stamp}
			s := &specs{script: &script{reads: reads{vmRef("vm-1"): {read}}}}
			c := scripted(t, s.script)
			c.client = &vim25.Client{RoundTripper: s, ServiceContent: c.client.ServiceContent}
			wantClass(t, "Start", reconfigured(t, c, tt.want), "")
			want := []types.VirtualMachineConfigSpec{{
				ChangeVersion: "version-7", NumCPUs: tt.cpu, MemoryMB: tt.memory,
				ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: vsphere.StampKey, Value: revised}},
			}}
			if diff := cmp.Diff(want, s.sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTroubleWithAReconfiguration(t *testing.T) {
	vm, mine := vmRef("vm-1"), []any{asRead(small)}
	on := types.VirtualMachinePowerStatePoweredOn
	refused := func(f types.BaseMethodFault) fails { return fails{"ReconfigVM_Task": {soap.WrapVimFault(f)}} }
	for _, tt := range []struct {
		name     string
		script   script
		class    vsphere.Class
		reason   string
		sent     bool
		underWay bool
		recorded bool // as a failure
	}{
		{"nobody answers the read", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}},
			vsphere.ClassUnavailable, v1alpha1.ReasonVCenterUnreachable, false, false, false},
		{"it may not be read", script{reads: reads{vm: {denied403}}}, vsphere.ClassInvalid, v1alpha1.ReasonNoPermission, false, false, true},
		{"its stamp may not be read", script{reads: reads{vm: {asRead(properties{propStamp: &types.NoPermission{}})}}},
			vsphere.ClassConflict, v1alpha1.ReasonNotOurs, false, false, true},
		{"it is gone", script{reads: reads{vm: {goneFault(vm)}}}, vsphere.ClassConflict, vsphere.ReasonGone, false, false, false},
		{"it is another's by now", script{reads: reads{vm: {asRead(properties{propInstanceUUID: "i-2"})}}},
			vsphere.ClassConflict, v1alpha1.ReasonNotOurs, false, false, true},
		{"it is a template by now", script{reads: reads{vm: {asRead(properties{propTemplate: true})}}},
			vsphere.ClassConflict, v1alpha1.ReasonNotOurs, false, false, true},
		{"it lies elsewhere by now", script{reads: reads{vm: {asRead(properties{propParent: folderRef("group-0")})}}},
			vsphere.ClassConflict, v1alpha1.ReasonVMOutsideRoot, false, false, true},
		{"its host is lost by now", script{reads: reads{vm: {asRead(properties{propConnection: types.VirtualMachineConnectionStateDisconnected})}}},
			vsphere.ClassTransient, v1alpha1.ReasonVMUnreachable, false, false, true},
		{"it has the size by now, of another revision", script{reads: reads{vm: {asRead(properties{propNumCPU: large.CPU, propMemoryMB: int32(large.MemoryMiB)})}}},
			vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile, false, false, true},
		{"vCenter takes it", script{reads: reads{vm: mine}}, "", "", true, true, false},
		{"the answer is lost", script{reads: reads{vm: mine}, fails: fails{"ReconfigVM_Task": {lostAnswer}}},
			vsphere.ClassUnknown, v1alpha1.ReasonOutcomeUnknown, true, true, true},
		{"somebody has changed it meanwhile", script{reads: reads{vm: mine}, fails: refused(&types.ConcurrentAccess{})},
			vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile, true, false, true},
		{"it is on, and has to be off", script{reads: reads{vm: mine}, fails: refused(&types.InvalidPowerState{ExistingState: on})},
			vsphere.ClassConflict, vsphere.ReasonNotHotPluggable, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &tt.script)
			err := reconfigured(t, c, large)
			wantClass(t, "Start", err, tt.class)
			if got := reasonOf(err); got != tt.reason || tt.script.sent("ReconfigVM_Task") != tt.sent {
				t.Errorf("reason %q, want %q; sent: %v", got, tt.reason, tt.script.calls)
			}
			ops, failures := c.v.tracker.Of(testUID)
			if len(ops) > 0 != tt.underWay || len(failures) > 0 != tt.recorded {
				t.Errorf("operations %+v, failures %+v", ops, failures)
			}
		})
	}
}

// What was read long ago proves nothing: it may lie elsewhere by now, which changes no version of its configuration.
func TestAReconfigurationIsNotSentByWhatWasReadLongAgo(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-1"): {asRead(small)}}}
	c, _ := slow(t, s, func(string) time.Duration { return proofFor + time.Second })
	wantClass(t, "Start", reconfigured(t, c, large), vsphere.ClassConflict)
	if ops, failures := c.v.tracker.Of(testUID); s.sent("ReconfigVM_Task") || len(ops) > 0 || len(failures) != 1 {
		t.Errorf("sent: %v, operations %+v, failures %+v", s.calls, ops, failures)
	}
}

// What became of it is found out by a read, whatever that shows.
func TestAReconfigurationWhoseAnswerWasLostIsLookedAt(t *testing.T) {
	for name, tt := range map[string]struct {
		read     any
		underWay bool // afterwards
		failed   bool
		cpu      int32
	}{
		"it has changed":        {asLarge(), false, false, 4},
		"it has not":            {asRead(small), false, true, 2},
		"it may not be read":    {denied403, false, true, 0},
		"it is gone":            {goneFault(vmRef("vm-1")), false, false, 0},
		"nobody answers as yet": {noAnswer, true, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{vmRef("vm-1"): {asRead(small), tt.read}}, fails: fails{"ReconfigVM_Task": {lostAnswer}}}
			c := scripted(t, s)
			wantClass(t, "Start", reconfigured(t, c, large), vsphere.ClassUnknown)
			if err := c.resolveUnknowns(t.Context()); (err != nil) != tt.underWay {
				t.Errorf("look: %v", err)
			}
			ops, failures := c.v.tracker.Of(testUID)
			if len(ops) > 0 != tt.underWay || len(failures) > 0 != tt.failed {
				t.Errorf("operations %+v, failures %+v", ops, failures)
			}
			if got := get(c.v.inv, "vm-1").CPU; got != tt.cpu {
				t.Errorf("%d CPUs in the inventory, want %d", got, tt.cpu)
			}
		})
	}
}

// The inventory may lag behind the end of the task. The VM is read when the watch should have spoken, until it is as it is to be.
func TestAChangeThatTheWatchDoesNotReport(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-1"): {asRead(small), asRead(small), asLarge()}}}
	c := scripted(t, s)
	wantClass(t, "Start", reconfigured(t, c, large), "")
	ended := types.ObjectUpdate{Obj: taskRef(""), ChangeSet: []types.PropertyChange{assign(propTaskState, types.TaskInfoStateSuccess)}}
	c.applyTask(ended, &inventory.Changes{})
	if c.nextRecheck() == nil {
		t.Error("nobody reads it")
	}
	for _, want := range []int{1, 0} {
		c.recheck(t.Context())
		if ops, failures := c.v.tracker.Of(testUID); len(ops) != want || len(failures) > 0 {
			t.Errorf("operations %+v, failures %+v, want %d", ops, failures, want)
		}
	}
	before := len(s.calls)
	if c.recheck(t.Context()); len(s.calls) != before {
		t.Error("it is read again and again")
	}
}

// The watch may tell of the change before the end of the task, and even before the answer that names the task. It tells once.
func TestAChangeThatTheWatchReportsBeforeTheEndOfTheTask(t *testing.T) {
	tell := func(c *testConn) {
		var ch inventory.Changes
		c.v.inv.Update("vm-1", inventory.FromRoot, false, vmUpdate(object{props: asLarge()}.changes()), &ch)
		c.publish(&ch)
	}
	over := func(c *testConn, want bool) {
		t.Helper()
		if ops, failures := c.v.tracker.Of(testUID); len(ops) == 0 != want || len(failures) > 0 {
			t.Errorf("operations %+v, failures %+v; over: %t", ops, failures, want)
		}
	}
	c := scripted(t, &script{reads: reads{vmRef("vm-1"): {asRead(small)}}})
	wantClass(t, "Start", reconfigured(t, c, large), "")
	over(c, false)
	tell(c)
	over(c, true)

	s := &script{reads: reads{vmRef("vm-1"): {asRead(small)}}}
	c = scripted(t, s)
	c.client = &vim25.Client{ServiceContent: c.client.ServiceContent, RoundTripper: roundTripper(func(req, res soap.HasFault) error {
		if _, changes := req.(*methods.ReconfigVM_TaskBody); changes {
			tell(c)
		}
		return s.RoundTrip(t.Context(), req, res)
	})}
	wantClass(t, "Start", reconfigured(t, c, large), "")
	over(c, false)
	var ch inventory.Changes
	c.applyTask(types.ObjectUpdate{Obj: taskRef(""), ChangeSet: []types.PropertyChange{assign(propTaskState, types.TaskInfoStateSuccess)}}, &ch)
	c.publish(&ch)
	over(c, true)
}

// TestCoresOfASocket asks for CPUs that do not fill the sockets of a VM.
func TestCoresOfASocket(t *testing.T) {
	for name, tt := range map[string]struct {
		has, cpus, want int32
		power           types.VirtualMachinePowerState
	}{
		"they fill them":                 {2, 4, 0, types.VirtualMachinePowerStatePoweredOff},
		"one core":                       {1, 3, 0, types.VirtualMachinePowerStatePoweredOff},
		"nobody can tell":                {0, 3, 0, types.VirtualMachinePowerStatePoweredOff},
		"an odd number":                  {2, 3, 1, types.VirtualMachinePowerStatePoweredOff},
		"half of them":                   {4, 6, 2, types.VirtualMachinePowerStatePoweredOff},
		"fewer than a socket has":        {8, 4, 4, types.VirtualMachinePowerStatePoweredOff},
		"they fill them, while it is on": {2, 4, 0, types.VirtualMachinePowerStatePoweredOn},
		"an odd number, while it is on":  {2, 3, -1, types.VirtualMachinePowerStatePoweredOn},
		"an odd number, suspended":       {2, 3, -1, types.VirtualMachinePowerStateSuspended},
	} {
		t.Run(name, func(t *testing.T) {
			read := asRead(small)
			read[propCores], read[propPower] = tt.has, tt.power
			s := &specs{script: &script{reads: reads{vmRef("vm-1"): {read}}}}
			c := scripted(t, s.script)
			c.client = &vim25.Client{RoundTripper: s, ServiceContent: c.client.ServiceContent}
			err := reconfigured(t, c, vsphere.Resize{CPU: tt.cpus, MemoryMiB: 1024, Revision: "2:new"})
			if tt.want < 0 {
				wantClass(t, "Start", err, vsphere.ClassConflict)
				if len(s.sent) > 0 {
					t.Errorf("sent: %+v", s.sent)
				}
				return
			}
			if err != nil || len(s.sent) != 1 {
				t.Fatalf("%v, sent: %+v", err, s.sent)
			}
			if got := ptr.Deref(s.sent[0].NumCoresPerSocket, 0); got != tt.want || s.sent[0].NumCPUs != tt.cpus {
				t.Errorf("%d CPUs with %d cores, want %d with %d", s.sent[0].NumCPUs, got, tt.cpus, tt.want)
			}
		})
	}
}
