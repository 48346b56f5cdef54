package vim

import (
	"errors"
	"fmt"
	"testing"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

type (
	fails = map[string][]error
	reads = map[types.ManagedObjectReference][]any
)

func TestTroubleWithADestruction(t *testing.T) {
	vm := vmRef("vm-1")
	mine := []any{asRead(nil)}
	for _, tt := range []struct {
		name     string
		script   script
		victims  []vsphere.Ref
		class    vsphere.Class
		sent     bool // the destruction
		known    bool // the VM, afterwards
		verified bool
		recorded bool // as a failure of the group
	}{
		{"nobody answers the read", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassUnavailable, false, true, false, false},
		{"nobody answers the read of several", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}, []vsphere.Ref{"vm-1", "vm-2"},
			vsphere.ClassUnavailable, false, true, false, false},
		{"it may not be read", script{reads: reads{vm: {denied403}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassInvalid, false, true, false, true},
		{"nothing of it may be read", script{reads: reads{vm: {properties{}}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassInvalid, false, true, false, true},
		{"its disks may not be read", script{reads: reads{vm: {asRead(properties{propDevices: &types.NoPermission{}})}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassTransient, false, true, false, true},
		{"its stamp may not be read", script{reads: reads{vm: {asRead(properties{propStamp: &types.NoPermission{}})}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassConflict, false, true, false, true},
		{"the session has ended, and the read shows nothing", script{reads: reads{vm: {properties{propName: &types.NotAuthenticated{}}}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassUnavailable, false, true, false, false},
		{"its read says that something else is gone", script{reads: reads{vm: {goneFault(vmRef("vm-9"))}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassConflict, false, true, false, true},
		{"it is gone when it is read", script{reads: reads{vm: {goneFault(vm)}}}, []vsphere.Ref{"vm-1"},
			"", false, false, false, false},
		{"it is gone when it is to be destroyed", script{reads: reads{vm: mine}, fails: fails{"Destroy_Task": {goneFault(vm)}}}, []vsphere.Ref{"vm-1"},
			"", true, false, false, false},
		{"something else is gone when it is to be destroyed", script{reads: reads{vm: mine}, fails: fails{"Destroy_Task": {goneFault(vmRef("vm-9"))}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassConflict, true, true, false, true},
		{"the answer is lost", script{reads: reads{vm: mine}, fails: fails{"Destroy_Task": {lostAnswer}}}, []vsphere.Ref{"vm-1"},
			vsphere.ClassUnknown, true, true, true, true},
		{"the worst of two is told", script{reads: reads{
			vm: {asRead(properties{propPower: types.VirtualMachinePowerStatePoweredOn})}, vmRef("vm-2"): {denied403},
		}}, []vsphere.Ref{"vm-1", "vm-2"}, vsphere.ClassInvalid, false, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &tt.script)
			wantClass(t, "StartDestroy", c.v.StartDestroy(t.Context(), testGroup, tt.victims), tt.class)
			if tt.script.sent("Destroy_Task") != tt.sent {
				t.Errorf("sent: %v", tt.script.calls)
			}
			wantKnown(t, c, "vm-1", tt.known)
			wantVerified(t, c, "vm-1", tt.verified)
			ops, failures := c.v.tracker.Of(testUID)
			if len(failures) > 0 != tt.recorded {
				t.Errorf("failures: %+v", failures)
			}
			if len(ops) > 0 {
				t.Errorf("places that were not given back: %+v", ops)
			}
		})
	}
}

// exhaust leaves no turn for another operation of a kind.
func exhaust(t *testing.T, c *connection, kind vsphere.OperationKind) {
	t.Helper()
	for i := range 1000 {
		op := vsphere.Operation{Kind: kind, VM: vsphere.Ref(fmt.Sprintf("vm-%s-%d", kind, i))}
		if kind == vsphere.OperationClone {
			op.Name, op.VM = string(op.VM), ""
		}
		_, err := c.v.tracker.Begin(testGroup, op, "")
		if errors.Is(err, vsphere.ErrNoBudget) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("there is no bound")
}

func TestWithoutATurnNothingIsSent(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-1"): {asRead(nil)}}}
	c := scripted(t, s)
	ctx := t.Context()
	for _, kind := range []vsphere.OperationKind{
		vsphere.OperationClone, vsphere.OperationPowerOn, vsphere.OperationPowerOff, vsphere.OperationDestroy,
	} {
		exhaust(t, c, kind)
	}
	for name, err := range map[string]error{
		"clone":     c.v.StartClone(ctx, testGroup, "web-1", vsphere.CloneSpec{}),
		"power on":  c.v.StartPowerOn(ctx, testGroup, "vm-1"),
		"power off": c.v.StartPowerOff(ctx, testGroup, "vm-1"),
		"destroy":   c.v.StartDestroy(ctx, testGroup, []vsphere.Ref{"vm-1"}),
	} {
		if !errors.Is(err, vsphere.ErrNoBudget) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, method := range []string{"CloneVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "Destroy_Task"} {
		if s.sent(method) {
			t.Errorf("%s was sent", method)
		}
	}
}

func TestTroubleWithAPowerOperation(t *testing.T) {
	for _, tt := range []struct {
		name     string
		err      error
		class    vsphere.Class
		verified bool
	}{
		{"the answer is lost", lostAnswer, vsphere.ClassUnknown, true},
		{"the VM is gone", goneFault(vmRef("vm-1")), vsphere.ClassConflict, true},
		{"something else is gone", goneFault(vmRef("vm-9")), vsphere.ClassConflict, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: fails{"PowerOnVM_Task": {tt.err}}})
			wantClass(t, "StartPowerOn", c.v.StartPowerOn(t.Context(), testGroup, "vm-1"), tt.class)
			wantKnown(t, c, "vm-1", true) // until it is read
			wantVerified(t, c, "vm-1", tt.verified)
		})
	}
}

func TestTroubleWithAClone(t *testing.T) {
	template := vmRef("vm-5")
	taken := &types.DuplicateName{Name: "web-1", Object: vmRef("vm-7")}
	for _, tt := range []struct {
		name     string
		script   script
		class    vsphere.Class
		sent     bool
		verified bool // the VM that has the name
		folder   bool // group-3 is still known
	}{
		{"the template's disks cannot be read", script{fails: fails{"RetrievePropertiesEx": {noAnswer}}}, vsphere.ClassUnavailable, false, false, true},
		{"the template's disks may not be read", script{reads: reads{template: {properties{propDevices: &types.NoPermission{}}}}}, vsphere.ClassTransient, false, false, true},
		{"the session has ended, and the read shows nothing", script{reads: reads{template: {properties{propDevices: &types.NotAuthenticated{}}}}}, vsphere.ClassUnavailable, false, false, true},
		{"the name is taken", script{fails: fails{"CloneVM_Task": {soap.WrapVimFault(taken)}}}, vsphere.ClassConflict, true, true, true},
		{"the folder is gone", script{fails: fails{"CloneVM_Task": {goneFault(folderRef("group-3"))}}}, vsphere.ClassConflict, true, false, false},
		{"the pool is gone", script{fails: fails{"CloneVM_Task": {goneFault(types.ManagedObjectReference{Type: "ResourcePool", Value: "resgroup-1"})}}}, vsphere.ClassConflict, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.script.reads == nil {
				tt.script.reads = reads{template: {properties{propDevices: types.ArrayOfVirtualDevice{}}}}
			}
			c := scripted(t, &tt.script)
			err := c.v.StartClone(t.Context(), testGroup, "web-1", vsphere.CloneSpec{Template: "vm-5", Folder: "group-3"})
			wantClass(t, "StartClone", err, tt.class)
			if tt.script.sent("CloneVM_Task") != tt.sent {
				t.Errorf("sent: %v", tt.script.calls)
			}
			wantVerified(t, c, "vm-7", tt.verified)
			if _, known := c.v.inv.child("group-2", "web"); known != tt.folder {
				t.Errorf("the folder is known: %t", known)
			}
			if ops, _ := c.v.tracker.Of(testUID); len(ops) > 0 {
				t.Errorf("it counts as under way: %+v", ops)
			}
		})
	}
}

func TestTroubleWithAFolder(t *testing.T) {
	other := vsphere.GroupID{Namespace: "default", Name: "db", UID: "uid-2"}
	host := types.ManagedObjectReference{Type: "VirtualApp", Value: "vapp-1"}
	for _, tt := range []struct {
		name   string
		err    error
		class  vsphere.Class
		parent bool // group-2 is still known
	}{
		{"nobody answers", noAnswer, vsphere.ClassUnavailable, true},
		{"it is not allowed", denied403, vsphere.ClassInvalid, true},
		{"a vApp has the name", soap.WrapVimFault(&types.DuplicateName{Object: host}), vsphere.ClassInvalid, true},
		{"a folder has the name", soap.WrapVimFault(&types.DuplicateName{Object: folderRef("group-9")}), "", true},
		{"the folder around it is gone", goneFault(folderRef("group-2")), vsphere.ClassConflict, false},
		{"something else is gone", goneFault(folderRef("group-8")), vsphere.ClassConflict, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, &script{fails: fails{"CreateFolder": {tt.err}}})
			ref, err := c.v.EnsureFolder(t.Context(), other)
			wantClass(t, "EnsureFolder", err, tt.class)
			if made := ref == "group-9"; made != (tt.class == "") {
				t.Errorf("the folder is %q", ref)
			}
			if _, known := c.v.inv.child("group-1", "default"); known != tt.parent {
				t.Errorf("the folder around it is known: %t", known)
			}
		})
	}
}

// A root that nobody watches is worse than none: what is in it would be taken for missing.
func TestARootThatCannotBeWatched(t *testing.T) {
	s := &script{fails: fails{"CreateContainerView": {denied403}}}
	c := scripted(t, s)
	var lost error
	c.lost = func(err error) { lost = err }
	c.v.inv.removeFolder("group-1", &touched{})
	_, err := c.v.EnsureFolder(t.Context(), testGroup)
	wantClass(t, "EnsureFolder", err, vsphere.ClassInvalid)
	if !errors.Is(lost, errRewatch) || !s.sent("CreateFolder") {
		t.Errorf("the connection ends with %v, after %v", lost, s.calls)
	}
}
