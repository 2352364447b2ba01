#!/usr/bin/env bash
# Packs the files of a release: scripts/pack.sh FOLDER
#
# It takes what `make sbom` and, with ARCH=aarch64, scripts/static.sh and scripts/sbom.sh left in
# target/static, copies it to FOLDER under the names of the release page, and writes SHA256SUMS.
# It fails unless each binary is static, is for its processor and prints the version of Cargo.toml,
# each SBOM is the one of its binary, and both architectures have the same licences.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/flavours.sh

folder=${1:?pack: expected a folder}
fail() {
    echo "pack: $*" >&2
    exit 1
}
mkdir -p "$folder"
[ -z "$(ls -A "$folder")" ] || fail "$folder is not empty"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)

# Runs a binary for any of the architectures.
run() {
    local arch=$1 qemu=
    shift
    if [ "$arch" != "$(uname -m)" ]; then
        qemu=$(command -v "qemu-$arch-static" || command -v "qemu-$arch") ||
            fail "qemu-$arch is missing; scripts/need.sh arm64 installs it"
    fi
    $qemu "$@"
}

# check_binary FILE ARCHITECTURE MACHINE
check_binary() {
    local file=$1 arch=$2 machine=$3 header printed
    header=$(readelf --wide --file-header --program-headers "$file")
    grep -q "^ *Machine:.*$machine\$" <<<"$header" || fail "$file is not for $arch"
    if grep -qwE 'INTERP|DYNAMIC' <<<"$header"; then fail "$file is not static"; fi
    printed=$(run "$arch" "$file" --version)
    [[ $printed == "porthole $version (features: "*"; target: $arch-linux-musl)" ]] ||
        fail "$file --version prints '$printed', expected version $version for $arch-linux-musl"
}

# The SBOM names the bytes of its binary; scripts/sbom.py compared its crates with the binary's list.
check_sbom() {
    local file=$1 named
    named=$(jq -r '.metadata.component | "\(.version) \(.hashes[0].content)"' "$file.cdx.json")
    [ "$named" = "$version $(sha256sum <"$file" | cut -d ' ' -f 1)" ] ||
        fail "$file.cdx.json is the SBOM of another file, or of another version than $version"
}

for entry in x86_64:X86-64 aarch64:AArch64; do
    arch=${entry%%:*}
    from=target/static
    [ "$arch" = "$(uname -m)" ] || from+=/$arch
    for name in "${flavours[@]}"; do
        file=$folder/$name-$arch-linux
        if [ ! -f "$from/$name" ] || [ ! -f "$from/$name.cdx.json" ]; then fail "$from has no $name with an SBOM"; fi
        install -m 0755 "$from/$name" "$file"
        install -m 0644 "$from/$name.cdx.json" "$file.cdx.json"
        check_binary "$file" "$arch" "${entry#*:}"
        check_sbom "$file"
    done
    if [ ! -e "$folder/LICENSES.txt" ]; then install -m 0644 "$from/LICENSES.txt" "$folder/"; fi
    cmp "$from/LICENSES.txt" "$folder/LICENSES.txt" || fail "the binaries for $arch have other licences"
done
install -m 0644 docs/porthole.1 "$folder/"
(cd "$folder" && sha256sum -- * >SHA256SUMS && sha256sum --check --quiet --strict SHA256SUMS)
echo "pack: $folder has $(find "$folder" -type f | wc -l) files of porthole $version: $((2 * ${#flavours[@]})) binaries," \
    "as many SBOMs, licences and checksums, the man page"
