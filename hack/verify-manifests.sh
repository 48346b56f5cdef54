#!/usr/bin/env bash
# Fails if artifacts/install.yaml and install-namespaced.yaml are not what hack/update-manifests.sh makes.
# Works on a copy: the tree itself is only read.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

cd "${root}"
cp -R go.mod hack artifacts "${work}"

if ! "${work}/hack/update-manifests.sh" > "${work}/log" 2>&1; then
    cat "${work}/log" >&2
    exit 1
fi

status=0
for file in artifacts/install.yaml artifacts/install-namespaced.yaml; do
    diff -Nau "${file}" "${work}/${file}" || status=1
done
if [[ "${status}" -ne 0 ]]; then
    echo "The generated manifests are out of date: run 'make update'." >&2
fi
exit "${status}"
