#!/usr/bin/env bash
# Runs a command with a Docker engine: scripts/engine.sh COMMAND [ARGUMENT]...
# If no engine answers, this script is run as root and dockerd is installed, it starts an engine for
# the command, with all data in a temporary directory, and stops it afterwards. If that is not
# possible, the command runs without an engine, and reports what that means for it.
set -euo pipefail

if docker version >/dev/null 2>&1; then exec "$@"; fi
if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then exec "$@"; fi

folder=$(mktemp -d /tmp/porthole-engine-XXXXXX)
# The machine's own configuration is for its own engine, and dockerd rejects what both it and these
# options set.
echo '{}' >"$folder/daemon.json"
dockerd --config-file "$folder/daemon.json" --iptables=false --bridge=none --data-root "$folder/data" \
    --exec-root "$folder/exec" --pidfile "$folder/pid" --host "unix://$folder/socket" >"$folder/log" 2>&1 &
engine=$!
stop() {
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    rm -rf "$folder" 2>/dev/null || true
}
trap stop EXIT

export DOCKER_HOST="unix://$folder/socket"
deadline=$((SECONDS + 60))
until docker version >/dev/null 2>&1; do
    if ! kill -0 "$engine" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
        echo "engine: dockerd did not start; the last lines of its log:" >&2
        tail -n 5 "$folder/log" >&2
        unset DOCKER_HOST
        break
    fi
    sleep 0.2
done
"$@"
