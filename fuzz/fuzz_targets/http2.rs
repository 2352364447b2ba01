//! The answer of an HTTP/2 server: frames and HPACK. The verdict is the same however it is cut into
//! pieces. The field blocks alone: whatever decodes is decoded alike from a fresh state.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::net::http2::hpack::Decoder;
use support::check_cut;

const CHECKS: &[&[&str]] = &[
    &["http", "@", "--http2"],
    &["http", "@", "--http2", "--contains", "ok", "--show", "all"],
    &["http", "@", "--http2", "-H", "Authorization: ${API_TOKEN}", "--data", "x"],
    &["grpc", "@"],
    &["grpc", "@", "--service", "a"],
];

fuzz_target!(|input: (u8, u16, u16, Vec<u8>)| {
    let (kind, first, second, bytes) = input;
    if kind >= 0xc0 {
        let decode = || Decoder::new().decode(&bytes);
        assert_eq!(decode(), decode());
        return;
    }
    let words = CHECKS[usize::from(kind) % CHECKS.len()];
    check_cut(words, &bytes, (first, second));
});
