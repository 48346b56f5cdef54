package plan

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestUpToDate(t *testing.T) {
	newer := func(v *vsphere.VM) { v.Stamp.Revision = "3:abc" }
	small := func(v *vsphere.VM) { v.CPU = 1 }
	clonedFrom := func(template string) func(*vsphere.VM) { return func(v *vsphere.VM) { v.Stamp.Template = template } }
	rebuilt := func(in *Input) { in.Template.InstanceUUID = "golden-2" }
	toldOf := func(reason string) func(*Input) {
		return func(in *Input) {
			in.Group.Status.Conditions = []metav1.Condition{{
				Type: v1alpha1.ConditionUpToDate, Status: metav1.ConditionFalse, Reason: reason, Message: "as told before",
			}}
		}
	}
	tests := map[string]struct {
		vms     []vsphere.VM
		given   []func(*Input)
		want    string // status and reason
		message string
		updated int32
	}{
		"1: protected": {[]vsphere.VM{vm(0), vm(1, oldRevision)}, []func(*Input){members("instance-1", v1alpha1.DeletionNever)},
			"False Protected", "1 of 2 VMs out of date; spec.members protects them", 1},
		"2: all are kept": {[]vsphere.VM{vm(0, oldRevision), vm(1)}, []func(*Input){partitioned(intstr.FromInt32(1)), earlierRecorded()},
			"False Partitioned", "1 of 2 VMs at an earlier revision, as spec.update.partition asks", 1},
		"2: one is kept, and one protected": {[]vsphere.VM{vm(0, oldRevision), vm(1, oldRevision), vm(2)}, []func(*Input){
			partitioned(intstr.FromInt32(1)), earlierRecorded(), members("instance-1", v1alpha1.DeletionNever),
		}, "False Partitioned", "2 of 3 VMs at an earlier revision, as spec.update.partition asks", 1},
		"2: one that is lost could not be made": {[]vsphere.VM{vm(0, oldRevision), vm(1)}, []func(*Input){partitioned(intstr.FromInt32(1)), earlierRecorded(), earlierGone},
			"False Partitioned", `1 of 2 VMs at an earlier revision, as spec.update.partition asks; one that is lost cannot be made again: its template "old": gone; lower spec.update.partition to go on`, 1},
		"3: only in place": {[]vsphere.VM{vm(0, oldRevision), vm(1, small)}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, nil)},
			"False ReplacementRequired", "1 of 2 VMs made from an earlier spec: only new VMs can be as the spec has them", 0},
		"3: only in place, and a disk is too large": {[]vsphere.VM{vm(0, diskOf(30)), vm(1, diskOf(20))}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, nil), spec(disk(20))},
			"False ReplacementRequired", "1 of 2 VMs with a larger disk than the spec's (a disk does not shrink): only new VMs can be as the spec has them", 1},
		"3: only in place, for both reasons": {[]vsphere.VM{vm(0, diskOf(30)), vm(1, oldRevision)}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, nil), spec(disk(20))},
			"False ReplacementRequired", "2 of 2 VMs, 1 made from an earlier spec and 1 with a larger disk than the spec's (a disk does not shrink): only new VMs can be as the spec has them", 0},
		"4: only hot": {[]vsphere.VM{vm(0), vm(1, small)}, []func(*Input){inPlace(v1alpha1.UpdateInPlaceOnly, ptr.To(intstr.FromInt32(0)))},
			"False PowerCycleRequired", "1 of 2 VMs not of the size in the spec: they are changed when somebody switches them off", 1},
		"5: old, and one protected": {[]vsphere.VM{vm(0, oldRevision), vm(1, oldRevision)}, []func(*Input){members("instance-1", v1alpha1.DeletionNever)},
			"False OutOfDate", "2 of 2 VMs made from an earlier spec, or of another size", 0},
		"5: another disk":              {[]vsphere.VM{vm(0, diskOf(10)), vm(1, diskOf(20))}, []func(*Input){spec(disk(20))}, "False OutOfDate", "1 of 2 VMs made from an earlier spec, or of another size", 1},
		"5: another size":              {[]vsphere.VM{vm(0, small)}, nil, "False OutOfDate", "1 of 1 VM made from an earlier spec, or of another size", 0},
		"5: old, and one is not known": {[]vsphere.VM{vm(0, oldRevision), vm(1, newer)}, nil, "False OutOfDate", "1 of 2 VMs made from an earlier spec, or of another size", 0},
		"6: another template": {[]vsphere.VM{vm(0), vm(1, clonedFrom("golden-1")), vm(2, clonedFrom("golden-2"))}, []func(*Input){rebuilt},
			"False TemplateRebuilt", "1 of 3 VMs cloned from another template, whose place /dc1/vm/templates/golden has taken; for new VMs set spec.update.trigger to another text", 3},
		"6: another template, and one is not known": {[]vsphere.VM{vm(0, newer), vm(1, clonedFrom("golden-1"))}, []func(*Input){rebuilt},
			"False TemplateRebuilt", "1 of 2 VMs cloned from another template, whose place /dc1/vm/templates/golden has taken; for new VMs set spec.update.trigger to another text", 1},
		"6: the template is looked for again": {[]vsphere.VM{vm(0, clonedFrom("golden-1"))}, []func(*Input){rebuilt, toldOf(v1alpha1.ReasonTemplateRebuilt), searched, members("gone", v1alpha1.DeletionNow)},
			"False TemplateRebuilt", "as told before", 1},
		"8: the template is looked for": {[]vsphere.VM{vm(0, clonedFrom("golden-1"))}, []func(*Input){rebuilt, toldOf(v1alpha1.ReasonOutOfDate), searched},
			"True AllReplicasUpdated", "", 1},
		"5: another template, and another size": {[]vsphere.VM{vm(0, clonedFrom("golden-1"), small)}, []func(*Input){rebuilt},
			"False OutOfDate", "1 of 1 VM made from an earlier spec, or of another size", 0},
		"5: an earlier spec": {[]vsphere.VM{vm(0, clonedFrom("golden-1"), oldRevision)}, []func(*Input){rebuilt},
			"False OutOfDate", "1 of 1 VM made from an earlier spec, or of another size", 0},
		"7: not known": {[]vsphere.VM{vm(0), vm(1, newer)}, nil,
			"Unknown RevisionUnknown", "a newer version of the controller has made 1 of 2 VMs: whether from the present spec cannot be told", 1},
		"8: all":                      {[]vsphere.VM{vm(0), vm(1)}, nil, "True AllReplicasUpdated", "", 2},
		"8: none to tell":             {nil, nil, "True AllReplicasUpdated", "", 0},
		"8: a disk that is not known": {[]vsphere.VM{vm(0)}, []func(*Input){spec(disk(20))}, "True AllReplicasUpdated", "", 1},
		"8: no disk is asked for":     {[]vsphere.VM{vm(0, diskOf(99))}, nil, "True AllReplicasUpdated", "", 1},
		"an entry without a VM": {[]vsphere.VM{vm(0)}, []func(*Input){members("gone", v1alpha1.DeletionNever), members("gone too", v1alpha1.DeletionNow)},
			"True AllReplicasUpdated", "spec.members has 2 without a VM, the first is gone", 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(group(int32(len(tc.vms))), tc.vms...).with(tc.given...)
			status := Status(in, Compute(in), Outcome{})
			c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionUpToDate)
			if got := string(c.Status) + " " + c.Reason; got != tc.want || c.Message != tc.message {
				t.Errorf("%s %q, want %s %q", got, c.Message, tc.want, tc.message)
			}
			if *status.UpdatedReplicas != tc.updated {
				t.Errorf("%d updated, want %d", *status.UpdatedReplicas, tc.updated)
			}
			if ready := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady); ready != (c.Reason != v1alpha1.ReasonReplacementRequired) {
				t.Errorf("READY: %t", ready)
			}
		})
	}
}
