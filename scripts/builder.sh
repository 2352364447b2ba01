# shellcheck shell=bash
# `docker build -q` with whichever builder docker chooses: BuildKit if it is installed. Sourced by
# the other scripts.

# Without BuildKit, every build announces on standard error that the classic builder is going to be
# removed. Nothing else is printed there if the build succeeds.
docker() {
    if [ "${1:-}" != build ]; then
        command docker "$@"
        return
    fi
    local errors status=0
    { errors=$(command docker "$@" 2>&1 >&3); } 3>&1 || status=$?
    if [ "$status" != 0 ]; then sed '/^DEPRECATED: .*legacy builder/,/^$/d' <<<"$errors" >&2; fi
    return "$status"
}
