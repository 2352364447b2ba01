#!/usr/bin/env bash
# Sets the version: scripts/bump.sh VERSION [DATE]
#
# It writes VERSION to Cargo.toml, both lock files, Dockerfile.build and the head of the man page, and
# DATE (default: today, UTC) to the latter and to the heading of the version's section in
# CHANGELOG.md. If there is no such section, the one of unreleased changes becomes it. It commits
# nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?bump: expected a version, such as 0.1.0}
date=${2:-$(date -u +%F)}
fail() {
    echo "bump: $*" >&2
    exit 1
}
[[ $version =~ ^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$ ]] ||
    fail "expected a version such as 0.1.0 or 0.2.0-rc.1, got '$version'"
[[ $date =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] || fail "expected a date such as 2026-12-31, got '$date'"

# Only the package's own version: the first of its section.
sed -i "0,/^version = \".*\"\$/s//version = \"$version\"/" Cargo.toml
sed -i "/^name = \"porthole\"\$/{n;s/^version = \".*\"\$/version = \"$version\"/}" Cargo.lock fuzz/Cargo.lock
for manifest in Cargo.toml fuzz/Cargo.toml; do
    cargo metadata --quiet --locked --format-version 1 --manifest-path "$manifest" |
        jq -e --arg version "$version" 'any(.packages[]; .name == "porthole" and .version == $version)' >/dev/null ||
        fail "$manifest and its lock file do not have version $version"
done

sed -i "1s/ 1 [0-9-]* / 1 $date /" docs/porthole.1 src/commands/manual/porthole.1.in
sed -i "1s/\"porthole [^\"]*\"/\"porthole $version\"/" docs/porthole.1
sed -i "s/^ARG VERSION=.*/ARG VERSION=$version/" Dockerfile.build

heading="## [$version] - $date"
if grep -qF "## [$version]" CHANGELOG.md; then
    sed -i "s/^## \[${version//./\\.}\].*\$/$heading/" CHANGELOG.md
elif grep -qx '## Unreleased' CHANGELOG.md; then
    sed -i "s/^## Unreleased\$/## Unreleased\n\n$heading/" CHANGELOG.md
else
    fail "CHANGELOG.md has neither a section for $version nor one of unreleased changes"
fi
scripts/changes.sh "$version" >/dev/null
echo "bump: $version of $date"
