//! Reads /proc: readers take its root, so that a test can fabricate one; parsers are pure functions
//! of bytes.
//!
//! A malformed row of a table is skipped, never fatal. A process that vanished is normal. Denied is
//! never confused with absent.

#[cfg(feature = "inspect")]
pub mod all;
#[cfg(feature = "inspect")]
pub mod capabilities;
#[cfg(feature = "inspect")]
pub mod cgroup;
pub mod diag;
#[cfg(feature = "inspect")]
pub mod handle;
#[cfg(feature = "inspect")]
pub mod id_map;
#[cfg(feature = "inspect")]
pub mod listing;
#[cfg(feature = "inspect")]
pub mod maps;
#[cfg(feature = "inspect")]
pub mod mountinfo;
pub mod net;
pub mod netlink;
#[cfg(feature = "inspect")]
pub mod network;
#[cfg(feature = "inspect")]
pub mod owners;
pub mod process;
#[cfg(feature = "inspect")]
pub mod rlimits;
#[cfg(feature = "inspect")]
pub mod sockets;
#[cfg(feature = "inspect")]
pub mod stat;
#[cfg(feature = "inspect")]
pub mod status;

/// The default mount point of proc.
pub const ROOT: &str = "/proc";
