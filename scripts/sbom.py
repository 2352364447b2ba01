#!/usr/bin/env python3
"""Finishes the CycloneDX documents of scripts/sbom.sh: scripts/sbom.py FOLDER

It removes paths, times and random values of the build machine, so that the same sources, compilers
and standard library give the same document. The document names the latter two (properties
porthole:build:*, from the files `compilers` and `std` that scripts/static.sh writes). Fails if the
crates in a document are not those that the binary next to it lists (section .dep-v0 of
cargo-auditable: deflated JSON).
"""

import datetime
import hashlib
import json
import os
import struct
import sys
import uuid
import zlib


def section(elf, wanted):
    """Returns the bytes of a section of a 64-bit little-endian ELF file: elf(5)."""
    (start,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, start + at * size) for at in range(count)]
    text = headers[names][4]
    for name, _, _, _, offset, length in headers:
        end = elf.index(b"\0", text + name)
        if elf[text + name : end] == wanted:
            return elf[offset : offset + length]
    return None


def built_with(folder):
    """Yields the compilers and the standard library as properties, one for each line of `rustc -vV`."""
    with open(f"{folder}/std", encoding="utf-8") as file:
        lines = ["std: " + file.read().strip()]
    with open(f"{folder}/compilers", encoding="utf-8") as file:
        rustc, *more = file.read().splitlines()
    for line in [*lines, "rustc: " + rustc, *more]:
        name, _, value = line.partition(": ")
        yield {"name": f"porthole:build:{name}", "value": value}


def finish(folder, name):
    """Makes a document reproducible, and compares it with its binary."""
    path = f"{folder}/{name}.cdx.json"
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    own = document["metadata"]["component"]
    text = json.dumps(document)
    text = text.replace(own["bom-ref"].split("#")[0] + "#", "").replace("?download_url=file://.", "")
    document = json.loads(text)
    document["metadata"]["component"]["name"] = name
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    document["metadata"]["timestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    document["metadata"].setdefault("properties", []).extend(built_with(folder))
    with open(f"{folder}/{name}", "rb") as file:
        elf = file.read()
    digest = hashlib.sha256(elf).hexdigest()
    document["metadata"]["component"]["hashes"] = [{"alg": "SHA-256", "content": digest}]
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")

    carried = section(elf, b".dep-v0")
    if carried is None:
        sys.exit(f"sbom: {folder}/{name} contains no list of its crates; run scripts/need.sh auditable, then make static")
    packages = json.loads(zlib.decompress(carried))["packages"]
    built = {(p["name"], p["version"]) for p in packages if p.get("kind") != "build" and not p.get("root")}
    named = {(c["name"], c["version"]) for c in document["components"]}
    if built != named:
        sys.exit(f"sbom: {path} and {folder}/{name} differ: {sorted(built ^ named)}")
    print(f"sbom: {path}: {len(named)} crates, as in the binary", file=sys.stderr)


for flavour in sys.argv[2:]:
    finish(sys.argv[1], flavour)
