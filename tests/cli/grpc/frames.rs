//! Hand-written HTTP/2: frames (RFC 9113), header blocks (RFC 7541), and responses of a gRPC
//! server.

use crate::support::server::{Step, send};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITY: u8 = 0x20;

/// The status SERVING, as a length-prefixed message.
pub const SERVING: &[u8] = b"\0\0\0\0\x02\x08\x01";

pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Encodes a header block of literals that are not indexed.
pub fn fields(list: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in list {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

pub fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, "")
}

/// Returns the head of a response that continues. `:status: 200` is index 8.
pub fn head() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, [&[0x88], &fields(&[("content-type", "application/grpc")])[..]].concat())
}

pub fn trailers(list: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(list))
}

pub fn trailers_only(list: &[(&str, &str)]) -> Vec<u8> {
    let start = [(":status", "200"), ("content-type", "application/grpc+proto")];
    trailers(&[&start, list].concat())
}

/// Returns a whole response with this message.
pub fn answer(message: &[u8]) -> Vec<u8> {
    [head(), frame(DATA, 0, 1, message), trailers(&[("grpc-status", "0")])].concat()
}

/// Sends SETTINGS, and these bytes once the request has arrived.
pub fn after_request(bytes: impl AsRef<[u8]>) -> Vec<Step> {
    vec![send(settings()), Step::Until(b"Health/Check"), send(bytes), Step::Hold]
}
