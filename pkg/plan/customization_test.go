package plan

import (
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func customizedBy(name string) func(*v1alpha1.VmGroup) {
	return func(g *v1alpha1.VmGroup) { g.Spec.Guest = &v1alpha1.GuestSpec{CustomizationSpec: name} }
}

// A VM that its clone has left without a customization is destroyed, and never switched on. It has no work to lose: it was never on.
func TestNotCustomized(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		want   vsphere.OperationKind
	}{
		"it was not asked yet":                   {func(in *Input) { in.Snapshot.Failures = nil }, vsphere.OperationConfigure},
		"vCenter is not about to":                {func(*Input) {}, vsphere.OperationDestroy},
		"its clone may be under way":             {clonesToCome, ""},
		"another trouble":                        {func(in *Input) { in.Snapshot.Failures[0].Err = newError(vsphere.ClassTransient) }, vsphere.OperationConfigure},
		"spec.members protects it":               {protects(0), vsphere.OperationConfigure},
		"somebody has switched it on":            {func(in *Input) { in.Snapshot.VMs[0].Power = vsphere.PoweredOn }, vsphere.OperationPowerOff},
		"its guest was told: it is another case": {func(in *Input) { in.Snapshot.VMs[0].Stamp.Guest = vsphere.GuestTold }, vsphere.OperationPowerOn},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(1, customizedBy("join"))
			in := input(g, vm(0, off, func(v *vsphere.VM) { v.Stamp.Guest, v.Stamp.Revision = vsphere.GuestPending, SpecOf(g).Revision() }))
			in.Class = "gold"
			in.Snapshot.Failures = []vsphere.Failure{about(vsphere.ReasonNotCustomized, failed(vsphere.OperationConfigure, 0, vsphere.ClassConflict))}
			in.Snapshot.Failures[0].At = testNow.Add(-vsphere.RetryDelay(vsphere.ClassConflict, 1))
			c.change(&in)
			p := Compute(in)
			var got vsphere.OperationKind
			if len(p.Requests) > 0 {
				got = p.Requests[0].Kind
			}
			if got != c.want || len(p.Requests) > 1 {
				t.Errorf("requests %+v, want %s", p.Requests, c.want)
			}
		})
	}
}

// A process that has just started does not ask for a VM whose clone may be under way: vCenter knows of the customization when that has
// ended, and a VM that it does not know of by then is made anew.
func TestNotAskedWhileItsCloneMayRun(t *testing.T) {
	cloudInit := func(g *v1alpha1.VmGroup) {
		g.Spec.Guest = &v1alpha1.GuestSpec{CloudInit: &v1alpha1.CloudInitSpec{SSHAuthorizedKeys: []string{"ssh-ed25519 AAAA"}}}
	}
	for name, c := range map[string]struct {
		guest  func(*v1alpha1.VmGroup)
		change func(*Input)
		want   vsphere.OperationKind
		says   string
	}{
		"it may":                      {customizedBy("join"), clonesToCome, "", "when its clone has ended"},
		"it has ended":                {customizedBy("join"), func(*Input) {}, vsphere.OperationConfigure, "before it is powered on"},
		"cloud-init finds it anyway":  {cloudInit, clonesToCome, vsphere.OperationConfigure, "before it is powered on"},
		"somebody has switched it on": {customizedBy("join"), func(in *Input) { clonesToCome(in); in.Snapshot.VMs[0].Power = vsphere.PoweredOn }, vsphere.OperationPowerOff, "it is switched off"},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(1, c.guest)
			in := input(g, vm(0, off, func(v *vsphere.VM) { v.Stamp.Guest, v.Stamp.Revision = vsphere.GuestPending, SpecOf(g).Revision() }))
			in.Class = "gold"
			c.change(&in)
			p := Compute(in)
			var got vsphere.OperationKind
			if len(p.Requests) > 0 {
				got = p.Requests[0].Kind
			}
			if got != c.want || len(p.Requests) > 1 {
				t.Errorf("requests %+v, want %s", p.Requests, c.want)
			}
			if status := Status(in, p, Outcome{}); len(status.VMs) != 1 || !strings.Contains(status.VMs[0].Message, c.says) {
				t.Errorf("VMs %+v, want one that says %q", status.VMs, c.says)
			}
		})
	}
}

// protects has spec.members protect a VM.
func protects(i int) func(*Input) {
	return func(in *Input) {
		in.Group.Spec.Members = []v1alpha1.MemberSpec{{Instance: in.Snapshot.VMs[i].InstanceUUID, Deletion: v1alpha1.DeletionNever}}
	}
}

// The message of a group has vCenter's words for what has failed.
func TestCustomizationFailed(t *testing.T) {
	in := input(group(1, customizedBy("join")), vm(0, customization(vsphere.GuestTold, vsphere.CustomizationFailed)))
	in.Class, in.Snapshot.VMs[0].Customization.Message = "gold", "the domain does not answer"
	p := Compute(in)
	status := Status(in, p, Outcome{})
	if status.Phase != v1alpha1.PhaseError || !strings.Contains(status.Message, "the domain does not answer") || status.AvailableReplicas != 0 ||
		p.Problem == nil || p.Problem.Reason != v1alpha1.ReasonCustomizationFailed || len(p.Requests) != 0 {
		t.Errorf("%s: %s, %d available; requests %+v", status.Phase, status.Message, status.AvailableReplicas, p.Requests)
	}
}

// Customization specifications are the class's to offer.
func TestCustomizationOffered(t *testing.T) {
	class := &v1alpha1.VmGroupClass{}
	class.Name, class.Spec.CustomizationSpecs = "gold", []string{"join"}
	for name, want := range map[string]string{"join": "", "": "", "Join": v1alpha1.ReasonCustomizationSpecNotOffered, "../join": v1alpha1.ReasonCustomizationSpecNotOffered} {
		got := ""
		if err := customizationNotOffered(class, SpecOf(group(1, customizedBy(name)))); err != nil {
			got = err.Reason
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	in := input(group(1, customizedBy("join")))
	if p := Compute(in); p.Problem == nil || p.Problem.Reason != v1alpha1.ReasonClassRequired || len(p.Requests) != 0 {
		t.Errorf("without a class: %+v, %+v", p.Problem, p.Requests)
	}
}
