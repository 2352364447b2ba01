#!/usr/bin/env bash
# Measures what a check costs, beside busybox wget and curl: see benches/check/main.rs.
# Fails if a bound does not hold.
#
#   PORTHOLE_BENCH_RUNS=2000   runs of each program, 500 if not given
#   PORTHOLE_BENCH_DIR=DIR     measure the porthole-probe and porthole of that folder, and build none
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "bench: $*" >&2; }

missing=()
for tool in busybox-static:busybox curl:curl openssl:openssl procps:ps gcc:cc; do
    command -v "${tool#*:}" >/dev/null || missing+=("${tool%:*}")
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing ${missing[*]} from Debian"
        if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2; then
            say "could not install ${missing[*]}"
        fi
    else
        say "${missing[*]}: not installed, and only root can; going on without"
    fi
fi

[ -n "${PORTHOLE_BENCH_DIR:-}" ] || scripts/static.sh probe full

mkdir -p target/bench
# Built anew each time: a matter of milliseconds.
rm -f target/bench/floor target/bench/pause
if command -v cc >/dev/null; then
    for program in floor pause; do
        cc -static -nostdlib -Wl,--build-id=none -o target/bench/$program benches/$program.S
    done
fi

# The certificate of the server that answers https.
rm -f target/bench/cert.pem target/bench/key.pem
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bench \
        -addext subjectAltName=IP:127.0.0.1 -keyout target/bench/key.pem -out target/bench/cert.pem 2>/dev/null
fi

# The dev profile shares its dependencies with the tests. Of the harness only the server is timed, and that is
# system calls, which no optimisation makes faster.
cargo bench --quiet --locked --profile dev --bench check
