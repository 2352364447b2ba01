#!/usr/bin/env bash
# Writes the SBOMs of the static binaries, target/static/*.cdx.json (CycloneDX 1.5), the licences of
# everything in them, LICENSES.txt, and SHA256SUMS. Fails if a binary and its document do not name
# the same crates. With ARCH=aarch64, it does so for the binaries in target/static/aarch64.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

arch=${ARCH:-$(uname -m)}
[ "$arch" != arm64 ] || arch=aarch64
[ "$arch" != amd64 ] || arch=x86_64
out=target/static
[ "$arch" = "$(uname -m)" ] || out+=/$arch
tools=${PORTHOLE_TOOLS:-$PWD/target/tools}/bin
export PATH=$tools:$PATH
# The time of the last commit, so that the same sources give the same document.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH

target=$arch-unknown-linux-musl
for name in "${flavours[@]}"; do
    mapfile -t features < <(features_of "$name")
    cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --no-build-deps --override-filename "$name.cdx" \
        "${features[@]}"
    mv "$name.cdx.json" "$out/$name.cdx.json"
done
scripts/sbom.py "$out" "${flavours[@]}"
scripts/licences.py "$out/porthole.cdx.json" >"$out/LICENSES.txt"
(cd "$out" && sha256sum "${flavours[@]}" "${flavours[@]/%/.cdx.json}" LICENSES.txt >SHA256SUMS)
