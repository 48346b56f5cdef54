#!/usr/bin/env bash
# Unpacks Debian's cloud-init with what it imports, without installing it, and prints the directory to put into PYTHONPATH.
# Usage: hack/cloud-init.sh DIRECTORY. It does nothing if the directory has it already. Exit status 3: the packages cannot be had.
set -euo pipefail

dir="$1"
modules="${dir}/usr/lib/python3/dist-packages"
if [ ! -e "${dir}/complete" ]; then
	packages=(cloud-init)
	for name in attr certifi charset-normalizer configobj idna jinja2 json-pointer jsonpatch jsonschema markupsafe netifaces \
		oauthlib pyrsistent requests serial six urllib3 yaml; do
		packages+=("python3-${name}")
	done
	work="$(mktemp -d)"
	trap 'rm -rf "${work}"' EXIT
	chmod 755 "${work}"
	cd "${work}"
	apt-get -qq download "${packages[@]}" >&2 || { apt-get -qq update >&2 && apt-get -qq download "${packages[@]}" >&2; } || exit 3
	cd - > /dev/null
	mkdir -p "${dir}"
	for package in "${work}"/*.deb; do
		dpkg-deb -x "${package}" "${dir}"
	done
	touch "${dir}/complete"
fi
cd "${modules}" && pwd -P
