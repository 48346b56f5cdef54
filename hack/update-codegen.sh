#!/usr/bin/env bash
# Generates everything that follows from pkg/apis: the deepcopy code, pkg/generated and artifacts/crd.yaml.
# Needs Go and nothing else; the generators are built from the versions in hack/tools/go.mod.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"

module="github.com/vmgroup/vmgroup-controller"
apis="pkg/apis"
generated="pkg/generated"
boilerplate="${root}/hack/boilerplate.go.txt"
tools="${root}/hack/tools"

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

# kube_codegen.sh installs the generators into GOBIN. Keep them out of the user's own.
export GOBIN="${root}/bin/codegen"
codegen="$(go list -C "${tools}" -f '{{.Module.Dir}}' k8s.io/code-generator/cmd/deepcopy-gen)"
# shellcheck source=/dev/null
source "${codegen}/kube_codegen.sh"

kube::codegen::gen_helpers --boilerplate "${boilerplate}" "${apis}"

# The report is thrown away: nearly all it holds is about types of Kubernetes itself.
kube::codegen::gen_openapi \
    --output-dir "${generated}/openapi" \
    --output-pkg "${module}/${generated}/openapi" \
    --report-filename "${work}/violations" \
    --update-report \
    --output-model-name-file zz_generated.model_name.go \
    --extra-pkgs "k8s.io/apimachinery/pkg/util/intstr" \
    --boilerplate "${boilerplate}" \
    "${apis}"

go run ./hack/openapi-schema > "${work}/schema.json"

kube::codegen::gen_client \
    --output-dir "${generated}" \
    --output-pkg "${module}/${generated}" \
    --with-watch \
    --with-applyconfig \
    --applyconfig-openapi-schema "${work}/schema.json" \
    --boilerplate "${boilerplate}" \
    "${apis}"

echo "Generating artifacts/crd.yaml"
go tool -modfile="${tools}/go.mod" controller-gen crd paths=./${apis}/... output:crd:stdout \
    > "${work}/crd.yaml"
mv "${work}/crd.yaml" artifacts/crd.yaml
chmod 644 artifacts/crd.yaml
