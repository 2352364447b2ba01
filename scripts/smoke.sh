#!/usr/bin/env bash
# Runs a part of the integration suite on the binaries for another architecture, under qemu-user:
# scripts/smoke.sh aarch64
# It runs all checks, against the real servers if they are installed, and the inspections that read
# no other process. It skips tests for which qemu-user is too slow or which need what it does not
# emulate: openat2(2), netlink, limits of memory and threads (which would count qemu's own), the
# first word of the command line.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=$1
folder=$PWD/target/static/$arch
qemu=$(command -v "qemu-$arch-static" || command -v "qemu-$arch") || {
    echo "smoke: qemu-$arch is missing; scripts/need.sh arm64 installs it" >&2
    exit 1
}
left_out=(readme:: stable:: memory_stays_small fifty_of_them_stay_small where_no_thread_can_be_had a_socket_is_found_whatever
    content_is_found_anywhere why_no_unix_socket_listens the_check_never_counts_itself by_the_name_of
    a_status_that_does_not_tell_who files_that_ptrace_guards root_with_what_the_bounding_set_leaves
    a_wildcard_of_ipv6_alone_is_not_reached which_addresses_a_listener_is_reached_at
    what_is_not_known_of_a_wildcard_of_ipv6_is_said a_server_that_never_reads files_on_a_file_system the_log_of_the_kernel_takes_a_capability large_bodies)
left_out=("${left_out[@]/#/--skip=}")

for name in porthole-probe porthole; do
    run=$folder/$name.qemu
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$qemu" "$folder/$name" >"$run.new"
    chmod 755 "$run.new"
    mv "$run.new" "$run"
    printf '\n== a part of the integration suite on target/static/%s/%s\n' "$arch" "$name"
    scripts/suite.sh "$run" --test cli -- and:: deadline:: dns:: expand:: file:: grpc:: http:: json:: \
        listen:: local:: process:: secrets:: tcp:: tls:: unix:: usage:: wait:: access:: id:: stat:: "${left_out[@]}"
    scripts/suite.sh "$run" --test servers -- "${left_out[@]}"
done
