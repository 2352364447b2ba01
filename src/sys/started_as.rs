//! The path by which this program was started, as the kernel has it: getauxval(3), AT_EXECFN, which nix does not have.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use nix::libc::{AT_EXECFN, c_char, getauxval};

/// What execve(2) was given; nothing where the kernel does not tell.
pub fn started_as() -> Option<&'static Path> {
    // SAFETY: it only reads what the kernel left above the stack.
    let address = unsafe { getauxval(AT_EXECFN) };
    let path: *const c_char = ptr::with_exposed_provenance(usize::try_from(address).ok()?);
    // SAFETY: where it is not null it is a string that ends in NUL and stays for as long as the process does.
    let path = (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })?;
    Some(Path::new(OsStr::from_bytes(path.to_bytes())))
}
