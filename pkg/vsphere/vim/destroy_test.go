package vim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// slowVCenter is a script whose answers take their time, by a clock of its own. It writes down how long before its destruction,
// or its change, was sent a VM was last asked about.
type slowVCenter struct {
	*script
	clock *clocktesting.FakeClock
	takes func(method string) time.Duration
	asked map[types.ManagedObjectReference]time.Time
	ages  map[string]time.Duration // by the VM that is destroyed or changed
	reads [][]string               // the VMs of each read
}

func slow(t *testing.T, s *script, takes func(method string) time.Duration) (*testConn, *slowVCenter) {
	c := scripted(t, s)
	vc := &slowVCenter{
		script: s, clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)), takes: takes,
		asked: map[types.ManagedObjectReference]time.Time{}, ages: map[string]time.Duration{},
	}
	c.v.cfg.Clock = vc.clock
	c.client = &vim25.Client{RoundTripper: vc, ServiceContent: c.client.ServiceContent}
	return c, vc
}

func (vc *slowVCenter) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	switch req := req.(type) {
	case *methods.RetrievePropertiesExBody:
		var names []string
		for _, o := range req.Req.SpecSet[0].ObjectSet {
			vc.asked[o.Obj] = vc.clock.Now()
			names = append(names, o.Obj.Value)
		}
		vc.reads = append(vc.reads, names)
	case *methods.Destroy_TaskBody:
		vc.ages[req.Req.This.Value] = vc.clock.Since(vc.asked[req.Req.This])
	case *methods.ReconfigVM_TaskBody:
		vc.ages[req.Req.This.Value] = vc.clock.Since(vc.asked[req.Req.This])
	}
	err := vc.script.RoundTrip(ctx, req, res)
	if err == nil {
		task := taskRef(vsphere.Ref(fmt.Sprintf("task-%d", len(vc.calls))))
		switch res := res.(type) {
		case *methods.Destroy_TaskBody:
			res.Res.Returnval = task
		case *methods.ReconfigVM_TaskBody:
			res.Res.Returnval = task
		}
	}
	vc.clock.Step(vc.takes(methodName(req)))
	return err
}

// victims are n VMs of ours that are off, with a script that says so.
func victims(n int) (refs []vsphere.Ref, s *script) {
	s = &script{reads: reads{}, fails: fails{}}
	for i := range n {
		ref := vsphere.Ref(fmt.Sprintf("vm-%d", i+1))
		refs = append(refs, ref)
		s.reads[vmRef(ref)] = []any{asRead(nil)}
	}
	return refs, s
}

// TestAProofDoesNotAge lets every call that destroys or changes a VM take nearly as long as a call may: each VM has to be read
// shortly before its own is sent, however many go before it.
func TestAProofDoesNotAge(t *testing.T) {
	for kind, method := range map[vsphere.OperationKind]string{
		vsphere.OperationDestroy: "Destroy_Task", vsphere.OperationReconfigure: "ReconfigVM_Task",
	} {
		t.Run(string(kind), func(t *testing.T) { proofDoesNotAge(t, kind, method) })
	}
}

func proofDoesNotAge(t *testing.T, kind vsphere.OperationKind, sends string) {
	const n = 20
	for name, takes := range map[string]time.Duration{"at once": 0, "a second": time.Second, "until the deadline": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			refs, s := victims(n)
			c, vc := slow(t, s, func(method string) time.Duration {
				if method == sends {
					return takes
				}
				return 0
			})
			requests := requestsOn(kind, refs...)
			for i := range requests {
				requests[i].Resize = &large
			}
			wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requests), "")
			if len(vc.ages) != n {
				t.Errorf("%d of %d are sent: %v", len(vc.ages), n, vc.calls)
			}
			for vm, age := range vc.ages {
				if age > proofFor {
					t.Errorf("%s is sent by what was asked %s before", vm, age)
				}
			}
			if takes == 0 && len(vc.reads) > (n+provenAtOnce-1)/provenAtOnce {
				t.Errorf("%d reads for %d VMs that are sent at once", len(vc.reads), n)
			}
		})
	}
}

