package crd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

var resource = v1alpha1.SchemeGroupVersion.WithResource("vmgroups")

// Each row is a spec as a user writes it. Specs that are refused must be refused for the reason given, so that the
// user reads which field is wrong, and why.
func TestSpec(t *testing.T) {
	const valid = "cpu: 1\nmemory: 1\ntemplate: linux\nreplicas: 3\n"
	tests := []struct {
		name string
		spec string
		want string // "" if the spec is accepted, otherwise part of the error
	}{
		{"four fields", valid, ""},
		{"all fields", valid + "paused: true", ""},
		{"absent", ``, "spec: Required value"},
		{"null", `null`, "spec: Required value"},
		{"not an object", `[]`, `spec in body must be of type object`},
		{"unknown field", valid + "cpus: 2", `unknown field "spec.cpus"`},

		{"cpu absent", `{memory: 1}`, "spec.cpu: Required value"},
		{"cpu null", `{cpu: null, memory: 1}`, "spec.cpu: Required value"},
		{"cpu 0", `{cpu: 0, memory: 1}`, "spec.cpu in body should be greater than or equal to 1"},
		{"cpu -1", `{cpu: -1, memory: 1}`, "spec.cpu in body should be greater than or equal to 1"},
		{"cpu 768", `{cpu: 768, memory: 1}`, ""},
		{"cpu 769", `{cpu: 769, memory: 1}`, "spec.cpu in body should be less than or equal to 768"},
		{"cpu beyond int32", `{cpu: 2147483648, memory: 1}`, "spec.cpu in body should be less than or equal to 768"},
		{"cpu a fraction", `{cpu: 1.5, memory: 1}`, "spec.cpu in body must be of type int32"},
		{"cpu a string", `{cpu: "1", memory: 1}`, "spec.cpu in body must be of type integer"},

		{"memory absent", `{cpu: 1}`, "spec.memory: Required value"},
		{"memory null", `{cpu: 1, memory: null}`, "spec.memory: Required value"},
		{"memory 0", `{cpu: 1, memory: 0}`, "spec.memory in body should be greater than or equal to 1"},
		{"memory 24576", `{cpu: 1, memory: 24576}`, ""},
		{"memory 24577", `{cpu: 1, memory: 24577}`, "spec.memory in body should be less than or equal to 24576"},
		{"memory a quantity", `{cpu: 1, memory: 1Gi}`, "spec.memory in body must be of type integer"},

		{"replicas null", `{cpu: 1, memory: 1, replicas: null}`, ""},
		{"replicas 0", `{cpu: 1, memory: 1, replicas: 0}`, ""},
		{"replicas -1", `{cpu: 1, memory: 1, replicas: -1}`, "spec.replicas in body should be greater than or equal to 0"},
		{"replicas 10000", `{cpu: 1, memory: 1, replicas: 10000}`, ""},
		{"replicas 10001", `{cpu: 1, memory: 1, replicas: 10001}`, "spec.replicas in body should be less than or equal to 10000"},

		// What a template is worth only vCenter knows: the group ends in phase ERROR and heals.
		{"template absent", `{cpu: 1, memory: 1}`, ""},
		{"template empty", `{cpu: 1, memory: 1, template: ""}`, ""},
		{"template a path", `{cpu: 1, memory: 1, template: "linux/größe %2f *"}`, ""},
		{"template a number", `{cpu: 1, memory: 1, template: 1}`, "spec.template in body must be of type string"},
		{"template of 1024", `{cpu: 1, memory: 1, template: "` + strings.Repeat("ü", 1024) + `"}`, ""},
		{"template of 1025", `{cpu: 1, memory: 1, template: "` + strings.Repeat("ü", 1025) + `"}`, "spec.template: Too long"},

		{"paused a string", `{cpu: 1, memory: 1, paused: "yes"}`, "spec.paused in body must be of type boolean"},
	}
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := create(t, fmt.Sprintf("spec-%d", i), tc.spec)
			wantError(t, err, tc.want)
		})
	}
}

func TestDefaults(t *testing.T) {
	for i, spec := range []string{`{cpu: 1, memory: 2}`, `{cpu: 1, memory: 2, replicas: null}`} {
		got, err := create(t, fmt.Sprintf("defaults-%d", i), spec)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"cpu": int64(1), "memory": int64(2), "replicas": int64(1)}
		if diff := cmp.Diff(want, got.Object["spec"]); diff != "" {
			t.Errorf("spec %s (-want +got):\n%s", spec, diff)
		}
	}
}

// The name becomes part of the VMs' names, and vCenter's names end at 80 characters.
func TestName(t *testing.T) {
	const tooLong = "metadata.name must have 63 characters or fewer"
	tests := []struct {
		name   string
		length int
		want   string
	}{
		{"of 63", 63, ""},
		{"of 64", 64, tooLong},
		{"of 253", 253, tooLong},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := create(t, strings.Repeat("n", tc.length), `{cpu: 1, memory: 1}`)
			wantError(t, err, tc.want)
		})
	}
}

// create creates a VmGroup for the time of the test from a spec in YAML, as strictly as kubectl does: a field that the
// schema does not know is an error.
func create(t *testing.T, name, spec string) (*unstructured.Unstructured, error) {
	t.Helper()
	group := &unstructured.Unstructured{Object: map[string]any{}}
	group.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("VmGroup"))
	group.SetName(name)
	if spec != "" {
		var value any
		if err := yaml.Unmarshal([]byte(spec), &value); err != nil {
			t.Fatal(err)
		}
		group.Object["spec"] = value
	}
	groups := objects.Resource(resource).Namespace(namespace)
	created, err := groups.Create(t.Context(), group, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err == nil {
		t.Cleanup(func() { deleteGroup(t, name) })
	}
	return created, err
}

// wantError fails unless err contains the text, or is nil if there is none.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("error is %v\nwant one with %q", err, want)
	}
}
