#!/usr/bin/env bash
# Makes the picture of README: what a terminal shows of a real run of porthole, against the service of
# examples/service on loopback, in network and pid namespaces of their own.
#
#   scripts/picture.sh [PORTHOLE SERVICE FILE]
#
# The default is target/static/porthole, target/static/service and docs/terminal.svg. A test compares
# the committed picture with one that it makes, numbers aside. It needs root, or a kernel on which
# users may make namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."

porthole=$(realpath "${1:-target/static/porthole}")
service=$(realpath "${2:-target/static/service}")
file=${3:-docs/terminal.svg}

# What is typed, as it is shown.
commands=(
    "porthole http :8080/healthz"
    "porthole http :8080/healthz --contains ready"
    "porthole http :8080/healthz and tcp :5432"
    "porthole http http://127.0.0.1:8080/healthz --explain"
    "porthole ss"
)

# Runs the commands and prints each, and its output.
run() {
    local place service_pid command
    ip link set lo up
    place=$(mktemp -d)
    ln -s "$porthole" "$place/porthole"
    # PID 1 of its own namespace, as in a container. It listens on IPv6 only.
    ADDRESS='[::1]' PORT=8080 unshare --pid --fork --kill-child --mount-proc "$service" >/dev/null &
    # So that the shell does not report its end.
    disown
    # unshare(1) ignores SIGTERM while it waits; the kernel kills its child with it.
    # shellcheck disable=SC2064
    trap "kill -KILL $! 2>/dev/null || true; rm -rf '$place'" EXIT
    "$porthole" tcp '[::1]:8080' --wait 30s --quiet >&2
    # unshare(1) has this one child.
    service_pid=$(tr -d ' ' <"/proc/$!/task/$!/children")
    for command in "${commands[@]}"; do
        printf '$ %s\n' "$command"
        # An unhealthy verdict is a status of 1.
        nsenter --target "$service_pid" --pid --mount -- \
            env -i PATH="$place" /bin/sh -c "$command" 2>&1 || true
    done
}

# Prints one line of the picture, at this height.
show() {
    local line=$1 y=$2 class=""
    case $line in
        '$ '*) class="command" ;;
        healthy*) class=healthy ;;
        unhealthy*) class=unhealthy ;;
    esac
    line=${line//&/&amp;}
    line=${line//</&lt;}
    line=${line//>/&gt;}
    if [ "$class" = healthy ] || [ "$class" = unhealthy ]; then
        line="<tspan class=\"$class\">${line%%:*}</tspan>:${line#*:}"
        class=""
    fi
    printf '<text x="20" y="%d"%s>%s</text>\n' "$y" "${class:+ class=\"$class\"}" "$line"
}

draw() {
    local lines=() line width=0 y=62 height
    mapfile -t lines
    for line in "${lines[@]}"; do
        if [ ${#line} -gt "$width" ]; then width=${#line}; fi
    done
    width=$((width * 8 + 48))
    height=$((${#lines[@]} * 21 + 64))
    cat <<SVG
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" width="$width" height="$height" role="img" xml:space="preserve">
<title>A terminal: porthole checks a service, names the reason for a failure, and lists who listens</title>
<style>
rect { fill: #f6f8fa; stroke: #d1d9e0 }
text { fill: #1f2328; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.command { font-weight: 600 }
.healthy { fill: #1a7f37; font-weight: 600 }
.unhealthy { fill: #cf222e; font-weight: 600 }
circle { fill: #d1d9e0 }
@media (prefers-color-scheme: dark) {
rect { fill: #151b23; stroke: #3d444d }
text { fill: #d1d7e0 }
.command { fill: #f0f6fc }
.healthy { fill: #3fb950 }
.unhealthy { fill: #ff7b72 }
circle { fill: #3d444d }
}
</style>
<rect x="0.5" y="0.5" width="$((width - 1))" height="$((height - 1))" rx="10"/>
<circle cx="22" cy="22" r="6"/><circle cx="42" cy="22" r="6"/><circle cx="62" cy="22" r="6"/>
SVG
    for line in "${lines[@]}"; do
        show "$line" "$y"
        y=$((y + 21))
    done
    echo '</svg>'
}

# Again inside the namespaces, where the commands run.
if [ "${PICTURE_STAGE:-}" = run ]; then
    run
    exit
fi
enter=(unshare --net --mount)
[ "$(id -u)" = 0 ] || enter+=(--map-root-user)
text=$(PICTURE_STAGE=run "${enter[@]}" "$0" "$porthole" "$service")
draw <<<"$text" >"$file"
