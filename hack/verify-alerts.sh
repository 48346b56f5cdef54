#!/usr/bin/env bash
# Checks the alerts in artifacts/monitoring with promtool, and that they fire when test/alerts says so and not otherwise.
# Builds promtool first, without the service discoveries that a check of rules has no use for.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ! -e bin/promtool ]]; then
    echo "Building bin/promtool: about 2 minutes on two cores, the first time."
fi
CGO_ENABLED=0 go build -C hack/tools/promtool -tags remove_all_sd -ldflags "-s -w" -o ../../../bin/promtool \
    github.com/prometheus/prometheus/cmd/promtool

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

# What promtool reads is the spec of the PrometheusRule, the last of its keys.
sed -n '/^spec:$/,$ s/^  //p' artifacts/monitoring/prometheusrule.yaml > "${work}/rules.yaml"
cp test/alerts/alerts.yaml "${work}"
bin/promtool check rules --lint=all --lint-fatal "${work}/rules.yaml"
bin/promtool test rules "${work}/alerts.yaml"
