//! The checks against real servers from Debian packages, which the tests start on loopback, and
//! against scripted servers that misbehave. With PORTHOLE_BIN set, the tests run that binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    dead_code,
    missing_docs,
    reason = "tests may panic, their names document them, and they share items that not all of them use"
)]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/daemon.rs"]
mod daemon;
#[path = "../support/mod.rs"]
mod support;

// The misbehaviour that every check of a server must handle.
mod manners;

// One file for each server.
mod amqp;
mod dns;
mod grpc;
mod http2;
mod https;
mod kafka;
mod memcached;
mod mongodb;
mod mqtt;
mod mysql;
mod nats;
mod nginx;
mod pgbouncer;
mod polite;
mod postgres;
mod proxy_protocol;
mod recipes;
mod redis;
mod websocket;

// Tests that need a feature of the build: see support/features.rs.
mod with_remote;
mod with_tls;
