#!/usr/bin/env bash
# Runs test/node: what ships, on a real node from the real image. Needs root. What else it needs it installs if this is Debian:
# containerd, runc, CNI plugins, and buildah if nothing here builds images. Where no registry is reached, the image is built in
# one that is made of this machine's Go and tools. What hack/build-image.sh takes can be set; IMAGE has to be the name in
# artifacts/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ "$(id -u)" != 0 ]]; then
    echo "A node needs root: sudo make test-e2e-node" >&2
    exit 1
fi
# What is needed, and the package that Debian has it in.
needed=(containerd:containerd ctr:containerd runc:runc ip:iproute2 /usr/lib/cni/bridge:containernetworking-plugins)
missing=()
for pair in "${needed[@]}"; do
    command -v "${pair%:*}" > /dev/null || missing+=("${pair#*:}")
done
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
if [[ -z "${ENGINE:-}" ]] && ! hack/image-engine.sh > /dev/null 2>&1; then
    missing+=(buildah)
fi
if ((${#missing[@]} > 0)); then
    echo "A node and its image need what is not here: ${missing[*]}"
    if ! command -v apt-get > /dev/null; then
        echo "Install it: these are the names that Debian has for it." >&2
        exit 1
    fi
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
fi

mkdir -p bin/node
rm -f bin/node/*.tar
BASE_FALLBACK="${BASE_FALLBACK:-localhost/vmgroup-build-base}" ARCHIVE=bin/node/controller.tar hack/build-image.sh
hack/build-pause-image.sh bin/node/pause.tar
go test -c -o bin/node/node.test ./test/node

cd test/node # where tests of the package run
../../hack/node-namespaces.sh ../../bin/node/node.test -test.v -test.timeout 15m
