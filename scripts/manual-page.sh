#!/usr/bin/env bash
# Writes what the manual takes from the definitions of commands and options: docs/porthole.1, from
# src/commands/manual/porthole.1.in, and the tables that follow a line "<!-- table: … -->" in docs/.
# `cargo test` fails if they are not current.
set -euo pipefail
cd "$(dirname "$0")/.."

PORTHOLE_WRITE_MANUAL=1 cargo test --quiet --locked --lib commands::manual >/dev/null
