#!/usr/bin/env bash
# Builds both static binaries once more, from the same sources with the same compilers in another folder, and compares the bytes
# with those of target/static, which `make static` leaves. What is not committed is built too, so that the two are comparable.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in porthole-probe porthole; do
    [ -f "target/static/$name" ] || { echo "reproduce: target/static/$name is missing: make static" >&2; exit 1; }
done
here=$PWD
folder=$(mktemp -d /tmp/porthole-reproduce-XXXXXX)
trap 'rm -rf "$folder"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar -c --null -T - | tar -x -C "$folder"
cd "$folder"
# The same way as the other one, and the same tools beside it.
export PORTHOLE_STD PORTHOLE_TOOLS=$here/target/tools
PORTHOLE_STD=$(cat "$here/target/static/std")
scripts/static.sh probe full
for name in porthole-probe porthole; do
    cmp "target/static/$name" "$here/target/static/$name"
    echo "reproduce: $name: the same bytes, $(sha256sum <"target/static/$name" | cut -c 1-64)"
done
