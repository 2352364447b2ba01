//! The answers of the servers that have a check of their own, and of any server to `tcp`. The verdict
//! is the same however the answer is cut into pieces, and the secret of the request is never printed.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use support::check_cut;

const CHECKS: &[&[&str]] = &[
    &["redis", "@"],
    &["memcached", "@", "or", "file", "/${API_TOKEN}"],
    &["postgres", "@"],
    &["mysql", "@"],
    &["amqp", "@"],
    &["memcached", "@"],
    &["mongodb", "@"],
    &["kafka", "@"],
    &["nats", "@"],
    &["mqtt", "@"],
    &["tcp", "@", "--expect", "ok"],
    &["tcp", "@", "--expect", "220 ", "--send", "QUIT\\r\\n", "--expect", "221 "],
    &["tcp", "@", "--send", "AUTH ${API_TOKEN}", "--expect", "+OK"],
    &["tcp", "@", "--proxy-protocol", "2", "--expect", "x"],
];

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (kind, first, second, bytes) = input;
    let words = CHECKS[usize::from(kind) % CHECKS.len()];
    check_cut(words, bytes, (first, second));
});
