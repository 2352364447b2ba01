#!/usr/bin/env python3
"""Prints the licences of everything in the full binary, with their texts: scripts/licences.py DOCUMENT >LICENSES.txt

DOCUMENT is the binary's CycloneDX document, which names the crates. Each text is the one that came
with the crate, printed once; for a crate that came without a text, its authors are named.
"""

import json
import pathlib
import re
import subprocess
import sys

# What is in the binary besides crates; both are under porthole's own licence.
BESIDES = """\
Rust's standard library: Copyright (c) The Rust Project Contributors; MIT OR Apache-2.0, here MIT.
musl: Copyright (c) 2005-2020 Rich Felker, et al.; MIT."""

with open(sys.argv[1], encoding="utf-8") as file:
    crates = [(crate["name"], crate["version"], crate["licenses"]) for crate in json.load(file)["components"]]
metadata = subprocess.run(
    ["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True, text=True
)
packages = {(package["name"], package["version"]): package for package in json.loads(metadata.stdout)["packages"]}
# The crates that have each text.
texts = {}
for name, version, licences in crates:
    shown = f"{name} {version}: {' AND '.join(licence['expression'] for licence in licences)}"
    package = packages[name, version]
    files = [
        path
        for path in sorted(pathlib.Path(package["manifest_path"]).parent.iterdir())
        if path.is_file() and re.match(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)", path.name, re.IGNORECASE)
    ]
    if not files:
        authors = ", ".join(package["authors"]) or package["repository"]
        texts.setdefault(f"Distributed without a licence text; by {authors}.", []).append(shown)
    for path in files:
        texts.setdefault(path.read_text(encoding="utf-8", errors="replace").strip(), []).append(shown)

rule = "-" * 80
own = pathlib.Path("LICENSE").read_text(encoding="utf-8").strip()
print(f"porthole, and:\n{BESIDES}\n\n{own}")
for text, owners in texts.items():
    print(f"\n{rule}\n" + "\n".join(dict.fromkeys(owners)) + f"\n\n{text}")