// TestADiskThatIsAttachedWhileOthersAreSent is found, although its VM was read before, with the others.
func TestADiskThatIsAttachedWhileOthersAreSent(t *testing.T) {
	refs, s := victims(2)
	foreign := asRead(properties{propDevices: types.ArrayOfVirtualDevice{VirtualDevice: []types.BaseVirtualDevice{
		&types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: 2000}},
	}}})
	s.reads[vmRef("vm-2")] = []any{asRead(nil), foreign}
	c, vc := slow(t, s, func(string) time.Duration { return 4 * time.Second })
	wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs...)), vsphere.ClassInvalid)
	if _, sent := vc.ages["vm-2"]; sent || len(vc.ages) != 1 {
		t.Errorf("destroyed: %v", vc.ages)
	}
}

// TestAReadThatTakesTooLong proves nothing: nothing is sent, the places are given back, and each VM says why it waits.
func TestAReadThatTakesTooLong(t *testing.T) {
	refs, s := victims(3)
	c, vc := slow(t, s, func(string) time.Duration { return proofFor + time.Second })
	wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs...)), vsphere.ClassConflict)
	ops, failures := c.v.tracker.Of(testUID)
	if len(vc.ages) > 0 || len(ops) > 0 || len(failures) != 3 {
		t.Errorf("destroyed %v, operations %+v, failures %+v", vc.ages, ops, failures)
	}
}

// TestWhatFindsNoPlaceIsNotRead: nor is it judged, for the answer would be old when its turn comes.
func TestWhatFindsNoPlaceIsNotRead(t *testing.T) {
	const places = 3
	refs, s := victims(20)
	c, vc := slow(t, s, func(string) time.Duration { return 0 })
	for i := range DefaultMaxDestroys - places {
		_, err := c.v.tracker.Begin(vsphere.GroupID{UID: "other"}, vsphere.Request{
			Kind: vsphere.OperationDestroy, VM: vsphere.Ref(fmt.Sprintf("vm-other-%d", i)),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs...)); !errors.Is(err, vsphere.ErrNoBudget) {
		t.Errorf("want ErrNoBudget, got %v", err)
	}
	if want := [][]string{{"vm-1", "vm-2", "vm-3"}}; !slices.EqualFunc(vc.reads, want, slices.Equal[[]string]) || len(vc.ages) != places {
		t.Errorf("read %v, want %v; destroyed %v", vc.reads, want, vc.ages)
	}
	if err := c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs[places:]...)); !errors.Is(err, vsphere.ErrNoBudget) {
		t.Errorf("want ErrNoBudget, got %v", err)
	}
	if len(vc.reads) != 1 {
		t.Errorf("without a place %v are read", vc.reads[1:])
	}
}

// TestARefusalGivesItsPlaceBack: those behind it need not wait for it.
func TestARefusalGivesItsPlaceBack(t *testing.T) {
	refs, s := victims(DefaultMaxDestroys + 1)
	for _, ref := range refs[:DefaultMaxDestroys] {
		s.reads[vmRef(ref)] = []any{asRead(properties{propConnection: types.VirtualMachineConnectionStateDisconnected})}
	}
	c, vc := slow(t, s, func(string) time.Duration { return 0 })
	wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs...)), vsphere.ClassTransient)
	ops, failures := c.v.tracker.Of(testUID)
	if len(vc.ages) != 1 || len(ops) != 1 || len(failures) != DefaultMaxDestroys {
		t.Errorf("destroyed %v, operations %+v, %d failures", vc.ages, ops, len(failures))
	}
}

// TestNobodyAnswersAnyMore: what was not sent gives its place back, without a failure of its own.
func TestNobodyAnswersAnyMore(t *testing.T) {
	refs, s := victims(4)
	s.fails["Destroy_Task"] = []error{noAnswer}
	c, vc := slow(t, s, func(string) time.Duration { return 0 })
	wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs...)), vsphere.ClassUnavailable)
	if ops, failures := c.v.tracker.Of(testUID); len(ops) > 0 || len(failures) > 0 || len(vc.ages) != 1 {
		t.Errorf("destroyed %v, operations %+v, failures %+v", vc.ages, ops, failures)
	}
}

// TestAVMThatIsUnderWayIsNotDestroyedTwice: the others are.
func TestAVMThatIsUnderWayIsNotDestroyedTwice(t *testing.T) {
	refs, s := victims(2)
	c, vc := slow(t, s, func(string) time.Duration { return 0 })
	if _, err := c.v.tracker.Begin(testGroup, vsphere.Request{Kind: vsphere.OperationPowerOff, VM: refs[0]}); err != nil {
		t.Fatal(err)
	}
	wantClass(t, "Start", c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, refs...)), vsphere.ClassConflict)
	if _, sent := vc.ages["vm-2"]; !sent || len(vc.ages) != 1 {
		t.Errorf("destroyed %v", vc.ages)
	}
}

