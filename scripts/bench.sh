#!/usr/bin/env bash
# Measures the cost of a check, compared with busybox wget and curl: see benches/check/main.rs.
# Fails if a bound does not hold.
#
#   PORTHOLE_BENCH_RUNS=2000   runs of each program (default 500)
#   PORTHOLE_BENCH_DIR=DIR     measure the porthole-probe and porthole in DIR instead of building them
set -euo pipefail
cd "$(dirname "$0")/.."

log() { printf '%s\n' "bench: $*" >&2; }

missing=()
for tool in busybox-static:busybox curl:curl openssl:openssl procps:ps gcc:cc; do
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

[ -n "${PORTHOLE_BENCH_DIR:-}" ] || scripts/static.sh probe full

mkdir -p target/bench
# Rebuilt each time, which takes milliseconds.
rm -f target/bench/floor target/bench/pause
if command -v cc >/dev/null; then
    for program in floor pause; do
        cc -static -nostdlib -Wl,--build-id=none -o target/bench/$program benches/$program.S
    done
fi

# The certificate of the https server.
rm -f target/bench/cert.pem target/bench/key.pem
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bench \
        -addext subjectAltName=IP:127.0.0.1 -keyout target/bench/key.pem -out target/bench/cert.pem 2>/dev/null
fi

# The dev profile shares its dependencies with the tests. The only part of the harness that is timed
# is the server; it spends its time in system calls, which no optimisation makes faster.
cargo bench --quiet --locked --profile dev --bench check
