#!/usr/bin/env bash
# Builds bin/devcluster, a real Kubernetes control plane in one binary, and bin/kubectl, the same binary by another name.
# With the argument node it builds bin/devcluster-node, which can run a node too.
# Shows that it is alive: the first build compiles Kubernetes, some 2,000 packages.
set -euo pipefail

binary=devcluster tags=
if [[ "${1:-}" == node ]]; then
    binary=devcluster-node tags=node
fi

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"
mkdir -p bin

if [[ ! -e "bin/${binary}" ]]; then
    echo "Building bin/${binary}. The first time this compiles Kubernetes: about 7 minutes on two cores."
fi

# go build -v names each package it compiles, and none that the cache has. Everything else it says is passed on.
CGO_ENABLED=0 go build -C hack/devcluster -v -tags "${tags}" -ldflags "-s -w" -o "../../bin/${binary}" . 2>&1 | awk '
    /[ :]/ { print; fflush(); next }
    ++compiled % 50 == 0 { printf "  %d packages compiled\n", compiled; fflush() }
    END { if (compiled >= 50) print "  " compiled " packages compiled, done" }
'
if [[ "${binary}" == devcluster ]]; then
    ln -f bin/devcluster bin/kubectl
fi
