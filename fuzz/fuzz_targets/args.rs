//! The command line: any words give a plan, a text, or a message of a few lines.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use porthole::commands::parse;
use porthole::deadline::Deadline;
use porthole::error::Error;
use porthole::expand::Values;

/// Words that the fuzzer may choose by number.
const WORDS: &[&str] = &[
    "http",
    "tcp",
    "unix",
    "grpc",
    "tls",
    "listen",
    "file",
    "process",
    "dns",
    "redis",
    "mysql",
    "amqp",
    "memcached",
    "mongodb",
    "kafka",
    "nats",
    "mqtt",
    "du",
    "top",
    "postgres",
    "ps",
    "ls",
    "cat",
    "tail",
    "find",
    "grep",
    "ss",
    "df",
    "tar",
    "doctor",
    "limits",
    "id",
    "and",
    "or",
    "not",
    "--",
    "-h",
    "-V",
    "--json",
    "-v",
    "-q",
    "--timeout",
    "--wait",
    "1s",
    "1",
    ":80",
    "localhost:1",
    "/x",
    "a=b",
    "--contains",
    "-p",
    "-n",
    "-r",
    "--status",
    "200",
    "--max-age",
    "--show",
    "body",
    "--remote",
    "--log",
    "--explain",
    "-t",
    "-e",
    "--help=all",
];

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

fuzz_target!(|words: Vec<(u8, Vec<u8>)>| {
    let word = |(kind, bytes): (u8, Vec<u8>)| match WORDS.get(usize::from(kind)) {
        Some(word) if bytes.is_empty() => OsString::from(word),
        Some(word) => OsString::from_vec([word.as_bytes(), &bytes].concat()),
        None => OsString::from_vec(bytes),
    };
    let mut argv = vec![OsString::from("porthole")];
    argv.extend(words.into_iter().map(word));
    if let Err(error) = parse(argv.clone(), &Nothing) {
        let message = error.to_string();
        assert!(message.len() > 5 && message.len() < 4096, "{argv:?}: {message:?}");
    }
});
