#!/usr/bin/env bash
# Runs the fuzz targets: scripts/fuzz.sh [SECONDS [TARGET...]], each for SECONDS (default 60).
#
# Each target first runs all inputs of fuzz/seeds: real ones, and those that once broke it. They are read
# as they are because targets take &[u8]: a Vec<u8> would be made of every second byte. What a target
# finds further is kept in fuzz/corpus. An input that breaks a target is written to fuzz/artifacts,
# and the command that reproduces it is printed. The other targets run all the same.
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
# accepts them. AddressSanitizer is not used: no unsafe code of porthole (src/sys) reads these bytes,
# and without it far more inputs are tried. Overflows and failed assertions end a target: fuzz/Cargo.toml.
export RUSTC_BOOTSTRAP=1 PATH=$tools:$PATH
cargo fuzz build --sanitizer none
failed=()
for target in "$@"; do
    echo "== $target, $seconds s"
    mkdir -p "fuzz/corpus/$target" "fuzz/seeds/$target" "fuzz/artifacts/$target"
    words=()
    [ ! -e "fuzz/$target.dict" ] || words=(-dict="fuzz/$target.dict")
    binary=$(echo fuzz/target/*/release/"$target")
    "$binary" "fuzz/corpus/$target" "fuzz/seeds/$target" -artifact_prefix="fuzz/artifacts/$target/" \
        "${words[@]}" -timeout=10 -rss_limit_mb=512 -max_len=8192 -max_total_time="$seconds" -verbosity=0 \
        -print_final_stats=1 2>&1 | grep -v '^stat::\(new_units\|slowest\)' || failed+=("$target")
done
echo "fuzz: $(($# - ${#failed[@]})) passed, ${#failed[@]} failed"
if [ ${#failed[@]} -gt 0 ]; then
    echo "fuzz: failed: ${failed[*]}; to reproduce one, run fuzz/target/*/release/TARGET fuzz/artifacts/TARGET/FILE" >&2
    exit 1
fi
