#!/usr/bin/env bash
# Prints the notes of a release: scripts/notes.sh VERSION FOLDER. They are the section of
# CHANGELOG.md, and what built the binaries in FOLDER, as their SBOMs have it.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?notes: expected a version, such as 0.1.0}
folder=${2:?notes: expected the folder that scripts/pack.sh filled}
scripts/changes.sh "$version"
for arch in x86_64 aarch64; do
    lines=$(jq -r '.metadata.properties[] | select(.name | startswith("porthole:build:"))
        | "    \(.name | ltrimstr("porthole:build:")): \(.value)"' "$folder/porthole-$arch-linux.cdx.json")
    [ -n "$lines" ] || { echo "notes: the SBOM for $arch does not say what built it" >&2; exit 1; }
    printf '\nBuilt for %s with:\n\n%s\n' "$arch" "$lines"
done
