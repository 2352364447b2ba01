//! The answer of a gRPC health service. It is healthy if and only if it is whole, and its one message
//! says SERVING: however it is cut into frames, and whatever is between them. Cut anywhere it is never
//! healthy, and with one byte changed, or of bytes of any kind, only if it still says so.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use support::frames::{body_of, response};
use support::{Choices, check, check_cut};

const CHECKS: &[&[&str]] =
    &[&["grpc", "@"], &["grpc", "@", "--service", "a"], &["grpc", "@", "-H", "authorization: ${API_TOKEN}"]];

/// `HealthCheckResponse.ServingStatus`: SERVING is the most frequent, and some are not defined.
const STATUSES: &[u64] = &[1, 1, 1, 1, 0, 2, 3, 4, 128, u64::MAX];

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (kind, first, second, bytes) = input;
    let words = CHECKS[usize::from(kind >> 1) % CHECKS.len()];
    if kind & 1 == 0 {
        let verdict = check_cut(words, bytes, (first, second));
        assert!(!verdict.is_healthy || says_serving(bytes), "{verdict:?}");
        return;
    }
    let mut choices = Choices(bytes);
    let status = STATUSES[choices.up_to(STATUSES.len() - 1)];
    let code = if choices.up_to(3) == 1 { choices.up_to(20) } else { 0 };
    let message = message(status, &mut choices);
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let mut answer = response(&head, &message, Some(&[("grpc-status", &code.to_string())]), &mut choices);
    let verdict = check(words, &[&answer]);
    assert_eq!(verdict.is_healthy, status == 1 && code == 0, "{status} {code} {verdict:?}");
    let cut = check(words, &[&answer[..usize::from(first) % answer.len()]]);
    assert!(!cut.is_healthy, "{cut:?}");
    let at = usize::from(second) % answer.len();
    answer[at] ^= (kind >> 1).max(1);
    let changed = check(words, &[&answer]);
    assert!(!changed.is_healthy || says_serving(&answer), "{changed:?}");
});

/// A length-prefixed HealthCheckResponse with this status, among fields of later versions.
fn message(status: u64, choices: &mut Choices<'_>) -> Vec<u8> {
    let mut fields = Vec::new();
    for place in 0..3 {
        if place == 1 {
            fields.push(1 << 3);
            push_varint(&mut fields, status);
        }
        match choices.up_to(7) {
            1 => fields.extend_from_slice(&[2 << 3, 0xac, 0x02]),
            2 => fields.extend_from_slice(b"\x1a\x02hi"),
            3 => fields.extend_from_slice(b"\x25abcd"),
            4 => fields.extend_from_slice(b"\x29abcdefgh"),
            // An earlier value of the same field does not count.
            5 if place == 0 => fields.extend_from_slice(&[1 << 3, 2]),
            _ => {}
        }
    }
    let length = u32::try_from(fields.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &fields].concat()
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Whether the stream is ended, and its body is one message of which the last field 1 is 1.
fn says_serving(answer: &[u8]) -> bool {
    let Some(body) = body_of(answer) else { return false };
    let Some((&[0, a, b, c, d], message)) = body.split_first_chunk::<5>() else { return false };
    u32::from_be_bytes([a, b, c, d]) as usize == message.len() && last_status(message) == Some(1)
}

fn last_status(message: &[u8]) -> Option<u64> {
    let (mut at, mut found) = (0, None);
    let varint = |at: &mut usize| {
        let mut number = 0_u64;
        for shift in 0..10 {
            let byte = *message.get(*at)?;
            *at += 1;
            number |= u64::from(byte & 0x7f) << (7 * shift);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    };
    while at < message.len() {
        let tag = varint(&mut at)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut at)?;
                if tag >> 3 == 1 {
                    found = Some(value);
                }
            }
            1 => at += 8,
            2 => at += usize::try_from(varint(&mut at)?).ok().filter(|&length| length <= message.len())?,
            5 => at += 4,
            _ => return None,
        }
    }
    found
}
