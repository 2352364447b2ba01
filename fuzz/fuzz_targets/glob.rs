//! Patterns of file names: the same answers as fnmatch(3) without flags, where the two mean the same.
#![no_main]

use std::ffi::CString;

use libfuzzer_sys::fuzz_target;
use porthole::view::glob::fits;

unsafe extern "C" {
    fn fnmatch(pattern: *const std::ffi::c_char, name: *const std::ffi::c_char, flags: i32) -> i32;
}

/// The characters of patterns: classes and equivalences are left out, and so are ranges that are
/// open to interpretation.
const ALPHABET: &[&str] = &["*", "?", "a", "b", "c", ".", "/", "[ab]", "[!a]", "[a-c]", "\\*", "\\?", "\\a"];

fuzz_target!(|input: (&[u8], &[u8])| {
    let (pattern, name) = input;
    fits(pattern, name);
    let pattern: String =
        pattern.iter().take(40).map(|&b| ALPHABET[usize::from(b) % ALPHABET.len()]).collect();
    let name: String = name.iter().take(40).map(|&b| char::from(b"abc./*?"[usize::from(b) % 7])).collect();
    let (typed, named) = (CString::new(&*pattern).unwrap(), CString::new(&*name).unwrap());
    // SAFETY: both are strings that end in NUL.
    let theirs = unsafe { fnmatch(typed.as_ptr(), named.as_ptr(), 0) } == 0;
    assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), theirs, "{pattern:?} {name:?}");
});
