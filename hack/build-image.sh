#!/usr/bin/env bash
# Builds the container image with docker, podman or buildah, see hack/image-engine.sh. The same tree, VERSION and BASE
# give the same image, wherever and whenever: all times in it are SOURCE_DATE_EPOCH, which is the commit's if not given.
#
#   IMAGE     its name, default: the one in artifacts/
#   VERSION   what -version says, default: devel
#   PLATFORM  for example linux/arm64, default: this machine's
#   BASE      the image to build in, default: see Dockerfile
#   BASE_FALLBACK  where BASE cannot be had, make an image of that name of this machine's Go and tools, and build in it; needs
#             buildah, see hack/build-image-base.sh
#   ARCHIVE   a file to write the image to as well, for docker load, podman load or ctr images import
#   ENGINE    docker, podman or buildah
#   GOPROXY, GOSUMDB, GOFLAGS  are passed on
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"

image="${IMAGE:-docker.io/vmgroup/vmgroup-controller:devel}"
epoch="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}"

# have_base reports whether the engine has the image to build in, or can pull it.
have_base() {
    case "${engine}" in
        docker) docker image inspect "${base}" > /dev/null 2>&1 || docker pull "${base}" ;;
        podman) podman image exists "${base}" || podman pull "${base}" ;;
        buildah) buildah inspect --type image "${base}" > /dev/null 2>&1 || buildah pull "${base}" ;;
    esac
}

# make_base makes one of what there is on this machine, if that is allowed.
make_base() {
    if [[ -z "${BASE_FALLBACK:-}" ]]; then
        cat << EOF_ADVICE

The image to build in, ${base}, is not here and cannot be pulled: see above.
If this machine reaches a registry that has such an image, name it:

  make image BASE=registry.example.com/library/golang:1.26-bookworm

Otherwise make one of this machine's Go and tools, and build in that. It takes buildah (on Debian: apt-get install buildah):

  hack/build-image-base.sh localhost/base
  make image BASE=localhost/base ENGINE=buildah
EOF_ADVICE
        return 1
    fi
    echo "${base} cannot be pulled: building in ${BASE_FALLBACK}, which is made of this machine's Go and tools"
    engine="$(ENGINE=buildah hack/image-engine.sh)"
    base="${BASE_FALLBACK}"
    hack/build-image-base.sh "${base}"
    trap 'buildah rmi "${base}" > /dev/null' EXIT
}

engine="$(hack/image-engine.sh)"
base="${BASE:-$(sed -n 's/^ARG BASE=//p' Dockerfile)}"
have_base || make_base >&2
args=(--build-arg "VERSION=${VERSION:-devel}" --build-arg "SOURCE_DATE_EPOCH=${epoch}" --build-arg "BASE=${base}")
[[ -z "${PLATFORM:-}" ]] || args+=(--platform "${PLATFORM}")
for name in GOPROXY GOSUMDB GOFLAGS; do
    [[ -z "${!name:-}" ]] || args+=(--build-arg "${name}=${!name}")
done

echo "Building ${image} with ${engine}"
case "${engine}" in
    docker)
        docker build "${args[@]}" --provenance=false --tag "${image}" .
        [[ -z "${ARCHIVE:-}" ]] || docker save --output "${ARCHIVE}" "${image}"
        docker image inspect --format '{{.Id}} {{.Size}} bytes' "${image}"
        ;;
    podman)
        # Not every version knows by itself where it runs.
        podman build "${args[@]}" --build-arg "BUILDPLATFORM=linux/$(podman info --format '{{.Host.Arch}}')" \
            --timestamp "${epoch}" --identity-label=false --tag "${image}" .
        [[ -z "${ARCHIVE:-}" ]] || podman save --format oci-archive --output "${ARCHIVE}" "${image}"
        podman image inspect --format '{{.Id}} {{.Size}} bytes' "${image}"
        ;;
    buildah)
        # Nothing that is built here has to be kept from the machine, and a container may not make containers.
        export BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}"
        buildah build "${args[@]}" --build-arg "BUILDPLATFORM=linux/$(buildah info --format '{{.host.arch}}')" \
            --timestamp "${epoch}" --identity-label=false --tag "${image}" .
        [[ -z "${ARCHIVE:-}" ]] || buildah push "${image}" "oci-archive:${ARCHIVE}:${image}"
        buildah images --no-trunc --format '{{.ID}} {{.Size}}' "${image}"
        ;;
esac
