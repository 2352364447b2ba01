#!/usr/bin/env bash
# What CHANGELOG.md says of a version: scripts/changes.sh VERSION. Fails where it says nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?changes: expected a version, such as 0.1.0}
# Its section goes to the next heading of the same level: keepachangelog.com.
changes=$(awk -v start="## [$version]" '/^## / { found = index($0, start) == 1; next } found' CHANGELOG.md)
if [ -z "$changes" ]; then
    echo "changes: CHANGELOG.md has no section for $version: a heading ## [$version] - DATE, with its changes below" >&2
    exit 1
fi
printf '%s\n' "$changes"
