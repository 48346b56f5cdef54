#!/usr/bin/env bash
# Fails if docs/api.md and docs/privileges.md are not what hack/update-docs.sh makes.
# Works on a copy: the tree itself is only read.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

cd "${root}"
cp -R go.mod go.sum hack pkg docs "${work}"

if ! "${work}/hack/update-docs.sh" > "${work}/log" 2>&1; then
    cat "${work}/log" >&2
    exit 1
fi

status=0
for file in docs/api.md docs/privileges.md; do
    diff -Nau "${file}" "${work}/${file}" || status=1
done
if [[ "${status}" -ne 0 ]]; then
    echo "The generated references are out of date: run 'make update'." >&2
fi
exit "${status}"
