//! Responses of an HTTP/2 server (RFC 9113), cut into frames as the fuzzer chooses.

use super::Choices;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// A kind that no RFC defines.
const UNKNOWN: u8 = 0xbb;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// A list of fields.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// Returns a whole response with this head and body. With trailers, these end it.
pub fn response(
    head: Fields<'_>,
    body: &[u8],
    trailers: Option<Fields<'_>>,
    choices: &mut Choices,
) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, SETTINGS, 0, 0, &[]);
    between(&mut out, choices);
    let is_over = body.is_empty() && trailers.is_none();
    push_fields(&mut out, head, is_over, choices);
    let mut rest = body;
    while !rest.is_empty() {
        between(&mut out, choices);
        let (piece, behind) = rest.split_at(choices.up_to(rest.len() - 1) + 1);
        rest = behind;
        let flags = if rest.is_empty() && trailers.is_none() { END_STREAM } else { 0 };
        push_padded(&mut out, DATA, flags, piece, choices);
    }
    if let Some(trailers) = trailers {
        between(&mut out, choices);
        push_fields(&mut out, trailers, true, choices);
    }
    out
}

/// Returns what the frames of the stream carry as DATA, if one ends it: what a client has to have
/// received before it may believe in a response. The frames are read once more on purpose.
pub fn body_of(mut answer: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (&[l0, l1, l2, kind, flags, s0, s1, s2, s3], rest) = answer.split_first_chunk::<9>()?;
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let (payload, rest) = rest.split_at_checked(length)?;
        answer = rest;
        if u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]) != 1 {
            continue;
        }
        if kind == DATA {
            let (&padding, content) =
                if flags & PADDED == 0 { (&0, payload) } else { payload.split_first()? };
            body.extend_from_slice(&content[..content.len().checked_sub(usize::from(padding))?]);
        }
        if (kind == DATA || kind == HEADERS) && flags & END_STREAM != 0 {
            return Some(body);
        }
    }
}

fn push(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Adds a frame of the stream, which may have padding.
fn push_padded(out: &mut Vec<u8>, kind: u8, flags: u8, payload: &[u8], choices: &mut Choices) {
    match choices.up_to(7) {
        padding @ 1..4 => {
            let padding = padding - 1;
            let padded = [&[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat();
            push(out, kind, flags | PADDED, 1, &padded);
        }
        _ => push(out, kind, flags, 1, payload),
    }
}

/// Adds a header block of literals that are not indexed, in one frame or more. RFC 7541, 6.2.2.
fn push_fields(out: &mut Vec<u8>, fields: Fields<'_>, is_over: bool, choices: &mut Choices) {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let flags = if is_over { END_STREAM } else { 0 };
    if choices.up_to(3) == 1 {
        let (front, back) = block.split_at(choices.up_to(block.len()));
        push_padded(out, HEADERS, flags, front, choices);
        push(out, CONTINUATION, END_HEADERS, 1, back);
    } else {
        push_padded(out, HEADERS, flags | END_HEADERS, &block, choices);
    }
}

/// Adds what a server may send between two frames of a stream.
fn between(out: &mut Vec<u8>, choices: &mut Choices) {
    match choices.up_to(7) {
        1 => push(out, PING, 0, 0, b"12345678"),
        2 => push(out, WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
        3 => push(out, SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        4 => push(out, UNKNOWN, 0xff, 1, b"x"),
        5 => push(out, SETTINGS, 1, 0, &[]),
        _ => {}
    }
}
