#!/usr/bin/env bash
# Runs every check that does not run the program: the format; the scripts; the workflows and forms in
# .github; lints with all features, with none and with each one alone; a build with the oldest Rust
# that Cargo.toml names; and the dependencies' licences, sources and duplicates. Advisories need the
# RustSec database: an existing copy is used, and ADVISORIES=fetch downloads one.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each file on its own, because cargo fmt does not see modules that a macro declares.
git ls-files -z '*.rs' | xargs -0 rustfmt --edition 2024 --check
shellcheck scripts/*.sh tests/vm/init.sh .ci/run
scripts/workflows.sh
cargo clippy --quiet --locked --all-targets -- -D warnings
cargo clippy --quiet --locked --test servers --test docker --test vm -- -D warnings
for features in '' tls remote inspect; do
    cargo clippy --quiet --locked --no-default-features --features "$features" -- -D warnings
done
# The shipped target: crates may have code that is specific to musl.
musl=$(uname -m)-unknown-linux-musl
if [ -d "$(rustc --print sysroot)/lib/rustlib/$musl/lib" ] && command -v musl-gcc >/dev/null; then
    env "CC_${musl//-/_}=musl-gcc" cargo clippy --quiet --locked --target "$musl" -- -D warnings \
        -A clippy::cast_ptr_alignment # src/sys/malloc.rs: its headers are at the start of aligned blocks.
else
    echo "check: $musl was not linted; it needs rustup target add $musl, and musl-gcc"
fi
# The oldest Rust that Cargo.toml promises to support.
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
toolchain=$({ rustup toolchain list 2>/dev/null || true; } | sed -n "s/^\($oldest\(\.[0-9]*\)\?-[^ ]*\).*/\1/p" | head -n 1)
if [ -z "$toolchain" ] && timeout 300 rustup toolchain install --profile minimal "$oldest" >/dev/null 2>&1; then
    toolchain=$oldest
fi
if [ -n "$toolchain" ]; then
    # In a separate directory, so that neither compiler invalidates the other's build.
    cargo "+$toolchain" check --quiet --locked --all-targets --target-dir target/oldest
else
    echo "check: not built with Rust $oldest, the oldest that Cargo.toml names: rustup cannot install it here"
fi

if ! cargo deny --version >/dev/null 2>&1; then
    echo "check: installing cargo-deny from crates.io (takes some minutes, once)" >&2
    cargo install --quiet --locked cargo-deny@0.20.2
fi
cargo deny --log-level error check licenses bans sources
if [ "${ADVISORIES:-}" = fetch ]; then
    cargo deny --log-level error check advisories
elif compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-db*/*" >/dev/null; then
    cargo deny --log-level error check --disable-fetch advisories
else
    echo "check: advisories were not checked: no copy of the RustSec database here (ADVISORIES=fetch downloads one)"
fi
echo "check: format, scripts, workflows, lints, licences, sources and duplicates passed"
