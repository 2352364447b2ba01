#!/usr/bin/env bash
# Runs the tests of our allocator, the largest part of src/sys that is unsafe, in Miri, which finds undefined behaviour. It is a
# component of the nightly toolchain; without it this says so and is 0.
#
# Tree Borrows, as Stacked Borrows does not allow an allocator to write to a block that a Box has owned. Left out is what
# Miri itself cannot do: address space that it does not have, and munmap(2) of a length that mremap(2) rounded.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "miri: not run: rustup toolchain install nightly --component miri --component rust-src installs it"
    exit 0
fi
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-tree-borrows"
# The small build, which has no C; in a folder of its own, as all is built anew.
cargo +nightly miri test --locked --no-default-features --lib --target-dir target/miri -- sys::arena sys::pages \
    --skip pages::tests::blocks_are_aligned --skip pages::tests::bytes_stay_when_a_block_grows_and_shrinks
