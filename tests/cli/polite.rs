//! The end of a check, from the server's side: it finishes what it is saying, and then reads the end of the stream. Real
//! servers are in tests/servers/polite.rs.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::support::command::{Ran, porthole, until_within};
use crate::support::server::{End, Server, Step, folder, send};

/// Between two bytes that come late.
const PACE: Duration = Duration::from_millis(4);
/// What a check may take whose verdict is known at once: the 100 ms that a server gets to finish, and some more.
const SOON: Duration = Duration::from_millis(100 + 250);
/// For how long a check is made again until the machine was not too busy for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes the check until each connection of it has ended in order, and asserts what it says each time.
#[track_caller]
fn politely(start: impl Fn() -> Server, connections: usize, run: impl Fn(&Server) -> Ran) -> Server {
    ending(&vec![End::Orderly; connections], start, run)
}

/// The same, with its connections to end like this.
#[track_caller]
fn ending(wanted: &[End], start: impl Fn() -> Server, run: impl Fn(&Server) -> Ran) -> Server {
    let begin = Instant::now();
    loop {
        let server = start();
        let ran = run(&server);
        let ends = server.ends(wanted.len());
        if ends == wanted {
            return server;
        }
        assert!(begin.elapsed() < PATIENCE, "ended {ends:?}\n{}", ran.story());
    }
}

