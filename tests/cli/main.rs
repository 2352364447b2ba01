//! The program as a whole: each test runs the binary and asserts all that it printed and its exit status.
//! With PORTHOLE_BIN set, the same tests run on that binary: `make test` does so for both static ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "tests may fail loudly, and say what they do by their names"
)]

#[path = "../support/mod.rs"]
mod support;

// The checks, a file each.
mod dns;
mod file;
mod grpc;
mod http;
mod listen;
mod process;
mod tcp;
mod tls;
mod unix;

// What needs a feature of the build: see support/features.rs.
mod with_inspect;

// What holds for all of them.
mod and;
mod deadline;
mod expand;
mod json;
mod local;
mod polite;
mod refused;
mod secrets;
mod stable;
mod usage;
mod wait;

// What once went wrong.
mod regression;
