//! Bugs that were fixed, one test each.

mod with_inspect;

use crate::support::command::porthole;
use crate::support::server::{Server, answer, response};

/// The static build once wrote `GET / ` without a version, because a formatting trait was compiled
/// away.
#[test]
fn the_request_line_is_complete() {
    let server = Server::new(answer(response("200 OK", "")));
    porthole(["http", &server.url("/")])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    assert!(server.asked()[0].starts_with("GET / HTTP/1.1\r\n"), "{}", server.asked()[0]);
}

/// `--contains` once searched the whole body again for each piece of it, and timed out at a
/// megabyte.
#[test]
fn a_large_body_is_searched_once() {
    let body = response("200 OK", &format!("{}end", "x".repeat(8 << 20)));
    let server = Server::new(answer(body));
    let url = server.url("/");
    porthole(["http", &url, "--contains", "end", "--max-body", "10M", "-t", "20s"])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"))
        .within(std::time::Duration::from_secs(10));
}

/// The longest line of a request was once calculated without the header that is built from the user
/// info of a URL.
#[test]
fn long_user_info_is_sent() {
    let server = Server::new(answer(response("200 OK", "")));
    let address = server.address();
    porthole(["http", &format!("http://u:{}@{address}/", "p".repeat(5000))])
        .healthy(&format!("healthy: http http://{address}/: 200 OK in <T>"));
    assert!(
        server.asked()[0].to_ascii_lowercase().contains("authorization: basic "),
        "{}",
        server.asked()[0]
    );
}

/// A secret in a host name was once printed in lower case. One cookie of several was printed too,
/// and so was a secret that the server had escaped.
#[test]
fn secrets_are_redacted_however_they_are_written() {
    let ran = porthole(["tcp", "${APP_SECRET}:80"]).env("APP_SECRET", "AbCdEfGh").run();
    let all = [ran.stdout.as_str(), &ran.stderr].concat();
    assert!(
        !all.to_ascii_lowercase().contains("abcdefgh") && all.contains("${APP_SECRET}"),
        "{}",
        ran.story()
    );

    let server = Server::new(answer(response("401 Unauthorized", r"no tok\/en+1 nor sid-t0psecret")));
    let url = server.url("/");
    let headers = ["-H", "Authorization: Bearer tok/en+1", "-H", "Cookie: theme=dark; sid=sid-t0psecret"];
    let ran = porthole([&["http", &url], &headers[..]].concat()).run();
    let body = "; body: no <header authorization> nor <header cookie>";
    assert!(ran.stdout.trim_end().ends_with(body), "{}", ran.story());
}
