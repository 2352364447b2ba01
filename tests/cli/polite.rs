//! The end of a check, as the server sees it: the server can finish what it is sending, and then
//! reads the end of the stream. tests/servers/polite.rs tests this with real servers.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::support::command::{Ran, is_busy, porthole, until_within};
use crate::support::server::{End, Server, Step, folder, send};

/// The pause between two bytes that come late.
const PACE: Duration = Duration::from_millis(4);
/// The most that a check may take if its verdict is known at once: the 100 ms that a server gets to
/// finish, and a margin.
const TIME_LIMIT: Duration = Duration::from_millis(100 + 250);
/// For how long a check is repeated, in case the machine is too busy for it.
const RETRY_LIMIT: Duration = Duration::from_secs(30);
/// How often a run is repeated on a machine that is not busy.
const TRIES: usize = 5;

/// Whether a run may be repeated because the machine, not the check, may have been too slow.
fn may_retry(tries: &mut usize, begin: Instant) -> bool {
    *tries += 1;
    *tries < TRIES || is_busy() && begin.elapsed() < RETRY_LIMIT
}

/// Repeats the check until each of its connections ends in order, and asserts its output each time.
#[track_caller]
fn assert_orderly_ends(
    start: impl Fn() -> Server,
    connections: usize,
    run: impl Fn(&Server) -> Ran,
) -> Server {
    assert_ends(&vec![End::Orderly; connections], start, run)
}

/// Does the same, with connections that end in these ways.
#[track_caller]
fn assert_ends(wanted: &[End], start: impl Fn() -> Server, run: impl Fn(&Server) -> Ran) -> Server {
    let (begin, mut tries) = (Instant::now(), 0);
    loop {
        let server = start();
        let ran = run(&server);
        let ends = server.ends(wanted.len());
        if ends == wanted {
            return server;
        }
        assert!(may_retry(&mut tries, begin), "ended {ends:?}\n{}", ran.story());
    }
}

/// Runs an http check with these options. Its server sends these steps after the request, and waits
/// for the end of the stream.
#[track_caller]
fn http(options: &[&str], steps: &[Step], status: i32, found: &str) -> Server {
    let script = [&[Step::Request], steps, &[Step::Hold]].concat();
    assert_orderly_ends(
        || Server::new(script.clone()),
        1,
        |server| {
            let url = server.url("/");
            let verdict = if status == 0 { "healthy" } else { "unhealthy" };
            let ran = porthole([&["http", &url, "-t", "20s"], options].concat()).run();
            ran.is(status, &format!("{verdict}: http {url}: {found}"), "")
        },
    )
}

fn head(more: &str) -> Step {
    send(format!("HTTP/1.1 200 OK\r\n{more}\r\n"))
}

fn late(text: &str) -> Step {
    Step::Drip(text.into(), PACE)
}

const OK: &str = "200 OK in <T>";

#[test]
fn a_server_can_finish_a_late_body() {
    for steps in [
        vec![head("Content-Length: 4\r\n"), late("late")],
        vec![head("Content-Length: 8\r\n"), send("now "), late("late")],
        vec![head("Content-Length: 8\r\nConnection: keep-alive\r\n"), send("at once.")],
        vec![head("Transfer-Encoding: chunked\r\n"), send("4\r\nwiki\r\n"), late("0\r\n\r\n")],
        vec![
            head("Transfer-Encoding: chunked\r\n"),
            late("1\r\n"),
            send("w\r\n"),
            late("0\r\n"),
            send("\r\n"),
        ],
        vec![head("Content-Length: 0\r\n")],
        vec![send("HTTP/1.1 204 No Content\r\n\r\n")],
    ] {
        let found = if matches!(&steps[0], Step::Send(head) if head.starts_with(b"HTTP/1.1 204")) {
            "204 No Content in <T>"
        } else {
            OK
        };
        http(&[], &steps, 0, found);
    }
    // The verdict is known before the end of the body, or is a different one.
    let body = [head("Content-Length: 8\r\n"), send("now "), late("late")];
    http(&["--contains", "now"], &body, 0, OK);
    http(&["--status", "204"], &body, 1, "200 OK, expected 204; body: now late");
    http(&["--contains", "x"], &body, 1, "200 OK, expected the body to contain \"x\"; body: now late");
    http(&["-X", "HEAD"], &[head("Content-Length: 8\r\n")], 0, OK);
}

