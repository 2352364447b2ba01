#!/usr/bin/env bash
# Everything that is tested: on the host's target, then the integration suite once more on each static binary as it
# is shipped, with real servers where they are installed, then the static binaries themselves and a real container engine.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
    printf '\n== %s\n' "$*"
    "$@"
}

scripts/static.sh
run cargo test --locked --lib --test house --test cli
run cargo test --locked --no-default-features --lib
for binary in porthole-probe porthole; do
    printf '\n== the integration suite on target/static/%s\n' "$binary"
    PORTHOLE_BIN="$PWD/target/static/$binary" cargo test --locked --test cli --test servers
done
run cargo test --locked --test artifact
# More threads than cores: a build waits more than it works (the classic builder, for the clock between two layers).
run scripts/engine.sh cargo test --locked --test docker -- --test-threads 6
