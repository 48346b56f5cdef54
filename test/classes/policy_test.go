package classes

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/install"
)

// TestPolicy applies the ValidatingAdmissionPolicy that ships: the API server refuses what a class does not offer, and nothing else.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	create(w, policed("policed"))
	free := class("free", "vc9")
	free.Spec.Networks = []v1alpha1.ClassNetwork{{Name: "front", Path: "front", CIDR: "10.0.0.0/8"}, {Name: "db", Path: "db"}, {Name: "dmz", Path: "dmz"}}
	free.Spec.CustomizationSpecs = []string{"domain", "administrators"}
	create(w, free)
	applyPolicy(w)
	for text, change := range map[string]func(*v1alpha1.VmGroup){
		"at most 4 GiB of memory":                           func(vg *v1alpha1.VmGroup) { vg.Spec.Memory = 5 },
		"at most 20 GiB of disk":                            func(vg *v1alpha1.VmGroup) { vg.Spec.Disk = new(int32(21)); vg.Spec.Clone = nil },
		"offers no such network; it offers: front, db":      func(vg *v1alpha1.VmGroup) { vg.Spec.Networks[1].Name = "dmz" },
		"does not offer clone mode Full; it offers: Linked": func(vg *v1alpha1.VmGroup) { vg.Spec.Clone = nil },
		"does not offer clone mode Full":                    func(vg *v1alpha1.VmGroup) { vg.Spec.Clone.Mode = new(v1alpha1.CloneFull) },
		"offers no such customization specification; it offers: domain": func(vg *v1alpha1.VmGroup) {
			vg.Spec.Guest.CustomizationSpec = "administrators"
		},
		"an address lies outside the network that VmGroupClass policed offers; it offers: front 10.1.0.0/24": func(vg *v1alpha1.VmGroup) {
			vg.Spec.Networks[0].Addresses = []string{"10.1.0.250-10.1.1.3"}
		},
	} {
		if err := try(w, "policed", change); !denied(err, text) {
			t.Errorf("want %q, got %v", text, err)
		}
		for _, other := range []string{"free", "no-such-class", ""} {
			if err := try(w, other, change); err != nil {
				t.Errorf("class %q: %v", other, err)
			}
		}
	}
	if err := try(w, "policed", func(vg *v1alpha1.VmGroup) { vg.Spec.Networks[1].Addresses = []string{"10.1.0.9"} }); !denied(err, "an address lies outside") {
		t.Errorf("addresses of a network that has none: %v", err)
	}
	if err := try(w, "policed", func(*v1alpha1.VmGroup) {}); err != nil {
		t.Errorf("as much as is allowed: %v", err)
	}
}

