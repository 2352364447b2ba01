#!/usr/bin/env bash
# Boots real kernels under qemu, without KVM, and tests the static binaries in them: tests/vm, and in
# one of the boots a part of the integration suite, with real servers of this machine's. Prints a
# line for each boot, `NAME: N passed, N failed, in N s`, and fails on any failure, a kernel panic, a
# guest that does not reach its end, and a time limit.
#
#   scripts/vm.sh [NAME]...     all boots by default
#
# Everything that it makes is below target/vm: kernels, the test programs, initramfs images, consoles.
set -euo pipefail
cd "$(dirname "$0")/.."

# NAME, the kernel's name, suite, architecture and package, the kind of boot (tests/vm/init.sh says
# what it runs), and what else is on the kernel's command line.
boots=(
    "arm64-6.12-16k arm64-6.12-16k trixie arm64 linux-image-arm64-16k plain"
    "amd64-6.12 amd64-6.12 trixie amd64 linux-image-amd64 full"
    "amd64-6.1 amd64-6.1 bookworm amd64 linux-image-amd64 plain"
    "amd64-5.10 amd64-5.10 bullseye amd64 linux-image-amd64 plain"
    "amd64-5.10-v1 amd64-5.10 bullseye amd64 linux-image-amd64 v1 ipv6.disable=1"
)
# No guest takes so long; one that hangs is ended after this many seconds.
limit=${PORTHOLE_VM_LIMIT:-300}
# For the full suite, from this machine: real servers, and timeout(1), whose options busybox lacks. If
# a server is not installed, or this is no amd64, its tests are skipped, or fail if
# PORTHOLE_SKIP_NOTHING is set.
programs=(redis-server memcached mosquitto nats-server kcat timeout)
work=$PWD/target/vm
mkdir -p "$work"/{initramfs,consoles}

