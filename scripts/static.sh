#!/usr/bin/env bash
# Builds the static binaries: target/static/porthole-probe (no features), porthole-probe-tls (the
# feature tls), porthole (default features), the example service that the tests and the demo run in
# containers, and the tests' patient, a program with typical faults.
#
#   scripts/static.sh [probe|probe-tls|full|service|patient]...      all of them by default
#   scripts/static.sh std       only makes the standard library's sources available
#
# The standard library is built from source, without panic messages and Debug formatting and
# optimised for size, which accounts for a good half of the small size of the binary. Its sources
# come from the first of these that is available:
#   rustup  the installed toolchain, with the musl target and rust-src (which rustup adds if it can)
#   debian  Debian's rustc-web, rust-web-src, musl-tools and lld (installed on Debian, as root)
#   target  the prebuilt library of the musl target: the binary works the same, but is larger
# What is already installed, or was used last time (target/static/std), takes precedence over what
# would have to be downloaded. PORTHOLE_STD=rustup|debian|target selects one.
#
# ARCH=aarch64 (or x86_64) builds for another architecture than this machine's, into
# target/static/ARCH. This needs rustup and, for the full build, a C compiler for that architecture.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

arch=${ARCH:-$(uname -m)}
case $arch in
    x86_64 | aarch64) ;;
    amd64) arch=x86_64 ;;
    arm64) arch=aarch64 ;;
    *) echo "static: ARCH: expected x86_64 or aarch64, got '$arch'" >&2; exit 1 ;;
esac
target=$arch-unknown-linux-musl
out=target/static
cross=
if [ "$arch" != "$(uname -m)" ]; then
    cross=$arch
    out+=/$arch
    # Debian's compiler has no musl of another architecture to link with.
    if [ "${PORTHOLE_STD:-rustup}" != rustup ]; then
        echo "static: ARCH=$arch uses the standard library and linker of rustup; do not set PORTHOLE_STD" >&2
        exit 1
    fi
    PORTHOLE_STD=rustup
fi
# Unstable options on a stable compiler: build-std, immediate-abort, fmt-debug.
export RUSTC_BOOTSTRAP=1

log() { printf '%s\n' "static: $*" >&2; }

# These three test what is already installed and needs no download.
rustup_is_there() {
    local lib
    lib=$(rustc --print sysroot)/lib/rustlib
    [ -f "$lib/$target/lib/self-contained/crt1.o" ] && [ -d "$lib/src/rust/library/std" ]
}

debian_is_there() {
    [ -x /usr/bin/musl-gcc ] && [ -x /usr/bin/ld.lld ] && [ -x /usr/bin/rustc ] && debian_sources >/dev/null
}

target_is_there() {
    compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null
}

# rustup retries an unreachable server for minutes. It gets more time if it was selected explicitly.
timeout=60
[ "${PORTHOLE_STD:-}" != rustup ] || timeout=300

rustup_has_std() {
    rustup_is_there && return 0
    command -v rustup >/dev/null || return 1
    if ! target_is_there; then
        log "adding the target $target with rustup"
        timeout $timeout rustup target add "$target" >&2 || return 1
    fi
    if ! rustup_is_there; then
        log "adding rust-src with rustup"
        timeout $timeout rustup component add rust-src >&2 || return 1
    fi
    rustup_is_there
}

debian_has_std() {
    debian_is_there && return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    log "installing rustc-web, rust-web-src, musl-tools and lld from Debian"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        rustc-web rust-web-src musl-tools musl-dev lld gcc libc6-dev >&2
}

# Prints where rustc expects the sources of the standard library and Debian installs them.
debian_sources() {
    local sources
    sources=$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library
    [ -d "$sources/std" ] && echo "$sources"
}

pick() {
    case "${PORTHOLE_STD:-}" in
        rustup | debian | target) echo "$PORTHOLE_STD"; return ;;
        '') ;;
        *) log "PORTHOLE_STD: expected rustup, debian or target, got '$PORTHOLE_STD'"; exit 1 ;;
    esac
    # What was used last time, so that nothing is rebuilt; then what is installed; then what can be
    # installed.
    local last
    last=$(cat "$out/std" 2>/dev/null || true)
    if [ "$last" = debian ] && debian_is_there; then echo debian
    elif rustup_is_there; then echo rustup
    elif debian_is_there; then echo debian
    elif [ "$last" = target ] && target_is_there; then
        log "using the prebuilt library, as last time; remove $out/std to look for the sources again"
        echo target
    elif rustup_has_std; then echo rustup
    elif debian_has_std; then echo debian
    else echo target
    fi
}

how=$(pick)
case $how in
    rustup) rustup_has_std || { log "rustup cannot provide $target and rust-src"; exit 1; } ;;
    debian) debian_has_std || { log "Debian's compiler is not available"; exit 1; } ;;
    target) ;;
esac

