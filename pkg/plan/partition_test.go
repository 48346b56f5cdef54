package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// partitioned sets a partition, of one VM at a time.
func partitioned(n intstr.IntOrString) func(*Input) {
	return spec(func(s *v1alpha1.VmGroupSpec) {
		replacing(0, 1)(s)
		s.Update.Partition = &n
	})
}

// revisionOf returns a record of the revision "old".
func revisionOf(name string, number int64, changes ...func(*Revision)) Revision {
	r := Revision{Object: name, Number: number, Name: "old", VMSpec: SpecOf(group(0)), Source: "vm-old", VCenter: "vcenter-1"}
	r.Template = "old"
	for _, change := range changes {
		change(&r)
	}
	return r
}

// ofNow makes a record that of the present spec.
func ofNow(r *Revision) {
	r.Name, r.Template, r.Source = SpecOf(group(0)).Revision(), SpecOf(group(0)).Template, "vm-golden"
}

func called(name string) func(*Revision) { return func(r *Revision) { r.Name = name } }

func earlierRecorded(changes ...func(*Revision)) func(*Input) {
	return revisions(revisionOf("web-old", 1, changes...), revisionOf("web-now", 2, ofNow))
}

func revisions(rs ...Revision) func(*Input) {
	return func(in *Input) {
		in.Revisions, in.KeptTemplate = rs, vsphere.Template{Ref: "vm-old"}
	}
}

// offeredBy gives the group a class.
func offeredBy(changes ...func(*v1alpha1.VmGroupClass)) func(*Input) {
	return func(in *Input) { in.Class, in.Offer = "gold", aClass("gold", "vc1", changes...) }
}

func customizedEarlier(r *Revision) { r.Guest.Customization = "administrators" }

func earlierGone(in *Input) {
	in.KeptTemplate, in.KeptTemplateError = vsphere.Template{}, &vsphere.Error{Class: vsphere.ClassInvalid, Message: "gone"}
}

// TestPartition says of each VM whether it stays, and what else is done. The rows have the numbers of partitionOf.
func TestPartition(t *testing.T) {
	oldOnes := []vsphere.VM{vm(0, oldRevision), vm(1, oldRevision), vm(2, oldRevision)}
	tests := map[string]struct {
		vms   []vsphere.VM
		given []func(*Input)
		keeps []int // slots
		lacks int
	}{
		"1: the earliest counts, not the last": {oldOnes, []func(*Input){partitioned(intstr.FromInt32(1)), revisions(
			revisionOf("web-old", 1), revisionOf("web-middle", 2, called("middle")), revisionOf("web-now", 3, ofNow))}, []int{0}, 0},
		"2: the lowest slots":           {oldOnes, []func(*Input){partitioned(intstr.FromInt32(2)), earlierRecorded()}, []int{0, 1}, 0},
		"2: a percentage is rounded up": {oldOnes, []func(*Input){partitioned(intstr.FromString("34%")), earlierRecorded()}, []int{0, 1}, 0},
		"2: all":                        {oldOnes, []func(*Input){partitioned(intstr.FromString("100%")), earlierRecorded()}, []int{0, 1, 2}, 0},
		"2: more than there are":        {oldOnes, []func(*Input){partitioned(intstr.FromInt32(9)), earlierRecorded()}, []int{0, 1, 2}, 0},
		"2: none":                       {oldOnes, []func(*Input){partitioned(intstr.FromInt32(0)), earlierRecorded()}, nil, 0},
		"2: those that are new do not count": {
			[]vsphere.VM{vm(0), vm(1, oldRevision), vm(2, oldRevision)}, []func(*Input){partitioned(intstr.FromInt32(1)), earlierRecorded()}, []int{1}, 0},
		"2: one is missing": {[]vsphere.VM{vm(1, oldRevision), vm(2)}, []func(*Input){partitioned(intstr.FromInt32(2)), earlierRecorded()}, []int{1}, 1},
		"2: one is missing, and on its way": {[]vsphere.VM{vm(1, oldRevision), vm(2)}, []func(*Input){
			partitioned(intstr.FromInt32(2)), earlierRecorded(), operations(cloning(0, func(op *vsphere.Operation) { op.SpecHash = "old" }))}, []int{1}, 0},
		"2: one was just made, and its disk is not known": {[]vsphere.VM{vm(0), vm(1, diskOf(10)), vm(2, diskOf(20))}, []func(*Input){
			partitioned(intstr.FromInt32(2)), spec(disk(20)), revisions(revisionOf("web-old", 1, ofNow), revisionOf("web-now", 2, ofNow, func(r *Revision) { r.DiskGiB = 20 })),
			operations(cloning(0, func(op *vsphere.Operation) { op.SpecHash = "old" }))}, []int{1}, 0},
		"2: one that spec.members replaces is not kept": {oldOnes, []func(*Input){
			partitioned(intstr.FromInt32(1)), earlierRecorded(), members("instance-0", v1alpha1.DeletionNow)}, []int{1}, 0},
		"2: one that spec.members protects is": {oldOnes, []func(*Input){
			partitioned(intstr.FromInt32(1)), earlierRecorded(), members("instance-0", v1alpha1.DeletionNever)}, []int{0}, 0},
		"3: the spec was taken back": {[]vsphere.VM{vm(0), vm(1), vm(2, oldRevision)}, []func(*Input){partitioned(intstr.FromInt32(2)), revisions(
			revisionOf("web-now", 1, ofNow), revisionOf("web-old", 2))}, nil, 0},
		"3: nothing has changed":   {[]vsphere.VM{vm(0), vm(1)}, []func(*Input){partitioned(intstr.FromInt32(2)), revisions(revisionOf("web-now", 1, ofNow))}, nil, 0},
		"without a partition":      {oldOnes, []func(*Input){spec(replacing(0, 1)), earlierRecorded()}, nil, 0},
		"nothing is recorded":      {oldOnes, []func(*Input){partitioned(intstr.FromInt32(1))}, []int{0}, 0},
		"changed by hand in size":  {[]vsphere.VM{vm(0, func(v *vsphere.VM) { v.CPU = 8 })}, []func(*Input){partitioned(intstr.FromInt32(1)), revisions(revisionOf("web-now", 1, ofNow))}, nil, 0},
		"the record was removed":   {[]vsphere.VM{vm(0, oldRevision), vm(1)}, []func(*Input){partitioned(intstr.FromInt32(1)), revisions(revisionOf("web-now", 2, ofNow))}, []int{0}, 0},
		"nobody knows what one is": {[]vsphere.VM{vm(0, oldRevision), vm(1, unconfigured), vm(2)}, []func(*Input){partitioned(intstr.FromInt32(2)), earlierRecorded()}, []int{0}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := Compute(input(group(3), tc.vms...).with(tc.given...))
			var keeps []int
			for _, m := range p.members.ours {
				if m.partitioned {
					keeps = append(keeps, m.vm.Stamp.Slot)
				}
			}
			if diff := cmp.Diff(tc.keeps, keeps); diff != "" {
				t.Errorf("it keeps (-want +got):\n%s", diff)
			}
			if got := p.members.lacking(); got != tc.lacks {
				t.Errorf("it lacks %d, want %d", got, tc.lacks)
			}
		})
	}
}

