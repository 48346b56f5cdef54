#!/usr/bin/env bash
# Builds the container image with docker, podman or buildah, the first that works here. The same tree, VERSION and BASE
# give the same image, wherever and whenever: all times in it are SOURCE_DATE_EPOCH, which is the commit's if not given.
#
#   IMAGE     its name, default: the one in artifacts/
#   VERSION   what -version says, default: devel
#   PLATFORM  for example linux/arm64, default: this machine's
#   BASE      the image to build in, default: see Dockerfile
#   ARCHIVE   a file to write the image to as well, for docker load, podman load or ctr images import
#   ENGINE    docker, podman or buildah
#   GOPROXY, GOSUMDB, GOFLAGS  are passed on
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"

image="${IMAGE:-docker.io/vmgroup/vmgroup-controller:devel}"
epoch="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}"

# Installed is not enough: docker and podman may be mere clients of an engine that does not run.
works() {
    case "$1" in
        docker | podman) "$1" info > /dev/null 2>&1 ;;
        buildah) buildah --version > /dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}

find_engine() {
    local engine
    for engine in ${ENGINE:-docker podman buildah}; do
        if works "${engine}"; then
            echo "${engine}"
            return
        fi
    done
    {
        echo "Nothing here builds images: ${ENGINE:-docker, podman and buildah} cannot be run, or cannot reach their engine."
        echo "buildah needs no engine and no daemon; on Debian: apt-get install buildah"
    } > /dev/stderr
    return 1
}

engine="$(find_engine)"
args=(--build-arg "VERSION=${VERSION:-devel}" --build-arg "SOURCE_DATE_EPOCH=${epoch}")
[[ -z "${BASE:-}" ]] || args+=(--build-arg "BASE=${BASE}")
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
