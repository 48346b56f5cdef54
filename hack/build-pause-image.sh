#!/usr/bin/env bash
# Writes the image that hack/devcluster/node.go calls pauseImage to an archive like those of docker save. It is one file, and
# needs no engine to be made.
set -euo pipefail

archive="$(realpath "${1:?usage: build-pause-image.sh ARCHIVE}")"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

CGO_ENABLED=0 go build -C hack/devcluster -ldflags "-s -w" -o "${work}/pause" ./pause
cd "${work}"
tar --create --file layer.tar --owner 0 --group 0 pause
layer="$(sha256sum layer.tar | cut -d ' ' -f 1)"
cat > config.json << EOF
{
    "architecture": "$(go env GOARCH)", "os": "linux",
    "config": {"Entrypoint": ["/pause"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:${layer}"]}
}
EOF
cat > manifest.json << EOF
[{"Config": "config.json", "RepoTags": ["localhost/devcluster/pause:1"], "Layers": ["layer.tar"]}]
EOF
tar --create --file "${archive}" manifest.json config.json layer.tar
