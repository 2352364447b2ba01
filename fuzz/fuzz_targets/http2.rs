//! The answer of an HTTP/2 server: frames and HPACK. The verdict is the same however it is cut into
//! pieces. A whole response is healthy whatever its frames, and one that is cut anywhere is not. The
//! field blocks alone: whatever decodes is decoded alike from a fresh state, and what is encoded is
//! decoded.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::net::http2::hpack::{Decoder, push_field};
use support::frames::response;
use support::{Choices, check, check_cut};

const CHECKS: &[&[&str]] = &[
    &["http", "@", "--http2"],
    &["http", "@", "--http2", "--contains", "ok", "--show", "all"],
    &["http", "@", "--http2", "-H", "Authorization: ${API_TOKEN}", "--data", "x"],
];

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (kind, first, second, bytes) = input;
    if kind >= 0xc0 {
        let decode = || Decoder::new().decode(bytes);
        assert_eq!(decode(), decode());
        let (name, value) = bytes.split_at(usize::from(first).min(bytes.len()));
        let mut block = Vec::new();
        push_field(&mut block, name, value);
        let field = (name.to_vec(), value.to_vec());
        assert_eq!(Decoder::new().decode(&block), Some((vec![field], true)));
        return;
    }
    if kind >= 0x80 {
        return is_whole(usize::from(first), kind & 1 == 1, bytes);
    }
    let words = CHECKS[usize::from(kind) % CHECKS.len()];
    check_cut(words, bytes, (first, second));
});

/// A response of these bytes is healthy, and one that is cut here is not.
fn is_whole(cut: usize, with_trailers: bool, bytes: &[u8]) {
    let (choices, body) = bytes.split_at(bytes.len().min(32));
    let head = [(":status", "200"), ("content-type", "text/plain")];
    let trailers: Option<&[_]> = if with_trailers { Some(&[("x-sum", "1")]) } else { None };
    let answer = response(&head, body, trailers, &mut Choices(choices));
    let words = &["http", "@", "--http2", "--matches", "^"];
    let whole = check(words, &[&answer]);
    assert!(whole.is_healthy, "{whole:?}");
    let cut = check(words, &[&answer[..cut % answer.len()]]);
    assert!(!cut.is_healthy, "{cut:?}");
}