# Builds the test programs for one architecture into target/vm/tests/ARCHITECTURE.
build_tests() {
    local arch=$1 target=$1-unknown-linux-musl name path
    rustc --print target-libdir --target "$target" | xargs -I{} find {} -name 'libstd-*.rlib' 2>/dev/null | grep -q . ||
        rustup target add "$target" >&2
    local cc=CC_${target//-/_}
    if [ "$arch" != "$(uname -m)" ]; then
        export "$cc=$arch-linux-gnu-gcc" "CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_LINKER=rust-lld"
    elif command -v musl-gcc >/dev/null; then
        export "$cc=musl-gcc"
    fi
    mkdir -p "$work/tests/$arch"
    # Without debug information, which is most of the size of a test program.
    export CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0
    local options=(--quiet --locked --target "$target" --target-dir "$work/build" --message-format json)
    local tests=(--test vm) names=(vm patient)
    # For the boot with the full suite.
    if [ "$arch" = x86_64 ]; then
        tests+=(--test cli --test servers)
        names+=(cli servers)
    fi
    cargo test --no-run "${tests[@]}" "${options[@]}" >"$work/build.json"
    cargo build --example patient "${options[@]}" >>"$work/build.json"
    for name in "${names[@]}"; do
        path=$(sed -n 's/.*"name":"'"$name"'".*"executable":"\([^"]*\)".*/\1/p' "$work/build.json" | tail -n 1)
        install -m 0755 "$path" "$work/tests/$arch/$name"
    done
}

# Copies a program of this machine's, if it is installed, with the libraries that it is linked with.
copy_program() {
    local root=$1 path library
    [ "$(uname -m)" = x86_64 ] || return 0
    path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$2") || return 0
    install -m 0755 "$path" "$root/bin/$2"
    # In a guest /usr is the root directory.
    while read -r library; do
        install -D -m 0755 "$library" "$root/${library#/usr/}"
    done < <(ldd "$path" 2>/dev/null | grep -o '/[^ ]*')
}

# Packs what a guest has into target/vm/initramfs/KERNEL.
pack() {
    local kernel=$1 arch=$2 static=$3 kind=$4 root=$work/initramfs/$1.root name module
    rm -rf "$root"
    mkdir -p "$root"/{bin,modules,tests} "$root/checkout$PWD/docs"
    install -m 0755 "$work/kernels/$kernel/busybox" "$root/bin/busybox"
    for name in porthole porthole-probe porthole-probe-tls; do
        install -m 0755 "$static/$name" "$root/bin/$name"
    done
    install -m 0755 "$work/tests/$arch"/* "$root/tests/"
    mv "$root/tests/patient" "$root/bin/"
    if [ "$kind" = full ]; then
        for name in "${programs[@]}"; do copy_program "$root" "$name"; done
    else
        rm -f "$root/tests/cli" "$root/tests/servers"
    fi
    install -m 0755 tests/vm/init.sh "$root/init"
    cp -r "$work/certificates" "$root/"
    # The tests hold each JSON document to it.
    cp docs/json.md "$root/checkout$PWD/docs/"
    while read -r module; do cp "$work/kernels/$kernel/$module.ko" "$root/modules/"; done <"$work/kernels/$kernel/modules"
    cp "$work/kernels/$kernel/modules" "$root/modules/list"
    (cd "$root" && find . -print0 | cpio --null --create --format newc --owner 0:0 --quiet | gzip -1) >"$work/initramfs/$kernel"
    rm -rf "$root"
}

# Makes a certificate for localhost, which is valid for 30 days.
certificate() {
    mkdir -p "$work/certificates"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext 'subjectAltName = DNS:localhost' -addext 'basicConstraints = critical, CA:FALSE' \
        -keyout "$work/certificates/localhost.key" -out "$work/certificates/localhost.pem" 2>/dev/null
}

# Boots a kernel, with its console in target/vm/consoles/NAME.
boot() {
    local name=$1 kernel=$2 architecture=$4 kind=$6 console=$work/consoles/$1
    shift 6
    [ -z "${PORTHOLE_SKIP_NOTHING:-}" ] || set -- "$@" porthole.skip_nothing
    local qemu=() serial=ttyS0
    case $architecture in
        amd64) qemu=(qemu-system-x86_64 -cpu max) ;;
        arm64)
            # Emulating pointer authentication exactly takes most of the time of a boot.
            # shellcheck disable=SC2054 # one word of qemu's
            qemu=(qemu-system-aarch64 -machine virt -cpu max,pauth-impdef=on)
            serial=ttyAMA0
            ;;
    esac
    timeout --kill-after 5 "$limit" "${qemu[@]}" -accel tcg -smp 1 -m 1024 -display none -monitor none -nic none -no-reboot \
        -serial "file:$console" -kernel "$work/kernels/$kernel/vmlinuz" -initrd "$work/initramfs/$kernel" \
        -append "console=$serial loglevel=1 panic=-1 porthole.vm=$kind $*" </dev/null >"$console.qemu" 2>&1
}

# Judges a console: prints the line of the boot, and what failed.
judge() {
    local name=$1 status=$2 console=$work/consoles/$1 why=
    tr -d '\r' <"$console" >"$console.text" || true
    awk -v name="$name" '
        /^test result: / {
            for (at = 2; at <= NF; at++) {
                if ($at ~ /^passed;/) passed += $(at - 1)
                if ($at ~ /^failed;/) failed += $(at - 1)
            }
        }
        END { printf "%s: %d passed, %d failed", name, passed, failed }' "$console.text"
    echo ", in $((SECONDS - ${started[$name]})) s"
    if [ "$status" = 124 ] || [ "$status" = 137 ]; then why="was ended after $limit s"
    elif [ "$status" != 0 ]; then why="qemu ended with status $status: $(tail -n 1 "$console.qemu")"
    elif grep -q 'Kernel panic' "$console.text"; then why="the kernel panicked"
    elif ! grep -q '^guest: end' "$console.text"; then why="the guest did not reach its end"
    elif ! grep -q '^test result: ' "$console.text"; then why="the guest ran no test"
    elif ! grep -qx 'guest: end 0' "$console.text"; then why="tests failed"
    fi
    [ -n "$why" ] || return 0
    echo "vm: $name: $why; the console is $console.text"
    if [ "$why" = "tests failed" ]; then
        awk '/^failures:$/ { shown = 1 } /^test result: / { shown = 0 } shown' "$console.text" | head -n 200
    else
        tail -n 40 "$console.text"
    fi
    return 1
}

selected=()
for line in "${boots[@]}"; do
    if [ $# = 0 ] || [[ " $* " == *" ${line%% *} "* ]]; then selected+=("$line"); fi
done
[ ${#selected[@]} -gt 0 ] || { echo "vm: expected names of boots: ${boots[*]%% *}" >&2; exit 1; }

certificate
declare -A made=()
for line in "${selected[@]}"; do
    read -r _ kernel suite architecture package kind _ <<<"$line"
    [ -z "${made[$kernel]:-}" ] || continue
    made[$kernel]=1
    scripts/vm-fetch.sh "$kernel" "$suite" "$architecture" "$package"
    arch=x86_64
    [ "$architecture" = amd64 ] || arch=aarch64
    static=target/static
    [ "$arch" = "$(uname -m)" ] || static+=/$arch
    if [ -z "${made[$arch]:-}" ]; then
        made[$arch]=1
        build_tests $arch
    fi
    pack "$kernel" $arch $static "$kind"
done

# Two guests at a time, the longest ones first: each has one processor.
failed=0
declare -A running=() started=()
finish() {
    local pid status=0
    wait -n -p pid || status=$?
    judge "${running[$pid]}" "$status" || failed=1
    unset "running[$pid]"
}
for line in "${selected[@]}"; do
    [ ${#running[@]} -lt 2 ] || finish
    # shellcheck disable=SC2086 # the fields of the line
    boot $line &
    running[$!]=${line%% *}
    started[${line%% *}]=$SECONDS
done
while [ ${#running[@]} -gt 0 ]; do finish; done
exit $failed
