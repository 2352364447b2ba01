#!/usr/bin/env bash
# Demonstrates health checks with porthole: checks a service without a shell, breaks it, checks it
# again and repairs it. Runs in a container if a Docker engine answers, otherwise in an empty root.
# PORTHOLE_DEMO=root selects the latter.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/builder.sh

# engine.sh runs this script again, with an engine if one is available.
if [ -z "${PORTHOLE_DEMO:-}" ]; then
    PORTHOLE_DEMO=auto exec scripts/engine.sh scripts/demo.sh
fi

bold() { if [ -t 1 ]; then printf '\033[1m%s\033[0m\n' "$*"; else printf '%s\n' "$*"; fi; }
step() { printf '\n'; bold "# $*"; }

# Prints a command, runs it, and fails if its exit status is another: run STATUS COMMAND...
run() {
    local expected=$1 status=0
    shift
    printf '$ %s\n' "$*"
    "$@" || status=$?
    if [ "$status" != "$expected" ]; then
        printf 'demo: exit status %s, expected %s\n' "$status" "$expected" >&2
        exit 1
    fi
}

# Waits until the command succeeds: until_true SECONDS COMMAND...
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $deadline ]; then
            echo "demo: timed out waiting for: $*" >&2
            exit 1
        fi
        sleep 0.2
    done
}

port=8080

story() {
    step "Check a service from inside its container"
    run 0 "${inside[@]}" /porthole http ":$port/healthz"
    run 0 "${inside[@]}" /porthole tcp ":$port"
    step "Expect something else: the verdict says what was received and what was expected"
    run 1 "${inside[@]}" /porthole http ":$port/healthz" --contains ready
    step "Nothing listens on this port; what does listen?"
    run 1 "${inside[@]}" /porthole tcp :9090 --explain
    step "Break the service"
    run 0 "${inside[@]}" /porthole http ":$port/break" -X POST
    run 1 "${inside[@]}" /porthole http ":$port/healthz"
    run 1 "${inside[@]}" /porthole http ":$port/healthz" and tcp ":$port"
    run 1 "${inside[@]}" /porthole http ":$port/healthz" --json
}

in_container() {
    # Not local: the trap needs it after the function has returned.
    name=porthole-demo-$$
    trap 'docker rm -f "$name" >/dev/null 2>&1 || true; docker rmi -f "$name" >/dev/null 2>&1 || true' EXIT
    step "An image FROM scratch: the service, porthole, and nothing else (examples/service/Dockerfile)"
    run 0 docker build -q -f examples/service/Dockerfile -t "$name" .
    run 0 docker run -d --name "$name" --network none --read-only --cap-drop ALL --security-opt no-new-privileges "$name"
    inside=(docker exec "$name")
    until_true 30 "${inside[@]}" /porthole tcp ":$port"
    story
    step "Docker ran the same check on its own (HEALTHCHECK) and noticed"
    health() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$name")" = "$1" ]; }
    until_true 30 health unhealthy
    run 0 docker inspect -f '{{.State.Health.Status}}' "$name"
    run 0 docker inspect -f '{{with index .State.Health.Log 0}}{{.Output}}{{end}}{{range .State.Health.Log}}{{.ExitCode}} {{end}}' "$name"
    step "Repair the service"
    run 0 "${inside[@]}" /porthole http ":$port/heal" -X POST
    until_true 30 health healthy
    run 0 docker inspect -f '{{.State.Health.Status}}' "$name"
}

in_empty_root() {
    local root
    # This is the machine's own network, where port 8080 may be taken.
    port=$((20000 + $$ % 10000))
    root=$(mktemp -d /tmp/porthole-demo-XXXXXX)
    cp target/static/service target/static/porthole "$root"
    inside=(chroot "$root")
    [ "$(id -u)" = 0 ] || inside=(unshare --map-root-user chroot "$root")
    step "No container engine is available, so: an empty root with the service, porthole, and nothing else"
    run 0 ls "$root"
    ADDRESS=127.0.0.1 PORT=$port "${inside[@]}" /service &
    local service=$!
    # shellcheck disable=SC2064
    trap "kill $service 2>/dev/null || true; rm -rf $root" EXIT
    until_true 30 "${inside[@]}" /porthole tcp ":$port"
    story
    step "Repair the service"
    run 0 "${inside[@]}" /porthole http ":$port/heal" -X POST
    run 0 "${inside[@]}" /porthole http ":$port/healthz"
}

if [ "$PORTHOLE_DEMO" != root ] && docker version >/dev/null 2>&1; then in_container; else in_empty_root; fi
step "Done. docs/checks.md lists every option; make test runs all tests."
