#!/usr/bin/env bash
# Runs the tests of the allocator, the largest unsafe part of src/sys, in Miri, which detects
# undefined behaviour. Miri is a component of the nightly toolchain; if it is not installed, this
# script says so and exits with 0.
#
# It uses Tree Borrows, because Stacked Borrows does not allow an allocator to write to a block that
# a Box has owned. Tests that Miri cannot run are skipped: those that need address space which it
# does not have, or munmap(2) of a length that mremap(2) rounded.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "miri: not installed, so not run; rustup toolchain install nightly --component miri --component rust-src installs it"
    exit 0
fi
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-tree-borrows"
# The small build, which has no C code. In a separate directory, because everything is rebuilt.
cargo +nightly miri test --locked --no-default-features --lib --target-dir target/miri -- sys::arena sys::pages \
    --skip pages::tests::blocks_are_aligned --skip pages::tests::bytes_stay_when_a_block_grows_and_shrinks
