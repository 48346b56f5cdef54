#!/usr/bin/env bash
# Generates docs/metrics.md from the table that the controller registers its metrics from. With an argument, writes there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

work="$(mktemp)"
trap 'rm -f "${work}"' EXIT

go run ./hack/metrics-docs > "${work}"
cat "${work}" > "${1:-docs/metrics.md}"
