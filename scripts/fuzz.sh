#!/usr/bin/env bash
# Runs the fuzz targets, each for so many seconds: scripts/fuzz.sh [SECONDS [TARGET...]], 60 of them unless it is said
# What it learns stays in fuzz/corpus; what breaks a target is written to fuzz/artifacts, and how to run it is said.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools/bin
seconds=${1:-60}
[ $# -eq 0 ] || shift

scripts/need.sh fuzz
if [ $# -eq 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do set -- "$@" "$(basename "$file" .rs)"; done
fi

# Coverage is instrumented by options of the compiler that are not stable, for which this compiler is as good as a nightly
# one. AddressSanitizer is left out: the code under test has no unsafe block, and far more is tried without it.
export RUSTC_BOOTSTRAP=1 PATH=$tools:$PATH
for target in "$@"; do
    mkdir -p "fuzz/corpus/$target"
    words=()
    [ ! -e "fuzz/$target.dict" ] || words=(-dict="fuzz/$target.dict")
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        "${words[@]}" -timeout=5 -rss_limit_mb=256 -max_total_time="$seconds" -print_final_stats=1
done
