#!/usr/bin/env bash
# Sees to it that what the Makefile's targets need is there: scripts/need.sh cc engine servers …
# Where it is missing and this is Debian and we are root, it is installed; elsewhere the message says what to do.
set -euo pipefail

# need NAME COMMAND PACKAGE...
need() {
    local name=$1 command=$2
    shift 2
    if command -v "$command" >/dev/null; then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "need: installing $* for $name" >&2
        apt-get update -qq >&2
        if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then return; fi
    fi
    echo "need: $name is missing; install $* (or what has $command on this system)" >&2
    return 1
}

# The real servers that the checks are tested against, as PROGRAM:PACKAGE.
servers=(nginx:nginx-light haproxy:haproxy openssl:openssl python3:python3)

# Installed, not started: no service is to run on this machine because its tests were run (policy-rc.d, as
# invoke-rc.d(8) has it).
need_servers() {
    local missing=() entry policy=/usr/sbin/policy-rc.d
    for entry in "${servers[@]}"; do
        command -v "${entry%%:*}" >/dev/null || [ -x "/usr/sbin/${entry%%:*}" ] || missing+=("${entry#*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "need: ${missing[*]}: not installed, and only root can" >&2
        return 1
    fi
    echo "need: installing ${missing[*]} to test against" >&2
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

command -v cargo >/dev/null || { echo "need: cargo is missing; https://rustup.rs says how to install Rust" >&2; exit 1; }
for what in "$@"; do
    case $what in
        cc) need "a C compiler as linker" cc gcc libc6-dev ;;
        # Not fatal: the tests say what they skip where no engine can be had.
        engine) need "a container engine" docker docker.io || true ;;
        servers) need_servers ;;
        *) echo "need: expected cc, engine or servers, got '$what'" >&2; exit 1 ;;
    esac
done
