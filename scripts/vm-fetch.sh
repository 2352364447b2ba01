#!/usr/bin/env bash
# Fetches a kernel of Debian's for `make vm`, and a busybox of the same architecture, into
# target/vm/kernels/NAME: vmlinuz, the modules that the guests load (*.ko), and busybox.
#
#   scripts/vm-fetch.sh NAME SUITE ARCHITECTURE PACKAGE
#
# PACKAGE is the one that depends on the suite's current kernel. apt takes the packages from the
# mirror that this machine uses, with a configuration of its own: the machine's lists, architectures
# and packages stay as they are. What has been fetched once is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 suite=$2 architecture=$3 package=$4
folder=$PWD/target/vm/kernels/$name
[ ! -e "$folder/complete" ] || exit 0
# Listed in the order in which they can be loaded.
modules=(inet_diag tcp_diag udp_diag unix_diag fuse overlay)

rm -rf "$folder"
apt=$folder/apt
mkdir -p "$apt"/{lists,archives}/partial "$apt/parts"
: >"$apt/status"
# shellcheck disable=SC2016 # apt-get replaces it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)
[ -n "$mirror" ] || { echo "vm-fetch: found no Debian mirror: apt-get indextargets lists none (apt-get update may help)" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
# An old suite's signature may have expired: nobody signs it any more.
cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::preferencesparts "$apt/parts";
Dir::State::status "$apt/status";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
APT::Architecture "$architecture";
APT::Architectures "$architecture";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
CONF
export APT_CONFIG=$apt/apt.conf

log=$folder/apt.log
fetch() {
    "$@" >>"$log" 2>&1 && return
    echo "vm-fetch: $name: $* failed:" >&2
    tail -n 5 "$log" >&2
    exit 1
}
echo "vm: fetching the kernel $name from Debian's $suite" >&2
fetch apt-get update
kernel=$(apt-cache depends --important "$package" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
[ -n "$kernel" ] || { echo "vm-fetch: $name: the package $package depends on no kernel" >&2; exit 1; }
cd "$folder"
fetch apt-get download "$kernel" busybox-static

paths=('./boot/vmlinu[xz]-*')
for module in "${modules[@]}"; do paths+=("*/$module.ko" "*/$module.ko.xz"); done
mkdir root
# A module may be compressed or built in, so that some of the patterns match nothing.
dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x -C root --wildcards "${paths[@]}" 2>>"$log" || true
dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x -C root --wildcards '*/busybox'
mv root/boot/vmlinu[xz]-* vmlinuz
find root -name busybox -type f -exec mv {} busybox \;
find root -name '*.ko.xz' -exec xz -d {} +
find root -name '*.ko' -exec mv {} . \;
rm -rf root ./*.deb apt
for module in "${modules[@]}"; do [ ! -e "$module.ko" ] || echo "$module"; done >modules
touch complete
