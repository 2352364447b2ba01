//! `pthread_setname_np(3)` that does nothing, in place of musl's.
//!
//! std's threads refer to it though ours have no names, and musl's draws in `snprintf` with all of its
//! floating-point formatting: 11 KiB for nothing.

use std::ffi::{c_char, c_int, c_void};

// SAFETY: the symbol is the C library's own, with its signature, and this one only says that it succeeded.
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_thread: *mut c_void, _name: *const c_char) -> c_int {
    0
}
