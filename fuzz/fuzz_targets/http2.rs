//! The answer of an HTTP/2 server: frames and HPACK. The verdict is the same however it is cut into
//! pieces. The field blocks alone: whatever decodes is decoded alike from a fresh state.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::net::http2::hpack::Decoder;
use support::check;

const CHECKS: &[&[&str]] = &[
    &["http", "@", "--http2"],
    &["http", "@", "--http2", "--contains", "ok", "--show", "all"],
    &["http", "@", "--http2", "-H", "Authorization: ${API_TOKEN}", "--data", "x"],
    &["grpc", "@"],
    &["grpc", "@", "--service", "a"],
];

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (kind, cut, bytes) = input;
    if kind >= 0xc0 {
        let decode = || Decoder::new().decode(&bytes);
        assert_eq!(decode(), decode());
        return;
    }
    let words = CHECKS[usize::from(kind) % CHECKS.len()];
    let whole = check(words, &[&bytes]);
    let (front, rest) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let cut = check(words, &[front, rest]);
    assert_eq!(whole.is_healthy, cut.is_healthy, "{whole:?} {cut:?}");
});
