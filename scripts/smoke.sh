#!/usr/bin/env bash
# Runs a part of the integration suite on the binaries for another architecture, under qemu-user:
# scripts/smoke.sh aarch64
# It runs all checks, against the real servers if they are installed, and the inspections that read
# no other process. It skips tests for which qemu-user is too slow or which need what it does not
# emulate: openat2(2), netlink, limits of memory, threads and descriptors (which would count qemu's
# own), the first word of the command line.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

arch=$1
folder=$PWD/target/static/$arch
qemu=$(command -v "qemu-$arch-static" || command -v "qemu-$arch") || {
    echo "smoke: qemu-$arch is missing; scripts/need.sh arm64 installs it" >&2
    exit 1
}
left_out=(readme:: stable:: memory_stays_small fifty_checks_use_little_memory checks_run_in_turn_if_no_thread
    a_socket_is_found_whatever content_is_found_anywhere why_no_unix_socket_listens the_check_never_counts_itself
    a_link_with_the_name_of a_status_without_a_uid_line_is_an_error files_guarded_by_ptrace_are_not_judged
    root_keeps_only_the_capabilities_in_its_bounding_set an_ipv6_only_wildcard_is_not_reached
    an_answer_that_expands a_listener_is_reached_at_its_own_addresses an_ipv6_wildcard_that_may_accept_ipv4 a_server_that_never_reads
    files_on_a_file_system files_on_an_unresponsive the_kernel_log_requires_a_capability large_bodies without_file_descriptors lacks_file_descriptors a_server_that_stalls unreadable_namespaces_are_reported habitual_options)
left_out=("${left_out[@]/#/--skip=}")

for name in "${flavours[@]}"; do
    run=$folder/$name.qemu
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$qemu" "$folder/$name" >"$run.new"
    chmod 755 "$run.new"
    mv "$run.new" "$run"
    printf '\n== a part of the integration suite on target/static/%s/%s\n' "$arch" "$name"
    scripts/suite.sh "$run" --test cli -- sentence:: log:: deadline:: dns:: expand:: file:: grpc:: http:: json:: \
        listen:: local:: process:: secrets:: tcp:: tls:: unix:: usage:: wait:: access:: id:: stat:: "${left_out[@]}"
    scripts/suite.sh "$run" --test servers -- "${left_out[@]}"
done