// TestPolicyAdmits compares the policy with allowedNamespaces, in each way that it can select.
func TestPolicyAdmits(t *testing.T) {
	w := newWorld(t)
	create(w, policed("policed"))
	applyPolicy(w)
	_, err := w.Kube.CoreV1().Namespaces().Patch(t.Context(), w.Namespace, mergePatch, []byte(`{"metadata":{"labels":{"team":"shop"}}}`), metav1.PatchOptions{})
	harness.Must(t, err)
	expression := func(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	for name, tt := range map[string]struct {
		selector *metav1.LabelSelector
		want     bool
	}{
		"none":          {nil, false},
		"all":           {&metav1.LabelSelector{}, true},
		"label":         {&metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop"}}, true},
		"other-value":   {&metav1.LabelSelector{MatchLabels: map[string]string{"team": "ci"}}, false},
		"other-label":   {&metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop", "stage": "prod"}}, false},
		"in":            {expression("team", metav1.LabelSelectorOpIn, "ci", "shop"), true},
		"in-others":     {expression("team", metav1.LabelSelectorOpIn, "ci"), false},
		"in-none":       {expression("stage", metav1.LabelSelectorOpIn, "prod"), false},
		"not-in":        {expression("team", metav1.LabelSelectorOpNotIn, "shop"), false},
		"not-in-others": {expression("team", metav1.LabelSelectorOpNotIn, "ci"), true},
		"not-in-none":   {expression("stage", metav1.LabelSelectorOpNotIn, "prod"), true},
		"exists":        {expression("team", metav1.LabelSelectorOpExists), true},
		"exists-not":    {expression("stage", metav1.LabelSelectorOpExists), false},
		"absent":        {expression("stage", metav1.LabelSelectorOpDoesNotExist), true},
		"absent-not":    {expression("team", metav1.LabelSelectorOpDoesNotExist), false},
	} {
		class := class("admits-"+name, "vc9")
		class.Spec.AllowedNamespaces = tt.selector
		create(w, class)
		text := "does not admit the namespace " + w.Namespace
		w.Eventually("the policy knows class "+name, func() error { // from its own cache
			err := tryBare(w, class.Name)
			if tt.want && err == nil || !tt.want && denied(err, text) {
				return nil
			}
			return fmt.Errorf("admitted is to be %t, and the answer is %w", tt.want, err)
		})
	}
}

// TestPolicyOfGroupsThatAreThere lets groups be that were made when the class offered more, unless they ask for more of it.
func TestPolicyOfGroupsThatAreThere(t *testing.T) {
	w := newWorld(t)
	create(w, policed("policed"))
	applyPolicy(w)
	vg := groupOf(w, "web", "policed", 3)
	most(vg)
	w.Create(vg)
	change(w, "policed", func(c *v1alpha1.VmGroupClass) { c.Spec.AllowedNamespaces, c.Spec.Limits.CPU = nil, new(int32(1)) })
	w.Eventually("the policy knows of the change", func() error {
		if err := tryBare(w, "policed"); !denied(err, "does not admit") {
			return fmt.Errorf("the answer is %w", err)
		}
		return nil
	})
	update := func(patch string) error {
		_, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Patch(t.Context(), "web", mergePatch, []byte(patch), metav1.PatchOptions{})
		return err
	}
	for _, patch := range []string{`{"spec":{"replicas":1}}`, `{"metadata":{"finalizers":["vsphere.vmware.com/vmgroup"]}}`, `{"spec":{"paused":true}}`} {
		if err := update(patch); err != nil {
			t.Errorf("%s: %v", patch, err)
		}
	}
	if err := update(`{"spec":{"memory":3}}`); !denied(err, "does not admit") {
		t.Errorf("another size: %v", err)
	}
	w.Delete("web")
	if err := update(`{"metadata":{"finalizers":null}}`); err != nil {
		t.Errorf("a finalizer of a group that goes: %v", err)
	}
}

// policed returns a class that bounds all that the policy looks at.
func policed(name string) *v1alpha1.VmGroupClass {
	policed := class(name, "vc9")
	policed.Spec.Limits = &v1alpha1.ClassLimits{CPU: new(int32(2)), Memory: new(int32(4)), Disk: new(int32(20))}
	policed.Spec.Networks = []v1alpha1.ClassNetwork{{Name: "front", Path: "front", CIDR: "10.1.0.0/24"}, {Name: "db", Path: "db"}}
	policed.Spec.CloneModes = []v1alpha1.CloneMode{v1alpha1.CloneLinked}
	policed.Spec.CustomizationSpecs = []string{"domain"}
	return policed
}

// most makes a group ask for all that such a class offers.
func most(vg *v1alpha1.VmGroup) {
	vg.Spec.CPU, vg.Spec.Memory = 2, 4
	vg.Spec.Clone = &v1alpha1.CloneOptions{Mode: new(v1alpha1.CloneLinked)}
	vg.Spec.Networks = []v1alpha1.NetworkSpec{{Name: "front", Addresses: []string{"10.1.0.11-10.1.0.19", "10.1.0.30"}}, {Name: "db"}}
	vg.Spec.Guest = &v1alpha1.GuestSpec{CustomizationSpec: "domain"}
}

// applyPolicy applies the policy for the time of the test, with the class policed in force.
func applyPolicy(w *harness.World) {
	w.T.Helper()
	policy := install.Artifact("class-policy.yaml")
	_, err := w.Cluster.Kubectl(w.T.Context(), "apply", "-f", policy)
	harness.Must(w.T, err)
	w.T.Cleanup(func() { _, _ = w.Cluster.Kubectl(contextOf(w), "delete", "-f", policy) })
	w.Eventually("the policy is in force", func() error {
		if err := try(w, "policed", func(vg *v1alpha1.VmGroup) { vg.Spec.CPU = 3 }); !denied(err, "at most 2 CPUs") {
			return fmt.Errorf("the answer to 3 CPUs is %w", err)
		}
		return nil
	})
}

// try asks whether the API server would take a group that asks for all that the class policed offers, and for a change of that.
func try(w *harness.World, class string, change func(*v1alpha1.VmGroup)) error {
	vg := groupOf(w, "tried", class, 1)
	most(vg)
	change(vg)
	return dryRun(w, vg)
}

// tryBare is try for a group of the four fields.
func tryBare(w *harness.World, class string) error { return dryRun(w, groupOf(w, "tried", class, 1)) }

func dryRun(w *harness.World, vg *v1alpha1.VmGroup) error {
	_, err := w.Client.VsphereV1alpha1().VmGroups(w.Namespace).Create(w.T.Context(), vg, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// denied reports whether a policy has refused a request, with a message.
func denied(err error, text string) bool {
	return (apierrors.IsInvalid(err) || apierrors.IsForbidden(err)) && strings.Contains(err.Error(), text)
}
