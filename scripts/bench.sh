#!/usr/bin/env bash
# Measures what checks and inspections cost, compared with what users would run instead: see
# benches/check/. Fails if a bound does not hold. The tables are also left in
# target/bench/results.md, as they stand in docs/comparison.md.
#
#   PORTHOLE_BENCH_ONLY=PART   only checks or inspections; or those of files, processes, mounts or sockets
#   PORTHOLE_BENCH_RUNS=2000   runs of each program (default: 300 of checks, at most 15 of inspections)
#   PORTHOLE_BENCH_DIR=DIR     measure the porthole-probe and porthole in DIR instead of building them
#
# It takes 1.5 GB below TMPDIR (default: /tmp) while it runs, and root for the inspections of mounts
# and sockets.
set -euo pipefail
cd "$(dirname "$0")/.."

log() { printf '%s\n' "bench: $*" >&2; }

missing=()
for tool in busybox-static:busybox coreutils:df curl:curl findutils:find gcc:cc grep:grep iproute2:ip iproute2:ss \
    openssl:openssl procps:ps ripgrep:rg tar:tar util-linux:findmnt valgrind:valgrind; do
    command -v "${tool#*:}" >/dev/null || missing+=("${tool%:*}")
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        log "installing ${missing[*]} from Debian"
        if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2; then
            log "could not install ${missing[*]}"
        fi
    else
        log "not installed: ${missing[*]} (only root can install them); continuing without"
    fi
fi

[ -n "${PORTHOLE_BENCH_DIR:-}" ] || scripts/static.sh probe probe-tls full

mkdir -p target/bench
# Rebuilt each time, which takes milliseconds.
rm -f target/bench/floor target/bench/pause
if command -v cc >/dev/null; then
    for program in floor pause; do
        cc -static -nostdlib -Wl,--build-id=none -o target/bench/$program benches/$program.S
    done
fi

# The bench removes what it creates; this removes it if the bench is interrupted.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/porthole-bench.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# The dev profile shares its dependencies with the tests. The only part of the harness that is timed
# is the server; it spends its time in system calls, which no optimisation makes faster.
cargo bench --quiet --locked --profile dev --bench check | tee target/bench/results.md
