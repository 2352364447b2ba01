//! The opening of a WebSocket, and its end. RFC 6455.

use std::time::SystemTime;

use crate::check::headers::base64;
use crate::net::head::{Head, split};
use crate::net::sha1::sha1;

/// What the server appends to the key before it hashes it. Section 1.3.
const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The status of an answer that opens a WebSocket. Section 4.2.2.
pub(super) const SWITCHING: u16 = 101;

/// The client's part of the opening.
#[derive(Debug)]
pub(super) struct Opening {
    /// 16 bytes in base64, other ones in each opening.
    pub(super) key: String,
    /// The masking key of the only frame.
    mask: [u8; 4],
}

impl Opening {
    /// An opening at this time. Section 4.1: what makes the key unique protects from caches; nothing
    /// here is a secret, so a hash of the time does, as nothing random is at hand.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let [mask, nonce @ ..] = sha1(&now.as_nanos().to_be_bytes());
        Opening { key: base64(nonce.as_flattened()), mask }
    }

    /// Returns what the answer of a server that has understood the request would have, and the
    /// header lines that it has in place of that. Section 4.1; the hash of the key is other bytes in
    /// each opening, so it is no part of the words.
    pub(super) fn unmet(&self, head: &Head) -> Option<(&'static str, Vec<u8>)> {
        let has = |name: &str, token: &str| {
            head.named(name).any(|line| {
                let (_, value) = split(line);
                value
                    .split(|&byte| byte == b',')
                    .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
            })
        };
        for (name, token, expected) in [
            ("Upgrade", "websocket", "header Upgrade: websocket"),
            ("Connection", "upgrade", "header Connection: Upgrade"),
        ] {
            if !has(name, token) {
                return Some((expected, head.quoted(name)));
            }
        }
        let accept = base64(sha1([&self.key, SUFFIX].concat().as_bytes()).as_flattened());
        let is_accepted = head.value("Sec-WebSocket-Accept") == Some(accept.into_bytes());
        (!is_accepted).then_some(("a Sec-WebSocket-Accept that matches the key", Vec::new()))
    }

    /// Returns the Close frame with which the client leaves: status 1000, masked as every frame of
    /// a client. Sections 5.3 and 5.5.1.
    pub(super) fn close_frame(&self) -> [u8; 8] {
        let [a, b, c, d] = self.mask;
        [0x88, 0x82, a, b, c, d, a ^ 0x03, b ^ 0xe8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_a_hash_of_the_key() {
        // The example in section 1.3.
        let opening = Opening { key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned(), mask: [0; 4] };
        let unmet = |fields: &str| {
            let text = format!("HTTP/1.1 101\r\n{fields}\r\n");
            opening.unmet(&Head::parse(text.as_bytes()).unwrap())
        };
        let with = |accept: &str| {
            unmet(&format!(
                "upgrade: WebSocket\r\nConnection: x, upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
            ))
        };
        assert_eq!(with("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), None);
        for accept in ["s3pPLMBiTxaQ9kYGzzhZRbK+xOp=", "", "dGhlIHNhbXBsZSBub25jZQ=="] {
            assert_eq!(
                with(accept),
                Some(("a Sec-WebSocket-Accept that matches the key", vec![])),
                "{accept}"
            );
        }
        assert_eq!(unmet(""), Some(("header Upgrade: websocket", vec![])));
        assert_eq!(unmet("Upgrade: h2c\r\n"), Some(("header Upgrade: websocket", b"Upgrade: h2c".to_vec())));
        let closes = unmet("Upgrade: websocket\r\nConnection: close\r\n");
        assert_eq!(closes, Some(("header Connection: Upgrade", b"Connection: close".to_vec())));
    }

    #[test]
    fn each_key_is_another() {
        let (one, two) = (Opening::new().key, Opening::new().key);
        assert!(one != two && one.len() == 24 && one.ends_with("=="), "{one} {two}");
    }
}
