//! The answer of an HTTP/1 server to `porthole http`. The verdict is the same however the answer is
//! cut into pieces; what is printed is one line without control characters or the secret of the
//! request. If the body has to be read to its end, an answer that is shorter than its Content-Length, or
//! without its last chunk, is never healthy; nor is a WebSocket without the hash of its key.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use support::{Choices, check, check_cut};

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

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (kind, first, second, bytes) = input;
    if kind >= 0xc0 {
        return is_framed(usize::from(first), kind & 1 == 1, bytes);
    }
    let words = CHECKS[usize::from(kind) % CHECKS.len()];
    // The fuzzer cannot guess the secret.
    let mut answer = Vec::new();
    for &byte in bytes {
        if byte == 0xff { answer.extend_from_slice(support::SECRET) } else { answer.push(byte) }
    }
    let whole = check_cut(words, &answer, (first, second));
    if words.len() == 4 && words[2] == "--contains" && whole.is_healthy {
        assert!(answer.windows(2).any(|pair| pair == b"ok"), "{whole:?}");
    }
    if words[1] == "ws://@/" {
        assert!(!whole.is_healthy, "{whole:?}");
    } else if words.contains(&"--matches") || words.contains(&"--field") {
        is_whole(&answer, whole.is_healthy);
    }
});

/// If the whole body has to be read, a healthy answer with a single Content-Length has one of that
/// length.
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

/// A body of these bytes, with its length before it or in chunks, is healthy; if it is cut here, it is
/// not.
fn is_framed(cut: usize, is_chunked: bool, bytes: &[u8]) {
    let (choices, body) = bytes.split_at(bytes.len().min(32));
    let (answer, end) = if is_chunked { chunked(body, &mut Choices(choices)) } else { with_length(body) };
    let words = &["http", "@", "--matches", "^"];
    let whole = check(words, &[&answer]);
    assert!(whole.is_healthy, "{whole:?}");
    let cut = check(words, &[&answer[..cut % end]]);
    assert!(!cut.is_healthy, "{cut:?}");
}

/// Returns an answer, and where its body is complete.
fn with_length(body: &[u8]) -> (Vec<u8>, usize) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    let end = answer.len();
    (answer, end)
}

/// RFC 9112, section 7.1. Section 8: with the chunk of length 0 the body is complete, before the
/// trailers.
fn chunked(body: &[u8], choices: &mut Choices<'_>) -> (Vec<u8>, usize) {
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut rest = body;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(choices.up_to(rest.len() - 1) + 1);
        rest = behind;
        let extension = ["", ";a", ";a=\"b\""][choices.up_to(2)];
        answer.extend_from_slice(format!("{:x}{extension}\r\n", piece.len()).as_bytes());
        answer.extend_from_slice(piece);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice([&b"0\r\n"[..], b"000;x\r\n"][choices.up_to(1)]);
    let end = answer.len();
    answer.extend_from_slice([&b"\r\n"[..], b"X-Sum: 1\r\n\r\n"][choices.up_to(1)]);
    (answer, end)
}
