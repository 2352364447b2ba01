#!/usr/bin/env bash
# Boots real kernels in qemu, without acceleration, and runs tests/vm in them:
#
#   scripts/vm.sh [NAME...]      all of them by default: see `boots` below
#
# The kernels are Debian's. apt fetches them, with a configuration of its own, into target/vm, where
# they stay. The guest has no disk and no network device: busybox, the static binaries and the tests
# are its initramfs, and it reports over the serial console.
set -euo pipefail
cd "$(dirname "$0")/.."
vm=$PWD/target/vm

# NAME SUITE ARCHITECTURE PACKAGE CONTROL-GROUPS
boots=(
    "amd64-5.10 bullseye amd64 linux-image-amd64 v2"
    "amd64-5.10-v1 bullseye amd64 linux-image-amd64 v1"
    "amd64-6.1 bookworm amd64 linux-image-amd64 v2"
    "amd64-6.12 trixie amd64 linux-image-amd64 v2"
    "arm64-6.12-16k trixie arm64 linux-image-arm64-16k v2"
)
# Modules in the order in which they can be loaded.
modules=(overlay inet_diag tcp_diag udp_diag unix_diag)
# How long a guest may take. It takes a sixth of this on two idle cores.
limit=300

log() { printf '%s\n' "vm: $*" >&2; }

# Fetches a kernel and busybox, and keeps what the guest needs: fetch SUITE ARCHITECTURE PACKAGE
fetch() {
    local suite=$1 architecture=$2 package=$3 kept=$vm/$1-$2-$3 apt=$vm/apt-$1-$2 mirror image file module
    [ ! -e "$kept/done" ] || return 0
    log "fetching $package of $suite ($architecture)"
    # shellcheck disable=SC2016 # apt fills these in.
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
    rm -rf "$kept" "$apt"
    mkdir -p "$kept/unpacked" "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb $mirror $suite main" >"$apt/sources.list"
    cat >"$apt/conf" <<EOF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt/cache";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
EOF
    export APT_CONFIG=$apt/conf
    apt-get update -qq
    # The package without a version depends on the one with it.
    image=$(apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-image-[^ :]*\).*/\1/p' | head -n 1)
    (cd "$kept" && apt-get download -qq "$image" busybox-static)
    unset APT_CONFIG
    for file in "$kept"/*.deb; do dpkg -x "$file" "$kept/unpacked"; done
    mkdir "$kept/modules"
    cp "$kept"/unpacked/boot/vmlinuz-* "$kept/vmlinuz"
    find "$kept/unpacked" -path '*bin/busybox' -exec cp {} "$kept/busybox" \;
    for module in "${modules[@]}"; do
        file=$(find "$kept/unpacked" -name "$module.ko*" | head -n 1)
        case $file in
            *.xz) xz -dc "$file" >"$kept/modules/$module.ko" ;;
            *.ko) cp "$file" "$kept/modules/" ;;
            *) log "$image has no module $module" && return 1 ;;
        esac
    done
    rm -rf "$kept/unpacked" "$kept"/*.deb "$apt"
    touch "$kept/done"
}

# Prints the directory of this architecture's static binaries.
binaries() {
    if [ "$1" = "$(dpkg --print-architecture)" ]; then echo target/static; else echo "target/static/${1/arm64/aarch64}"; fi
}

# Makes the guest's first file system: initramfs NAME KEPT ARCHITECTURE
initramfs() {
    local root=$vm/root-$1 kept=$2 from
    from=$(binaries "$3")
    rm -rf "$root"
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc,run,modules,suite}
    cp "$kept/busybox" "$root/bin/"
    cp "$kept"/modules/*.ko "$root/modules/"
    cp "$from"/{porthole,porthole-probe,porthole-probe-tls,service} "$root/bin/"
    install -m 0755 tests/vm/init "$root/init"
    cp tests/vm/*.sh "$root/suite/"
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$vm/$1.cpio.gz"
    rm -rf "$root"
}

# Boots a guest, and prints its result: boot NAME SUITE ARCHITECTURE PACKAGE CONTROL-GROUPS
boot() {
    local name=$1 kept=$vm/$2-$3-$4 console=$vm/$1.log machine status=0
    initramfs "$name" "$kept" "$3"
    case $3 in
        amd64) machine=(qemu-system-x86_64 -cpu max -append "console=ttyS0 quiet panic=-1 groups=$5") ;;
        # Without an implementation-defined algorithm, pointer authentication takes most of the time.
        arm64) machine=(qemu-system-aarch64 -M virt -cpu "max,pauth-impdef=on" -append "console=ttyAMA0 quiet panic=-1 groups=$5") ;;
    esac
    timeout "$limit" "${machine[@]}" -accel "tcg,thread=multi" -smp 2 -m 768 -nic none -nographic -no-reboot \
        -kernel "$kept/vmlinuz" -initrd "$vm/$name.cpio.gz" </dev/null >"$console" 2>&1 || status=$?
    tr -d '\r' <"$console" >"$console.new" && mv "$console.new" "$console"
    grep -aE '^(FAILED|[| ] )' "$console" | sed "s/^/$name: /" || true
    # The line is the guest's last; without it the kernel or the suite ended before.
    if ! grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$console" >"$vm/$name.result"; then
        log "$name: the guest did not finish (qemu: $status); the end of its console:"
        tail -n 30 "$console" >&2
        return 1
    fi
    echo "$name: $(cat "$vm/$name.result")"
    grep -q ' passed, 0 failed$' "$vm/$name.result"
}

scripts/need.sh vm
[ $# -gt 0 ] || set -- "${boots[@]%% *}"
wanted=" $* "
selected=()
for entry in "${boots[@]}"; do
    [[ $wanted != *" ${entry%% *} "* ]] || selected+=("$entry")
done
[ ${#selected[@]} -gt 0 ] || { log "expected one of: ${boots[*]%% *}"; exit 1; }

for entry in "${selected[@]}"; do
    read -r name suite architecture package _ <<<"$entry"
    fetch "$suite" "$architecture" "$package"
    from=$(binaries "$architecture")
    if [ ! -e "$from/service" ] || [ ! -e "$from/porthole" ]; then
        ARCH=$architecture scripts/static.sh probe probe-tls full service
    fi
done

# Two at a time.
failed=0
pids=()
for entry in "${selected[@]}"; do
    # shellcheck disable=SC2086 # The fields of an entry are words.
    boot $entry &
    pids+=($!)
    if [ ${#pids[@]} -ge 2 ]; then
        wait "${pids[0]}" || failed=$((failed + 1))
        pids=("${pids[@]:1}")
    fi
done
for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
[ $failed = 0 ] || { log "$failed of ${#selected[@]} kernels failed; their consoles are target/vm/*.log"; exit 1; }
