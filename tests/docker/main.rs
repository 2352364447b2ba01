//! Tests with a real engine: images FROM scratch; containers that run as nonroot with a read-only
//! root, without capabilities and network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests may panic, and their names document them"
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
mod cri;
mod ecs;
mod examples;
mod flows;
mod from_source;
mod github_actions;
mod health;
mod helm;
mod image;
mod inspect;
mod kubectl;
mod kubernetes;
mod own_engine;
mod podman;
mod scenarios;
mod swarm;
mod testcontainers;
