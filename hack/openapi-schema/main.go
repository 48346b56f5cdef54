// Command openapi-schema prints the OpenAPI schema of the VmGroup API as JSON. The generator of the apply configurations
// reads it to learn which lists are maps or sets; hack/update-codegen.sh runs this between the two generators.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/vmgroup/vmgroup-controller/pkg/generated/openapi"
)

func main() {
	if err := json.NewEncoder(os.Stdout).Encode(schema()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// schema collects the generated definitions in one document, in which they refer to each other by name.
func schema() *spec.Swagger {
	ref := func(name string) spec.Ref {
		return spec.MustCreateRef("#/definitions/" + name)
	}
	definitions := spec.Definitions{}
	for name, definition := range openapi.GetOpenAPIDefinitions(ref) {
		definitions[name] = embedded(definition)
	}
	return &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger:     "2.0",
		Info:        &spec.Info{InfoProps: spec.InfoProps{Title: "vmgroup", Version: "unversioned"}},
		Definitions: definitions,
	}}
}

// embedded picks the OpenAPI 2 form of a definition where it has one of its own.
func embedded(definition common.OpenAPIDefinition) spec.Schema {
	if v2, ok := definition.Schema.Extensions[common.ExtensionV2Schema].(spec.Schema); ok {
		return v2
	}
	return definition.Schema
}
