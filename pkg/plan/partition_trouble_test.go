package plan

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// TestKeptRevisionFails lets clones of the earlier revision fail. They are held back like any other, and do not keep those of the
// present spec from being tried.
func TestKeptRevisionFails(t *testing.T) {
	failure := vsphere.Failure{
		Kind: vsphere.OperationClone, Name: VMName("web", testUID, 0), SpecHash: revisionOf("", 1).Hash(),
		Err: newError(vsphere.ClassExhausted), Count: 1, At: testNow,
	}
	in := input(group(3), vm(1, oldRevision)).with(partitioned(intstr.FromInt32(2)), earlierRecorded())
	if p := Compute(in.with(failures(failure))); len(clonesIn(p)) > 0 || p.RetryAfter == 0 || p.Problem == nil {
		t.Errorf("a moment later it does %v, and is to look again after %v, with problem %v", steps(p), p.RetryAfter, p.Problem)
	}
	clones := clonesIn(Compute(in.with(failures(ago(time.Hour, failure)))))
	if len(clones) != 1 || clones[0].Clone.VMSpec != SpecOf(in.Group) {
		t.Errorf("an hour later it makes %+v, want one of the present spec", clones)
	}
}

// TestKeptVMsAreNoProgress shows that the deadline goes by the VMs of the present spec alone.
func TestKeptVMsAreNoProgress(t *testing.T) {
	in := input(group(4), vm(0, oldRevision), vm(1), vm(2, oldRevision)).with(
		partitioned(intstr.FromInt32(1)), earlierRecorded(), operations(cloning(3)))
	if p := Compute(in); p.Clocks.Rollout.Available != 1 {
		t.Errorf("%d VMs are taken for new ones that are available, want 1", p.Clocks.Rollout.Available)
	}
}

// TestKeptRevisionElsewhere shows that a reference means nothing in another vCenter.
func TestKeptRevisionElsewhere(t *testing.T) {
	in := input(group(1)).with(partitioned(intstr.FromInt32(1)), earlierRecorded())
	if got := KeptRevision(in); got == nil || got.Object != "web-old" {
		t.Errorf("it is %v", got)
	}
	if got := KeptRevision(in.with(otherVCenterAnswers)); got != nil {
		t.Errorf("its template is looked for in another vCenter: %v", got)
	}
}
