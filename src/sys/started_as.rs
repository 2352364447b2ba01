//! The path by which this program was started, according to the kernel: AT_EXECFN of getauxval(3),
//! which nix does not provide.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use nix::libc::{AT_EXECFN, c_char, getauxval};

/// Returns the path that was passed to execve(2); `None` if the kernel does not report it.
pub fn started_as() -> Option<&'static Path> {
    // SAFETY: it only reads what the kernel put above the stack.
    let address = unsafe { getauxval(AT_EXECFN) };
    let path: *const c_char = ptr::with_exposed_provenance(usize::try_from(address).ok()?);
    // SAFETY: if it is not null, it is a string that ends in NUL and lives as long as the process.
    let path = (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })?;
    Some(Path::new(OsStr::from_bytes(path.to_bytes())))
}
