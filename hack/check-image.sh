#!/usr/bin/env bash
# Checks archives of one container image, as hack/build-image.sh writes them: all hold the same image, and it holds the
# controller and a CA bundle, nothing else, to be run by a user without rights. Needs jq and Go.
#   hack/check-image.sh ARCHIVE...
set -euo pipefail

binary=vmgroup-controller
bundle=etc/ssl/certs/ca-certificates.crt
user=65532:65532
max_bytes=60000000

command -v jq > /dev/null || { echo "Install jq: it reads what the image says of itself." >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT
failed=0
wrong() { echo "$*" >&2; failed=1; }

# blob prints the path of the blob with that digest.
blob() { echo "${image}/blobs/${1/://}"; }

# check_binary runs the binary where this machine can.
check_binary() {
    local path="${image}/rootfs/${binary}" says label platform
    go version -m "${path}" 2> /dev/null | grep -q 'CGO_ENABLED=0' || wrong "${binary} wants a dynamic linker, which the image has not"
    [[ -n "$(find "${path}" -perm -005)" ]] || wrong "user ${user} cannot run ${binary}"
    platform="$(jq -r '"\(.os)/\(.architecture)"' "${config}")"
    if [[ "${platform}" != "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" ]]; then
        echo "The image is for ${platform}, and so it is not run here."
        return
    fi
    says="$(env -i "${path}" -version)" || wrong "${binary} -version fails"
    label="$(jq -r '.config.Labels["org.opencontainers.image.version"] // ""' "${config}")"
    [[ -n "${label}" && "${says}" == "${label}" ]] || wrong "-version says '${says}', and the image's label '${label}'"
}

# check_image unpacks an archive in the OCI layout, with its layers below rootfs/, and says what is wrong with it.
check_image() {
    local manifest layer files bytes
    mkdir -p "${image}/rootfs"
    tar -xf "$1" -C "${image}"
    digest="$(jq -er 'if .manifests | length == 1 then .manifests[0].digest else error("want one image") end' "${image}/index.json")"
    manifest="$(blob "${digest}")"
    config="$(blob "$(jq -er .config.digest "${manifest}")")"
    for layer in $(jq -er '.layers[].digest' "${manifest}"); do
        tar -xpf "$(blob "${layer}")" -C "${image}/rootfs"
    done
    files="$(cd "${image}/rootfs" && find . ! -type d -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ')"
    bytes="$(find "${image}/rootfs" -type f -exec cat {} + | wc -c)"
    echo "${digest} ${bytes} bytes"
    [[ "${files}" == "${bundle} ${binary} " ]] || wrong "it holds ${files}, want ${bundle} ${binary}"
    ((bytes <= max_bytes)) || wrong "it has ${bytes} bytes, want ${max_bytes} at most"
    jq -e --arg user "${user}" --arg binary "/${binary}" '.config | .User == $user and .Entrypoint == [$binary] and
        (.Cmd // [] | length) == 0 and all(.Env // [] | .[]; startswith("PATH="))' "${config}" > /dev/null ||
        wrong "it runs as $(jq -c .config "${config}"), want /${binary} as ${user}, with no arguments and no environment"
    grep -qs 'BEGIN CERTIFICATE' "${image}/rootfs/${bundle}" || wrong "${bundle} holds no certificate"
    check_binary
}

first=
for archive in "${@:?usage: check-image.sh ARCHIVE...}"; do
    image="$(mktemp -d -p "${work}")"
    check_image "${archive}"
    [[ "${digest}" == "${first:=${digest}}" ]] || wrong "${archive} holds another image than $1"
done
exit "${failed}"
