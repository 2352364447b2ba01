//! Tests that need a build with TLS.

mod clients;
mod records;
mod trust;
mod verdicts;
