//! The opening of a WebSocket, and its end. RFC 6455.

use std::time::SystemTime;

use crate::check::headers::base64;
use crate::net::head::Head;
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

    /// Returns whether the server has understood the request: its answer has a hash of the key.
    pub(super) fn is_accepted_by(&self, head: &Head) -> bool {
        let accept = base64(sha1([&self.key, SUFFIX].concat().as_bytes()).as_flattened());
        head.value("Sec-WebSocket-Accept") == Some(accept.into_bytes())
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
        let head = |accept: &str| {
            let text = format!("HTTP/1.1 101\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
            Head::parse(text.as_bytes()).unwrap()
        };
        assert!(opening.is_accepted_by(&head("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        for accept in ["s3pPLMBiTxaQ9kYGzzhZRbK+xOp=", "", "dGhlIHNhbXBsZSBub25jZQ=="] {
            assert!(!opening.is_accepted_by(&head(accept)), "{accept}");
        }
        assert!(!opening.is_accepted_by(&Head::parse(b"HTTP/1.1 101\r\n\r\n").unwrap()));
    }

    #[test]
    fn each_key_is_another() {
        let (one, two) = (Opening::new().key, Opening::new().key);
        assert!(one != two && one.len() == 24 && one.ends_with("=="), "{one} {two}");
    }
}
