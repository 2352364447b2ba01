#!/usr/bin/env bash
# Prints the section of CHANGELOG.md for a version: scripts/changes.sh VERSION. Fails if there is
# none.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?changes: expected a version, such as 0.1.0}
# The section ends at the next heading of the same level: keepachangelog.com.
changes=$(awk -v start="## [$version]" '/^## / { found = index($0, start) == 1; next } found' CHANGELOG.md)
if [ -z "$changes" ]; then
    echo "changes: CHANGELOG.md has no section for $version: expected a heading ## [$version] - DATE, followed by the changes" >&2
    exit 1
fi
printf '%s\n' "$changes"
