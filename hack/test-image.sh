#!/usr/bin/env bash
# Builds the image twice, the second time in another place and compiling everything anew, and checks that both are one image
# and that it is what it should be (hack/check-image.sh). Takes what hack/build-image.sh takes. Where no registry can be reached:
#   hack/build-image-base.sh localhost/base && make test-image BASE=localhost/base
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cd "${root}"
work="$(mktemp -d)"
trap 'rm -rf "${work}"' EXIT

export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
ARCHIVE="${work}/first.tar" hack/build-image.sh

mkdir "${work}/elsewhere"
cp -R Dockerfile .dockerignore go.mod go.sum main.go pkg hack "${work}/elsewhere"
[[ ! -d vendor ]] || cp -R vendor "${work}/elsewhere"
GOFLAGS="${GOFLAGS:-} -a" ARCHIVE="${work}/second.tar" "${work}/elsewhere/hack/build-image.sh"

hack/check-image.sh "${work}/first.tar" "${work}/second.tar"
