package plan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func refused(in *Input) {
	in.ClassError = refusal(nil, "gold", in.Group, nil)
	in.Template = vsphere.Template{} // which nobody looks for
}

// A VM that is not healthy is replaced only while another can be made.
func TestHealthReplacesNothingWhileNoVMCanBeMade(t *testing.T) {
	sick := func(in *Input) {
		in.Clocks.UnreadySince = map[vsphere.Ref]time.Time{vm(0).Ref: testNow.Add(-time.Hour)}
	}
	for name, tc := range map[string]struct {
		change func(*Input)
		action v1alpha1.HealthAction
		want   vsphere.OperationKind
	}{
		"a VM can be made":              {func(*Input) {}, v1alpha1.HealthReplace, vsphere.OperationPowerOff},
		"its class refuses it":          {refused, v1alpha1.HealthReplace, ""},
		"there is no template":          {func(in *Input) { in.TemplateError = newError(vsphere.ClassInvalid) }, v1alpha1.HealthReplace, ""},
		"a customization needs a class": {func(in *Input) { in.Group.Spec.Guest = &v1alpha1.GuestSpec{CustomizationSpec: "join"} }, v1alpha1.HealthReplace, ""},
		"its class refuses it, a reset": {refused, v1alpha1.HealthReset, vsphere.OperationReset},
	} {
		t.Run(name, func(t *testing.T) {
			p := Compute(input(group(1), vm(0, noTools)).with(spec(toolsMustRun), spec(healthy(tc.action)), sick, tc.change))
			if tc.want == "" && len(p.Requests) == 0 {
				return
			}
			if len(p.Requests) != 1 || p.Requests[0].Kind != tc.want {
				t.Errorf("asked for %+v, want %q", p.Requests, tc.want)
			}
		})
	}
}

// No rollout begins that could not end, for a customization specification that only a class can offer.
func TestNoVMGoesForACustomizationWithoutAClass(t *testing.T) {
	customized := func(in *Input) {
		replacing(0, 1)(&in.Group.Spec)
		in.Group.Spec.Guest = &v1alpha1.GuestSpec{CustomizationSpec: "join"}
	}
	if p := Compute(input(group(2), vm(0), vm(1)).with(customized)); len(p.Requests) > 0 {
		t.Errorf("asked for %+v", p.Requests)
	}
	if p := Compute(input(group(2), vm(0), vm(1)).with(customized, offeredBy())); len(p.Requests) == 0 {
		t.Error("with a class, nothing is replaced")
	}
}

// The template of a group that its class refuses is not looked for, and so not recorded.
func TestARefusedGroupRecordsNoRevision(t *testing.T) {
	in := input(group(1), vm(0)).with(partitioned(intstr.FromInt32(0)), revisions(revisionOf("web-now", 1, ofNow)), refused)
	if p := Compute(in); len(p.Record) > 0 || len(p.Forget) > 0 {
		t.Errorf("it records %+v, and forgets %v", p.Record, p.Forget)
	}
}

// A VM that is off and was refused a size for the limits of its class is powered on, and asked for again later, however often it was.
func TestAVMThatMayNotGrowIsPoweredOn(t *testing.T) {
	for name, tc := range map[string]struct {
		failed time.Duration // ago, 0: not at all
		want   vsphere.OperationKind
	}{
		"at first":    {0, vsphere.OperationReconfigure},
		"just now":    {time.Second, vsphere.OperationPowerOn},
		"an hour ago": {time.Hour, vsphere.OperationReconfigure},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(group(1), vm(0, off)).with(inPlace(v1alpha1.UpdateInPlaceOnly, nil), spec(func(s *v1alpha1.VmGroupSpec) { s.CPU++ }))
			if tc.failed > 0 {
				in = in.with(failures(vsphere.Failure{
					Kind: vsphere.OperationReconfigure, VM: vm(0).Ref, Count: 7, At: testNow.Add(-tc.failed),
					Err: &vsphere.Error{Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonLimitExceeded, Message: "full"},
				}))
				in.SpecSince = testNow.Add(-2 * time.Hour)
			}
			if p := Compute(in); len(p.Requests) != 1 || p.Requests[0].Kind != tc.want {
				t.Errorf("asked for %+v, want %s", p.Requests, tc.want)
			}
		})
	}
}

// A guest is told no address with the mask and the gateway of another network.
func TestNoGuestIsToldAnAddressOfAnotherNetwork(t *testing.T) {
	in := input(group(1))
	in.Snapshot.Networks = []vsphere.Network{{Name: "front", Subnet: vsphere.Subnet{CIDR: netip.MustParsePrefix("10.2.0.0/24")}}}
	if _, why := guestDataOf(in, vsphere.Guest{CloudInit: true}, "web-0", 0, "front=10.1.0.5"); !strings.Contains(why, "10.1.0.5 does not lie in 10.2.0.0/24") {
		t.Errorf("it says %q", why)
	}
}

// A class that is being deleted takes no new groups, and keeps those that it has.
func TestAClassThatIsBeingDeletedTakesNoNewGroups(t *testing.T) {
	deleted := func(c *v1alpha1.VmGroupClass) { c.DeletionTimestamp = &metav1.Time{Time: testNow} }
	named := func(g *v1alpha1.VmGroup) { g.Spec.ClassName = "gold" }
	kept := func(g *v1alpha1.VmGroup) { g.Status.ControllerName, g.Status.Class = "vc1", "gold" }
	anyway := func(*v1alpha1.VmGroup) {}
	for name, tc := range map[string]struct {
		group  func(*v1alpha1.VmGroup)
		others []*v1alpha1.VmGroupClass
		class  string
		reason string
	}{
		"one that names it":                   {named, nil, "gold", v1alpha1.ReasonClassNotFound},
		"one of its own":                      {kept, nil, "gold", ""},
		"one that names none":                 {anyway, nil, "", v1alpha1.ReasonClassRequired},
		"one that names none, of two default": {anyway, []*v1alpha1.VmGroupClass{aClass("iron", "vc1", byDefault, createdAt(-time.Hour))}, "iron", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(1)
			tc.group(g)
			k := KeeperOf(g, slices.Concat(tc.others, []*v1alpha1.VmGroupClass{aClass("gold", "vc1", byDefault, deleted)}), nil)
			reason := ""
			if k.Err != nil {
				reason = k.Err.Reason
			}
			if k.Class != tc.class || reason != tc.reason {
				t.Errorf("kept as %q, for the reason %q; want %q and %q", k.Class, reason, tc.class, tc.reason)
			}
		})
	}
}
