#!/usr/bin/env bash
# Builds the static binaries again, from the same sources with the same compilers in another
# directory, and compares the bytes with those in target/static, where `make static` writes them.
# Uncommitted changes are built too, so that the binaries are comparable.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

for name in "${flavours[@]}"; do
    [ -f "target/static/$name" ] || { echo "reproduce: target/static/$name is missing; make static builds it" >&2; exit 1; }
done
here=$PWD
folder=$(mktemp -d /tmp/porthole-reproduce-XXXXXX)
trap 'rm -rf "$folder"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar -c --null -T - | tar -x -C "$folder"
cd "$folder"
# The same source of the standard library and the same tools as for the other build.
export PORTHOLE_STD PORTHOLE_TOOLS=$here/target/tools
PORTHOLE_STD=$(cat "$here/target/static/std")
scripts/static.sh probe probe-tls full
for name in "${flavours[@]}"; do
    cmp "target/static/$name" "$here/target/static/$name"
    echo "reproduce: $name is identical, SHA-256 $(sha256sum <"target/static/$name" | cut -c 1-64)"
done
