#!/usr/bin/env bash
# Runs the integration suite on a binary, without the tests of features that the binary lacks:
#
#   scripts/suite.sh BINARY [OPTION]... [-- LIBTEST_OPTION...]
#
# BINARY is a path, or "host" for the host's own build. The options are those of cargo test
# (default: --test cli --test servers). The name of a module tells what its tests need: with_tls,
# without_tls, and the same for inspect and remote (tests/support/features.rs). Tests that plain
# `cargo test` ignores are run too.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:?suite: expected a binary, or host}
shift
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    options+=("$1")
    shift
done
[ ${#options[@]} -gt 0 ] || options=(--test cli --test servers)
[ $# -eq 0 ] || shift

if [ "$binary" = host ]; then
    unset PORTHOLE_BIN
    version=$(cargo run --quiet --locked -- --version)
else
    binary=$(realpath "$binary")
    export PORTHOLE_BIN=$binary
    version=$("$binary" --version)
fi

skip=() left_out=()
for feature in inspect tls remote; do
    case $version in
        *$feature*) module=without_$feature ;;
        *) module=with_$feature ;;
    esac
    skip+=(--skip "$module::")
    left_out+=("$module")
done

run=(cargo test --locked --no-fail-fast "${options[@]}" --)
# Lists the tests that are selected but left out.
"${run[@]}" --list --include-ignored "$@" 2>/dev/null | awk -v modules="${left_out[*]}" -v binary="$binary" '
    BEGIN { count = split(modules, names, " ") }
    / *: test$/ {
        for (at = 1; at <= count; at++) {
            start = index("::" $1, "::" names[at] "::")
            if (!start) continue
            module = substr($1, 1, start + length(names[at]) - 1)
            if (!(module in tests)) order[++modules_found] = module
            tests[module]++
            all++
            next
        }
    }
    END {
        if (!all) exit
        printf "suite: left out, because this build has other features (%s): %d tests\n", binary, all
        for (at = 1; at <= modules_found; at++) printf "suite:   %s: %d\n", order[at], tests[order[at]]
    }'
"${run[@]}" --include-ignored "${skip[@]}" "$@"
