#!/usr/bin/env bash
# Builds the images that hold porthole alone, out of target/static: NAME:latest and NAME:VERSION with the full build,
# NAME:probe and NAME:VERSION-probe with the checks only. Prints the tags.
#
#   scripts/image.sh [NAME [OPTION]...]      porthole when none is given; registry.example/team/porthole, to push it there
#
# The options are those of docker build.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-porthole}
options=("${@:2}")
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# Nothing here needs BuildKit, which not every engine has.
export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}

build() {
    local binary=$1 tag tags=()
    shift
    if [ ! -f "target/static/$binary" ]; then
        echo "image: target/static/$binary is missing; make static builds it" >&2
        exit 1
    fi
    for tag in "$@"; do tags+=(-t "$name:$tag"); done
    docker build -q --build-arg "BINARY=$binary" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        "${options[@]}" "${tags[@]}" . >/dev/null
    for tag in "$@"; do echo "$name:$tag"; done
}

build porthole latest "$version"
build porthole-probe probe "$version-probe"
