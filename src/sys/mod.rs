//! The only room with unsafe code: what a start of a few hundred microseconds needs and no library gives.

#![allow(unsafe_code, reason = "an allocator and C symbols cannot be had without")]

mod arena;
#[cfg(target_env = "musl")]
mod malloc;
mod pages;
#[cfg(target_env = "musl")]
mod thread_name;
