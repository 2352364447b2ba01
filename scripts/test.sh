#!/usr/bin/env bash
# Runs all tests: on the host's target; then the integration suite again on each static binary as it
# is shipped, with real servers if they are installed; then the tests of the static binaries
# themselves and those with a real container engine. A failed step does not stop the others. Ends
# with a summary; the exit status is 1 if any step failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
summary=()
failed=0

# Runs a command and counts the tests in its output: step NAME COMMAND [ARGUMENT]...
step() {
    local name=$1 log=$logs/log outcome=ok
    shift
    printf '\n== %s\n' "$name"
    if ! "$@" 2>&1 | tee "$log"; then
        outcome=FAILED
        failed=1
    fi
    # libtest counts a test that skips itself as passed.
    summary+=("$(awk -v outcome="$outcome" -v name="$name" '
        /^test result: / {
            for (at = 2; at <= NF; at++) {
                if ($at ~ /^passed;/) passed += $(at - 1)
                if ($at ~ /^failed;/) broken += $(at - 1)
                if ($at ~ /^ignored;/) ignored += $(at - 1)
            }
            results++
        }
        match($0, /SKIPPED [^ ]+: /) {
            # A test that skips several of its cases counts once.
            if (!seen[substr($0, RSTART, RLENGTH)]++) skipped++
        }
        /^suite: left out, / { left_out += $(NF - 1) }
        END {
            printf "%-6s  %s", outcome, name
            if (!results) exit
            printf ": %d passed, %d failed", passed - skipped, broken
            if (skipped) printf ", %d skipped", skipped
            if (ignored) printf ", %d ignored", ignored
            if (left_out) printf ", %d left out", left_out
        }' "$log")")
    [ "$outcome" = ok ]
}

not_run() {
    summary+=("not run $1")
    failed=1
}

has_static=yes
step "build of the static binaries" scripts/static.sh || has_static=
step "unit tests, the floor plan and the manual" cargo test --locked --no-fail-fast --lib --test house --test manual -- --include-ignored || true
step "unit tests of the small build" cargo test --locked --no-fail-fast --no-default-features --lib -- --include-ignored || true
step "integration suite on the host's build" scripts/suite.sh host --test cli || true
if [ -n "$has_static" ]; then
    for name in "${flavours[@]}"; do
        step "integration suite on target/static/$name" scripts/suite.sh "target/static/$name" || true
    done
    step "static binaries" cargo test --locked --no-fail-fast --test artifact || true
    # More threads than cores: a build mostly waits (the classic builder, for the clock between
    # layers).
    step "container engine" scripts/engine.sh cargo test --locked --no-fail-fast --test docker -- --test-threads 6 || true
else
    not_run "integration suite on the static binaries, static binaries, container engine"
fi

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
exit $failed
