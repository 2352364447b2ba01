#!/usr/bin/env bash
# Rehearses a release: scripts/release.sh [VERSION], by default of the version in Cargo.toml.
#
# In a temporary clone of HEAD it sets the version, commits and tags, builds the binaries for both
# architectures, and packs the files of the release with the scripts that
# .github/workflows/release.yml runs: pack.sh and notes.sh. The binaries in target/static are used if
# they are of the same sources and version. The files remain in target/release-VERSION.
#
# It leaves out what only the public host can do, and ends with a list of that. Nothing leaves this
# machine, and the checkout remains as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

version=${1:-$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)}
here=$PWD
out=$here/target/release-$version
folder=$(mktemp -d /tmp/porthole-release-XXXXXX)
trap 'rm -rf "$folder"' EXIT
log() { printf '%s\n' "release: $*"; }
fail() {
    log "$*" >&2
    exit 1
}

git clone --quiet --no-local --no-tags . "$folder/clone"
cd "$folder/clone"
git config user.name porthole
git config user.email porthole@localhost
head=$(git rev-parse HEAD)
export PORTHOLE_TOOLS=${PORTHOLE_TOOLS:-$here/target/tools}

# First a later version, only to see what changes: these files, and of all but one a line.
sed -i 's/^## Unreleased$/&\n\n- A change./' CHANGELOG.md
scripts/bump.sh 99.9.9-rehearsal 2099-12-31 >/dev/null
changed=$(git diff --name-only | paste -sd ' ')
[ "$changed" = "CHANGELOG.md Cargo.lock Cargo.toml Dockerfile.build docs/porthole.1 fuzz/Cargo.lock src/commands/manual/porthole.1.in" ] || fail "bump.sh changed $changed"
[ "$(git diff --numstat -- . ':!CHANGELOG.md' | cut -f 1,2 | sort -u)" = $'1\t1' ] ||
    fail "bump.sh changed more than a line of a file"
git reset --quiet --hard
if scripts/bump.sh "v$version" 2>/dev/null; then fail "bump.sh accepts v$version, which is not a version"; fi
if scripts/changes.sh 99.9.9 2>/dev/null; then fail "changes.sh finds a section for a version that has none"; fi

scripts/bump.sh "$version" >/dev/null
git diff --quiet || git commit --quiet --all --message "Release $version"
git tag --annotate "v$version" --message "porthole $version"
scripts/tagged.sh "v$version"
if scripts/tagged.sh v99.9.9 2>/dev/null; then fail "tagged.sh accepts the tag v99.9.9"; fi
log "tagged v$version in a clone"

# The checkout's binaries, if they are of these sources: apart from the date in these files, the
# commits are the same and nothing is uncommitted. Building them again takes no time if they are.
if git diff --quiet "$head" HEAD -- . ':!CHANGELOG.md' ':!docs/porthole.1' ':!src/commands/manual' && [ -z "$(git -C "$here" status --porcelain)" ] &&
    [ -e "$here/target/static/std" ] && [ -e "$here/target/static/aarch64/std" ]; then
    (cd "$here" && scripts/static.sh probe probe-tls full && ARCH=aarch64 scripts/static.sh probe probe-tls full) 2>"$folder/log" ||
        fail "the binaries cannot be built: $(tail -n 3 "$folder/log")"
    mkdir -p target/static/aarch64
    for arch in . aarch64; do
        for name in "${flavours[@]}" compilers std; do
            cp -p "$here/target/static/$arch/$name" "target/static/$arch/"
        done
    done
    log "the binaries are those in target/static, which are of the same sources"
else
    log "building the binaries, which takes some minutes"
    scripts/static.sh probe probe-tls full
    ARCH=aarch64 scripts/static.sh probe probe-tls full
fi
scripts/sbom.sh 2>/dev/null || fail "scripts/sbom.sh failed"
ARCH=aarch64 scripts/sbom.sh 2>/dev/null || fail "scripts/sbom.sh failed for aarch64"
scripts/pack.sh "$folder/release"
scripts/notes.sh "$version" "$folder/release" >"$folder/notes.md"

# As a user verifies a download, on a copy without one of the files.
cp -r "$folder/release" "$folder/download"
rm "$folder/download/porthole-aarch64-linux"
(cd "$folder/download" && sha256sum --check --quiet --ignore-missing SHA256SUMS)
printf x >>"$folder/download/porthole-x86_64-linux"
if (cd "$folder/download" && sha256sum --check --status --ignore-missing SHA256SUMS); then fail "SHA256SUMS accepts a file that was changed"; fi

rm -rf "$out"
mkdir -p "$out"
mv "$folder/release" "$folder/notes.md" "$out/"
log "target/release-$version/release has the files, notes.md the notes:"
(cd "$out/release" && wc -c -- *)
log "left out: the signature of SHA256SUMS, the attestations, the images' push and signatures, the release page"
