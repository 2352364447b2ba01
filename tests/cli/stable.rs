//! The same failure is reported in the same words: every kind of unhealthy verdict is identical
//! when it is repeated, however long the check took and however much it received. So a collector of
//! events can merge them into one.

mod http;
mod local;
mod servers;
mod with_tls;

use std::time::Duration;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, send};

/// Two servers with the same failure and different timings.
type Pair = [Vec<Step>; 2];

/// Sends this text byte by byte, with this many milliseconds between two bytes.
fn drip(text: impl AsRef<[u8]>, pace: u64) -> Step {
    Step::Drip(text.as_ref().to_vec(), Duration::from_millis(pace))
}

/// Returns the verdict of an unhealthy run, with `PORT` in place of the port of the target.
#[track_caller]
fn verdict(arguments: &[&str], port: u16) -> String {
    let ran = porthole(arguments).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(ran.stdout.starts_with("unhealthy: "), "{}", ran.story());
    ran.stdout.replace(&format!(":{port}"), ":PORT")
}

/// Asserts that both servers get the same verdict, and that it contains this part.
#[track_caller]
fn assert_alike(check: &str, path: &str, options: &[&str], pair: Pair, part: &str) {
    let run = |script: Vec<Step>| {
        let server = Server::new(script);
        let scheme = if check == "http" { "http://" } else { "" };
        let target = format!("{scheme}{}{path}", server.address());
        verdict(&[&[check, &target, "-t", "600ms"], options].concat(), server.port())
    };
    // In parallel, because most of them run into their timeout.
    let [first, second] = std::thread::scope(|scope| {
        pair.map(|script| scope.spawn(|| run(script))).map(|thread| thread.join().unwrap())
    });
    assert_eq!(first, second, "{check} {options:?}");
    assert!(first.contains(part), "{check} {options:?}: {first}");
}

/// The greeting of MySQL, with a connection ID and a scramble.
fn mysql(number: u8) -> Step {
    send([&b"J\0\0\0\x0a8.0.36\0"[..], &[number, 0, 0, 0], &[number.wrapping_mul(77); 62]].concat())
}

/// The greeting of a mail server, with the date.
fn smtp(second: u8) -> Step {
    send(format!("220 mail.example ESMTP; Mon, 30 Nov 2026 10:00:0{second} +0000\r\n"))
}