flags=(-C target-feature=+crt-static -C relocation-model=static)
# fmt-debug=none saves 18 KB in the full build, most of it names of TLS: no message of ours is written
# with {:?}, and rustls' are replaced by ours (src/net/tls/words.rs). A higher
# inline-threshold than that of opt-level=z (5) saves a tenth of all instructions for 300 bytes.
smaller=(-Z unstable-options -C panic=immediate-abort -C force-unwind-tables=no -Z fmt-debug=none
    -Z location-detail=none -C llvm-args=-enable-machine-outliner=always
    -C llvm-args=-inline-threshold=12 -C llvm-args=-machine-outliner-reruns=4
    -C llvm-args=-tail-merge-size=2 -C llvm-args=-inline-max-stacksize=256)
std=("-Zbuild-std=std,panic_abort" -Zbuild-std-features=optimize_for_size)
# Identical code folding, no name of the build machine in the result, and no unused tables. No RELRO:
# musl applies it only to what it relocates, which a static binary is not, and its pages cost a fault.
fold=(--icf=all --build-id=none --no-eh-frame-hdr -Tscripts/layout.ld -znorelro)
remap=(--remap-path-prefix "$PWD=." --remap-path-prefix "${CARGO_HOME:-$HOME/.cargo}=cargo")
case $how in
    rustup)
        flags+=("${smaller[@]}" -C linker=rust-lld -C linker-flavor=ld.lld)
        for arg in "${fold[@]}"; do flags+=(-C "link-arg=$arg"); done
        remap+=(--remap-path-prefix "$(rustc --print sysroot)=rust")
        ;;
    debian)
        export RUSTC=/usr/bin/rustc
        # With immediate abort nothing unwinds, so an empty library satisfies std's link line.
        mkdir -p target/musl && ar rcs target/musl/libunwind.a
        flags+=("${smaller[@]}" -C linker=musl-gcc -C link-self-contained=no -C link-arg=-fuse-ld=lld
            -L "native=$PWD/target/musl")
        # musl-gcc always names an interpreter, and lld, unlike GNU ld, adds it to a static program.
        for arg in "${fold[@]}" --no-dynamic-linker; do flags+=(-C "link-arg=-Wl,$arg"); done
        ;;
    target)
        log "no sources of the standard library: the binaries will be larger than necessary"
        std=()
        unset RUSTC_BOOTSTRAP
        ;;
esac
# The compiler for the C code of crates. On Alpine the host's compiler is for musl.
cc=CC_${target//-/_}
if [ -z "${!cc:-}" ]; then
    if [ -n "$cross" ]; then export "$cc=$arch-linux-gnu-gcc"
    elif command -v musl-gcc >/dev/null; then export "$cc=musl-gcc"
    elif rustc -vV | grep -qx "host: $target"; then export "$cc=cc"
    fi
fi
flags+=("${remap[@]}")
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

# The list of dependencies is stored in the binary, where scanners look for it: about 1 KiB.
auditable=()
tools=${PORTHOLE_TOOLS:-$PWD/target/tools}/bin
if [ -x "$tools/cargo-auditable" ]; then
    export PATH=$tools:$PATH
    auditable=(auditable)
else
    log "the binaries will contain no list of dependencies; scripts/need.sh auditable installs cargo-auditable"
fi

build() {
    local name=$1 artifact=$2
    shift 2
    cargo "${auditable[@]}" build --quiet --locked --release --target "$target" --target-dir "target/musl-$how" "${std[@]}" "$@"
    mkdir -p "$out"
    install -m 0755 "target/musl-$how/$target/release/$artifact" "$out/$name.new"
    # Not replaced if nothing changed, so that what depends on it is not rebuilt.
    if cmp -s "$out/$name.new" "$out/$name"; then rm "$out/$name.new"; else mv "$out/$name.new" "$out/$name"; fi
    log "$out/$name: $(stat -c %s "$out/$name") bytes (std from: $how)"
}

build_flavour() {
    local features
    mapfile -t features < <(features_of "$1")
    build "$1" porthole "${features[@]}"
}

for flavour in "${@:-probe probe-tls full service patient}"; do
    for one in $flavour; do
        case $one in
            probe) build_flavour porthole-probe ;;
            probe-tls) build_flavour porthole-probe-tls ;;
            full) build_flavour porthole ;;
            service) build service examples/service --example service --no-default-features ;;
            patient) build patient examples/patient --example patient --no-default-features ;;
            std) mkdir -p "$out" ;;
            *) log "expected probe, probe-tls, full, service, patient or std, got '$one'"; exit 1 ;;
        esac
    done
done
# The compilers, for the SBOM: the same sources give the same bytes if these are the same.
{
    "${RUSTC:-rustc}" -vV
    printf 'cc: %s\n' "$("${!cc:-cc}" --version 2>/dev/null | head -n 1)"
} >"$out/compilers"
echo "$how" >"$out/std"
