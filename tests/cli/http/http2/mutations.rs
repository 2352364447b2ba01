//! A response that ends anywhere, or in which any byte is another one.

use super::{TIME_LIMIT, head, last};
use crate::grpc::frames::{DATA, END_HEADERS, HEADERS, SETTINGS, fields, frame};
use crate::support::command::{Ran, porthole};
use crate::support::server::{Server, Step, send};

/// Returns the frames of a server whose response has the body `ready`.
fn frames() -> [Vec<u8>; 5] {
    let early = frame(HEADERS, END_HEADERS, 1, fields(&[(":status", "103")]));
    let settings = frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64");
    [settings, early, head(&[("content-length", "5")]), frame(DATA, 0, 1, "rea"), last("dy")]
}

/// Runs a check of a server that sends these bytes and closes the connection.
#[track_caller]
fn run(bytes: &[u8]) -> Ran {
    let server = Server::new(vec![Step::Until(b"SM\r\n\r\n"), send(bytes)]);
    let ran = porthole(["http", &server.url("/"), "--http2", "--not-contains", "x", "-t", "10s"])
        .run()
        .within(TIME_LIMIT);
    // An abort by a panic would have another status.
    assert!(matches!(ran.status, Some(0 | 1)) && ran.stderr.is_empty(), "{bytes:?}: {}", ran.story());
    assert_eq!(ran.stdout.lines().count(), 1, "{bytes:?}: {}", ran.story());
    ran
}

#[test]
fn a_response_may_end_anywhere() {
    let whole = frames().concat();
    for end in 0..whole.len() {
        let ran = run(&whole[..end]);
        assert!(
            ran.status == Some(1) && ran.stdout.contains("the server closed the connection"),
            "{end}: {}",
            ran.story()
        );
    }
    assert_eq!(run(&whole).status, Some(0));
}

#[test]
fn any_byte_may_be_another_one() {
    let whole = frames().concat();
    for at in 0..whole.len() {
        for change in [0xff, 0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            run(&bytes);
        }
    }
}

#[test]
fn frames_may_come_in_any_order() {
    let frames = frames();
    for number in 0..5_usize.pow(3) {
        let chosen = [number % 5, number / 5 % 5, number / 25];
        run(&[&frames[0][..], &frames[chosen[0]], &frames[chosen[1]], &frames[chosen[2]]].concat());
    }
}
