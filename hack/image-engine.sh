#!/usr/bin/env bash
# Prints which of docker, podman and buildah is the first that works here. ENGINE says which one is wanted.
set -euo pipefail

# Installed is not enough: docker and podman may be mere clients of an engine that does not run.
works() {
    case "$1" in
        docker | podman) "$1" info > /dev/null 2>&1 ;;
        buildah) buildah --version > /dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}

for engine in ${ENGINE:-docker podman buildah}; do
    if works "${engine}"; then
        echo "${engine}"
        exit
    fi
done
{
    echo "Nothing here builds images: ${ENGINE:-docker, podman and buildah} cannot be run, or cannot reach their engine."
    echo "buildah needs no engine and no daemon; on Debian: apt-get install buildah"
} >&2
exit 1