// TestKeptRevisionIsMade compares what clones are made from.
func TestKeptRevisionIsMade(t *testing.T) {
	big := func(r *Revision) { r.CPU, r.MemoryMiB, r.Trigger = 8, 8192, "once" }
	in := input(group(3), vm(1, oldRevision)).with(partitioned(intstr.FromInt32(2)), earlierRecorded(big),
		func(in *Input) { in.Offer = aClass("gold", "vc1", atMost(8, 8, 1000)) })
	var got []vsphere.CloneSpec
	for _, c := range clonesIn(Compute(in)) {
		got = append(got, *c.Clone)
	}
	old := revisionOf("", 1, big)
	want := []vsphere.CloneSpec{
		{VMSpec: &old.VMSpec, Source: in.KeptTemplate, Folder: testFolder, Slot: 0, PowerOn: true},
		{VMSpec: new(SpecOf(in.Group)), Source: in.Template, Folder: testFolder, Slot: 2, PowerOn: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clones (-want +got):\n%s", diff)
	}
}

// TestKeptRevisionUnavailable makes nothing in the place of a VM that cannot be made as it was.
func TestKeptRevisionUnavailable(t *testing.T) {
	pending := func(in *Input) { in.KeptTemplate, in.KeptTemplateError = vsphere.Template{}, errSearching }
	busy := func(in *Input) {
		in.KeptTemplate, in.KeptTemplateError = vsphere.Template{}, newError(vsphere.ClassTransient)
	}
	tests := map[string]struct {
		given []func(*Input)
		says  string
	}{
		"its template is gone":             {[]func(*Input){earlierRecorded(), earlierGone}, "ERROR RevisionUnavailable"},
		"its template is in another":       {[]func(*Input){earlierRecorded(func(r *Revision) { r.VCenter = "vcenter-2" })}, "ERROR RevisionUnavailable"},
		"its template was not recorded":    {[]func(*Input){earlierRecorded(func(r *Revision) { r.Source = "" })}, "ERROR RevisionUnavailable"},
		"it is larger than is offered":     {[]func(*Input){earlierRecorded(func(r *Revision) { r.CPU = 8 }), offeredBy(atMost(7, 1000, 1000))}, "ERROR RevisionUnavailable"},
		"its customization is not offered": {[]func(*Input){earlierRecorded(customizedEarlier), offeredBy(atMost(8, 1000, 1000))}, "ERROR RevisionUnavailable"},
		"its customization has no class":   {[]func(*Input){earlierRecorded(customizedEarlier)}, "ERROR RevisionUnavailable"},
		"its template is looked for":       {[]func(*Input){earlierRecorded(), pending}, "PENDING ScalingUp"},
		"its template could not be read":   {[]func(*Input){earlierRecorded(), busy}, "PENDING Retrying"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(group(2), vm(1)).with(append(tc.given, partitioned(intstr.FromInt32(1)))...)
			p := Compute(in)
			if len(clonesIn(p)) > 0 {
				t.Errorf("it makes %v", steps(p))
			}
			status := Status(in, p, Outcome{})
			if got := sum(status); got != "1/1 "+tc.says {
				t.Errorf("it says %s", got)
			}
			if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionUpToDate); c.Reason != v1alpha1.ReasonPartitioned {
				t.Errorf("UpToDate is %s: %s", c.Reason, c.Message)
			}
		})
	}
}

