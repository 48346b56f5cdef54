#!/usr/bin/env bash
# Fails if the generated files are not what hack/update-codegen.sh makes of pkg/apis.
# Works on a copy: the tree itself is only read.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

cd "${root}"
mkdir "${work}/artifacts"
cp -R go.mod go.sum hack pkg "${work}"
cp artifacts/crd.yaml "${work}/artifacts"

if ! "${work}/hack/update-codegen.sh" > "${work}/log" 2>&1; then
    cat "${work}/log" >&2
    exit 1
fi

status=0
for path in pkg/apis pkg/generated artifacts/crd.yaml; do
    diff -Naur "${path}" "${work}/${path}" || status=1
done
if [[ "${status}" -ne 0 ]]; then
    echo "The generated files are out of date: run 'make update'." >&2
fi
exit "${status}"
