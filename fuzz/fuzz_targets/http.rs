//! The answer of an HTTP/1 server to `porthole http`. The verdict is the same however the answer is
//! cut into pieces; what is printed is one line without control characters or the secret of the
//! request; an answer that is shorter than its Content-Length is never healthy.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use support::check_cut;

/// The checks, of which the first byte of the input chooses one.
const CHECKS: &[&[&str]] = &[
    &["http", "@"],
    &["http", "@", "--contains", "ok"],
    &["http", "@", "--not-contains", "bad", "--max-body", "64"],
    &["http", "@", "--field", "/a/0=x", "--field", "/b"],
    &["http", "@", "--matches", "^(ok|up)+$"],
    &["http", "@", "--expect-header", "X-A: b", "--status", "2xx,404"],
    &["http", "@", "-X", "HEAD"],
    &["http", "@", "--show", "all", "--follow", "1"],
    &["http", "@", "-H", "Authorization: Bearer ${API_TOKEN}"],
    &["http", "ws://@/"],
    &["http", "@", "--data", "x", "--user", "me:${API_TOKEN}"],
    &["not", "http", "@"],
];

fuzz_target!(|input: (u8, u16, u16, Vec<u8>)| {
    let (kind, first, second, bytes) = input;
    let words = CHECKS[usize::from(kind) % CHECKS.len()];
    // The fuzzer cannot guess the secret.
    let mut answer = Vec::new();
    for byte in bytes {
        if byte == 0xff { answer.extend_from_slice(support::SECRET) } else { answer.push(byte) }
    }
    let whole = check_cut(words, &answer, (first, second));
    if words.len() == 4 && words[2] == "--contains" && whole.is_healthy {
        assert!(answer.windows(2).any(|pair| pair == b"ok"), "{whole:?}");
    }
    if words.len() == 2 && words[0] == "http" {
        is_whole(&answer, whole.is_healthy);
    }
});

/// A healthy answer to GET with a single Content-Length has a body of that length.
fn is_whole(answer: &[u8], is_healthy: bool) {
    let Some(end) = answer.windows(4).position(|part| part == b"\r\n\r\n") else { return };
    let Ok(head) = std::str::from_utf8(&answer[..end]) else { return };
    let lower = head.to_ascii_lowercase();
    let plain = lower.starts_with("http/1.1 200") && !lower.contains("transfer-encoding");
    let mut lengths = lower.split("\r\n").filter_map(|line| line.strip_prefix("content-length: "));
    let (Some(length), None, true) = (lengths.next(), lengths.next(), plain) else { return };
    // The check reads at most 64 KiB.
    if let Ok(length @ 0..=60_000) = length.parse::<usize>() {
        assert!(!is_healthy || answer.len() - end - 4 >= length, "an incomplete body is healthy: {head}");
    }
}
