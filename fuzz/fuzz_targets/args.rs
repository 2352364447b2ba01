//! The command line: any words, with a NUL after each, give a plan, a text, or a message of a few lines.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use porthole::commands::parse;
use porthole::deadline::Deadline;
use porthole::error::Error;
use porthole::expand::Values;

/// No variables, and no files.
struct Nothing;

impl Values for Nothing {
    fn variable(&self, _: &str) -> Option<OsString> {
        None
    }

    fn file(&self, _: &Path, _: Deadline) -> Result<Vec<u8>, Error> {
        Err("no such file".into())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let words = bytes.split(|&byte| byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let argv: Vec<OsString> = std::iter::once("porthole".into()).chain(words).collect();
    if let Err(error) = parse(argv.clone(), &Nothing) {
        let message = error.to_string();
        assert!(message.len() > 5 && message.len() < 4096, "{argv:?}: {message:?}");
    }
});
