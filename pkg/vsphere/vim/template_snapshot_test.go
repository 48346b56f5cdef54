package vim

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

var (
	snapshotV1 = types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: "snapshot-1"}
	snapshotV2 = types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: "snapshot-2"}
	snapshotV3 = types.ManagedObjectReference{Type: "VirtualMachineSnapshot", Value: "snapshot-3"}
)

// snapshotsOf is a chain of snapshots with these names, the last of which is the current one.
func snapshotsOf(names ...string) types.VirtualMachineSnapshotInfo {
	refs := []types.ManagedObjectReference{snapshotV1, snapshotV2, snapshotV3}
	var trees []types.VirtualMachineSnapshotTree
	for i, name := range slices.Backward(names) {
		trees = []types.VirtualMachineSnapshotTree{{
			Name: name, Snapshot: refs[i], CreateTime: time.Unix(1_800_000_000, 0).AddDate(0, 0, i), ChildSnapshotList: trees,
		}}
	}
	return types.VirtualMachineSnapshotInfo{RootSnapshotList: trees, CurrentSnapshot: &refs[max(0, len(names)-1)]}
}

// linkedClone is a linked clone of linux, from the snapshot with a name, or the current one.
func linkedClone(name, snapshot string) vsphere.Request {
	r := cloneOfLinux(name)
	r.Clone.Linked, r.Clone.Snapshot = true, snapshot
	return r
}

// clonesSent is a script that keeps what clones were asked for.
type clonesSent struct {
	*script
	specs []types.VirtualMachineCloneSpec
}

func (s *clonesSent) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	if clone, ok := req.(*methods.CloneVM_TaskBody); ok {
		s.specs = append(s.specs, clone.Req.Spec)
	}
	return s.script.RoundTrip(ctx, req, res)
}

func recorded(t *testing.T, s *clonesSent) *testConn {
	t.Helper()
	c := scripted(t, s.script)
	c.client = &vim25.Client{RoundTripper: s, ServiceContent: c.client.ServiceContent}
	return c
}

// hardwareOf is what a read says of the devices of a template or a snapshot: disks with these files, and so many network cards.
func hardwareOf(cards int, files ...string) properties {
	var devices types.ArrayOfVirtualDevice
	for i, name := range files {
		disk := diskWith(2000+int32(i), vsphere.GiB(10))
		disk.Backing = &types.VirtualDiskFlatVer2BackingInfo{
			VirtualDeviceFileBackingInfo: file(name),
			Parent:                       &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: file("[ds1] linux/first.vmdk")},
		}
		devices.VirtualDevice = append(devices.VirtualDevice, disk)
	}
	for i := range cards {
		devices.VirtualDevice = append(devices.VirtualDevice, &types.VirtualE1000{VirtualEthernetCard: types.VirtualEthernetCard{
			VirtualDevice: types.VirtualDevice{Key: 4000 + int32(i)},
		}})
	}
	return properties{propDevices: devices}
}

