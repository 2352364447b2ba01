//! A real engine: images FROM scratch, containers as nonroot with a read-only root, no capabilities, no network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests may fail loudly, and say what they do by their names"
)]

#[path = "../support/engine.rs"]
mod engine;
#[path = "../support/shared.rs"]
mod shared;
#[path = "../support/skip.rs"]
mod skip;
#[path = "../support/times.rs"]
mod times;

mod compose;
mod ecs;
mod examples;
mod flows;
mod health;
mod image;
mod inspect;
mod kubernetes;
