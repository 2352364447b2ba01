//! The answer to the opening of a WebSocket. It is healthy only with status 101, both headers and the
//! hash of the key; cut before the end of its head it is not, nor with another hash.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use support::{ACCEPT, Choices, check_websocket};

const CHECKS: &[&[&str]] = &[
    &["http", "ws://@/"],
    &["http", "ws://@/chat?x", "--show", "all"],
    &["http", "ws://@/", "-H", "Authorization: Bearer ${API_TOKEN}"],
];

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, cut, bytes) = input;
    let words = CHECKS[usize::from(kind >> 1) % CHECKS.len()];
    if kind & 1 == 0 {
        let verdict = check_websocket(words, bytes);
        assert!(!verdict.is_healthy || is_opened(bytes), "{verdict:?}");
        return;
    }
    let mut choices = Choices(bytes);
    let (head, behind) = (opened(&mut choices), choices.0);
    let verdict = check_websocket(words, &[&head, behind].concat());
    assert!(verdict.is_healthy, "{verdict:?}");
    let cut = check_websocket(words, &head[..usize::from(cut) % head.len()]);
    assert!(!cut.is_healthy, "{cut:?}");
    // The hash of another key.
    let other = head.iter().map(|&byte| if byte == ACCEPT { b'x' } else { byte }).collect::<Vec<_>>();
    let other = check_websocket(words, &other);
    assert!(!other.is_healthy, "{other:?}");
});

/// The head of an answer that opens a WebSocket. RFC 6455, section 4.2.2.
fn opened(choices: &mut Choices<'_>) -> Vec<u8> {
    let accept = [&b"Sec-WebSocket-Accept:"[..], &[b' ', ACCEPT]].concat();
    let mut fields: [&[u8]; 5] = [
        [&b"Upgrade: websocket"[..], b"upgrade:WebSocket ", b"UPGRADE: x, websocket"][choices.up_to(2)],
        [&b"Connection: Upgrade"[..], b"Connection: keep-alive, upgrade", b"connection:UPGRADE"]
            [choices.up_to(2)],
        &accept,
        [&b"X-A: b"[..], b"Server: x", b"Content-Length: 5"][choices.up_to(2)],
        b"X-Empty:",
    ];
    let turn = choices.up_to(4);
    fields.rotate_left(turn);
    let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for field in fields {
        head.extend_from_slice(field);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Whether a whole head has what opens a WebSocket.
fn is_opened(answer: &[u8]) -> bool {
    // What may come before it are heads with other statuses.
    let text = answer.to_ascii_lowercase();
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    has(b" 101")
        && has(b"upgrade:")
        && has(b"websocket")
        && has(b"connection:")
        && has(b"sec-websocket-accept:")
        && answer.contains(&ACCEPT)
        && (has(b"\n\r\n") || has(b"\n\n"))
}
