#!/usr/bin/env bash
# Installs porthole with `cargo install`, into a temporary directory, and runs what it installed.
# With glibc this is another program than the static binary: linked dynamically, with the prebuilt
# standard library. It is compiled in target/release, where it is up to date the next time.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d /tmp/porthole-install-XXXXXX)
trap 'rm -rf "$folder"' EXIT
cargo install --quiet --locked --path . --root "$folder" --target-dir target 2>"$folder/log" || {
    cat "$folder/log" >&2
    exit 1
}
porthole=$folder/bin/porthole

# expect STATUS TEXT ARGUMENT...: runs the installed program, and fails unless it exits with this
# status and prints this text.
expect() {
    local expected=$1 text=$2 status=0 printed
    shift 2
    printed=$("$porthole" "$@" 2>&1) || status=$?
    if [ "$status" != "$expected" ] || [[ $printed != *"$text"* ]]; then
        printf 'cargo-install: porthole %s: exit status %s, expected %s and "%s":\n%s\n' \
            "$*" "$status" "$expected" "$text" "$printed" >&2
        exit 1
    fi
}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
expect 0 "porthole $version (features: tls, remote, inspect;" --version
expect 0 "healthy: file $folder/bin/porthole" file "$porthole" --min-size 1
# Nothing listens on port 1.
expect 1 "unhealthy: tcp 127.0.0.1:1: connection refused" tcp 127.0.0.1:1
expect 0 "$porthole ps" ps
echo "cargo-install: $(stat -c %s "$porthole") bytes; --version, checks and ps work"
