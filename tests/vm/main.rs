//! Tests of porthole on other kernels than this machine's, and with setups of control groups, proc
//! and the network that it does not have. They run as root in a virtual machine that is theirs
//! alone: scripts/vm.sh boots it, and init.sh says which of the modules run in which kind of boot.
//! Each helper that changes the machine refuses to do so anywhere else (`guest::assert_guest`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests may panic, and their names document them"
)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "most of it is for more tests than these")]
mod support;

mod guest;

// In every boot.
mod bytes;
mod checks;
mod clocks;
mod filesystems;
mod loopback;
mod proc_options;
mod processes;
mod servers;

// Before and after the modules for sock_diag(7) are loaded.
mod with_diag;
mod without_diag;

// With control groups of this version.
mod groups_v1;
mod groups_v2;

// Booted with ipv6.disable=1.
mod without_ipv6;
