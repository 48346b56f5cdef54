package crd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// Each row is the limits of a class as an administrator writes them.
func TestClassLimits(t *testing.T) {
	for _, tt := range []struct {
		name, limits string
		want         string // "" if they are accepted, otherwise part of the error
	}{
		{"none", `null`, ""},
		{"empty", `{}`, "spec.limits in body should have at least 1 properties"},
		{"a namespace's", `{perNamespace: {vms: 10, cpu: 40, memory: 64}}`, ""},
		{"one of them", `{perNamespace: {memory: 64}}`, ""},
		{"0 of each", `{perNamespace: {vms: 0, cpu: 0, memory: 0}}`, ""},
		{"of a VM and of a namespace", `{cpu: 4, perNamespace: {cpu: 40}}`, ""},
		{"a namespace's empty", `{perNamespace: {}}`, "spec.limits.perNamespace in body should have at least 1 properties"},
		{"vms -1", `{perNamespace: {vms: -1}}`, "spec.limits.perNamespace.vms in body should be greater than or equal to 0"},
		{"cpu -1", `{perNamespace: {cpu: -1}}`, "spec.limits.perNamespace.cpu in body should be greater than or equal to 0"},
		{"memory -1", `{perNamespace: {memory: -1}}`, "spec.limits.perNamespace.memory in body should be greater than or equal to 0"},
		{"a VM's cpu 0", `{cpu: 0}`, "spec.limits.cpu in body should be greater than or equal to 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var limits *v1alpha1.ClassLimits
			if err := yaml.UnmarshalStrict([]byte(tt.limits), &limits); err != nil {
				t.Fatal(err)
			}
			class := &v1alpha1.VmGroupClass{
				ObjectMeta: metav1.ObjectMeta{Name: "gold"},
				Spec: v1alpha1.VmGroupClassSpec{
					ControllerName: "vmgroup", TemplateFolder: "templates", Limits: limits,
					Zones: []v1alpha1.ZoneSpec{{Name: "a", Cluster: "c1"}},
				},
			}
			created, err := vmGroups.VsphereV1alpha1().VmGroupClasses().Create(t.Context(), class, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "" && !cmp.Equal(created.Spec.Limits, limits):
				t.Errorf("stored as %s", cmp.Diff(limits, created.Spec.Limits))
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
