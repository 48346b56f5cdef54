#!/usr/bin/env bash
# Makes artifacts/install.yaml and artifacts/install-namespaced.yaml of the manifests beside them.
# Needs Go and nothing else; kustomize is built from the version in hack/tools/go.mod.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

# render DIRECTORY FILE
render() {
    local directory="$1" file="$2"
    echo "Generating ${file}"
    {
        echo "# Made of ${directory}/kustomization.yaml by make update. Edit what it is made of."
        go tool -modfile=hack/tools/go.mod kustomize build "${directory}"
    } > "${work}/rendered.yaml"
    mv "${work}/rendered.yaml" "${file}"
    chmod 644 "${file}"
}

render artifacts artifacts/install.yaml
render artifacts/namespaced artifacts/install-namespaced.yaml
