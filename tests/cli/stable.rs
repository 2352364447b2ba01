//! The same trouble has the same words: every kind of unhealthy verdict comes out twice alike, whatever time it took and
//! however much was received, so that whoever collects events can fold them into one.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::support::command::{has_feature, porthole, started};
use crate::support::network::in_own_network;
use crate::support::server::{Server, Step, closed_port, folder, send};

/// Two servers in the same trouble, with other timings.
type Pair = [Vec<Step>; 2];

/// Sends this a byte at a time, so many milliseconds apart.
fn drip(text: impl AsRef<[u8]>, pace: u64) -> Step {
    Step::Drip(text.as_ref().to_vec(), Duration::from_millis(pace))
}

/// The verdict of an unhealthy run, with `PORT` in place of the target's own port.
#[track_caller]
fn verdict(arguments: &[&str], port: u16) -> String {
    let ran = porthole(arguments).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(ran.stdout.starts_with("unhealthy: "), "{}", ran.story());
    ran.stdout.replace(&format!(":{port}"), ":PORT")
}

/// Both servers get the same verdict, which has this in it.
#[track_caller]
fn alike(check: &str, path: &str, options: &[&str], pair: Pair, part: &str) {
    let [one, other] = pair.map(|script| {
        let server = Server::new(script);
        let scheme = if check == "http" { "http://" } else { "" };
        let target = format!("{scheme}{}{path}", server.address());
        verdict(&[&[check, &target, "-t", "600ms"], options].concat(), server.port())
    });
    assert_eq!(one, other, "{check} {options:?}");
    assert!(one.contains(part), "{check} {options:?}: {one}");
}

fn asked(rest: Vec<Step>) -> Vec<Step> {
    [vec![Step::Request], rest].concat()
}

#[test]
fn http_heads() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let dated = |second: u8, text: &str| {
        format!("HTTP/1.1 503 No\r\nDate: Mon, 30 Nov 2026 10:00:{second}0 GMT\r\n{text}")
    };
    let half = |second: u8| format!("HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 10:00:{second}0 GMT\r\n");
    let rows: Vec<(&[&str], Pair, &str)> = vec![
        (&[], [vec![Step::Hold], asked(vec![Step::Hold])], "waiting for the response head\n"),
        (
            &[],
            [asked(vec![drip(body, 30)]), asked(vec![drip(body, 170)])],
            "timed out after 600 ms waiting for the rest of the response head\n",
        ),
        (
            &[],
            [asked(vec![send("HTTP/1.1 2"), Step::Hold]), asked(vec![drip("HTTP/1.1 2", 1), Step::Hold])],
            "waiting for the rest of the response head\n",
        ),
        // However it ends, and however much of it came.
        (
            &[],
            [asked(vec![send(half(1))]), vec![send(half(2)), drip("A", 20), Step::Reset]],
            "the server closed the connection waiting for the rest of the response head\n",
        ),
        (
            &[],
            [asked(vec![send("HTTP/1.1 2")]), vec![send("HTTP/1.1 2")]],
            "the server closed the connection waiting for the rest of the response head\n",
        ),
        // An end or a reset, before the request is read or after: who is faster decides.
        (&[], [asked(vec![]), vec![]], "without a reply"),
        (&[], [asked(vec![Step::Reset]), vec![Step::Until(b"G")]], "without a reply"),
        (&[], [asked(vec![]), vec![Step::Reset]], "without a reply"),
        (
            &[],
            [
                asked(vec![send(dated(1, "Content-Length: 2\r\n\r\nno"))]),
                asked(vec![drip(dated(2, "Content-Length: 2\r\n\r\nno"), 1)]),
            ],
            "503 Service Unavailable, expected 200-399; body: no\n",
        ),
        (
            &[],
            [
                asked(vec![send(dated(1, "Content-Length: 99\r\n\r\nso far")), Step::Hold]),
                asked(vec![send(dated(2, "Content-Length: 99\r\n\r\n")), drip("so far", 30), Step::Hold]),
            ],
            "503 Service Unavailable, expected 200-399\n",
        ),
        // What is plainly all of it, though its end does not come.
        (
            &[],
            [
                asked(vec![send(dated(1, "Content-Length: 99\r\n\r\n{\"db\": \"down\"}")), Step::Hold]),
                asked(vec![send(dated(2, "Content-Length: 99\r\n\r\n")), drip("{\"db\": \"down\"}", 1)]),
            ],
            "body: {\"db\": \"down\"}\n",
        ),
        (
            &[],
            [
                asked(vec![send(dated(1, "\r\ndb is down")), Step::Hold]),
                asked(vec![send(dated(2, "\r\ndb ")), drip("is down", 1), Step::Hold]),
            ],
            "body: db is down\n",
        ),
        (
            &[],
            [
                asked(vec![send(dated(1, "\r\n")), drip("x".repeat(99), 20)]),
                asked(vec![send(dated(2, "\r\n")), drip("x".repeat(99), 30)]),
            ],
            "503 Service Unavailable, expected 200-399\n",
        ),
        // A body that ends with the connection, the request read or not.
        (
            &[],
            [asked(vec![send(dated(1, "\r\nhello"))]), vec![send(dated(2, "\r\nhello")), Step::Reset]],
            "503 Service Unavailable, expected 200-399; body: hello\n",
        ),
    ];
    for (options, pair, part) in rows {
        alike("http", "/", options, pair, part);
    }
}

