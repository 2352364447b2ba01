//! Replaces musl's `pthread_setname_np(3)` by a function that does nothing.
//!
//! std's threads refer to it, although porthole's threads have no names. musl's version pulls in
//! `snprintf` with all of its floating-point formatting: 11 KiB for nothing.

use std::ffi::{c_char, c_int, c_void};

// SAFETY: the symbol is that of the C library, with the same signature, and this function only
// reports success.
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_thread: *mut c_void, _name: *const c_char) -> c_int {
    0
}
