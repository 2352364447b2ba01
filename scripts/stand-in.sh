#!/usr/bin/env bash
# Makes a stand-in for gcr.io/distroless/static-debian12:nonroot under its real name, for machines that reach no
# registry: from the same Debian packages that the real one is made of, which is all that a Dockerfile FROM it can see.
# It differs in what Debian's release differs in, and has no /etc/os-release of distroless' own.
# Prints `made` where it made one, `there` where an image of that name was there.
set -euo pipefail

name=gcr.io/distroless/static-debian12:nonroot
if docker image inspect "$name" >/dev/null 2>&1; then
    echo there
    exit
fi
folder=$(mktemp -d /tmp/porthole-stand-in-XXXXXX)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
mkdir root packages
(cd packages && apt-get download -qq base-files netbase tzdata ca-certificates >/dev/null)
for package in packages/*.deb; do dpkg-deb -x "$package" root; done
# What base-passwd and the package's scripts would make.
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >root/etc/passwd
printf 'root:x:0:\nnonroot:x:65532:\n' >root/etc/group
mkdir -p root/home/nonroot root/tmp
chown 65532:65532 root/home/nonroot
chmod 1777 root/tmp
find root/usr/share/ca-certificates -name '*.crt' -exec cat {} + >root/etc/ssl/certs/ca-certificates.crt
tar -C root -cf root.tar .
printf 'FROM scratch\nADD root.tar /\nUSER 65532:65532\nWORKDIR /home/nonroot\n' >Dockerfile
printf '*\n!root.tar\n' >.dockerignore
DOCKER_BUILDKIT=0 docker build -q -t "$name" . >/dev/null
echo made
