#!/usr/bin/env bash
# Creates a stand-in for a base image under its real name, from this Debian's packages, for machines
# that cannot reach a registry: scripts/stand-in.sh IMAGE. A Dockerfile FROM that image then builds
# unchanged. Prints `made` if it created one, `there` if an image of that name already existed. The
# label porthole.stand-in distinguishes the stand-in from the real image, so that it can be removed.
#
# All stand-ins differ from the real images in this: the versions are those of this Debian; packages
# are unpacked and not configured, without documentation and translations. Further differences are
# noted at each image.
set -euo pipefail

image=${1:?stand-in: expected the name of a base image, as a Dockerfile has it after FROM}
if docker image inspect "$image" >/dev/null 2>&1; then
    echo there
    exit
fi
command -v apt-get >/dev/null || { echo "stand-in: $image: cannot be created here: this is not Debian" >&2; exit 1; }

folder=$(mktemp -d /tmp/porthole-stand-in-XXXXXX)
trap 'rm -rf "$folder"' EXIT
root=$folder/root
mkdir -p "$folder/packages/partial" "$root"/usr/{bin,sbin,lib,lib64}
# As in current versions of base-files: /bin is /usr/bin, and so on.
for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
# Only Debian's packages, whatever other sources this machine has.
printf 'Package: *\nPin: release o=Debian\nPin-Priority: 1001\n' >"$folder/preferences"

# The configuration of the image for `docker import`, as lines of a Dockerfile.
changes=(-c 'LABEL porthole.stand-in=1')
change() { changes+=(-c "$1"); }

# Unpacks these packages with their dependencies, as if nothing were installed yet.
unpack() {
    fetch install --download-only "$@"
}

# Unpacks only these packages.
unpack_alone() {
    (cd "$folder/packages" && fetch download "$@")
}

fetch() {
    local package
    # Needs neither root nor the machine's dpkg lock.
    apt-get -qq -y --no-install-recommends -o Dir::State::status=/dev/null -o Debug::NoLocking=1 \
        -o APT::Sandbox::User=root -o Dir::Etc::preferences="$folder/preferences" \
        -o Dir::Cache::archives="$folder/packages" "$@" >"$folder/log" 2>&1 || {
        echo "stand-in: $image: $* failed (apt-get update may help):" >&2
        tail -n 3 "$folder/log" >&2
        exit 1
    }
    for package in "$folder"/packages/*.deb; do
        # Only jlink reads jmods, which is a quarter of a JDK.
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
            --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude='*/jmods'
        rm "$package"
    done
}

