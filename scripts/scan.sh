#!/usr/bin/env bash
# Shows what a scanner finds: runs syft on each binary in target/static and in the files of a
# rehearsed release that has its SBOM beside it, and on the images, if a container engine answers.
# Fails unless it finds exactly the crates of the SBOM, which `make sbom` writes.
#
# It runs no scanner that needs a database of vulnerabilities: docs/security.md lists those.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

if [ "${1:-}" != with-engine ]; then exec scripts/engine.sh scripts/scan.sh with-engine; fi
syft=$PWD/target/scanner-venv/bin/syft
[ -x "$syft" ] || { echo "scan: syft is missing; scripts/need.sh scanner installs it" >&2; exit 1; }
# It asks the network whether there is a newer one.
export SYFT_CHECK_FOR_APP_UPDATE=false
folder=$(mktemp -d /tmp/porthole-scan-XXXXXX)
image=porthole-scan-$$
cleanup() {
    local flavour
    if [ -e "$folder/images" ]; then
        while read -r flavour; do docker rmi "$flavour" >/dev/null 2>&1 || true; done <"$folder/images"
    fi
    rm -rf "$folder"
}
trap cleanup EXIT

# compare WHAT FOUND SBOM: FOUND has a line for each package, SBOM is a CycloneDX document.
compare() {
    local what=$1 found=$2 sbom=$3
    jq -r '.metadata.component.version as $own | "porthole \($own) rust-crate",
        (.components[] | "\(.name) \(.version) rust-crate")' "$sbom" | sort >"$folder/expected"
    sort -o "$found" "$found"
    if ! diff "$folder/expected" "$found" >"$folder/diff"; then
        echo "scan: $what: syft finds something else than $sbom has (<: only in the SBOM, >: only found):" >&2
        cat "$folder/diff" >&2
        exit 1
    fi
    echo "scan: $what: syft finds $(wc -l <"$found") packages, those of the SBOM"
}

echo "scan: syft $("$syft" version --output json | jq -r .version)"
for name in "${flavours[@]}"; do
    [ -e "target/static/$name.cdx.json" ] || { echo "scan: target/static/$name.cdx.json is missing; make sbom writes it" >&2; exit 1; }
done
files=()
for sbom in target/static/*.cdx.json target/static/aarch64/*.cdx.json target/release-*/release/*.cdx.json; do
    file=${sbom%.cdx.json}
    if [ -e "$file" ]; then
        files+=("$file")
        install -D -m 0755 "$file" "$folder/binaries/$file"
    fi
done
# One run for all: most of its time is the start.
"$syft" scan "dir:$folder/binaries" --quiet --output syft-json >"$folder/binaries.json"
for file in "${files[@]}"; do
    jq -r --arg file "/$file" '.artifacts[] | select(any(.locations[]; .path == $file)) | "\(.name) \(.version) \(.type)"' \
        "$folder/binaries.json" >"$folder/found"
    compare "$file" "$folder/found" "$file.cdx.json"
done

if ! docker version >/dev/null 2>&1; then
    [ -z "${PORTHOLE_SKIP_NOTHING:-}" ] || { echo "scan: no container engine answers" >&2; exit 1; }
    echo "scan: the images were not scanned: no container engine answers"
    exit 0
fi
scripts/image.sh "$image" 2>/dev/null >"$folder/images"
for name in "${flavours[@]}"; do
    suffix=$(suffix_of "$name")
    tag=${suffix:-latest}
    docker save --output "$folder/image.tar" "$image:$tag"
    "$syft" scan "docker-archive:$folder/image.tar" --quiet --output syft-json >"$folder/image.json"
    jq -r '.artifacts[] | "\(.name) \(.version) \(.type)"' "$folder/image.json" >"$folder/found"
    compare "the image porthole:$tag" "$folder/found" "target/static/$name.cdx.json"
done
