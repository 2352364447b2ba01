//! What only a build with TLS can check.

mod clients;
mod records;
mod trust;
mod verdicts;
