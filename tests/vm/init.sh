#!/bin/busybox sh
# shellcheck shell=dash
# PID 1 of a guest: sets the machine up, runs the tests that fit the kind of boot, and switches it
# off. `porthole.vm=KIND` on the kernel's command line selects the kind.
b=/bin/busybox
$b mkdir -p /proc /sys /dev /tmp /etc /run /root /var
$b --install -s /bin
ln -s bin /sbin
ln -s .. /usr
# RUSTC_BOOTSTRAP: the time of each test is an unstable option of libtest.
export RUSTC_BOOTSTRAP=1 PATH=/bin HOME=/root RUST_BACKTRACE=0 RUST_TEST_THREADS=1 PORTHOLE_BIN=/bin/porthole
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmp /tmp
chmod 1777 /dev/shm
# What the test programs read from the checkout, at the path that they were built with.
cp -a /checkout/. /
hostname guest
ifconfig lo 127.0.0.1 up
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >/etc/passwd
printf 'root:x:0:\nnobody:x:65534:\n' >/etc/group
printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
read -r line </proc/cmdline
kind=${line##*porthole.vm=}
kind=${kind%% *}
skip_nothing=
case $line in *porthole.skip_nothing*) skip_nothing=PORTHOLE_SKIP_NOTHING=1 ;; esac
status=0
run() {
    echo "guest: $*"
    "$@" || status=1
}

# Part of the integration suite: what needs no more than a network and files of its own, and real
# servers. Tests that limit memory or become another user need programs that busybox lacks:
# prlimit(1), setpriv(1). In two others porthole prepares megabytes within half a second, for which
# emulation is too slow.
suite() {
    run /tests/cli http:: tcp:: unix:: grpc:: tls:: --skip memory_stays_small --skip a_denied_permission --skip readme:: \
        --skip tcp::dialogue::a_server_that_stalls --skip grpc::misbehaving::a_server_that_never_reads
    run env $skip_nothing /tests/servers redis::ready memcached::ready mqtt::ready nats::ready kafka::ready
}
case $kind in
    v1) mkdir -p /sys/fs/cgroup ;;
    *) mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;
esac
if [ "$kind" != v1 ]; then run /tests/vm without_diag::; fi
while read -r module; do insmod "/modules/$module.ko"; done </modules/list
case $kind in
    v1) run /tests/vm -Zunstable-options --report-time --skip groups_v2:: --skip without_diag:: --skip with_diag:: --skip without_addresses_of_ipv6 ;;
    *) run /tests/vm -Zunstable-options --report-time --skip groups_v1:: --skip without_diag:: --skip without_ipv6:: ;;
esac
if [ "$kind" = full ]; then suite; fi

echo "guest: end $status"
poweroff -f