#[test]
fn a_server_that_ends_the_body_by_closing_is_not_reset() {
    // The server sends the rest and closes the connection, and gets no reset.
    assert_ends(
        &[End::Script],
        || Server::new(vec![Step::Request, send("HTTP/1.0 200 OK\r\n\r\nnow "), late("late")]),
        |server| {
            let url = server.url("/");
            porthole(["http", &url, "-t", "20s"]).healthy(&format!("healthy: http {url}: {OK}"))
        },
    );
}

#[test]
fn connections_to_followed_redirects_end_in_order() {
    let server = assert_orderly_ends(
        || {
            let redirect = "HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 4\r\n\r\n";
            let body = [late("late"), Step::Hold];
            Server::scripts(vec![
                [&[Step::Request, send(redirect)], &body[..]].concat(),
                [&[Step::Request, head("Content-Length: 4\r\n")], &body[..]].concat(),
            ])
        },
        2,
        |server| {
            let url = server.url("/");
            porthole(["http", &url, "--follow", "1", "-t", "20s"])
                .healthy(&format!("healthy: http {url}: {OK}"))
        },
    );
    assert!(server.asked()[1].starts_with("GET /new HTTP/1.1\r\n"));
}

#[test]
fn redirects_with_unfinished_bodies_take_no_extra_time() {
    // Each of the three promises a body that never comes.
    let hop = |to: u8| {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: /{to}\r\nContent-Length: 4\r\n\r\n");
        vec![Step::Request, send(head), Step::Hold]
    };
    let last = vec![Step::Request, send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")];
    let (begin, mut tries) = (Instant::now(), 0);
    loop {
        let server = Server::scripts(vec![hop(1), hop(2), hop(3), last.clone()]);
        let ran = porthole(["http", &server.url("/"), "--follow", "3", "--json", "-t", "20s"]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        let orderly = server.ends(4).iter().filter(|end| **end == End::Orderly).count();
        assert_eq!(orderly, 3, "{}", ran.story());
        let json = ran.json();
        let total = json["elapsed_ms"].as_f64().unwrap();
        let reported = total.max(json["checks"][0]["elapsed_ms"].as_f64().unwrap());
        if reported < 90.0 && ran.elapsed < TIME_LIMIT {
            break;
        }
        assert!(may_retry(&mut tries, begin), "{:?}\n{}", ran.elapsed, ran.story());
    }
}

#[test]
fn errors_after_the_verdict_change_nothing() {
    for steps in [
        // Too short, reset, not a chunk, stalled, endless.
        vec![head("Content-Length: 8\r\n"), late("la")],
        vec![head("Content-Length: 8\r\n"), late("la"), Step::Reset],
        vec![head("Transfer-Encoding: chunked\r\n"), late("zz\r\n"), Step::Hold],
        vec![head("Content-Length: 8\r\n"), Step::Hold],
        vec![head(""), Step::Flood(vec![b'x'; 65_536])],
    ] {
        let server = Server::new([vec![Step::Request], steps].concat());
        let url = server.url("/");
        until_within(TIME_LIMIT, || {
            porthole(["http", &url, "-t", "20s"]).healthy(&format!("healthy: http {url}: {OK}"))
        });
    }
    // A server that never sends the rest still reads the end of the stream.
    http(&[], &[head("Content-Length: 8\r\n")], 0, OK);
}

#[test]
fn reported_times_exclude_the_orderly_end() {
    let script = vec![
        Step::Request,
        head("Content-Length: 1\r\n"),
        Step::Drip(b"x".into(), Duration::from_millis(80)),
        Step::Hold,
    ];
    let (begin, mut tries) = (Instant::now(), 0);
    loop {
        let server = Server::new(script.clone());
        let ran = porthole(["http", &server.url("/"), "--json", "-v", "-t", "20s"]).run();
        let json = ran.json();
        let check = &json["checks"][0];
        let phases = check["phases"].as_array().unwrap();
        let sum: f64 = phases.iter().map(|phase| phase["elapsed_ms"].as_f64().unwrap()).sum();
        let elapsed = check["elapsed_ms"].as_f64().unwrap();
        // The time that it took beyond the time that it reports.
        let total = json["elapsed_ms"].as_f64().unwrap();
        let unreported = ran.elapsed.as_secs_f64() * 1000.0 - elapsed.max(sum).max(total);
        if unreported > 60.0 {
            break;
        }
        assert!(may_retry(&mut tries, begin), "{unreported}\n{}", ran.story());
    }
}

#[test]
fn at_most_a_mebibyte_is_read_after_the_verdict() {
    for options in [&["http", "http://app/", "--unix"][..], &["unix"]] {
        let folder = folder();
        let socket = folder.join("flood.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        // Returns how much it could send before the client closed the connection.
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let piece = [b'x'; 16_384];
            let mut sent = 0;
            while let Ok(count) = stream.write(&piece) {
                sent += count;
            }
            sent
        });
        let ran = porthole([options, &[socket.to_str().unwrap()]].concat()).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        let sent = server.join().unwrap();
        // What was read, and what was in transit.
        assert!(sent < (1 << 20) + (1 << 19), "{sent}");
        assert!(sent > 1 << 16, "{sent}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_server_that_greets_late_reads_the_end_of_the_stream() {
    let greeting = || vec![Step::Drip(b"220 ".into(), PACE), send("hello\r\n"), Step::Hold];
    assert_orderly_ends(
        || Server::new(greeting()),
        1,
        |server| {
            let target = server.address().to_string();
            porthole(["tcp", &target]).healthy(&format!("healthy: tcp {target}: connected in <T>"))
        },
    );
    assert_orderly_ends(
        || Server::unix(greeting()),
        1,
        |server| {
            let path = server.socket().to_str().unwrap();
            porthole(["unix", path]).healthy(&format!("healthy: unix {path}: connected in <T>"))
        },
    );
    // The rest of a longer greeting is read after the expected part.
    let longer = || vec![send("220-hello\r\n"), Step::Drip(b"220 ".into(), PACE), send("\r\n"), Step::Hold];
    assert_orderly_ends(
        || Server::new(longer()),
        1,
        |server| {
            let target = server.address().to_string();
            porthole(["tcp", &target, "--expect", "220"])
                .healthy(&format!("healthy: tcp {target}: received \"220\" in <T>"))
        },
    );
    // A server that greets forever, and one that never does.
    for steps in [Step::Flood(vec![b'x'; 65_536]), Step::Hold] {
        let server = Server::new(vec![steps]);
        let target = server.address().to_string();
        until_within(TIME_LIMIT, || {
            let ran = porthole(["tcp", &target, "-t", "20s"]);
            ran.healthy(&format!("healthy: tcp {target}: connected in <T>"))
        });
    }
}

#[test]
fn a_check_that_timed_out_ends_in_order_too() {
    assert_orderly_ends(
        || Server::new(vec![Step::Request, send("HTTP/1.1 200 OK\r\n"), Step::Hold]),
        1,
        |server| {
            let url = server.url("/");
            let reason = "timed out after 200 ms waiting for the rest of the response head";
            let ran = porthole(["http", &url, "-t", "200ms"]).run();
            assert!(ran.stdout.starts_with(&format!("unhealthy: http {url}: {reason}")), "{}", ran.story());
            ran
        },
    );
}
