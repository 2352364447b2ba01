//! `http`.

use super::{Pair, assert_alike, drip, mysql, smtp};
use crate::support::command::has_feature;
use crate::support::server::{Step, send};

fn after_request(rest: Vec<Step>) -> Vec<Step> {
    [vec![Step::Request], rest].concat()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn failures_before_the_body_are_worded_alike() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let dated = |second: u8, text: &str| {
        format!("HTTP/1.1 503 No\r\nDate: Mon, 30 Nov 2026 10:00:{second}0 GMT\r\n{text}")
    };
    let half = |second: u8| format!("HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 10:00:{second}0 GMT\r\n");
    let rows: Vec<(&[&str], Pair, &str)> = vec![
        (&[], [vec![Step::Hold], after_request(vec![Step::Hold])], "waiting for the response head\n"),
        (
            &[],
            [after_request(vec![drip(body, 30)]), after_request(vec![drip(body, 170)])],
            "timed out after 600 ms waiting for the rest of the response head\n",
        ),
        (
            &[],
            [
                after_request(vec![send("HTTP/1.1 2"), Step::Hold]),
                after_request(vec![drip("HTTP/1.1 2", 1), Step::Hold]),
            ],
            "waiting for the rest of the response head\n",
        ),
        // However the connection ends, and however much of the head arrived.
        (
            &[],
            [after_request(vec![send(half(1))]), vec![send(half(2)), drip("A", 20), Step::Reset]],
            "the server closed the connection waiting for the rest of the response head\n",
        ),
        (
            &[],
            [after_request(vec![send("HTTP/1.1 2")]), vec![send("HTTP/1.1 2")]],
            "the server closed the connection waiting for the rest of the response head\n",
        ),
        // A close or a reset, before or after the request is read: it is a race.
        (&[], [after_request(vec![]), vec![]], "without a reply"),
        (&[], [after_request(vec![Step::Reset]), vec![Step::Until(b"G")]], "without a reply"),
        (&[], [after_request(vec![]), vec![Step::Reset]], "without a reply"),
        (
            &[],
            [
                after_request(vec![send(dated(1, "Content-Length: 2\r\n\r\nno"))]),
                after_request(vec![drip(dated(2, "Content-Length: 2\r\n\r\nno"), 1)]),
            ],
            "503 Service Unavailable, expected 200-399; body: no\n",
        ),
        (
            &[],
            [
                after_request(vec![send(dated(1, "Content-Length: 99\r\n\r\nso far")), Step::Hold]),
                after_request(vec![
                    send(dated(2, "Content-Length: 99\r\n\r\n")),
                    drip("so far", 30),
                    Step::Hold,
                ]),
            ],
            "503 Service Unavailable, expected 200-399\n",
        ),
        // A body that is visibly complete, although its end does not arrive.
        (
            &[],
            [
                after_request(vec![
                    send(dated(1, "Content-Length: 99\r\n\r\n{\"db\": \"down\"}")),
                    Step::Hold,
                ]),
                after_request(vec![
                    send(dated(2, "Content-Length: 99\r\n\r\n")),
                    drip("{\"db\": \"down\"}", 1),
                ]),
            ],
            "body: {\"db\": \"down\"}\n",
        ),
        (
            &[],
            [
                after_request(vec![send(dated(1, "\r\ndb is down")), Step::Hold]),
                after_request(vec![send(dated(2, "\r\ndb ")), drip("is down", 1), Step::Hold]),
            ],
            "body: db is down\n",
        ),
        (
            &[],
            [
                after_request(vec![send(dated(1, "\r\n")), drip("x".repeat(99), 4)]),
                after_request(vec![send(dated(2, "\r\n")), drip("x".repeat(99), 6)]),
            ],
            "503 Service Unavailable, expected 200-399\n",
        ),
        // A body that ends with the connection, whether the request was read or not.
        (
            &[],
            [
                after_request(vec![send(dated(1, "\r\nhello"))]),
                vec![send(dated(2, "\r\nhello")), Step::Reset],
            ],
            "503 Service Unavailable, expected 200-399; body: hello\n",
        ),
    ];
    for (options, pair, part) in rows {
        assert_alike("http", "/", options, pair, part);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn failures_in_the_body_are_worded_alike() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let contains = &["--contains", "y"][..];
    let rows: Vec<(&[&str], Pair, &str)> = vec![
        (
            contains,
            [
                after_request(vec![send(body), drip("x".repeat(99), 20)]),
                after_request(vec![send(body), drip("x".repeat(99), 90)]),
            ],
            "timed out after 600 ms reading the body\n",
        ),
        (
            contains,
            [
                after_request(vec![send(body), send("x")]),
                after_request(vec![send(body), send("x".repeat(50_000))]),
            ],
            "the server closed the connection reading the body\n",
        ),
        (
            contains,
            [
                after_request(vec![send(body), send("x"), Step::Reset]),
                after_request(vec![send(body), send("x".repeat(50_000))]),
            ],
            "the server closed the connection reading the body\n",
        ),
        (
            contains,
            [
                after_request(vec![send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n",
                )]),
                after_request(vec![
                    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n"),
                    drip("hello\r\n", 1),
                ]),
            ],
            "invalid chunked encoding in the response body\n",
        ),
        (
            contains,
            [
                after_request(vec![send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(b"x".repeat(65_536))]),
                after_request(vec![send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(b"x".repeat(1000))]),
            ],
            "within the first 64 KiB",
        ),
        (
            &[],
            [after_request(vec![send("ok\n"), Step::Hold]), after_request(vec![send("ok\n")])],
            "not HTTP; received: ok\\n\n",
        ),
        // A known protocol, whose first bytes differ between connections.
        (
            &[],
            [after_request(vec![mysql(1), Step::Hold]), vec![mysql(2)]],
            "the port speaks MySQL, not HTTP\n",
        ),
        (
            &[],
            [after_request(vec![smtp(1), Step::Hold]), vec![smtp(2)]],
            "the port speaks SMTP or FTP, not HTTP\n",
        ),
        (
            &[],
            [
                after_request(vec![send(b"\0\0\0\x04\0\0\0\0\0"), Step::Hold]),
                after_request(vec![send(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64")]),
            ],
            "HTTP/2",
        ),
        (
            &[],
            [
                after_request(vec![send(b"HTTP/1.1 200 OK\r\nDate: 1\r\nA: \0\r\n\r\n"), Step::Hold]),
                after_request(vec![drip(b"HTTP/1.1 200 OK\r\nDate: 2\r\nA: \0\r\n\r\n", 1)]),
            ],
            "invalid header line in the response; received: A: \\0\n",
        ),
    ];
    for (options, pair, part) in rows {
        assert_alike("http", "/", options, pair, part);
    }
}

#[test]
fn redirects_are_worded_alike() {
    // The query, and what follows a semicolon (such as a session ID), differ each time.
    let to = |location: &str| {
        send(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
    };
    let mut rows: Vec<(&[&str], Pair, &str)> = vec![
        (
            &["-s", "200"],
            [after_request(vec![to("/login?state=1")]), after_request(vec![to("/login?state=22")])],
            "302 Found to http://127.0.0.1:PORT/login?…, expected 200\n",
        ),
        (
            &["-s", "200"],
            [
                after_request(vec![to("/login;jsessionid=FE221?state=1")]),
                after_request(vec![to("/login;jsessionid=FE222?state=1")]),
            ],
            "302 Found to http://127.0.0.1:PORT/login;…, expected 200\n",
        ),
        (
            &["--follow", "1"],
            [after_request(vec![to("/login?state=1")]), after_request(vec![to("/login?state=22")])],
            "redirected to http://127.0.0.1:PORT/login?…: 302 Found after 1 redirects, expected",
        ),
        (
            &["--follow", "1", "-s", "200"],
            [
                after_request(vec![to("http://idp.example/auth?state=1")]),
                after_request(vec![to("http://idp.example/auth?state=2")]),
            ],
            "302 Found, not followed to another host, http://idp.example/auth?…, expected 200\n",
        ),
    ];
    if !has_feature("tls") {
        let pair = [
            after_request(vec![to("https://127.0.0.1/auth?state=1")]),
            after_request(vec![to("https://127.0.0.1/auth?state=2")]),
        ];
        rows.push((
            &["--follow", "1"],
            pair,
            "302 Found to https://127.0.0.1/auth?…, but this build has no TLS\n",
        ));
    }
    for (options, pair, part) in rows {
        assert_alike("http", "/", options, pair, part);
    }
}
