#!/usr/bin/env bash
# Runs test/node: what ships, on a real node from the real image. Needs root and, besides what `make image` needs, Debian's
# containerd, runc and CNI plugins, which it installs if they are missing and this is Debian. What hack/build-image.sh takes
# can be set; IMAGE has to be the name in artifacts/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ "$(id -u)" != 0 ]]; then
    echo "A node needs root: sudo make test-e2e-node" >&2
    exit 1
fi
packages=(containerd runc containernetworking-plugins iproute2)
missing=
for program in containerd ctr runc ip /usr/lib/cni/bridge; do
    command -v "${program}" > /dev/null || missing+=" ${program}"
done
if [[ -n "${missing}" ]]; then
    echo "A node needs what is not here:${missing}"
    if ! command -v apt-get > /dev/null; then
        echo "A node needs ${packages[*]}, by the names that Debian has for them." >&2
        exit 1
    fi
    apt-get update
    apt-get install --yes --no-install-recommends "${packages[@]}"
fi

mkdir -p bin/node
rm -f bin/node/*.tar
ARCHIVE=bin/node/controller.tar hack/build-image.sh
hack/build-pause-image.sh bin/node/pause.tar
go test -c -o bin/node/node.test ./test/node

cd test/node # where tests of the package run
../../hack/node-namespaces.sh ../../bin/node/node.test -test.v -test.timeout 15m
