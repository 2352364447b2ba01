//! What /proc says: readers that take its root, so that a test can build one, and pure parsers of bytes.
//!
//! One odd row of a table is passed over, never fatal; a process that vanished is normal; what may not be
//! read is told apart from what is not there.

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
pub mod maps;
#[cfg(feature = "inspect")]
pub mod mountinfo;
pub mod net;
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

/// Where proc is mounted.
pub const ROOT: &str = "/proc";