// TestWhatALinkedCloneSends goes by the snapshot, and not by what the template has become since.
func TestWhatALinkedCloneSends(t *testing.T) {
	now := hardwareOf(1, "[ds1] linux/now.vmdk", "[ds1] linux/log.vmdk", "[ds1] linux/tmp.vmdk")[propDevices]
	s := &clonesSent{script: &script{reads: reads{
		vmRef("vm-5"): {asTemplate(properties{propDevices: now, propSnapshot: snapshotsOf("v1", "v2")})},
		snapshotV1:    {hardwareOf(2, "[ds1] linux/linux.vmdk", "[ds2] linux/data.vmdk")},
		snapshotV2:    {hardwareOf(3, "[ds1] linux/linux-000001.vmdk")},
	}}}
	c := recorded(t, s)
	front := &types.VirtualEthernetCardNetworkBackingInfo{}
	c.places.networks = []placedNetwork{{name: "front", backing: front}}
	on := func(r vsphere.Request) vsphere.Request {
		r.Clone.Networks = "front"
		return r
	}
	clones := []vsphere.Request{
		on(linkedClone("web-0", "v1")), on(linkedClone("web-1", "v1")), on(linkedClone("web-2", "")), on(cloneOfLinux("web-3")),
	}
	if err := c.v.Start(t.Context(), testGroup, clones); err != nil {
		t.Fatal(err)
	}
	if n := s.count("RetrievePropertiesEx"); n != 5 { // of the template, for each origin, and of two snapshots
		t.Errorf("%d reads", n)
	}
	type sent struct {
		Move     string
		Snapshot *types.ManagedObjectReference
		Disks    []int32
		Base     []string
		Removed  []int32 // network cards
	}
	var got []sent
	for _, spec := range s.specs {
		stamp, err := vsphere.ParseStamp(spec.Config.ExtraConfig[0].GetOptionValue().Value.(string))
		if err != nil {
			t.Fatal(err)
		}
		one := sent{Move: spec.Location.DiskMoveType, Snapshot: spec.Snapshot, Disks: stamp.Disks, Base: stamp.Base}
		for _, change := range spec.Config.DeviceChange {
			if c := change.GetVirtualDeviceConfigSpec(); c.Operation == types.VirtualDeviceConfigSpecOperationRemove {
				one.Removed = append(one.Removed, c.Device.GetVirtualDevice().Key)
			}
		}
		got = append(got, one)
	}
	v1 := sent{"createNewChildDiskBacking", &snapshotV1, []int32{2000, 2001}, []string{"[ds1] linux/linux.vmdk", "[ds2] linux/data.vmdk"}, []int32{4001}}
	v2 := sent{"createNewChildDiskBacking", &snapshotV2, []int32{2000}, []string{"[ds1] linux/linux-000001.vmdk"}, []int32{4001, 4002}}
	full := sent{Move: "moveAllDiskBackingsAndDisallowSharing", Disks: []int32{2000, 2001, 2002}}
	if diff := cmp.Diff([]sent{v1, v1, v2, full}, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// TestChosenSnapshot makes no clone, neither a linked nor a full one, without exactly one snapshot.
func TestChosenSnapshot(t *testing.T) {
	noCurrent := snapshotsOf("v1", "v2")
	noCurrent.CurrentSnapshot = nil
	long := strings.Split(strings.Repeat("v", maxListed+5), "")
	many := types.VirtualMachineSnapshotInfo{}
	for _, name := range long {
		many.RootSnapshotList = append(many.RootSnapshotList, types.VirtualMachineSnapshotTree{Name: name})
	}
	for name, tt := range map[string]struct {
		read types.VirtualMachineSnapshotInfo
		name string
		want types.ManagedObjectReference
		says string
	}{
		"the current one":       {snapshotsOf("v1", "v2"), "", snapshotV2, ""},
		"by name, the root":     {snapshotsOf("v1", "v2"), "v1", snapshotV1, ""},
		"by name, the deepest":  {snapshotsOf("v1", "v2", "v3"), "v3", snapshotV3, ""},
		"by name, no current":   {noCurrent, "v2", snapshotV2, ""},
		"none":                  {says: "Template /DC0/vm/linux has no snapshot, and linked clones need one. Take a snapshot"},
		"none, and asked for":   {name: "v1", says: `Template /DC0/vm/linux has no snapshot "v1", and linked clones need one.`},
		"no current":            {noCurrent, "", snapshotV1, `Name one in spec.clone.snapshot: there is "v1" (taken 2027-01-15T08:00:00Z), "v2" (taken 2027-01-16`},
		"none of that name":     {snapshotsOf("v1", "v2"), "v3", snapshotV1, `has no snapshot "v3", which spec.clone.snapshot names: there is "v1" (taken`},
		"one in another case":   {snapshotsOf("v1"), "V1", snapshotV1, `has no snapshot "V1"`},
		"several of that name":  {snapshotsOf("v1", "v2", "v1"), "v1", snapshotV1, `several snapshots "v1", which spec.clone.snapshot names: "v1" (taken 2027-01-15T08:00:00Z), "v1" (taken 2027-01-17`},
		"more than people read": {many, "w", snapshotV1, "and 5 more"},
	} {
		t.Run(name, func(t *testing.T) {
			template := asTemplate(properties{propSnapshot: tt.read})
			if len(tt.read.RootSnapshotList) == 0 {
				delete(template, propSnapshot)
			}
			s := &clonesSent{script: &script{reads: reads{vmRef("vm-5"): {template}, tt.want: {hardwareOf(0, "[ds1] linux/linux.vmdk")}}}}
			c := recorded(t, s)
			err := c.v.Start(t.Context(), testGroup, []vsphere.Request{linkedClone("web-0", tt.name), linkedClone("web-1", tt.name)})
			if tt.says == "" {
				if err != nil || len(s.specs) != 2 || *s.specs[0].Snapshot != tt.want {
					t.Errorf("%v, sent %+v", err, s.specs)
				}
				return
			}
			wantClass(t, "Start", err, vsphere.ClassInvalid)
			if reasonOf(err) != v1alpha1.ReasonSnapshotNotFound || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s: %s", err, v1alpha1.ReasonSnapshotNotFound, tt.says)
			}
			ops, failures := c.v.tracker.Of(testUID)
			if len(s.specs) > 0 || len(ops) > 0 || len(failures) != 1 || s.count("RetrievePropertiesEx") != 1 {
				t.Errorf("sent %v, operations %+v, failures %+v", s.calls, ops, failures)
			}
		})
	}
}

// TestSnapshotsThatCannotBeRead are neither there nor missing: nothing is sent, and the next attempt may well succeed.
func TestSnapshotsThatCannotBeRead(t *testing.T) {
	has := properties{propSnapshot: snapshotsOf("v1")}
	hiddenDevices := properties{propDevices: &types.NoPermission{}}
	raw := hardwareOf(0, "[ds1] linux/linux.vmdk", "no path")
	for name, tt := range map[string]struct {
		template properties
		snapshot any
		class    vsphere.Class
	}{
		"the list is withheld":             {properties{propSnapshot: &types.NoPermission{}}, nil, vsphere.ClassTransient},
		"the snapshot's devices are":       {has, hiddenDevices, vsphere.ClassTransient},
		"a file of its disks is not shown": {has, raw, vsphere.ClassTransient},
		"the snapshot has just gone":       {has, goneFault(snapshotV1), vsphere.ClassTransient},
		"nobody answers":                   {has, noAnswer, vsphere.ClassUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{reads: reads{vmRef("vm-5"): {asTemplate(tt.template)}, snapshotV1: {tt.snapshot}}}
			c := scripted(t, s)
			wantClass(t, "Start", c.v.Start(t.Context(), testGroup, []vsphere.Request{linkedClone("web-0", "")}), tt.class)
			if s.sent("CloneVM_Task") {
				t.Error("it was sent")
			}
		})
	}
}

// TestASnapshotThatGoesBeforeTheClone is no reason to give the template up.
func TestASnapshotThatGoesBeforeTheClone(t *testing.T) {
	s := &script{
		fails: map[string][]error{"CloneVM_Task": {goneFault(snapshotV1)}},
		reads: reads{vmRef("vm-5"): {asTemplate(properties{propSnapshot: snapshotsOf("v1")})}, snapshotV1: {hardwareOf(0, "[ds1] linux/linux.vmdk")}},
	}
	c := scripted(t, s)
	c.v.cfg.TemplateFolder = "images"
	c.v.inv.UpdateTemplate("vm-5", true, object{props: asTemplate(nil)}.update(nil))
	err := c.v.Start(t.Context(), testGroup, []vsphere.Request{linkedClone("web-0", "")})
	wantClass(t, "Start", err, vsphere.ClassTransient)
	if _, known := c.v.inv.Templates()["vm-5"]; !known || !strings.Contains(err.Error(), "has just gone") {
		t.Errorf("the template is known: %t, and %v", known, err)
	}
}
