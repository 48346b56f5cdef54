package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
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
	if len(clones) != 1 || *clones[0].Clone.VMSpec != SpecOf(in.Group) {
		t.Errorf("an hour later it makes %+v, want one of the present spec", clones)
	}
}

// TestKeptRevisionUnconnected takes away what an earlier revision needs of the networks of the class. The VMs of the present spec are made
// all the same.
func TestKeptRevisionUnconnected(t *testing.T) {
	customized := func(r *Revision) { r.Guest.Customization, r.Networks = "join", "db=10.2.0.10-10.2.0.19" }
	cloudInit := func(r *Revision) { r.Guest.SSHKeys, r.Networks = "ssh-ed25519 AAAA", "front,db=10.2.0.10-10.2.0.19" }
	byDHCP := func(r *Revision) { r.Networks = "front" }
	addressed := vsphere.Network{Name: "db", Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix("10.2.0.0/24")}}
	narrowed, moved, missing := addressed, addressed, addressed
	narrowed.CIDR, moved.Gateway = netip.MustParsePrefix("10.2.0.16/28"), netip.MustParseAddr("10.2.0.12")
	missing.Err = newError(vsphere.ClassInvalid)
	for name, tc := range map[string]struct {
		earlier  func(*Revision)
		networks []vsphere.Network
		lost     bool
	}{
		"it is addressed":                    {customized, []vsphere.Network{addressed}, false},
		"its CIDR is gone":                   {customized, []vsphere.Network{{Name: "db"}}, true},
		"the network is gone":                {customized, nil, true},
		"the network is not in vCenter":      {customized, []vsphere.Network{missing}, true},
		"its CIDR is narrower":               {customized, []vsphere.Network{narrowed}, true},
		"one of them is the gateway's":       {customized, []vsphere.Network{moved}, true},
		"cloud-init would have to tell them": {cloudInit, []vsphere.Network{{Name: "front"}, {Name: "db"}}, true},
		"it has no static addresses":         {byDHCP, []vsphere.Network{{Name: "front"}}, false},
		"the same, and the network is gone":  {byDHCP, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(group(3)).with(partitioned(intstr.FromInt32(2)), earlierRecorded(tc.earlier),
				offeredBy(func(c *v1alpha1.VmGroupClass) { c.Spec.CustomizationSpecs = []string{"join"} }))
			in.Snapshot.Networks = tc.networks
			p := Compute(in)
			want := []string{VMName("web", testUID, 0), VMName("web", testUID, 1), VMName("web", testUID, 2)}
			if tc.lost {
				want = want[2:]
			}
			var got []string
			for _, r := range clonesIn(p) {
				got = append(got, r.Name)
			}
			if !slices.Equal(got, want) {
				t.Errorf("it makes %q, want %q", got, want)
			}
			said := p.Problem != nil && p.Problem.Reason == v1alpha1.ReasonRevisionUnavailable && strings.Contains(p.Problem.Message, "network")
			if said != tc.lost || p.Problem != nil && !tc.lost {
				t.Errorf("problem %+v", p.Problem)
			}
			if in.Snapshot.Zones = nil; tc.lost && Compute(in).Problem.Stalled {
				t.Errorf("while nobody knows the class: %+v", Compute(in).Problem)
			}
		})
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
