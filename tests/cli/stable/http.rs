//! `http`.

use super::{Pair, alike, drip, mysql, smtp};
use crate::support::command::has_feature;
use crate::support::server::{Step, send};

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