# Creates what base-passwd and the packages' scripts would: accounts NAME:UID, each with a group of
# the same name and number.
accounts() {
    local account name id
    mkdir -p "$root/etc" "$root/root"
    for account in root:0 "$@"; do
        name=${account%:*} id=${account#*:}
        echo "$name:x:$id:$id:$name:/home/$name:/sbin/nologin" >>"$root/etc/passwd"
        echo "$name:x:$id:" >>"$root/etc/group"
    done
    sed -i 's,:/home/root:,:/root:,' "$root/etc/passwd"
    mkdir -p "$root/tmp"
    chmod 1777 "$root/tmp"
}

certificates() {
    mkdir -p "$root/etc/ssl/certs"
    find "$root/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$root/etc/ssl/certs/ca-certificates.crt"
}

# What all distroless images and their :nonroot have, except distroless' own /etc/os-release.
distroless() {
    unpack_alone base-files netbase tzdata ca-certificates
    accounts nonroot:65532
    certificates
    mkdir -p "$root/home/nonroot"
    change 'USER 65532'
    change 'WORKDIR /home/nonroot'
}

# This machine's toolchain, crates and tools from crates.io, without what the images lack too, such
# as its documentation.
rust() {
    local rustup=${RUSTUP_HOME:-$HOME/.rustup} cargo=${CARGO_HOME:-$HOME/.cargo} tools toolchain
    "$(dirname "$0")/need.sh" auditable
    tools=$(cd "$(dirname "$0")/../target/tools" && pwd -P)
    toolchain=$(rustc --print sysroot && command -v rustup >/dev/null) || {
        echo "stand-in: $image: cannot be created here: rustup has no toolchain" >&2
        exit 1
    }
    mkdir -p "$root$toolchain" "$root$cargo"/{bin,registry} "$root$tools/bin"
    printf 'version = "12"\ndefault_toolchain = "%s"\nprofile = "minimal"\n' "$(basename "$toolchain")" \
        >"$root$rustup/settings.toml"
    tar -C "$toolchain" --exclude='lib/rustlib/*-musl/lib/*.rlib' -cf - bin/cargo bin/rustc lib | tar -C "$root$toolchain" -xf -
    cp "$cargo/bin/rustup" "$root$cargo/bin/"
    ln -s rustup "$root$cargo/bin/cargo"
    ln -s rustup "$root$cargo/bin/rustc"
    cp -r "$cargo/registry/cache" "$cargo/registry/index" "$root$cargo/registry/"
    cp "$tools/.crates.toml" "$root$tools/"
    cp "$tools/bin/cargo-auditable" "$root$tools/bin/"
    change "ENV RUSTUP_HOME=$rustup CARGO_HOME=$cargo CARGO_NET_OFFLINE=true PORTHOLE_TOOLS=$tools"
    change "ENV PATH=$cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

case $image in
    gcr.io/distroless/static-debian*:nonroot)
        distroless
        ;;
    # This Debian's Node.js (18 in Debian 12); the real one is from nodejs.org.
    gcr.io/distroless/nodejs*-debian*:nonroot)
        distroless
        unpack nodejs
        mkdir -p "$root/nodejs/bin"
        ln -s /usr/bin/node "$root/nodejs/bin/node"
        change 'ENTRYPOINT ["/nodejs/bin/node"]'
        ;;
    # This Debian's Python: 3.11 in Debian 12.
    gcr.io/distroless/python3-debian*:nonroot)
        distroless
        unpack python3 libstdc++6
        ln -sf python3 "$root/usr/bin/python"
        change 'ENV LANG=C.UTF-8'
        change 'ENTRYPOINT ["/usr/bin/python3"]'
        ;;
    # OpenJDK 17 of Debian 12; the real one has Eclipse Temurin. Without Java's keystore of the
    # certificates.
    gcr.io/distroless/java17-debian*:nonroot)
        distroless
        unpack openjdk-17-jre-headless
        java=$(cd "$root" && echo usr/lib/jvm/java-17-openjdk-*)
        ln -s "/$java/bin/java" "$root/usr/bin/java"
        change 'ENV LANG=C.UTF-8'
        change 'ENTRYPOINT ["/usr/bin/java", "-jar"]'
        ;;
    # OpenJDK 17 of Debian 12 and nothing else; the real one is Temurin on Ubuntu.
    eclipse-temurin:17*-jdk*)
        unpack openjdk-17-jdk-headless
        accounts
        java=$(cd "$root" && echo usr/lib/jvm/java-17-openjdk-*)
        change "ENV JAVA_HOME=/$java"
        change "ENV PATH=/$java/bin:/usr/bin:/bin"
        ;;
    # This Debian's Python and pip; the real one has its own in /usr/local.
    python:3.*-slim*)
        unpack python3 python3-pip
        accounts
        ;;
    # This Debian's GCC (12 in Debian 12); the real one has its own in /usr/local, on a complete
    # Debian.
    gcc:*)
        unpack gcc libc6-dev
        accounts
        ;;
    # GCC and musl of this Debian; the toolchain of this machine's rustup, whatever its version. It
    # and cargo-auditable have the paths that they have here, because the bytes of a program depend
    # on the path of the compiler's wrapper. Nothing in it
    # needs the network: cargo is offline, and the musl targets that this machine has are there,
    # without their prebuilt libraries, which only a build without the library's sources uses.
    rust:*-slim-*)
        unpack '?essential' usr-is-merged apt ca-certificates gcc libc6-dev musl-tools
        # What the packages' scripts would create.
        cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
        cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
        certificates
        ln -s gcc "$root/usr/bin/cc"
        rust
        ;;
    # This Debian's nginx, with glibc; the real one is built from Wolfi packages. Paths and user are
    # the same.
    cgr.dev/chainguard/nginx:*)
        unpack nginx
        accounts nginx:65532
        change 'USER 65532'
        change 'ENTRYPOINT ["/usr/sbin/nginx"]'
        change 'CMD ["-c", "/etc/nginx/nginx.conf", "-e", "/dev/stderr", "-g", "daemon off;"]'
        ;;
    # Debian's busybox, which is static and has other applets than Alpine's, and Debian's musl; no
    # apk.
    alpine:*)
        unpack_alone busybox-static musl netbase
        accounts nobody:65534
        for applet in $("$root/bin/busybox" --list); do
            [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
        done
        change 'CMD ["/bin/sh"]'
        ;;
    # The essential packages and apt, unpacked; without what the packages' scripts would create,
    # such as the link for awk.
    debian:*-slim)
        unpack '?essential' usr-is-merged apt
        cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
        cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
        change 'CMD ["bash"]'
        ;;
    # The layout that `pack build` produces with Paketo's tiny stack. The application is this
    # project's example service, which is not built by a buildpack, and its process type links to it
    # directly, without the launcher.
    porthole-stand-in/buildpack)
        unpack_alone base-files netbase tzdata ca-certificates
        accounts cnb:1002
        certificates
        install -D -m 0755 "$(dirname "$0")/../target/static/service" "$root/layers/example_go-build/targets/bin/service"
        mkdir -p "$root/workspace" "$root/cnb/process"
        ln -s /layers/example_go-build/targets/bin/service "$root/cnb/process/web"
        change 'ENV CNB_LAYERS_DIR=/layers CNB_APP_DIR=/workspace'
        change 'USER 1002:1000'
        change 'WORKDIR /workspace'
        change 'ENTRYPOINT ["/cnb/process/web"]'
        ;;
    *)
        echo "stand-in: $image: unknown image; scripts/stand-in.sh can be extended to create it" >&2
        exit 1
        ;;
esac

# Everything belongs to root, except the home directory of nonroot.
tar -C "$root" --owner=0 --group=0 --exclude=./home/nonroot -cf "$folder/root.tar" .
if [ -d "$root/home/nonroot" ]; then
    tar -C "$root" --owner=65532 --group=65532 -rf "$folder/root.tar" ./home/nonroot
fi
docker import "${changes[@]}" "$folder/root.tar" "$image" >/dev/null
echo made
