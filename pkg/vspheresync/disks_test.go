package vspheresync

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

// growing asks for a larger disk, in place.
func growing(vg *v1alpha1.VmGroup) {
	vg.Spec.Disk = ptr.To[int32](20)
	vg.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateInPlaceOnly}
}

// An edit is neither followed nor said to be so before it is known how large the disks are.
func TestAnEditWaitsForTheDisks(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	f.world.HoldAnswers()
	f.edit(growing)
	f.want("nothing is decided, and nothing is told")
	f.want("still")
	f.world.ReleaseAnswers()
	f.settle()
	f.wantStatus("both have grown", "2/2 READY AllReplicasAvailable")
	for slot := range 2 {
		if vm := f.vm(slot); vm.DiskBytes != vsphere.GiB(20) {
			t.Errorf("%s has %d bytes", vm.Name, vm.DiskBytes)
		}
	}
	if calls := f.sent(fake.StartReconfigure); len(calls) != 2 {
		t.Errorf("calls: %v", calls)
	}
}

// After a restart nothing is known, and all that was is asked for again. Meanwhile the status stays as it was.
func TestARestartWaitsForTheDisks(t *testing.T) {
	f := newFixture(t, group(2, func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = ptr.To[int32](20) }))
	f.settle()
	f.world.GrowDisk(f.vm(1).Ref, 30)
	f.restart(fake.Config{}, Config{})
	f.world.HoldAnswers()
	f.want("nothing is told")
	f.world.ReleaseAnswers()
	f.settle()
	if message := f.live().Status.Message; !strings.Contains(message, "1 not of the size in the spec") {
		t.Errorf("it says %q", message)
	}
}

// A VM that has just been made keeps nobody waiting.
func TestNobodyWaitsForTheDiskOfANewVM(t *testing.T) {
	f := newFixture(t, group(1, func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = ptr.To[int32](20) }))
	f.settle()
	f.world.HoldAnswers()
	f.world.Destroy(f.vm(0).Ref)
	f.settle()
	f.wantStatus("it is there", "1/1 READY AllReplicasAvailable")
	f.world.ReleaseAnswers()
	snap, err := f.client.Snapshot(t.Context(), groupID(f.live()), "")
	if err != nil || snap.VMs[0].DiskBytes != vsphere.GiB(20) {
		t.Errorf("its disk was not asked for: %+v, %v", snap.VMs[0], err)
	}
}

// With a partition, the size says of which revision a VM is: nothing is decided before it is known.
func TestAPartitionWaitsForTheDiskOfANewVM(t *testing.T) {
	f := newFixture(t, group(2, growing, func(vg *v1alpha1.VmGroup) { vg.Spec.Update.Partition = ptr.To(intstr.FromInt32(1)) }))
	f.settle()
	f.settle() // the first time, it waits for the disks
	f.want("at rest")
	f.world.HoldAnswers()
	f.world.Destroy(f.vm(0).Ref)
	f.want("it is made again", "get", "StartClone web-0d1f2-0", "update status")
	f.want("nothing is told before it was looked at")
	f.world.ReleaseAnswers()
	f.settle()
	f.wantStatus("it is there", "2/2 READY AllReplicasAvailable")
}

func TestHiddenDisksChangeNothing(t *testing.T) {
	f := newFixture(t, group(2))
	f.settle()
	for slot := range 2 {
		f.world.HideDevices(f.vm(slot).Ref, true)
	}
	f.edit(growing)
	f.want("they are asked for")
	f.settle()
	f.wantStatus("unknown is not old", "2/2 READY AllReplicasAvailable")
	if calls := f.sent(fake.StartReconfigure); len(calls) != 0 {
		t.Errorf("calls: %v", calls)
	}
	f.want("at rest")
}

func TestDiskTooSmall(t *testing.T) {
	f := newFixture(t, group(1))
	f.settle()
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = ptr.To[int32](5) })
	f.want("it is asked for")
	f.settle()
	f.wantStatus("nothing is due", "1/1 READY AllReplicasAvailable")
	f.scale(2)
	f.try()
	f.wantStatus("one is", "1/1 ERROR DiskTooSmall")
	f.edit(func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = ptr.To(fake.TemplateDiskGiB) })
	f.settle()
	f.wantStatus("corrected", "2/2 READY AllReplicasAvailable")
}

// A record of a revision without a disk is what it was before there were disks.
func TestRevisionsRecordDisks(t *testing.T) {
	r := plan.Revision{Name: "2:a", Number: 1, VMSpec: vsphere.VMSpec{CPU: 2, MemoryMiB: 1024}}
	without, err := revisionObject(group(1), r, 0)
	if err != nil || strings.Contains(string(without.Data.Raw), "disk") {
		t.Errorf("%s, %v", without.Data.Raw, err)
	}
	r.DiskGiB = 20
	with, err := revisionObject(group(1), r, 0)
	if err != nil || with.Name == without.Name {
		t.Errorf("%s and %s, %v", with.Name, without.Name, err)
	}
	if got, err := readRevision(with); err != nil || got.DiskGiB != 20 {
		t.Errorf("read as %+v, %v", got, err)
	}
	var data map[string]any
	if err := json.Unmarshal(with.Data.Raw, &data); err != nil {
		t.Fatal(err)
	}
	data["diskGiB"] = -1
	with.Data.Raw, _ = json.Marshal(data)
	if _, err := readRevision(with); err == nil {
		t.Error("a disk of -1 GiB is read")
	}
}
