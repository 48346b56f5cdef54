package plan

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// Whatever vCenter and its people write, the status can be stored, and tools that know kstatus understand it.

func TestStatusIsValid(t *testing.T) { rapid.Check(t, checkStatusIsValid) }
func FuzzStatusIsValid(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkStatusIsValid)) }

// What the schema of a condition demands of its reason.
var reasonPattern = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// words draws what people and vCenter write: mostly short, sometimes a hundred thousand characters.
func words(t *rapid.T, what string) string {
	text := rapid.String().Draw(t, what)
	if rarely(t, what+" long") {
		text = strings.Repeat(text+"ü", 100_000/(len(text)+1))
	}
	return text
}

func checkStatusIsValid(t *rapid.T) {
	in, out := drawInput(t), drawOutcome(t)
	if beyondReach(in.Group) {
		t.Skip("a group whose status is left as it is: rapid draws another")
	}
	for _, err := range []*vsphere.Error{in.Unavailable, in.TemplateError, out.Err} {
		if err != nil {
			err.Message = words(t, "message")
		}
	}
	for i := range in.Snapshot.Failures {
		in.Snapshot.Failures[i].Err.Message = words(t, "failure")
	}
	for i := range in.Snapshot.VMs {
		in.Snapshot.VMs[i].ParentPath, in.Snapshot.VMs[i].Host = words(t, "path"), rapid.String().Draw(t, "host")
	}
	p := Compute(in)
	status := Status(in, p, out)
	if p.Orphan {
		return
	}
	checkConditions(t, status)
	checkText(t, "the message", status.Message)
	for _, vm := range status.VMs {
		checkText(t, "the message of "+vm.Name, vm.Message)
	}
	if status.Selector != Selector(in.Group.Name) {
		t.Errorf("selector %q", status.Selector)
	}
	if ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); ready.Message != status.Message {
		t.Errorf("the message is %q, that of Ready %q", status.Message, ready.Message)
	}
}

// checkConditions holds the rules of kstatus and of the schema.
func checkConditions(t *rapid.T, status v1alpha1.VmGroupStatus) {
	is := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
	ready, moving, stalled := is(v1alpha1.ConditionReady), is(v1alpha1.ConditionReconciling), is(v1alpha1.ConditionStalled)
	if ready && (moving || stalled) || moving && stalled {
		t.Errorf("Ready %t, Reconciling %t, Stalled %t", ready, moving, stalled)
	}
	phase := v1alpha1.PhasePending
	if ready {
		phase = v1alpha1.PhaseReady
	} else if stalled {
		phase = v1alpha1.PhaseError
	}
	if status.Phase != phase {
		t.Errorf("phase %s, want %s", status.Phase, phase)
	}
	seen := map[string]bool{}
	for _, c := range status.Conditions {
		if seen[c.Type] {
			t.Errorf("two conditions %s", c.Type)
		}
		seen[c.Type] = true
		if !reasonPattern.MatchString(c.Reason) || len(c.Reason) > 1024 {
			t.Errorf("condition %s has the reason %q", c.Type, c.Reason)
		}
		if c.LastTransitionTime.IsZero() || c.ObservedGeneration != status.ObservedGeneration {
			t.Errorf("condition %s of generation %d at %s, the status is of generation %d",
				c.Type, c.ObservedGeneration, c.LastTransitionTime, status.ObservedGeneration)
		}
		checkText(t, "the message of "+c.Type, c.Message)
		mayBeUnknown := c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionUpToDate
		if c.Status != metav1.ConditionTrue && c.Status != metav1.ConditionFalse && (c.Status != metav1.ConditionUnknown || !mayBeUnknown) {
			t.Errorf("condition %s is %q", c.Type, c.Status)
		}
	}
	for _, kind := range []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionVCenterReachable,
		v1alpha1.ConditionUpToDate,
	} {
		if !seen[kind] {
			t.Errorf("condition %s is missing", kind)
		}
	}
}

// checkText holds the bound of texts, so that no status is too large to be stored.
func checkText(t *rapid.T, what, text string) {
	if n := utf8.RuneCountInString(text); n > 1024 {
		t.Errorf("%s has %d characters", what, n)
	}
	if !utf8.ValidString(text) {
		t.Errorf("%s is no valid UTF-8: %q", what, text)
	}
}
