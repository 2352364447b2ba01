//! Tests of the whole program: each runs the binary and asserts everything that it prints, and its
//! exit status. With PORTHOLE_BIN set, they run that binary: `make test` does so for both static
//! ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "tests may panic, and their names document them"
)]

#[path = "../support/mod.rs"]
mod support;

// The checks, one file each.
mod dns;
mod file;
mod grpc;
mod http;
mod listen;
mod process;
mod tcp;
mod tls;
mod unix;

// Tests that need a feature of the build: see support/features.rs.
mod with_inspect;

// Behaviour that all of them share.
mod deadline;
mod expand;
mod json;
mod local;
mod log;
mod polite;
mod refused;
mod sandbox;
mod secrets;
mod sentence;
mod stable;
mod usage;
mod wait;

// Bugs that were fixed.
mod regression;
