//! Checks of servers other than HTTP.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use super::{Pair, assert_alike, drip, mysql, smtp, verdict};
use crate::support::server::{Server, Step, closed_port, folder, send};

#[test]
fn failures_of_tcp_are_worded_alike() {
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
            "without a reply (it may expect TLS or the PROXY protocol), expected \"y\"\n",
        ),
        (
            &["--send", "xx", "--expect", "y"],
            [vec![send("no\r\n"), Step::Until(b"xx")], vec![send("no\r\n"), Step::Reset]],
            "the server closed the connection, expected \"y\"; received: no\\r\\n\n",
        ),
    ];
    for (options, pair, part) in rows {
        assert_alike("tcp", "", options, pair, part);
    }
}

#[test]
fn failures_of_unix_are_worded_alike() {
    for (first, second) in [
        (vec![Step::Hold], vec![Step::Until(b"x"), Step::Hold]),
        (vec![send(" no\n"), Step::Hold], vec![drip(" no\n", 40), Step::Hold]),
        (vec![send(" no\n")], vec![drip(" no\n", 40)]),
    ] {
        let [first, second] = [first, second].map(|script| {
            let server = Server::unix(script);
            let path = server.socket().to_str().unwrap();
            verdict(&["unix", path, "--expect", "y", "-t", "600ms"], 0).replace(path, "PATH")
        });
        assert_eq!(first, second);
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
fn failures_of_grpc_are_worded_alike() {
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
        assert_alike("grpc", "", &[], pair, part);
    }
}

#[test]
fn failures_of_other_servers_are_worded_alike() {
    // Each check with the beginning of a valid response.
    for (check, beginning) in [
        ("redis", &b"+PO"[..]),
        ("postgres", b"R\0\0"),
        ("mysql", b"J\0\0"),
        ("amqp", b"\x01\0\0\0"),
        ("memcached", b"VERS"),
        ("mongodb", b"\x31\0\0\0"),
        ("kafka", b"\0\0\0\x16"),
        ("nats", b"INFO"),
        ("mqtt", b"\x20\x02"),
    ] {
        let rows: Vec<(Pair, &str)> = vec![
            ([vec![Step::Hold], vec![Step::Until(b"??"), Step::Hold]], "timed out after 600 ms"),
            (
                [vec![send(beginning), Step::Hold], vec![drip(beginning, 40), Step::Hold]],
                "timed out after 600 ms",
            ),
            (
                [vec![send(b"\x7f\x7f\x7f\x7f\x7f"), Step::Hold], vec![send(b"\x7f\x7f\x7f\x7f\x7f")]],
                "the response is not",
            ),
            (
                [vec![send(beginning)], vec![send(beginning), Step::Reset]],
                "the server closed the connection, expected",
            ),
            ([vec![smtp(1)], vec![smtp(2), Step::Hold]], "the port speaks SMTP or FTP, not"),
        ];
        for (pair, part) in rows {
            assert_alike(check, "", &[], pair, part);
        }
        let (part, second) = if check == "mysql" {
            ("timed out after 600 ms waiting for the answer to the login\n", vec![mysql(2), Step::Hold])
        } else {
            ("the port speaks MySQL, not", vec![mysql(2)])
        };
        assert_alike(check, "", &[], [vec![mysql(1), Step::Hold], second], part);
    }
    // What follows a greeting: a close, or something unexpected.
    for (end, part) in [
        (vec![], "the server closed the connection, expected the answer to the login\n"),
        (
            vec![send(b"\x01\0\0\x02B"), Step::Hold],
            "the response is not mysql; received: J\\0\\0\\0\\n8.0.36\\0\n",
        ),
    ] {
        let pair = [1, 2].map(|number| [vec![mysql(number), Step::Until(b"porthole")], end.clone()].concat());
        assert_alike("mysql", "", &[], pair, part);
    }
}

#[test]
fn failures_to_connect_are_worded_alike() {
    let port = closed_port();
    for check in ["http", "tcp", "grpc", "redis"] {
        let scheme = if check == "http" { "http://" } else { "" };
        for host in ["localhost", "127.0.0.1"] {
            let target = format!("{scheme}{host}:{port}");
            let [first, second] = ["1s", "2s"].map(|limit| verdict(&[check, &target, "-t", limit], port));
            assert_eq!(first, second);
            assert!(first.contains("connection refused"), "{first}");
        }
    }
    // A full accept queue: connections to it are not even refused.
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
        let [first, second] = [0, 1].map(|_| verdict(&[check, &target, "-t", "300ms"], address.port()));
        assert_eq!(first, second);
        assert!(first.contains("timed out after 300 ms"), "{first}");
    }
}
