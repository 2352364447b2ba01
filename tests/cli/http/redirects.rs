//! Redirects, followed or not.

use super::{OK, healthy, unhealthy};
use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, send};

#[test]
fn an_unexpected_redirect_is_reported_with_its_location() {
    for (location, shown) in [
        ("/login", " to {base}/login"),
        ("../a", " to {base}/a"),
        // The query often changes from one response to the next, so it is left out.
        ("/login?state=4711#x", " to {base}/login?…"),
        ("https://me:hunter2@other.example/x", " to https://other.example/x"),
        ("mailto:x@y", ""),
        ("app://\x1b[2J/x", " to app://\\x1b[2J/x"),
    ] {
        let server = Server::new(answer(format!(
            "HTTP/1.1 302 Found\r\nLocation:\r\n {location}\r\nContent-Length: 0\r\n\r\n"
        )));
        let (url, base) = (server.url("/b/c"), server.url(""));
        let shown = shown.replace("{base}", &base);
        for options in [&["-s", "200"][..], &["--status", "200-299"]] {
            let expected = options[1];
            porthole([&["http", &url], options].concat())
                .unhealthy(&format!("unhealthy: http {url}: 302 Found{shown}, expected {expected}"));
        }
        porthole(["http", &url]).healthy(&format!("healthy: http {url}: 302 Found in <T>"));
    }
    // A byte that is not valid UTF-8.
    let head = b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9\r\nContent-Length: 0\r\n\r\n";
    let server = Server::new(vec![Step::Request, send(head)]);
    let url = server.url("/");
    porthole(["http", &url, "-s", "200"])
        .unhealthy(&format!("unhealthy: http {url}: 302 Found to /caf\\xe9, expected 200"));
    porthole(["http", &url, "--follow", "1"]).unhealthy(&format!(
        "unhealthy: http {url}: 302 Found with an invalid Location, expected a URL with '\\xe9' written as %E9"
    ));
    // However long the location is, the expectation is printed.
    let long = format!("/{}", "x".repeat(600));
    let server =
        Server::new(answer(format!("HTTP/1.1 301 Moved\r\nLocation: {long}\r\nContent-Length: 0\r\n\r\n")));
    let ran = porthole(["http", &server.url("/"), "-s", "200"]).run();
    assert!(ran.stdout.ends_with("…, expected 200\n"), "{}", ran.story());
}

#[test]
fn a_redirect_is_followed_only_on_request() {
    let redirect =
        |to: &str| answer(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"));
    let server = Server::scripts(vec![redirect("/login")]);
    porthole(["http", &server.url("/")])
        .healthy(&format!("healthy: http {}: 302 Found in <T>", server.url("/")));

    let server = Server::scripts(vec![redirect("a?b"), redirect("../c"), answer(OK)]);
    porthole(["http", &server.url("/x/y"), "--follow", "2"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/x/y")));
    let lines: Vec<String> =
        server.asked().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["GET /x/y HTTP/1.1", "GET /x/a?b HTTP/1.1", "GET /c HTTP/1.1"]);

    let server = Server::scripts(vec![redirect("/loop")]);
    porthole(["http", &server.url("/"), "--follow", "3"]).unhealthy(&format!(
        "unhealthy: http {}: redirected to {}: 302 Found after 3 redirects, expected at most 3 (--follow)",
        server.url("/"),
        server.url("/loop")
    ));
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn redirects_change_post_to_get_as_browsers_do() {
    let redirect = |status: &str| {
        vec![
            Step::Until(b"a=b"),
            send(format!("HTTP/1.1 {status}\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n")),
        ]
    };
    for (status, line) in [
        ("302 Found", "GET /next HTTP/1.1"),
        ("303 See Other", "GET /next HTTP/1.1"),
        ("307 Temporary Redirect", "POST /next HTTP/1.1"),
    ] {
        let server = Server::scripts(vec![redirect(status), answer(OK)]);
        porthole(["http", &server.url("/"), "-d", "a=b", "--follow", "1"])
            .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
        assert_eq!(server.asked()[1].lines().next().unwrap(), line, "{status}");
    }
}

#[test]
fn credentials_stay_with_host_port_and_scheme() {
    let other = Server::new(answer(OK));
    let first = Server::scripts(vec![
        answer("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"),
        answer(format!(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
            other.port()
        )),
    ]);
    let secret = ["Authorization: Bearer t", "Cookie: s=1"];
    let options = ["--follow", "2", "-H", "Authorization: Bearer t", "-H", "Cookie: s=1", "-H", "X-A: b"];
    porthole([&["http", &first.url("/")], &options[..]].concat())
        .healthy(&format!("healthy: http {}: 200 OK in <T>", first.url("/")));
    for request in first.asked() {
        assert!(secret.iter().all(|field| request.contains(field)), "{request}");
    }
    let request = other.asked().remove(0);
    assert!(!secret.iter().any(|field| request.contains(field)) && request.contains("X-A: b"), "{request}");
    drop(first);

    let first = Server::new(answer(format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        other.port()
    )));
    let url = format!("http://me:word@{}/", first.address());
    porthole(["http", &url, "--follow", "1"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", first.url("/")));
    assert!(
        first.asked()[0].contains("Authorization: Basic ") && !other.asked()[1].contains("Authorization")
    );
}

#[test]
fn user_info_of_a_location_is_not_printed() {
    for location in ["http://me:hunter2@other.example/", "http://me:hunter2@other.example:0/"] {
        for options in [&["--json"][..], &["--json", "--follow", "1"]] {
            let server = Server::new(answer(format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            )));
            let ran = porthole([&["http", &server.url("/")], options].concat()).run();
            assert!(ran.stdout.contains("302 Found") && !ran.stdout.contains("hunter2"), "{}", ran.story());
        }
    }
}

#[test]
fn assertions_apply_to_a_redirect_to_another_host_too() {
    let text = "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 5\r\n\r\nmoved";
    let found = "302 Found, not followed to another host, http://other.example/";
    healthy(text, &["--follow", "1", "--contains", "moved"], found);
    unhealthy(
        text,
        &["--follow", "1", "--contains", "ready"],
        &format!("{found}, expected the body to contain \"ready\"; body: moved"),
    );
}

#[test]
fn an_invalid_location_is_reported() {
    let redirect =
        |location: &str| answer(format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n"));
    for (location, reason) in [
        (
            "Location: mailto:x@y\r\n",
            "302 Found with an invalid Location, expected an http:// or https:// URL",
        ),
        (
            "Location: http://127.0.0.1:0/\r\n",
            "302 Found with an invalid Location, expected a port from 1 to 65535",
        ),
    ] {
        let server = Server::new(redirect(location));
        porthole(["http", &server.url("/"), "--follow", "1"])
            .unhealthy(&format!("unhealthy: http {}: {reason}", server.url("/")));
    }
    let server = Server::new(redirect(""));
    porthole(["http", &server.url("/"), "--follow", "1"])
        .healthy(&format!("healthy: http {}: 302 Found in <T>", server.url("/")));
}
