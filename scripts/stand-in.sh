#!/usr/bin/env bash
# Makes a stand-in for a base image under its real name, out of this Debian's own packages, for machines that reach no
# registry: scripts/stand-in.sh IMAGE. A Dockerfile FROM that image then builds as it is.
# Prints `made` where it made one, `there` where an image of that name was there. What it makes has the label
# porthole.stand-in, by which it can be told from the real one, and removed.
#
# What all of them differ in: the versions are those of this Debian; packages are unpacked and not configured, without
# documentation and translations. What each differs in more is said where it is made.
set -euo pipefail

image=${1:?stand-in: expected the name of a base image, as a Dockerfile has it after FROM}
if docker image inspect "$image" >/dev/null 2>&1; then
    echo there
    exit
fi
command -v apt-get >/dev/null || { echo "stand-in: $image: this is no Debian, so it cannot be made here" >&2; exit 1; }

folder=$(mktemp -d /tmp/porthole-stand-in-XXXXXX)
trap 'rm -rf "$folder"' EXIT
root=$folder/root
mkdir -p "$folder/packages/partial" "$root"/usr/{bin,sbin,lib,lib64}
# As base-files has it of late: /bin is /usr/bin, and so on.
for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
# Debian's own packages, whatever other sources this machine has.
printf 'Package: *\nPin: release o=Debian\nPin-Priority: 1001\n' >"$folder/preferences"

# What `docker import` is told of the image, as lines of a Dockerfile.
changes=(-c 'LABEL porthole.stand-in=1')
say() { changes+=(-c "$1"); }

# Unpacks these packages; with their dependencies, as if nothing were installed yet.
unpack() {
    fetch install --download-only "$@"
}

# Unpacks these packages alone.
unpack_alone() {
    (cd "$folder/packages" && fetch download "$@")
}

fetch() {
    local package
    # Needs no root, and no lock of the machine's dpkg.
    apt-get -qq -y --no-install-recommends -o Dir::State::status=/dev/null -o Debug::NoLocking=1 \
        -o APT::Sandbox::User=root -o Dir::Etc::preferences="$folder/preferences" \
        -o Dir::Cache::archives="$folder/packages" "$@" >"$folder/log" 2>&1 || {
        echo "stand-in: $image: $* failed (apt-get update may help):" >&2
        tail -n 3 "$folder/log" >&2
        exit 1
    }
    for package in "$folder"/packages/*.deb; do
        # jmods, a quarter of a JDK, is what jlink alone reads.
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
            --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude='*/jmods'
        rm "$package"
    done
}

# What base-passwd and the packages' scripts would make: accounts NAME:UID, each with a group of that name and number.
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

# What all distroless images have, and their :nonroot. No /etc/os-release of distroless' own.
distroless() {
    unpack_alone base-files netbase tzdata ca-certificates
    accounts nonroot:65532
    certificates
    mkdir -p "$root/home/nonroot"
    say 'USER 65532'
    say 'WORKDIR /home/nonroot'
}

case $image in
    gcr.io/distroless/static-debian*:nonroot)
        distroless
        ;;
    # Node.js as this Debian has it (18 in Debian 12), where the real one has it from nodejs.org.
    gcr.io/distroless/nodejs*-debian*:nonroot)
        distroless
        unpack nodejs
        mkdir -p "$root/nodejs/bin"
        ln -s /usr/bin/node "$root/nodejs/bin/node"
        say 'ENTRYPOINT ["/nodejs/bin/node"]'
        ;;
    # Python as this Debian has it: 3.11 in Debian 12.
    gcr.io/distroless/python3-debian*:nonroot)
        distroless
        unpack python3 libstdc++6
        ln -sf python3 "$root/usr/bin/python"
        say 'ENV LANG=C.UTF-8'
        say 'ENTRYPOINT ["/usr/bin/python3"]'
        ;;
    # OpenJDK 17 of Debian 12, where the real one has Eclipse Temurin; without what Java makes of the certificates.
    gcr.io/distroless/java17-debian*:nonroot)
        distroless
        unpack openjdk-17-jre-headless
        java=$(cd "$root" && echo usr/lib/jvm/java-17-openjdk-*)
        ln -s "/$java/bin/java" "$root/usr/bin/java"
        say 'ENV LANG=C.UTF-8'
        say 'ENTRYPOINT ["/usr/bin/java", "-jar"]'
        ;;
    # OpenJDK 17 of Debian 12 on nothing else, where the real one is Temurin on Ubuntu.
    eclipse-temurin:17*-jdk*)
        unpack openjdk-17-jdk-headless
        accounts
        java=$(cd "$root" && echo usr/lib/jvm/java-17-openjdk-*)
        say "ENV JAVA_HOME=/$java"
        say "ENV PATH=/$java/bin:/usr/bin:/bin"
        ;;
    # Python and pip as this Debian has them, where the real one has its own in /usr/local.
    python:3.*-slim*)
        unpack python3 python3-pip
        accounts
        ;;
    # GCC as this Debian has it (12 in Debian 12), where the real one has its own in /usr/local, and all of Debian around.
    gcc:*)
        unpack gcc libc6-dev
        accounts
        ;;
    # nginx as this Debian has it, with glibc, where the real one is built of Wolfi's packages; the same paths and user.
    cgr.dev/chainguard/nginx:*)
        unpack nginx
        accounts nginx:65532
        say 'USER 65532'
        say 'ENTRYPOINT ["/usr/sbin/nginx"]'
        say 'CMD ["-c", "/etc/nginx/nginx.conf", "-e", "/dev/stderr", "-g", "daemon off;"]'
        ;;
    # Debian's busybox, linked statically and with other applets than Alpine's, and Debian's musl; no apk.
    alpine:*)
        unpack_alone busybox-static musl netbase
        accounts nobody:65534
        for applet in $("$root/bin/busybox" --list); do
            [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
        done
        say 'CMD ["/bin/sh"]'
        ;;
    # What is essential and apt, unpacked; nothing that the packages' scripts would have made, such as awk's link.
    debian:*-slim)
        unpack '?essential' usr-is-merged apt
        cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
        cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
        say 'CMD ["bash"]'
        ;;
    # What `pack build` leaves, laid out as Paketo's tiny one: the application is this project's example service, built by
    # no buildpack, and its process type leads to it without the launcher between.
    porthole-stand-in/buildpack)
        unpack_alone base-files netbase tzdata ca-certificates
        accounts cnb:1002
        certificates
        install -D -m 0755 "$(dirname "$0")/../target/static/service" "$root/layers/example_go-build/targets/bin/service"
        mkdir -p "$root/workspace" "$root/cnb/process"
        ln -s /layers/example_go-build/targets/bin/service "$root/cnb/process/web"
        say 'ENV CNB_LAYERS_DIR=/layers CNB_APP_DIR=/workspace'
        say 'USER 1002:1000'
        say 'WORKDIR /workspace'
        say 'ENTRYPOINT ["/cnb/process/web"]'
        ;;
    *)
        echo "stand-in: $image: how to make this one is not known; scripts/stand-in.sh is the place to say so" >&2
        exit 1
        ;;
esac

# Everything is root's, but the home of nonroot.
tar -C "$root" --owner=0 --group=0 --exclude=./home/nonroot -cf "$folder/root.tar" .
if [ -d "$root/home/nonroot" ]; then
    tar -C "$root" --owner=65532 --group=65532 -rf "$folder/root.tar" ./home/nonroot
fi
docker import "${changes[@]}" "$folder/root.tar" "$image" >/dev/null
echo made
