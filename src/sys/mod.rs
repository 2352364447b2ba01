//! The only room with unsafe code: what a start within a few hundred microseconds needs and no
//! library provides.

#![allow(unsafe_code, reason = "an allocator and C symbols need it")]

mod arena;
mod cached;
mod fatal;
#[cfg(feature = "inspect")]
mod file_size;
mod getdents;
#[cfg(target_env = "musl")]
mod malloc;
mod pages;
mod random;
#[cfg(feature = "inspect")]
mod read_link;
pub mod sandbox;
mod set_id;
#[cfg(feature = "inspect")]
mod started_as;
mod statx;
#[cfg(feature = "inspect")]
mod terminal;
#[cfg(target_env = "musl")]
mod thread_name;
#[cfg(feature = "inspect")]
mod xattr;

pub use self::cached::{Status, read_cached, status_cached};
pub use self::fatal::explain_aborts;
#[cfg(feature = "inspect")]
pub use self::file_size::fail_past_file_size;
pub use self::getdents::read_entries;
pub use self::random::random_number;
#[cfg(feature = "inspect")]
pub use self::read_link::read_link;
pub use self::set_id::{has_file_capabilities, is_set_id};
#[cfg(feature = "inspect")]
pub use self::started_as::started_as;
#[cfg(feature = "inspect")]
pub use self::statx::{device_of, mount_id};
#[cfg(feature = "inspect")]
pub use self::terminal::{terminal_size, terminal_width};
#[cfg(feature = "inspect")]
pub use self::xattr::{APPEND_ONLY, IMMUTABLE, flags, read_attribute};
