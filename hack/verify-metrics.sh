#!/usr/bin/env bash
# Fails if docs/metrics.md is not what hack/update-metrics.sh makes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

work="$(mktemp)"
trap 'rm -f "${work}"' EXIT

hack/update-metrics.sh "${work}"
if ! diff -Nu docs/metrics.md "${work}"; then
    echo "docs/metrics.md is out of date: run 'make update'." >&2
    exit 1
fi
