#!/usr/bin/env bash
# Fails unless a tag may be released: scripts/tagged.sh TAG. It is v and the version of Cargo.toml,
# and CHANGELOG.md has a section for that version, with a date.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${1:?tagged: expected a tag, such as v0.1.0}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
if [ "$tag" != "v$version" ]; then
    echo "tagged: the tag is $tag, the version of Cargo.toml $version; scripts/bump.sh sets it" >&2
    exit 1
fi
scripts/changes.sh "$version" >/dev/null
if ! grep -qE "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md; then
    echo "tagged: the section for $version in CHANGELOG.md has no date; scripts/bump.sh sets it" >&2
    exit 1
fi
