#!/usr/bin/env bash
# Makes docs/api.md of pkg/apis and docs/privileges.md of the simulator's table.
# Needs Go and nothing else; crd-ref-docs is built from the version in hack/tools/go.mod.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

echo "Generating docs/api.md"
go tool -modfile=hack/tools/go.mod crd-ref-docs --source-path=pkg/apis --renderer=markdown \
    --config=hack/reference/api.yaml --output-path="${work}/api.md" --log-level=ERROR
# The generator leaves more empty lines, and blanks at the ends of lines, than anybody wants.
sed -e 's/[[:space:]]*$//' "${work}/api.md" | cat -s > docs/api.md

echo "Generating docs/privileges.md"
go run ./hack/reference > "${work}/privileges.md"
mv "${work}/privileges.md" docs/privileges.md
chmod 644 docs/privileges.md
