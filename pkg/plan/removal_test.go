package plan

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func annotated(key, value string) func(*v1alpha1.VmGroup) {
	return func(g *v1alpha1.VmGroup) { metav1.SetMetaDataAnnotation(&g.ObjectMeta, key, value) }
}

func labelled(key, value string) func(*v1alpha1.VmGroup) {
	return func(g *v1alpha1.VmGroup) { metav1.SetMetaDataLabel(&g.ObjectMeta, key, value) }
}

func cascadeOrphan(g *v1alpha1.VmGroup) {
	g.Finalizers = append(g.Finalizers, metav1.FinalizerOrphanDependents)
}

func orphanAsked(in *Input) { in.OrphanAsked = true }

// The numbers are those of the rules of orphansVMs. Nothing that a group says besides destroys its VMs all the same.
func TestOrphans(t *testing.T) {
	letGo := []string{"let go"}
	typo := annotated(v1alpha1.OnDeleteAnnotation, "Orphan")
	run(t, map[string]testCase{
		"1: the annotation":                            {in: input(group(1, deleting, orphaning), vm(0)), want: letGo},
		"1: the annotation beside one that is unknown": {in: input(group(1, deleting, orphaning, annotated("vsphere.vmware.com/x", "")), vm(0)), want: letGo},
		"2: the finalizer":                             {in: input(group(1, deleting, cascadeOrphan), vm(0, off)), want: letGo},
		"2: the finalizer, and vCenter is away":        {in: input(group(1, deleting, cascadeOrphan)).with(vCenterAway), want: letGo},
		"2: the finalizer, and a typing error":         {in: input(group(1, deleting, cascadeOrphan, typo), vm(0)), want: letGo},
		"2: the finalizer, and on-delete: delete": {
			in: input(group(1, deleting, cascadeOrphan, annotated(v1alpha1.OnDeleteAnnotation, v1alpha1.OnDeleteDelete)), vm(0)), want: letGo},
		"2: the finalizer means nothing to a group that lives": {in: input(group(1, cascadeOrphan), vm(0))},
		"2: nor without our own, which guards nothing then": {
			in: input(group(1, deleting, noFinalizer, cascadeOrphan), vm(0))},
		"3: the finalizer was seen":                          {in: input(group(1, deleting), vm(0, off)).with(orphanAsked), want: letGo},
		"3: also while it is paused":                         {in: input(group(1, deleting, paused), vm(0)).with(orphanAsked), want: letGo},
		"none: destroyed":                                    {in: input(group(1, deleting), vm(0, off)), want: []string{"destroy vm-0"}},
		"none: destroyed, as the annotation says in so many": {in: input(group(1, deleting, annotated(v1alpha1.OnDeleteAnnotation, "delete")), vm(0, off)), want: []string{"destroy vm-0"}},
	})
}

// The numbers are those of the rules of unknownMetadata. What is wrong holds a deletion, and a group that lives says it.
func TestUnknownWish(t *testing.T) {
	long := strings.Repeat("ü", 1000)
	tests := map[string]struct {
		change func(*v1alpha1.VmGroup)
		want   string // in the message; empty: all is known
	}{
		"1: capitals":                         {annotated(v1alpha1.OnDeleteAnnotation, "Orphan"), `"Orphan"`},
		"1: a blank":                          {annotated(v1alpha1.OnDeleteAnnotation, "orphan "), `"orphan "`},
		"1: another word":                     {annotated(v1alpha1.OnDeleteAnnotation, "keep"), `"keep"`},
		"1: empty":                            {annotated(v1alpha1.OnDeleteAnnotation, ""), `""`},
		"1: long":                             {annotated(v1alpha1.OnDeleteAnnotation, long), `"` + long[:2*64] + `…"`},
		"2: another key":                      {annotated("vsphere.vmware.com/on-deletion", "orphan"), "annotation vsphere.vmware.com/on-deletion "},
		"2: a key in capitals":                {annotated("vsphere.vmware.com/On-Delete", "orphan"), "annotation vsphere.vmware.com/On-Delete "},
		"2: a prefix in capitals":             {annotated("vSphere.VMware.com/on-delete", "orphan"), "annotation vSphere.VMware.com/on-delete "},
		"2: no prefix":                        {annotated("on-delete", "orphan"), "annotation on-delete "},
		"2: that of an event":                 {annotated(v1alpha1.OpIDAnnotation, "x"), v1alpha1.OpIDAnnotation},
		"3: a label instead":                  {labelled(v1alpha1.OnDeleteAnnotation, "orphan"), "label vsphere.vmware.com/on-delete "},
		"known: orphan":                       {orphaning, ""},
		"known: delete":                       {annotated(v1alpha1.OnDeleteAnnotation, "delete"), ""},
		"known: the label in status.selector": {labelled("vsphere.vmware.com/vmgroup", "web"), ""},
		"known: none":                         {func(*v1alpha1.VmGroup) {}, ""},
		"somebody else's: kubectl":            {annotated("kubectl.kubernetes.io/last-applied-configuration", "{}"), ""},
		"somebody else's: below our prefix's": {annotated("csi.vsphere.vmware.com/on-delete", "orphan"), ""},
		"somebody else's: a label":            {labelled("app", "web"), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			held := Compute(input(group(2, deleting, tc.change), vm(0), vm(1, off)).with(operations(cloning(2))))
			alive := input(group(1, tc.change), vm(0))
			message, notices := statusOf(alive, Outcome{}).Message, Compute(alive).Notices
			if tc.want == "" {
				if held.Problem != nil || len(steps(held)) == 0 || message != "1 of 1 VMs available" || len(notices) > 0 {
					t.Errorf("deleted: %v, %+v; alive: %q, %v", steps(held), held.Problem, message, notices)
				}
				return
			}
			if got := steps(held); len(got) > 0 {
				t.Errorf("deleted: it does %v", got)
			}
			if p := held.Problem; p == nil || !p.Stalled || p.Reason != v1alpha1.ReasonInvalidAnnotation || !strings.Contains(p.Message, tc.want) ||
				!strings.Contains(p.Message, `"orphan"`) || !strings.Contains(p.Message, `"delete"`) {
				t.Errorf("deleted: %+v, want it to say %s and what may be set", p, tc.want)
			}
			if got := sum(statusOf(alive, Outcome{})); got != "1/1 READY AllReplicasAvailable" || !strings.Contains(message, tc.want) {
				t.Errorf("alive: %s: %s", got, message)
			}
			if len(notices) != 1 || notices[0].Reason != v1alpha1.ReasonInvalidAnnotation || !strings.Contains(notices[0].Message, tc.want) {
				t.Errorf("alive: notices %v", notices)
			}
		})
	}
}

// A held deletion counts what is there, and tells what is held also while vCenter is read-only to the controller.
func TestHeldDeletionIsTold(t *testing.T) {
	typo := annotated(v1alpha1.OnDeleteAnnotation, "Orphan")
	for name, in := range map[string]Input{
		"as it is":  input(group(2, deleting, typo), vm(0), vm(1, off)),
		"paused":    input(group(2, deleting, typo, paused), vm(0), vm(1, off)),
		"read-only": input(group(2, deleting, typo), vm(0), vm(1, off)).with(readOnly),
	} {
		t.Run(name, func(t *testing.T) {
			if got := sum(statusOf(in, Outcome{})); got != "1/2 ERROR InvalidAnnotation" {
				t.Errorf("got %q", got)
			}
		})
	}
}
