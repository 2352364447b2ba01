#!/usr/bin/env bash
# Builds the images that contain only porthole, from target/static: NAME:latest and NAME:VERSION
# with the full build, NAME:probe and NAME:VERSION-probe with the checks only, NAME:probe-tls and
# NAME:VERSION-probe-tls with the checks and TLS. Prints the tags.
#
#   scripts/image.sh [NAME [OPTION]...]
#
# NAME is porthole by default; use registry.example/team/porthole to push there. The options are
# those of docker build. Images that are distributed must come with the texts of the licences, which
# `make sbom` writes to target/static/LICENSES.txt: --build-arg DOCUMENTATION=URL sets the label
# that points to them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/builder.sh
. scripts/flavours.sh

name=${1:-porthole}
options=("${@:2}")
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

# The URL of the sources, if others can reach it; without a token in front of the host.
source=$({ git remote get-url origin 2>/dev/null || true; } | sed -n 's|^\(https\?://\)\([^/@]*@\)\?|\1|p')

build() {
    local binary=$1 tag tags=()
    shift
    if [ ! -f "target/static/$binary" ]; then
        echo "image: target/static/$binary is missing; make static builds it" >&2
        exit 1
    fi
    for tag in "$@"; do tags+=(-t "$name:$tag"); done
    docker build -q --build-arg "BINARY=$binary" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        --build-arg "SOURCE=${source:-unknown}" --build-arg "LICENCES=$(licences_of "$binary")" \
        "${options[@]}" "${tags[@]}" . >/dev/null
    for tag in "$@"; do echo "$name:$tag"; done
}

for flavour in "${flavours[@]}"; do
    suffix=$(suffix_of "$flavour")
    build "$flavour" "${suffix:-latest}" "$version${suffix:+-$suffix}"
done
