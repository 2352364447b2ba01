//! The checks against the real servers: Debian's packages, started here, on loopback. Beside each stand the
//! relatives that misbehave. With PORTHOLE_BIN set, the same tests run on that binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    dead_code,
    missing_docs,
    reason = "tests may fail loudly, say what they do by their names, and share what not all of them use"
)]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/daemon.rs"]
mod daemon;
#[path = "../support/mod.rs"]
mod support;

// What all of them have to take.
mod manners;

// The servers, a file each.
mod amqp;
mod grpc;
mod https;
mod memcached;
mod mysql;
mod nginx;
mod pgbouncer;
mod polite;
mod postgres;
mod redis;

// What needs a feature of the build: see support/features.rs.
mod with_remote;
mod with_tls;