// disk returns the properties of a VM of ours that has one disk, with the key that its stamp names.
func disk(backing types.BaseVirtualDeviceBackingInfo, vmFile any) properties {
	stamp := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1", Disks: []int32{2000}}
	return asRead(properties{
		propStamp: types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}, propVMFile: vmFile,
		propDevices: types.ArrayOfVirtualDevice{VirtualDevice: []types.BaseVirtualDevice{&types.VirtualDisk{
			VirtualDevice: types.VirtualDevice{Key: 2000, Backing: backing, DeviceInfo: &types.Description{Label: "Hard disk 1"}},
		}}},
	})
}

func file(name string) types.VirtualDeviceFileBackingInfo {
	return types.VirtualDeviceFileBackingInfo{FileName: name}
}

// TestWhatASnapshotHolds goes with the VM too, whether or not the VM has it still.
func TestWhatASnapshotHolds(t *testing.T) {
	first := types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: "snapshot-1"}
	second := types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: "snapshot-2"}
	trees := types.VirtualMachineSnapshotInfo{RootSnapshotList: []types.VirtualMachineSnapshotTree{{
		Snapshot: first, ChildSnapshotList: []types.VirtualMachineSnapshotTree{{Snapshot: second}},
	}}}
	held := func(name string) properties {
		devices := disk(&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file(name)}, nil)[propDevices]
		return properties{propDevices: devices}
	}
	own, other := held("[ds1] web-0/web-0.vmdk"), held("[ds1] db-0/db-0.vmdk")
	for name, tt := range map[string]struct {
		first, second any
		class         vsphere.Class // "" is destroyed
	}{
		"its own disks":           {own, own, ""},
		"another VM's":            {other, own, vsphere.ClassInvalid},
		"another VM's, the child": {own, other, vsphere.ClassInvalid},
		"both the same":           {other, other, vsphere.ClassInvalid},
		"nothing is shown":        {own, properties{}, vsphere.ClassTransient},
		"it may not be read":      {own, denied403, vsphere.ClassTransient},
		"the devices are hidden":  {own, properties{propDevices: &types.NoPermission{}}, vsphere.ClassTransient},
		"it is gone by now":       {own, goneFault(second), ""},
		"nobody answers":          {own, noAnswer, vsphere.ClassUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			vm := disk(&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file("[ds1] web-0/web-0-000002.vmdk")}, "[ds1] web-0/web-0.vmx")
			vm[propSnapshot] = trees
			s := &script{reads: reads{vmRef("vm-1"): {vm}, first: {tt.first}, second: {tt.second}}}
			c := scripted(t, s)
			err := c.v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, "vm-1"))
			wantClass(t, "Start", err, tt.class)
			if s.sent("Destroy_Task") != (tt.class == "") {
				t.Errorf("sent: %v", s.calls)
			}
			if err != nil && strings.Count(err.Error(), ".vmdk") > 1 {
				t.Errorf("it names one disk more than once: %s", err)
			}
			if ops, _ := c.v.tracker.Of(testUID); len(ops) > 0 && tt.class != "" {
				t.Errorf("places that were not given back: %+v", ops)
			}
		})
	}
}

