//! What /proc says: readers that take its root, so that a test can build one, and pure parsers of bytes.
//!
//! One odd row of a table is passed over, never fatal; a process that vanished is normal; what may not be
//! read is told apart from what is not there.

pub mod diag;
pub mod net;
pub mod process;

/// Where proc is mounted.
pub const ROOT: &str = "/proc";