// TestHistory has the numbers of keepHistory.
func TestHistory(t *testing.T) {
	now := revisionOf("web-now", 2, ofNow)
	var many []Revision
	var carriers []vsphere.VM
	for i := range 12 {
		name := string(rune('a' + i))
		many = append(many, revisionOf("web-"+name, int64(i+1), called(name), func(r *Revision) { r.Source = "" }))
		carriers = append(carriers, vm(i, func(v *vsphere.VM) { v.Stamp.Revision = name }))
	}
	rebuilt := revisionOf("web-before", 1, ofNow, func(r *Revision) { r.Source = "vm-before" })
	tests := map[string]struct {
		vms   []vsphere.VM
		given []func(*Input)
		want  []string
	}{
		"1: of a VM that nobody else tells of":    {[]vsphere.VM{vm(0, oldRevision)}, nil, []string{`record "" with 2 CPUs`}},
		"2: a VM is of the present spec":          {[]vsphere.VM{vm(0)}, nil, []string{`record "golden" with 2 CPUs`}},
		"2: recorded":                             {[]vsphere.VM{vm(0)}, []func(*Input){revisions(now)}, nil},
		"2: no template":                          {[]vsphere.VM{vm(0)}, []func(*Input){templateError(vsphere.ClassInvalid)}, nil},
		"2: no VM is wanted":                      {nil, []func(*Input){spec(func(s *v1alpha1.VmGroupSpec) { *s.Replicas = 0 })}, nil},
		"2: a template that was rebuilt":          {[]vsphere.VM{vm(0)}, []func(*Input){revisions(rebuilt)}, []string{`record "golden" with 2 CPUs`}},
		"3: no partition":                         {[]vsphere.VM{vm(0)}, []func(*Input){earlierRecorded(), spec(replacing(0, 1))}, []string{"forget web-now", "forget web-old"}},
		"3: no strategy":                          {[]vsphere.VM{vm(0)}, []func(*Input){earlierRecorded(), spec(func(s *v1alpha1.VmGroupSpec) { s.Update = nil })}, []string{"forget web-now", "forget web-old"}},
		"4: a later one has the same content":     {[]vsphere.VM{vm(0, oldRevision)}, []func(*Input){revisions(rebuilt, now, revisionOf("web-old", 3))}, []string{"forget web-before"}},
		"5: complete":                             {[]vsphere.VM{vm(0)}, []func(*Input){earlierRecorded()}, []string{"forget web-old"}},
		"5: a VM is old":                          {[]vsphere.VM{vm(0, oldRevision)}, []func(*Input){earlierRecorded()}, nil},
		"5: nobody knows what a VM is":            {[]vsphere.VM{vm(0, func(v *vsphere.VM) { v.Stamp.Revision = "3:abc" })}, []func(*Input){earlierRecorded()}, nil},
		"5: there is no VM":                       {nil, []func(*Input){earlierRecorded(), spec(func(s *v1alpha1.VmGroupSpec) { *s.Replicas = 0 })}, nil},
		"5: the present one is not recorded":      {[]vsphere.VM{vm(0)}, []func(*Input){revisions(revisionOf("web-old", 1)), templateError(vsphere.ClassInvalid)}, nil},
		"6: no VM is of it":                       {[]vsphere.VM{vm(0, oldRevision)}, []func(*Input){revisions(revisionOf("web-old", 1), revisionOf("web-middle", 2, called("middle")), revisionOf("web-now", 3, ofNow))}, []string{"forget web-middle"}},
		"7: more than 10, and VMs are of all":     {carriers, []func(*Input){revisions(many...), spec(func(s *v1alpha1.VmGroupSpec) { *s.Replicas = 12 })}, []string{"forget web-b", "forget web-c"}},
		"7: that of the present spec stays":       {carriers, []func(*Input){revisions(append(many[2:], revisionOf("web-a", 1, called("a")), revisionOf("web-b", 2, ofNow))...), spec(func(s *v1alpha1.VmGroupSpec) { *s.Replicas = 12 })}, []string{"forget web-c", "forget web-d"}},
		"what lies in another vCenter is unknown": {[]vsphere.VM{vm(0)}, []func(*Input){revisions(revisionOf("web-now", 1, ofNow, func(r *Revision) { r.VCenter = "vcenter-2" }))}, []string{`record "golden" with 2 CPUs`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := input(group(1), tc.vms...).with(append([]func(*Input){partitioned(intstr.FromString("100%"))}, tc.given...)...)
			p := Compute(in)
			p.Requests = nil
			if diff := cmp.Diff(tc.want, steps(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
