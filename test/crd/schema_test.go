package crd

import (
	"os"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// kubectl explain is the reference of the API: no field is without a description, and a number says its bounds.
func TestEveryFieldIsDescribed(t *testing.T) {
	raw, err := os.ReadFile(crdFile)
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(raw, crd); err != nil {
		t.Fatal(err)
	}
	for _, version := range crd.Spec.Versions {
		root := *version.Schema.OpenAPIV3Schema
		delete(root.Properties, "metadata") // described by the server itself
		wantDescriptions(t, version.Name, root)
	}
}

func wantDescriptions(t *testing.T, path string, schema apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if schema.Description == "" {
		t.Errorf("%s has no description", path)
	}
	for name, property := range schema.Properties {
		wantDescriptions(t, path+"."+name, property)
	}
	if schema.Items == nil || schema.Items.Schema == nil {
		return
	}
	for name, property := range schema.Items.Schema.Properties {
		wantDescriptions(t, path+"[]."+name, property)
	}
}

func TestKubectlExplain(t *testing.T) {
	out := mustKubectl(t, "explain", "vg.spec.memory")
	for _, want := range []string{"GiB", "from 1 to 24576"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("the explanation lacks %q:\n%s", want, out)
		}
	}
}
