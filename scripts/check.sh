#!/usr/bin/env bash
# What is checked without running the program: format, lints with all features, without, and with each alone, and the
# dependencies' licences, sources and duplicates. Advisories need the RustSec database, which is asked for only with
# ADVISORIES=fetch; a copy that is there already is used.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each file by itself: cargo fmt does not see modules that a macro declares.
git ls-files -z '*.rs' | xargs -0 rustfmt --edition 2024 --check
cargo clippy --quiet --locked --all-targets -- -D warnings
for features in '' tls remote inspect; do
    cargo clippy --quiet --locked --no-default-features --features "$features" -- -D warnings
done

if ! cargo deny --version >/dev/null 2>&1; then
    echo "check: installing cargo-deny from crates.io (some minutes, once)" >&2
    cargo install --quiet --locked cargo-deny@0.20.2
fi
cargo deny --log-level error check licenses bans sources
if [ "${ADVISORIES:-}" = fetch ]; then
    cargo deny --log-level error check advisories
elif compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-db*/*" >/dev/null; then
    cargo deny --log-level error check --disable-fetch advisories
else
    echo "check: advisories were not checked: no copy of the RustSec database here (ADVISORIES=fetch gets one)"
fi
echo "check: format, lints, licences, sources and duplicates are in order"