// TestWhoseDiskItIs reads disks as vCenter describes them. What the rules are is tested where they are.
func TestWhoseDiskItIs(t *testing.T) {
	const vmFile, own, other = "[ds1] web-0/web-0.vmx", "[ds1] web-0/web-0.vmdk", "[ds1] db-0/db-0.vmdk"
	for name, tt := range map[string]struct {
		backing types.BaseVirtualDeviceBackingInfo
		vmFile  any
		class   vsphere.Class // "" is destroyed
		says    string
	}{
		"its own":                {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file(own)}, vmFile, "", ""},
		"another VM's":           {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file(other)}, vmFile, vsphere.ClassInvalid, "Hard disk 1, " + other},
		"no backing":             {nil, vmFile, vsphere.ClassTransient, "does not show"},
		"no file":                {&types.VirtualDiskFlatVer2BackingInfo{}, vmFile, vsphere.ClassTransient, "does not show"},
		"a file without a name":  {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file("[ds1]")}, vmFile, vsphere.ClassTransient, "does not show"},
		"a device, and no file":  {&types.VirtualDiskRawDiskVer2BackingInfo{DescriptorFileName: own}, vmFile, vsphere.ClassTransient, "does not show"},
		"its home is withheld":   {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file(own)}, &types.NoPermission{}, vsphere.ClassTransient, "does not show"},
		"its home is no path":    {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file(own)}, "web-0/web-0.vmx", vsphere.ClassTransient, "does not show"},
		"a mapping of a device":  {&types.VirtualDiskRawDiskMappingVer1BackingInfo{VirtualDeviceFileBackingInfo: file(own)}, vmFile, "", ""},
		"another VM's mapping":   {&types.VirtualDiskRawDiskMappingVer1BackingInfo{VirtualDeviceFileBackingInfo: file(other)}, vmFile, vsphere.ClassInvalid, other},
		"persistent memory":      {&types.VirtualDiskLocalPMemBackingInfo{VirtualDeviceFileBackingInfo: file(own)}, vmFile, "", ""},
		"a blank tells them off": {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file("[ds1]  web-0/web-0.vmdk")}, vmFile, vsphere.ClassInvalid, "web-0"},
		"blanks and brackets":    {&types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file("[d [s 1] a ] [b]/c d.vmdk")}, "[d [s 1] a ] [b]/c d.vmx", "", ""},
		"its own, with a snapshot": {&types.VirtualDiskSeSparseBackingInfo{
			VirtualDeviceFileBackingInfo: file("[ds1] web-0/web-0-000001.vmdk"),
			Parent:                       &types.VirtualDiskSeSparseBackingInfo{VirtualDeviceFileBackingInfo: file(own)},
		}, vmFile, "", ""},
		"a snapshot over another VM's": {&types.VirtualDiskSeSparseBackingInfo{
			VirtualDeviceFileBackingInfo: file("[ds1] web-0/db-0-000001.vmdk"),
			Parent:                       &types.VirtualDiskSeSparseBackingInfo{VirtualDeviceFileBackingInfo: file(other)},
		}, vmFile, vsphere.ClassInvalid, other},
		"two snapshots over another VM's": {&types.VirtualDiskFlatVer2BackingInfo{
			VirtualDeviceFileBackingInfo: file("[ds1] web-0/db-0-000002.vmdk"),
			Parent: &types.VirtualDiskFlatVer2BackingInfo{
				VirtualDeviceFileBackingInfo: file("[ds1] web-0/db-0-000001.vmdk"),
				Parent:                       &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file(other)},
			},
		}, vmFile, vsphere.ClassInvalid, other},
		"a snapshot over what is not shown": {&types.VirtualDiskFlatVer2BackingInfo{
			VirtualDeviceFileBackingInfo: file(own), Parent: &types.VirtualDiskFlatVer2BackingInfo{},
		}, vmFile, vsphere.ClassTransient, "does not show"},
		"over another VM's, an old kind": {&types.VirtualDiskFlatVer1BackingInfo{
			VirtualDeviceFileBackingInfo: file(own), Parent: &types.VirtualDiskFlatVer1BackingInfo{VirtualDeviceFileBackingInfo: file(other)},
		}, vmFile, vsphere.ClassInvalid, other},
		"over another VM's, a sparse one": {&types.VirtualDiskSparseVer2BackingInfo{
			VirtualDeviceFileBackingInfo: file(own), Parent: &types.VirtualDiskSparseVer2BackingInfo{VirtualDeviceFileBackingInfo: file(other)},
		}, vmFile, vsphere.ClassInvalid, other},
		"over another VM's mapping": {&types.VirtualDiskRawDiskMappingVer1BackingInfo{
			VirtualDeviceFileBackingInfo: file(own), Parent: &types.VirtualDiskRawDiskMappingVer1BackingInfo{VirtualDeviceFileBackingInfo: file(other)},
		}, vmFile, vsphere.ClassInvalid, other},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{vmRef("vm-1"): {disk(tt.backing, tt.vmFile)}}}
			err := scripted(t, s).v.Start(t.Context(), testGroup, requestsOn(vsphere.OperationDestroy, "vm-1"))
			wantClass(t, "Start", err, tt.class)
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it says %q, want %q", err, tt.says)
			}
			if s.sent("Destroy_Task") != (tt.class == "") {
				t.Errorf("sent: %v", s.calls)
			}
		})
	}
}
