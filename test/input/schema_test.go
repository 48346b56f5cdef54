package input

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// field is one field of the API, as the CRD that ships describes it.
type field struct {
	path   []string // "spec", "cpu"
	schema apiextensionsv1.JSONSchemaProps
}

func (f field) String() string { return strings.Join(f.path, ".") }

// change is one value for one field. The value is JSON; absent takes the field away.
type change struct {
	field  field
	value  any
	absent bool
}

func (c change) String() string {
	if c.absent {
		return c.field.String() + " absent"
	}
	text, err := json.Marshal(c.value)
	if err != nil {
		return err.Error()
	}
	if len(text) > 40 {
		return fmt.Sprintf("%s = %.40s… of %d", c.field, text, len(text))
	}
	return fmt.Sprintf("%s = %s", c.field, text)
}

// specSchema reads the schema of spec out of the CRD that ships.
func specSchema(t *testing.T) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "artifacts", "crd.yaml"))
	harness.Must(t, err)
	var crd apiextensionsv1.CustomResourceDefinition
	harness.Must(t, yaml.UnmarshalStrict(text, &crd))
	if len(crd.Spec.Versions) != 1 {
		t.Fatalf("the CRD has %d versions: say which one is tried", len(crd.Spec.Versions))
	}
	spec, ok := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	if !ok {
		t.Fatal("the CRD has no spec")
	}
	return spec
}

// fieldsOf lists a field and all those below it, in the order of their names.
func fieldsOf(f field) []field {
	fields := []field{f}
	var names []string
	for name := range f.schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := append(slices.Clone(f.path), name)
		fields = append(fields, fieldsOf(field{path: path, schema: f.schema.Properties[name]})...)
	}
	return fields
}

// validSpec is what a group is fixed with: the least that the schema asks for, in these values where the field is known.
func validSpec(t *testing.T, spec apiextensionsv1.JSONSchemaProps) map[string]any {
	t.Helper()
	known := map[string]any{"template": harness.Template, "replicas": 1}
	out := map[string]any{}
	for _, name := range spec.Required {
		out[name] = validValue(t, name, spec.Properties[name])
	}
	for name, value := range known {
		if _, ok := spec.Properties[name]; ok {
			out[name] = value
		}
	}
	return out
}

func validValue(t *testing.T, name string, s apiextensionsv1.JSONSchemaProps) any {
	t.Helper()
	switch {
	case len(s.Enum) > 0:
		return json.RawMessage(s.Enum[0].Raw)
	case s.Type == "integer" || s.Type == "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case s.Type == "boolean":
		return false
	case s.Type == "string":
		return "x"
	case s.Type == "array":
		return []any{}
	case s.Type == "object":
		out := map[string]any{}
		for _, required := range s.Required {
			out[required] = validValue(t, required, s.Properties[required])
		}
		return out
	default:
		t.Fatalf("field %s is required and of type %q: say here what a valid value is", name, s.Type)
		return nil
	}
}

// changesOf lists the values that are worth trying for a field, by its type. A type that it does not know fails the test,
// so that no new field goes untried.
func changesOf(t *testing.T, f field, w words) []change {
	t.Helper()
	values := []any{nil}
	wrong := map[string]any{
		"integer": 1, "boolean": true, "string": "yes", "array": []any{}, "object": map[string]any{"a": 1},
	}
	kind := f.schema.Type
	switch {
	case f.schema.XIntOrString:
		delete(wrong, "integer")
		delete(wrong, "string")
		values = append(values, numbers(f.schema)...)
		values = append(values, texts(f.schema, w)...)
	case kind == "integer" || kind == "number":
		delete(wrong, "integer")
		values = append(values, numbers(f.schema)...)
	case kind == "boolean":
		values = append(values, true, false, "true", 0)
	case kind == "string":
		values = append(values, texts(f.schema, w)...)
	case kind == "object":
		values = append(values, map[string]any{}, map[string]any{w.texts[0]: w.texts[0]})
	case kind == "array":
		values = append(values, []any{}, []any{nil}, slices.Repeat([]any{nil}, 1000))
		for _, inner := range changesOf(t, field{path: f.path, schema: *f.schema.Items.Schema}, w) {
			if !inner.absent {
				values = append(values, []any{inner.value})
			}
		}
	default:
		t.Fatalf("field %s is of type %q: say here which of its values are worth trying", f, kind)
	}
	delete(wrong, kind)
	for _, other := range []string{"integer", "boolean", "string", "array", "object"} {
		if value, ok := wrong[other]; ok {
			values = append(values, value)
		}
	}
	changes := []change{{field: f, absent: true}}
	for _, value := range values {
		changes = append(changes, change{field: f, value: value})
	}
	return changes
}

// numbers are the bounds and what lies beside them, and the bounds of the types that hold numbers.
func numbers(s apiextensionsv1.JSONSchemaProps) []any {
	values := []any{-1, 0, 1, 2, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MaxInt64, json.Number("1.5"), json.Number("1e100"), "1"}
	for _, bound := range []*float64{s.Minimum, s.Maximum} {
		if bound != nil {
			values = append(values, int64(*bound)-1, int64(*bound), int64(*bound)+1)
		}
	}
	return distinct(values)
}

// words are texts that are worth trying where a text is asked for.
type words struct{ texts []string }

// texts are the words, and words as long as names may be, or as the schema says.
func texts(s apiextensionsv1.JSONSchemaProps, w words) []any {
	var values []any
	for _, value := range s.Enum {
		values = append(values, json.RawMessage(value.Raw))
	}
	for _, text := range w.texts {
		values = append(values, text)
	}
	lengths := []int64{79, 80, 81, 253}
	for _, bound := range []*int64{s.MinLength, s.MaxLength} {
		if bound != nil {
			lengths = append(lengths, max(0, *bound-1), *bound, *bound+1)
		}
	}
	for _, n := range lengths {
		values = append(values, strings.Repeat("n", int(n)))
	}
	return distinct(values)
}

func distinct(values []any) []any {
	seen := map[string]bool{}
	return slices.DeleteFunc(values, func(value any) bool {
		key := fmt.Sprintf("%T %v", value, value)
		if _, text := value.(string); !text {
			key = fmt.Sprint(value)
		}
		again := seen[key]
		seen[key] = true
		return again
	})
}
