#!/usr/bin/env bash
# Runs the fuzz targets: scripts/fuzz.sh [SECONDS [TARGET...]], each for SECONDS (default 60).
# The corpus is kept in fuzz/corpus. An input that breaks a target is written to fuzz/artifacts, and
# the command that reproduces it is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools/bin
seconds=${1:-60}
[ $# -eq 0 ] || shift

scripts/need.sh fuzz
if [ $# -eq 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do set -- "$@" "$(basename "$file" .rs)"; done
fi

# Coverage instrumentation needs unstable compiler options; with RUSTC_BOOTSTRAP a stable compiler
# accepts them. AddressSanitizer is not used: the code under test has no unsafe block, and without
# it far more inputs are tried.
export RUSTC_BOOTSTRAP=1 PATH=$tools:$PATH
for target in "$@"; do
    mkdir -p "fuzz/corpus/$target"
    words=()
    [ ! -e "fuzz/$target.dict" ] || words=(-dict="fuzz/$target.dict")
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        "${words[@]}" -timeout=5 -rss_limit_mb=256 -max_total_time="$seconds" -print_final_stats=1
done
