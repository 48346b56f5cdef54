#!/usr/bin/env bash
# Makes of this machine's Go, shell, tools and CA bundle an image to build in, where no registry can be reached. Needs buildah.
#   hack/build-image-base.sh NAME && make image BASE=NAME ENGINE=buildah
set -euo pipefail

name="${1:?usage: build-image-base.sh NAME}"
work="$(mktemp -d)"
container="$(buildah from scratch)"
trap 'buildah rm "${container}" > /dev/null; rm -rf "${work}"' EXIT

# The shell, what is called from it, and the libraries that these say they want.
for program in sh cp find mkdir touch; do
    path="$(readlink -f "$(command -v "${program}")")"
    install -D "${path}" "${work}/bin/${program}"
    ldd "${path}" | grep -o '/[^ ]*' | while read -r library; do
        install -D "${library}" "${work}${library}"
    done
done
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "${work}/etc/ssl/certs/ca-certificates.crt"
mkdir -p "${work}/tmp"

buildah copy --quiet "${container}" "${work}" / > /dev/null
buildah copy --quiet "${container}" "$(go env GOROOT)" /usr/local/go > /dev/null
buildah config --env PATH=/usr/local/go/bin:/bin "${container}"
buildah commit --quiet "${container}" "${name}" > /dev/null