#[test]
fn http_answers() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let contains = &["--contains", "y"][..];
    let rows: Vec<(&[&str], Pair, &str)> = vec![
        (
            contains,
            [
                asked(vec![send(body), drip("x".repeat(99), 20)]),
                asked(vec![send(body), drip("x".repeat(99), 90)]),
            ],
            "timed out after 600 ms reading the body\n",
        ),
        (
            contains,
            [asked(vec![send(body), send("x")]), asked(vec![send(body), send("x".repeat(50_000))])],
            "the server closed the connection reading the body\n",
        ),
        (
            contains,
            [
                asked(vec![send(body), send("x"), Step::Reset]),
                asked(vec![send(body), send("x".repeat(50_000))]),
            ],
            "the server closed the connection reading the body\n",
        ),
        (
            contains,
            [
                asked(vec![send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n")]),
                asked(vec![
                    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n"),
                    drip("hello\r\n", 1),
                ]),
            ],
            "invalid chunked encoding in the response body\n",
        ),
        (
            contains,
            [
                asked(vec![send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(b"x".repeat(65_536))]),
                asked(vec![send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(b"x".repeat(1000))]),
            ],
            "within the first 64 KiB",
        ),
        (
            &[],
            [asked(vec![send("ok\n"), Step::Hold]), asked(vec![send("ok\n")])],
            "not HTTP; received: ok\\n\n",
        ),
        // A protocol that is known begins with what is another in each connection.
        (&[], [asked(vec![mysql(1), Step::Hold]), vec![mysql(2)]], "the port speaks MySQL, not HTTP\n"),
        (&[], [asked(vec![smtp(1), Step::Hold]), vec![smtp(2)]], "the port speaks SMTP or FTP, not HTTP\n"),
        (
            &[],
            [
                asked(vec![send(b"\0\0\0\x04\0\0\0\0\0"), Step::Hold]),
                asked(vec![send(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64")]),
            ],
            "HTTP/2",
        ),
        (
            &[],
            [
                asked(vec![send(b"HTTP/1.1 200 OK\r\nDate: 1\r\nA: \0\r\n\r\n"), Step::Hold]),
                asked(vec![drip(b"HTTP/1.1 200 OK\r\nDate: 2\r\nA: \0\r\n\r\n", 1)]),
            ],
            "invalid header line in the response; received: A: \\0\n",
        ),
    ];
    for (options, pair, part) in rows {
        alike("http", "/", options, pair, part);
    }
}

#[test]
fn http_redirects() {
    // What is in the query or behind a semicolon, such as a session, is another each time.
    let to =
        |place: &str| send(format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"));
    let mut rows: Vec<(&[&str], Pair, &str)> = vec![
        (
            &["-s", "200"],
            [asked(vec![to("/login?state=1")]), asked(vec![to("/login?state=22")])],
            "302 Found to http://127.0.0.1:PORT/login?…, expected 200\n",
        ),
        (
            &["-s", "200"],
            [
                asked(vec![to("/login;jsessionid=FE221?state=1")]),
                asked(vec![to("/login;jsessionid=FE222?state=1")]),
            ],
            "302 Found to http://127.0.0.1:PORT/login;…, expected 200\n",
        ),
        (
            &["--follow", "1"],
            [asked(vec![to("/login?state=1")]), asked(vec![to("/login?state=22")])],
            "redirected to http://127.0.0.1:PORT/login?…: 302 Found after 1 redirects, expected",
        ),
        (
            &["--follow", "1", "-s", "200"],
            [
                asked(vec![to("http://idp.example/auth?state=1")]),
                asked(vec![to("http://idp.example/auth?state=2")]),
            ],
            "302 Found, not followed to another host, http://idp.example/auth?…, expected 200\n",
        ),
    ];
    if !has_feature("tls") {
        let pair = [
            asked(vec![to("https://127.0.0.1/auth?state=1")]),
            asked(vec![to("https://127.0.0.1/auth?state=2")]),
        ];
        rows.push((
            &["--follow", "1"],
            pair,
            "302 Found to https://127.0.0.1/auth?…, but this build has no TLS\n",
        ));
    }
    for (options, pair, part) in rows {
        alike("http", "/", options, pair, part);
    }
}

/// MySQL's greeting, with a connection's number and a scramble.
fn mysql(number: u8) -> Step {
    send([&b"J\0\0\0\x0a8.0.36\0"[..], &[number, 0, 0, 0], &[number.wrapping_mul(77); 62]].concat())
}

/// A mail server's, with the date.
fn smtp(second: u8) -> Step {
    send(format!("220 mail.example ESMTP; Mon, 30 Nov 2026 10:00:0{second} +0000\r\n"))
}

#[test]
fn tcp() {
    let expect = &["--expect", "y"][..];
    let rows: Vec<(&[&str], Pair, &str)> = vec![
        (expect, [vec![Step::Hold], vec![Step::Until(b"x"), Step::Hold]], "waiting for \"y\"\n"),
        (
            expect,
            [vec![send("no\r\n"), Step::Hold], vec![drip("no\r\n", 40), Step::Hold]],
            "received: no\\r\\n\n",
        ),
        (expect, [vec![send("no ")], vec![drip("no ", 40)]], "received: no\\x20\n"),
        (
            &["--send", "xx", "--expect", "y"],
            [vec![Step::Until(b"x"), Step::Reset], vec![Step::Until(b"xx")]],
            "the server closed the connection, expected \"y\"\n",
        ),
        (
            &["--send", "xx", "--expect", "y"],
            [vec![send("no\r\n"), Step::Until(b"xx")], vec![send("no\r\n"), Step::Reset]],
            "the server closed the connection, expected \"y\"; received: no\\r\\n\n",
        ),
    ];
    for (options, pair, part) in rows {
        alike("tcp", "", options, pair, part);
    }
}

#[test]
fn unix() {
    for (one, other) in [
        (vec![Step::Hold], vec![Step::Until(b"x"), Step::Hold]),
        (vec![send(" no\n"), Step::Hold], vec![drip(" no\n", 40), Step::Hold]),
        (vec![send(" no\n")], vec![drip(" no\n", 40)]),
    ] {
        let [one, other] = [one, other].map(|script| {
            let server = Server::unix(script);
            let path = server.socket().to_str().unwrap();
            verdict(&["unix", path, "--expect", "y", "-t", "600ms"], 0).replace(path, "PATH")
        });
        assert_eq!(one, other);
    }
    let folder = folder();
    let [stale, none] = ["stale", "none"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    drop(UnixListener::bind(&stale).unwrap());
    for path in [stale, none] {
        assert_eq!(verdict(&["unix", &path], 0), verdict(&["unix", &path], 0));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn grpc() {
    // SETTINGS, and a response that never ends.
    let settings: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    let until = || Step::Until(b"SM\r\n\r\n");
    let rows: Vec<(Pair, &str)> = vec![
        ([vec![Step::Hold], vec![until(), Step::Hold]], "waiting for the server's HTTP/2 settings\n"),
        ([vec![until(), drip(settings, 80)], vec![until(), drip(settings, 190)]], "HTTP/2 settings\n"),
        ([vec![until()], vec![]], "without a reply"),
        ([vec![until(), Step::Reset], vec![Step::Until(b"P")]], "without a reply"),
        (
            [vec![send(settings), Step::Hold], vec![drip(settings, 5), Step::Hold]],
            "waiting for the response head\n",
        ),
        (
            [vec![until(), send(settings), Step::Until(b"Health/Check")], vec![send(settings), Step::Reset]],
            "the server closed the connection waiting for the response head\n",
        ),
        (
            [vec![until(), send(&settings[..5])], vec![send(&settings[..4]), Step::Reset]],
            "the server closed the connection waiting for the server's HTTP/2 settings\n",
        ),
        ([vec![until(), mysql(1)], vec![mysql(2), Step::Hold]], "the port speaks MySQL, not HTTP/2\n"),
        (
            [
                vec![until(), send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold],
                vec![until(), send("HTTP/1.1 400 Bad Request\r\n\r\n")],
            ],
            "HTTP/1, not HTTP/2",
        ),
    ];
    for (pair, part) in rows {
        alike("grpc", "", &[], pair, part);
    }
}

#[test]
fn tls() {
    if !has_feature("tls") {
        return;
    }
    let hello = || Step::Until(b"\x16\x03\x01");
    // The beginning of a record that never ends.
    let record: &[u8] = b"\x16\x03\x03\0\x4a\x02\0\0\x46\x03\x03";
    let rows: Vec<(Pair, &str)> = vec![
        ([vec![Step::Hold], vec![hello(), Step::Hold]], "during the TLS handshake\n"),
        ([vec![hello(), drip(record, 70)], vec![hello(), drip(record, 170)]], "during the TLS handshake\n"),
        (
            [vec![hello(), send("hm\n"), Step::Hold], vec![hello(), send("hm\n")]],
            "not TLS; received: hm\\n\n",
        ),
        (
            [vec![hello(), send("SSH-2.0-x\r\n"), Step::Hold], vec![send("SSH-2.0-x\r\n"), Step::Hold]],
            "speaks SSH",
        ),
        (
            [vec![hello(), send(record)], vec![send(record), Step::Reset]],
            "the server closed the connection during the TLS handshake\n",
        ),
        (
            [vec![hello(), send("hm\n")], vec![send("hm\n"), Step::Reset]],
            "the response is not TLS; received: hm\\n\n",
        ),
        ([vec![hello(), mysql(1)], vec![mysql(2), Step::Hold]], "the port speaks MySQL, not TLS\n"),
        ([vec![hello(), smtp(1)], vec![smtp(2), Step::Hold]], "the port speaks SMTP or FTP, not TLS\n"),
    ];
    for (pair, part) in rows {
        alike("tls", "", &["-k"], pair, part);
    }
}

#[test]
fn servers() {
    // Each with the beginning of an answer.
    for (check, begun) in [
        ("redis", &b"+PO"[..]),
        ("postgres", b"R\0\0"),
        ("mysql", b"J\0\0"),
        ("amqp", b"\x01\0\0\0"),
        ("memcached", b"VERS"),
    ] {
        let rows: Vec<(Pair, &str)> = vec![
            ([vec![Step::Hold], vec![Step::Until(b"??"), Step::Hold]], "timed out after 600 ms"),
            ([vec![send(begun), Step::Hold], vec![drip(begun, 40), Step::Hold]], "timed out after 600 ms"),
            (
                [vec![send(b"\x7f\x7f\x7f\x7f\x7f"), Step::Hold], vec![send(b"\x7f\x7f\x7f\x7f\x7f")]],
                "the response is not",
            ),
            (
                [vec![send(begun)], vec![send(begun), Step::Reset]],
                "the server closed the connection, expected",
            ),
            ([vec![smtp(1)], vec![smtp(2), Step::Hold]], "the port speaks SMTP or FTP, not"),
        ];
        for (pair, part) in rows {
            alike(check, "", &[], pair, part);
        }
        let (part, other) = if check == "mysql" {
            ("timed out after 600 ms waiting for the answer to the login\n", vec![mysql(2), Step::Hold])
        } else {
            ("the port speaks MySQL, not", vec![mysql(2)])
        };
        alike(check, "", &[], [vec![mysql(1), Step::Hold], other], part);
    }
    // What follows a greeting: silence, an end, something else.
    for (end, part) in [
        (vec![], "the server closed the connection, expected the answer to the login\n"),
        (
            vec![send(b"\x01\0\0\x02B"), Step::Hold],
            "the response is not mysql; received: J\\0\\0\\0\\n8.0.36\\0\n",
        ),
    ] {
        let pair = [1, 2].map(|number| [vec![mysql(number), Step::Until(b"porthole")], end.clone()].concat());
        alike("mysql", "", &[], pair, part);
    }
}

#[test]
fn where_nothing_answers() {
    let port = closed_port();
    for check in ["http", "tcp", "grpc", "redis"] {
        let scheme = if check == "http" { "http://" } else { "" };
        for host in ["localhost", "127.0.0.1"] {
            let target = format!("{scheme}{host}:{port}");
            let [one, other] = ["1s", "2s"].map(|limit| verdict(&[check, &target, "-t", limit], port));
            assert_eq!(one, other);
            assert!(one.contains("connection refused"), "{one}");
        }
    }
    // A queue that is full: what comes is not even refused.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            Ok(stream) => waiting.push(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => break,
            Err(error) => panic!("{error}"),
        }
    }
    for check in ["http", "tcp"] {
        let scheme = if check == "http" { "http://" } else { "" };
        let target = format!("{scheme}{address}");
        let [one, other] = [0, 1].map(|_| verdict(&[check, &target, "-t", "300ms"], address.port()));
        assert_eq!(one, other);
        assert!(one.contains("timed out after 300 ms"), "{one}");
    }
}

#[test]
fn listen() {
    // The verdict names what listens elsewhere, which must be the test's own.
    in_own_network(|| {
        let _listener = TcpListener::bind("127.0.0.1:81").unwrap();
        let folder = folder();
        let path = folder.join("none").to_str().unwrap().to_owned();
        for arguments in [&["listen", "80"][..], &["listen", "--udp", "80"], &["listen", &path]] {
            let one = verdict(arguments, 0);
            // Connections come and go.
            let _connections: Vec<TcpStream> =
                (0..3).map(|_| TcpStream::connect("127.0.0.1:81").unwrap()).collect();
            assert_eq!(one, verdict(arguments, 0));
        }
        std::fs::remove_dir_all(folder).unwrap();
    });
}

/// The text without the date of the last change.
fn undated(text: &str) -> String {
    let Some((start, rest)) = text.split_once("last modified 20") else { return text.to_owned() };
    format!("{start}last modified {}", rest.split_once('Z').unwrap().1)
}

#[test]
fn file() {
    let folder = folder();
    let path = folder.join("beat").to_str().unwrap().to_owned();
    let run = |options: &[&str]| verdict(&[&["file", &path], options].concat(), 0);
    assert_eq!(run(&[]), run(&[]));
    std::fs::write(&path, "x").unwrap();
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let now = SystemTime::now();
    for (options, modified) in [
        (&["--max-age", "30s"][..], now - Duration::from_secs(50)),
        // In the future.
        (&["--max-age", "30s"], now + Duration::from_secs(50)),
        (&["--min-size", "1k"], now),
        (&["--contains", "y"], now),
        (&["--absent"], now),
    ] {
        file.set_modified(modified).unwrap();
        let one = undated(&run(options));
        // As if so much time had gone by, but for the date.
        file.set_modified(modified - Duration::from_secs(11)).unwrap();
        assert_eq!(one, undated(&run(options)));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// sleep(1) under this name, until it is dropped.
struct Sleep(Child);

impl Sleep {
    fn start(program: &Path, seconds: &str) -> Self {
        let name = program.file_name().unwrap().to_str().unwrap();
        let sleep = Sleep(started(Command::new(program).arg(seconds).stdin(Stdio::null()), Command::spawn));
        sleep.until(|stat| stat.contains(&format!("({name})")));
        sleep
    }

    /// One that has ended, and that nobody has waited for.
    fn zombie(program: &Path) -> Self {
        let zombie = Sleep::start(program, "0");
        zombie.until(|stat| stat.rsplit_once(") ").unwrap().1.starts_with('Z'));
        zombie
    }

    fn until(&self, holds: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !holds(&std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap()) {
            assert!(start.elapsed() < Duration::from_secs(30), "{}", self.0.id());
            std::thread::yield_now();
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn process() {
    let folder = folder();
    let name = folder.file_name().unwrap().to_str().unwrap().replace("porthole-test-", "s");
    let program = folder.join(&name);
    symlink("/bin/sleep", &program).unwrap();
    let run = |options: &[&str]| verdict(&[&["process", &name], options].concat(), 0);
    // A worker that was started again has another number, and the one before it is left as a zombie.
    let mut zombies = Vec::new();
    let one = [(); 2].map(|()| {
        zombies.push(Sleep::zombie(&program));
        run(&[])
    });
    assert_eq!(one[0], one[1]);
    assert!(one[0].contains("none running, only zombies, expected at least 1\n"), "{}", one[0]);
    let one = [(); 2].map(|()| {
        let _worker = Sleep::start(&program, "600");
        let few = run(&["--min", "2"]);
        zombies.push(Sleep::zombie(&program));
        few
    });
    assert_eq!(one[0], one[1]);
    assert!(one[0].contains("1 running, also zombies, expected at least 2\n"), "{}", one[0]);
    drop(zombies);
    let one = [(); 2].map(|()| {
        let _worker = Sleep::start(&program, "600");
        run(&["--max", "0"])
    });
    assert_eq!(one[0], one[1]);
    assert!(one[0].contains("1 running, expected none\n"), "{}", one[0]);
    // A pid file that stays behind, whatever its time.
    let path = folder.join("pid");
    std::fs::write(&path, "4194303").unwrap();
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let one = [0, 50].map(|seconds| {
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        verdict(&["process", "--pid-file", path.to_str().unwrap()], 0)
    });
    assert_eq!(one[0], one[1]);
    std::fs::remove_dir_all(folder).unwrap();
}