/// An http check with these options of a server that sends this once it was asked, and waits for the end of the stream.
#[track_caller]
fn http(options: &[&str], says: &[Step], status: i32, found: &str) -> Server {
    let script = [&[Step::Request], says, &[Step::Hold]].concat();
    politely(
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
fn a_body_that_comes_late() {
    for says in [
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
        let found = if matches!(&says[0], Step::Send(head) if head.starts_with(b"HTTP/1.1 204")) {
            "204 No Content in <T>"
        } else {
            OK
        };
        http(&[], &says, 0, found);
    }
    // Where the verdict falls in the body, and where it is another.
    let body = [head("Content-Length: 8\r\n"), send("now "), late("late")];
    http(&["--contains", "now"], &body, 0, OK);
    http(&["--status", "204"], &body, 1, "200 OK, expected 204; body: now late");
    http(&["--contains", "x"], &body, 1, "200 OK, expected the body to contain \"x\"; body: now late");
    http(&["-X", "HEAD"], &[head("Content-Length: 8\r\n")], 0, OK);
}

#[test]
fn a_server_that_ends_the_message_by_closing() {
    // It says the rest and closes, and is not met by a reset.
    ending(
        &[End::Script],
        || Server::new(vec![Step::Request, send("HTTP/1.0 200 OK\r\n\r\nnow "), late("late")]),
        |server| {
            let url = server.url("/");
            porthole(["http", &url, "-t", "20s"]).healthy(&format!("healthy: http {url}: {OK}"))
        },
    );
}

#[test]
fn redirects_that_are_followed() {
    let server = politely(
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
fn redirects_whose_servers_do_not_finish_take_no_time() {
    // Each of the three promises a body that never comes.
    let hop = |to: u8| {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: /{to}\r\nContent-Length: 4\r\n\r\n");
        vec![Step::Request, send(head), Step::Hold]
    };
    let last = vec![Step::Request, send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")];
    let begin = Instant::now();
    loop {
        let server = Server::scripts(vec![hop(1), hop(2), hop(3), last.clone()]);
        let ran = porthole(["http", &server.url("/"), "--follow", "3", "--json", "-t", "20s"]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        let orderly = server.ends(4).iter().filter(|end| **end == End::Orderly).count();
        assert_eq!(orderly, 3, "{}", ran.story());
        let json = ran.json();
        let of_run = json["elapsed_ms"].as_f64().unwrap();
        let reported = of_run.max(json["checks"][0]["elapsed_ms"].as_f64().unwrap());
        if reported < 90.0 && ran.elapsed < SOON {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{:?}\n{}", ran.elapsed, ran.story());
    }
}

#[test]
fn what_goes_wrong_at_the_end_changes_nothing() {
    for says in [
        // Too short, broken off, no chunk, no end.
        vec![head("Content-Length: 8\r\n"), late("la")],
        vec![head("Content-Length: 8\r\n"), late("la"), Step::Reset],
        vec![head("Transfer-Encoding: chunked\r\n"), late("zz\r\n"), Step::Hold],
        vec![head("Content-Length: 8\r\n"), Step::Hold],
        vec![head(""), Step::Flood(vec![b'x'; 65_536])],
    ] {
        let server = Server::new([vec![Step::Request], says].concat());
        let url = server.url("/");
        until_within(SOON, || {
            porthole(["http", &url, "-t", "20s"]).healthy(&format!("healthy: http {url}: {OK}"))
        });
    }
    // A server that never says the rest still reads the end of the stream.
    http(&[], &[head("Content-Length: 8\r\n")], 0, OK);
}

#[test]
fn no_time_that_is_reported_includes_it() {
    let script = vec![
        Step::Request,
        head("Content-Length: 1\r\n"),
        Step::Drip(b"x".into(), Duration::from_millis(80)),
        Step::Hold,
    ];
    let begin = Instant::now();
    loop {
        let server = Server::new(script.clone());
        let ran = porthole(["http", &server.url("/"), "--json", "-v", "-t", "20s"]).run();
        let json = ran.json();
        let check = &json["checks"][0];
        let phases = check["phases"].as_array().unwrap();
        let sum: f64 = phases.iter().map(|phase| phase["elapsed_ms"].as_f64().unwrap()).sum();
        let elapsed = check["elapsed_ms"].as_f64().unwrap();
        // What it took, but for what it says that it took.
        let whole = json["elapsed_ms"].as_f64().unwrap();
        let left = ran.elapsed.as_secs_f64() * 1000.0 - elapsed.max(sum).max(whole);
        if left > 60.0 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{left}\n{}", ran.story());
    }
}

#[test]
fn no_more_than_a_mebibyte_is_read() {
    for options in [&["http", "http://app/", "--unix"][..], &["unix"]] {
        let folder = folder();
        let socket = folder.join("flood.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        // How much it could send until the client had gone.
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
        // What was read, and what was on its way.
        assert!(sent < (1 << 20) + (1 << 19), "{sent}");
        assert!(sent > 1 << 16, "{sent}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_server_that_greets_late() {
    let greeting = || vec![Step::Drip(b"220 ".into(), PACE), send("hello\r\n"), Step::Hold];
    politely(
        || Server::new(greeting()),
        1,
        |server| {
            let target = server.address().to_string();
            porthole(["tcp", &target]).healthy(&format!("healthy: tcp {target}: connected in <T>"))
        },
    );
    politely(
        || Server::unix(greeting()),
        1,
        |server| {
            let path = server.socket().to_str().unwrap();
            porthole(["unix", path]).healthy(&format!("healthy: unix {path}: connected in <T>"))
        },
    );
    // The rest of a greeting of which the beginning was enough, and of an answer that was not the one.
    let longer = || vec![send("220-hello\r\n"), Step::Drip(b"220 ".into(), PACE), send("\r\n"), Step::Hold];
    politely(
        || Server::new(longer()),
        1,
        |server| {
            let target = server.address().to_string();
            porthole(["tcp", &target, "--expect", "220"])
                .healthy(&format!("healthy: tcp {target}: received \"220\" in <T>"))
        },
    );
    // One that greets for ever, and one that never does.
    for says in [Step::Flood(vec![b'x'; 65_536]), Step::Hold] {
        let server = Server::new(vec![says]);
        let target = server.address().to_string();
        until_within(SOON, || {
            let ran = porthole(["tcp", &target, "-t", "20s"]);
            ran.healthy(&format!("healthy: tcp {target}: connected in <T>"))
        });
    }
}

#[test]
fn a_check_that_timed_out_leaves_in_order_too() {
    politely(
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
