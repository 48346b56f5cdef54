package vim

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// diskWith returns a disk with a key, in both of vCenter's fields.
func diskWith(key int32, bytes int64) *types.VirtualDisk {
	return &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: 1000, Backing: &types.VirtualDiskFlatVer2BackingInfo{
			VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[ds1] web-0/web-0.vmdk"},
		}},
		CapacityInBytes: bytes, CapacityInKB: bytes >> 10,
	}
}

// withDisks is what a read says of a VM of ours, whose stamp names the disk 2001, and of its disks.
func withDisks(disks ...*types.VirtualDisk) properties {
	stamp := vsphere.Stamp{Owner: testOwner, UID: testUID, Instance: "i-1", Disks: []int32{2001}}
	var devices types.ArrayOfVirtualDevice
	for _, disk := range disks {
		devices.VirtualDevice = append(devices.VirtualDevice, disk)
	}
	read := asRead(small)
	read[propStamp] = types.OptionValue{Key: vsphere.StampKey, Value: stamp.String()}
	read[propDevices] = devices
	return read
}

// readOnce reads the disk of vm-1 as the queue does.
func readOnce(t *testing.T, c *testConn) {
	t.Helper()
	if err := c.v.ReadDisks(t.Context(), testGroup, []vsphere.Ref{"vm-1"}); !errors.Is(err, vsphere.ErrPending) {
		t.Fatalf("asked: %v", err)
	}
	if err := c.readQueuedDisks(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFirstDiskIsTheOneOfTheTemplate(t *testing.T) {
	gib := vsphere.GiB(1)
	kib := diskWith(2001, 0)
	kib.CapacityInKB = 4 << 20
	for name, tt := range map[string]struct {
		read properties
		want int64
	}{
		"it alone":                      {withDisks(diskWith(2001, gib)), gib},
		"beside one of somebody else's": {withDisks(diskWith(2000, 9*gib), diskWith(2001, gib)), gib},
		"by the old field":              {withDisks(kib), 4 * gib},
		"detached":                      {withDisks(diskWith(2000, 9*gib)), 0},
		"hidden":                        {func() properties { p := withDisks(); p[propDevices] = &types.NoPermission{}; return p }(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{vmRef("vm-1"): {tt.read}}}
			c := scripted(t, s)
			readOnce(t, c)
			if vm, _, _ := c.v.inv.Get("vm-1"); vm.DiskBytes != tt.want {
				t.Errorf("it has %d bytes, want %d", vm.DiskBytes, tt.want)
			}
			if err := c.v.ReadDisks(t.Context(), testGroup, []vsphere.Ref{"vm-1"}); err != nil {
				t.Errorf("asked once more: %v", err)
			}
			if n := s.count("RetrievePropertiesEx"); n != 1 {
				t.Errorf("it was read %d times", n)
			}
		})
	}
}

// A read that nobody answers is made again, and proves nothing.
func TestReadOfDisksFails(t *testing.T) {
	c := scripted(t, &script{
		fails: fails{"RetrievePropertiesEx": {noAnswer, nil}}, reads: reads{vmRef("vm-1"): {withDisks(diskWith(2001, 7))}},
	})
	if err := c.v.ReadDisks(t.Context(), testGroup, []vsphere.Ref{"vm-1"}); !errors.Is(err, vsphere.ErrPending) {
		t.Fatalf("asked: %v", err)
	}
	if err := c.readQueuedDisks(t.Context()); err == nil {
		t.Error("nobody has answered")
	}
	if err := c.readQueuedDisks(t.Context()); err != nil {
		t.Error(err)
	}
	if vm, _, _ := c.v.inv.Get("vm-1"); vm.DiskBytes != 7 {
		t.Errorf("it has %d bytes", vm.DiskBytes)
	}
}

// Somebody has made a disk larger. Nobody tells, and the next resync sees it.
func TestAResyncReadsDisksThatAreKnown(t *testing.T) {
	s := &script{reads: reads{vmRef("vm-1"): {withDisks(diskWith(2001, 7)), withDisks(diskWith(2001, 8))}}}
	c := scripted(t, s)
	if err := c.rereadDisks(t.Context()); err != nil || s.count("RetrievePropertiesEx") > 0 {
		t.Fatalf("nobody has asked for them, and %v was called: %v", s.calls, err)
	}
	readOnce(t, c)
	if err := c.reread(t.Context()); err != nil {
		t.Fatal(err)
	}
	if vm, _, _ := c.v.inv.Get("vm-1"); vm.DiskBytes != 8 {
		t.Errorf("it has %d bytes", vm.DiskBytes)
	}
}

// A VM that is gone is taken out, as after any other read.
func TestAVMIsGoneWhenItsDiskIsRead(t *testing.T) {
	c := scripted(t, &script{reads: reads{vmRef("vm-1"): {goneFault(vmRef("vm-1"))}}})
	readOnce(t, c)
	wantKnown(t, c, "vm-1", false)
}

func TestWhatAGrowthSends(t *testing.T) {
	had := diskWith(2001, vsphere.GiB(10))
	grown := diskWith(2001, vsphere.GiB(20))
	for name, tt := range map[string]struct {
		want  vsphere.Resize
		sends []types.BaseVirtualDeviceConfigSpec
		class vsphere.Class
	}{
		"larger, and CPUs": {vsphere.Resize{CPU: 4, MemoryMiB: 1024, DiskGiB: 20, Revision: "2:new"}, []types.BaseVirtualDeviceConfigSpec{
			&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: grown}}, ""},
		"as large":      {vsphere.Resize{CPU: 4, MemoryMiB: 1024, DiskGiB: 10, Revision: "2:new"}, nil, ""},
		"not asked for": {vsphere.Resize{CPU: 4, MemoryMiB: 1024, Revision: "2:new"}, nil, ""},
		"smaller":       {vsphere.Resize{CPU: 4, MemoryMiB: 1024, DiskGiB: 9, Revision: "2:new"}, nil, vsphere.ClassConflict},
	} {
		t.Run(name, func(t *testing.T) {
			s := &specs{script: &script{reads: reads{vmRef("vm-1"): {withDisks(diskWith(2000, 1), had)}}}}
			c := scripted(t, s.script)
			c.client = &vim25.Client{RoundTripper: s, ServiceContent: c.client.ServiceContent}
			wantClass(t, "Start", reconfigured(t, c, tt.want), tt.class)
			if tt.class != "" {
				if len(s.sent) > 0 {
					t.Errorf("sent %+v", s.sent)
				}
				return
			}
			if diff := cmp.Diff(tt.sends, s.sent[0].DeviceChange); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
	if had.CapacityInBytes != vsphere.GiB(10) {
		t.Error("what was read was changed")
	}
}

// The watch does not tell of disks: one that was changed is read at once.
func TestAGrownDiskIsReadAtOnce(t *testing.T) {
	grown := withDisks(diskWith(2001, vsphere.GiB(20)))
	grown[propNumCPU] = int32(4)
	s := &script{reads: reads{vmRef("vm-1"): {withDisks(diskWith(2001, vsphere.GiB(10))), withDisks(diskWith(2001, vsphere.GiB(10))), grown}}}
	c := scripted(t, s)
	readOnce(t, c)
	wantClass(t, "Start", reconfigured(t, c, vsphere.Resize{CPU: 4, MemoryMiB: 1024, DiskGiB: 20}), "")
	var ch inventory.Changes
	c.applyTask(types.ObjectUpdate{Obj: taskRef(""), ChangeSet: []types.PropertyChange{assign(propTaskState, types.TaskInfoStateSuccess)}}, &ch)
	c.inv.Update("vm-1", inventory.FromRoot, false, vmUpdate(object{props: grown}.changes()), &ch)
	c.publish(&ch)
	if ops, _ := c.v.tracker.Of(testUID); len(ops) != 1 {
		t.Error("it is over before the disk was seen")
	}
	if err := c.readQueuedDisks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ops, failures := c.v.tracker.Of(testUID); len(ops)+len(failures) > 0 {
		t.Errorf("operations %+v, failures %+v", ops, failures)
	}
}

// What cannot be read is not changed, be it that vCenter hides it or that there is none.
func TestAGrowthOfADiskThatIsNotShown(t *testing.T) {
	hidden := withDisks()
	hidden[propDevices] = &types.NoPermission{}
	for name, read := range map[string]properties{"hidden": hidden, "detached": withDisks(diskWith(2000, 1))} {
		s := &script{reads: reads{vmRef("vm-1"): {read}}}
		c := scripted(t, s)
		wantClass(t, name, reconfigured(t, c, vsphere.Resize{CPU: 4, MemoryMiB: 1024, DiskGiB: 20}), vsphere.ClassTransient)
		if s.sent("ReconfigVM_Task") {
			t.Errorf("%s: it was sent", name)
		}
	}
}

func TestRefusedDisk(t *testing.T) {
	for name, tt := range map[string]struct {
		first  *types.VirtualDisk
		gib    int32
		reason string
		says   string
	}{
		"not asked for": {diskWith(2000, vsphere.GiB(10)), 0, "", ""},
		"larger":        {diskWith(2000, vsphere.GiB(10)), 20, "", ""},
		"as large":      {diskWith(2000, vsphere.GiB(10)), 10, "", ""},
		"smaller": {diskWith(2000, vsphere.GiB(10)), 9, v1alpha1.ReasonDiskTooSmall,
			"spec.disk is 9 GiB, and the first disk of template linux has 10 GiB. Raise spec.disk to at least 10, or"},
		"smaller by a byte":          {diskWith(2000, vsphere.GiB(10)+1), 10, v1alpha1.ReasonDiskTooSmall, "to at least 11"},
		"no disk":                    {nil, 10, v1alpha1.ReasonTemplateUnusable, "has no disk"},
		"no disk, and not asked for": {nil, 0, "", ""},
	} {
		err := refuseDisk("linux", tt.first, tt.gib)
		switch {
		case err == nil && tt.reason == "":
		case err == nil || err.Reason != tt.reason || err.Class != vsphere.ClassInvalid || !strings.Contains(err.Message, tt.says):
			t.Errorf("%s: %v, want %s", name, err, tt.reason)
		}
	}
}
