//! Secrets are never printed, whatever their source and wherever an excerpt cuts them.

mod with_tls;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::command::{binary, porthole, until_within};
use crate::support::server::{Server, Step, answer, folder, response, send};

/// Writes a file with this content; returns its folder and the expression that reads it.
fn secret_file(value: &str) -> (PathBuf, String) {
    let folder = folder();
    std::fs::write(folder.join("s"), value).unwrap();
    let expression = format!("${{file:{}/s}}", folder.display());
    (folder, expression)
}

/// Returns 200 bytes without a repeated part.
fn long_secret() -> String {
    (0..50).map(|n| format!("s{n:03}")).collect::<Vec<_>>().concat()
}

#[test]
fn an_expectation_does_not_show_a_long_secret() {
    let (folder, s) = secret_file(&long_secret());
    let server = Server::new(answer(response("200 OK", r#"{"x": "y"}"#)));
    let url = server.url("/");
    for (option, value, expected) in [
        ("--contains", s.clone(), format!("the body to contain \"{s}\"")),
        ("--matches", format!("x{s}"), format!("the body to match \"x{s}\"")),
        ("--field", format!("/x={s}"), format!("/x to be \"{s}\", not \"y\"")),
        ("--field", format!("/{s}"), format!("/{s} in the JSON body")),
    ] {
        porthole(["http", &url, option, &value]).unhealthy(&format!(
            "unhealthy: http {url}: 200 OK, expected {expected}; body: {{\"x\": \"y\"}}"
        ));
    }
    let server = Server::new(vec![send("hello")]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--expect", &format!(r"\r{s}")]).unhealthy(&format!(
        "unhealthy: tcp {address}: the server closed the connection, expected \"\\r{s}\"; received: hello"
    ));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_excerpt_that_cuts_a_secret_shows_no_part_of_it() {
    let secret = long_secret();
    let (folder, s) = secret_file(&secret);
    let header = format!("X-Key: {s}");
    let filler = ".".repeat(492);
    let server = Server::new(answer(response("403 Forbidden", &format!("{filler}{secret}"))));
    let json = porthole(["http", &server.url("/"), "-H", &header, "--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["body"], format!("{filler}{s}"));
    // The JSON value that a verdict quotes.
    let body = format!("{{\"x\": \"{}{secret}\"}}", "-".repeat(60));
    let server = Server::new(answer(response("200 OK", &body)));
    let ran = porthole(["http", &server.url("/"), "-H", &header, "--field", "/x=y"]).run();
    assert!(ran.stdout.contains(&format!("not \"{}{s}…", "-".repeat(60))), "{}", ran.story());
    assert!(!ran.stdout.contains("s000"), "{}", ran.story());
    // The 64 bytes that are quoted of a response that is not HTTP.
    let server = Server::new(answer(format!("{}{secret}\r\n\r\n", "-".repeat(50))));
    let url = server.url("/");
    porthole(["http", &url, "-H", &header]).unhealthy(&format!(
        "unhealthy: http {url}: the response is not HTTP; received: {}{s}",
        "-".repeat(50)
    ));
    // The 256 bytes that are quoted of a reply without the expected text.
    let server = Server::new(vec![Step::Until(b"s049"), send(format!("{}{secret}", "-".repeat(230)))]);
    let json =
        porthole(["tcp", &server.address().to_string(), "--send", &s, "--expect", "x", "--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["received"], format!("{}{s}", "-".repeat(230)));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_placeholder_of_a_secret_is_not_redacted_again() {
    let server = Server::new(vec![Step::Until(b"file"), send("a-key-value and file")]);
    let (folder, s) = secret_file("file");
    let address = server.address().to_string();
    porthole(["tcp", &address, "--send", &s, "--expect", "${API_KEY}${KEY}"])
        .env("API_KEY", "a-key-value")
        .env("KEY", "API_KEY")
        .unhealthy(&format!(
            "unhealthy: tcp {address}: the server closed the connection, expected \"${{API_KEY}}${{KEY}}\"; received: ${{API_KEY}} and {s}"
        ));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_target_is_not_redacted_for_a_secret_that_it_contains_by_chance() {
    let server = Server::new(vec![Step::Until(b"1"), send("no")]);
    let (address, port) = (server.address().to_string(), server.port().to_string());
    porthole(["tcp", &address, "--send", "${PIN_TOKEN}", "--expect", "yes"]).env("PIN_TOKEN", "1").unhealthy(
        &format!(
            "unhealthy: tcp {address}: the server closed the connection, expected \"yes\"; received: no"
        ),
    );
    let json = porthole(["tcp", &address, "--send", "${PIN_TOKEN}", "--json"]).env("PIN_TOKEN", &port).json();
    assert_eq!(json["checks"][0]["target"], address);
    assert_eq!(json["checks"][0]["facts"]["address"], address);
    // If the target was expanded from the secret, it is not printed.
    porthole(["tcp", "127.0.0.1:${PIN_TOKEN}"])
        .env("PIN_TOKEN", &port)
        .healthy("healthy: tcp 127.0.0.1:${PIN_TOKEN}: connected in <T>");
}

#[test]
fn the_name_of_a_variable_decides_whether_it_is_a_secret() {
    for (name, is_secret) in
        [("PGPASSWORD", true), ("APIKEY", true), ("KEYCLOAK_PORT", false), ("SECRET_FILE", false)]
    {
        let server = Server::new(vec![Step::Until(b"value"), send("got value")]);
        let address = server.address().to_string();
        let shown = if is_secret { format!("${{{name}}}") } else { "value".to_owned() };
        porthole(["tcp", &address, "--send", &format!("${{{name}}}"), "--expect", "x"]).env(name, "value").unhealthy(
            &format!(
                "unhealthy: tcp {address}: the server closed the connection, expected \"x\"; received: got {shown}"
            ),
        );
    }
}

#[test]
fn usage_errors_show_expanded_values_but_no_secrets() {
    let (folder, s) = secret_file("hunter2");
    let host_port = "expected host:port, [::1]:port, :port or port, with a port from 1 to 65535";
    porthole(["tcp", ":${PORT}"])
        .env("PORT", "99999")
        .refused(&format!("tcp: TARGET: {host_port}, got ':99999'"));
    porthole(["tcp", &format!(":{s}")]).refused(&format!("tcp: TARGET: {host_port}, got ':{s}'"));
    porthole(["tcp", "${DATABASE_URL}"])
        .env("DATABASE_URL", "postgres://me:hunter2@db/app")
        .refused(&format!("tcp: TARGET: {host_port}, got 'postgres://…@db/app'"));
    porthole(["http", "http://me:hunter2@${HOST:-app}:0/"])
        .refused("http: TARGET: expected a port from 1 to 65535, got 'http://…@app:0/'");
    porthole(["http", &format!(":80/ ?t={s}")])
        .refused(&format!("http: TARGET: expected a URL with ' ' written as %20, got ':80/ ?t={s}'"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn secrets_of_the_request_are_redacted_in_the_response() {
    let (folder, s) = secret_file("  hunter2 \n");
    let echo = |body: &str, arguments: &[&str], shown: &str| {
        let server = Server::new(answer(response("400 Bad Request", body)));
        let url = server.url("/");
        porthole(["http", &url].iter().chain(arguments))
            .unhealthy(&format!("unhealthy: http {url}: 400 Bad Request, expected 200-399; body: {shown}"));
    };
    // RFC 7617: bob:hunter2.
    let user = ["--user", "bob:hunter2"];
    echo("Basic Ym9iOmh1bnRlcjI=, bob:hunter2, hunter2!", &user, "Basic <user>, <user>, <user>!");
    echo("token sk_live_1 of sk_live_1:", &["--user", "sk_live_1:"], "token <user> of <user>");
    let literal = ["-H", "Authorization: Bearer literal"];
    echo("Bearer literal; literal.", &literal, "<header authorization>; <header authorization>.");
    echo(
        "text/plain, 1.2.3.4",
        &["-H", "Accept: text/plain", "-H", "X-Forwarded-For: 1.2.3.4"],
        "text/plain, 1.2.3.4",
    );
    echo("pw=abcd&x", &["-d", "pw=abcd"], "<data>&x");
    let form = ["-d", "user=me&password=hunter2&note=p%40ss+word&ok=true"];
    echo("hunter2 of me, p%40ss+word: p@ss word", &form, "<data> of me, <data>: <data>");
    echo("password hunter2 is true", &form, "password <data> is true");
    let json =
        ["-d", r#"{"password": "hun\"ter2", "pins": [1234, 12], "deep": {"a": "b\u0063de"}, "on": null}"#];
    echo(r#"{"password":"hun\"ter2"} hun"ter2 is null"#, &json, r#"{"password":"<data>"} <data> is null"#);
    echo("bcde 1234 12 pins", &json, "<data> <data> 12 pins");
    echo("got hunter2.", &["-H", &format!("X-Key: {s}")], "got <header x-key>.");
    let server = Server::new(answer(response("401 Unauthorized", "Basic bWU6aHVudGVyMg== of me:hunter2")));
    let address = server.address();
    porthole(["http".to_owned(), format!("http://me:hunter%32@{address}/")]).unhealthy(&format!(
        "unhealthy: http http://{address}/: 401 Unauthorized, expected 200-399; body: Basic <user> of <user>"
    ));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn secrets_are_redacted_in_other_encodings_too() {
    for (arguments, body, shown) in [
        (
            ["-H", "X-Api-Key: ab+cd/ef=="],
            "tok=ab%2Bcd%2Fef==; ab%2bcd%2fef%3d%3d; ab\\u002bcd\\/ef\\u003D=; ab&#43;cd&#x2f;ef==",
            "tok=<header x-api-key>; <header x-api-key>; <header x-api-key>; <header x-api-key>",
        ),
        (
            ["--user", "bob:p<w>&'é"],
            "p\\u003cw\\u003e\\u0026'\\u00e9, p&lt;w&gt;&amp;&#39;&#xe9;, p%3Cw%3E%26%27%C3%A9",
            "<user>, <user>, <user>",
        ),
        (
            ["-d", "password=hunter2 and more"],
            "hunter2+and+more hunter2%20and%20more hunter2 and more",
            "<data> <data> <data>",
        ),
        (["-d", "rate=100%25+off"], "100%25+off 100%25%20off 100% off", "<data> <data> <data>"),
    ] {
        let server = Server::new(answer(response("400 Bad Request", body)));
        let url = server.url("/");
        porthole(["http", &url].iter().chain(&arguments))
            .unhealthy(&format!("unhealthy: http {url}: 400 Bad Request, expected 200-399; body: {shown}"));
    }
    // In the encoding in which it was typed.
    let server = Server::new(answer(response("401 Unauthorized", "no p%40ssw0rd, p@ssw0rd")));
    let address = server.address();
    porthole(["http".to_owned(), format!("http://bob:p%40ssw0rd@{address}/")]).unhealthy(&format!(
        "unhealthy: http http://{address}/: 401 Unauthorized, expected 200-399; body: no <user>, <user>"
    ));
    // The location of a redirect, and a body that ends within an escape.
    let moved =
        "HTTP/1.1 302 Found\r\nLocation: /login/ab%2Bcd%2Fef%3D%3D\r\nContent-Length: 8\r\n\r\nab%2Bcd%";
    let server = Server::new(answer(moved));
    let url = server.url("/");
    let ran = porthole(["http", &url, "-s", "200", "-H", "X-Api-Key: ab+cd/ef==", "--json"]).json();
    let check = &ran["checks"][0];
    assert_eq!(check["reason"], format!("302 Found to {url}login/<header x-api-key>, expected 200"));
    assert_eq!(check["facts"]["location"], format!("{url}login/<header x-api-key>"));
    assert_eq!(check["facts"]["body"], "<header x-api-key>");
}

#[test]
fn words_of_the_verdict_itself_are_not_redacted() {
    let refused = "unhealthy: http http://127.0.0.1:1/: connection refused (127.0.0.1)";
    for arguments in [
        ["-d", "a=refused&b=connection"],
        ["-d", "refused"],
        ["--user", "me:connection"],
        ["-H", "X-Key: connection refused"],
    ] {
        porthole(["http", "http://127.0.0.1:1/"].iter().chain(&arguments)).unhealthy(refused);
    }
    porthole(["http", "http://127.0.0.1:1/", "-d", "a=connection", "and", "tcp", "127.0.0.1:1"])
        .unhealthy(&format!("{refused}\nunhealthy: tcp 127.0.0.1:1: connection refused (127.0.0.1)"));
    // Words of the server are redacted.
    let body = "HTTP/1.1 302 Found\r\nLocation: /Found?expected\r\nContent-Length: 15\r\n\r\nFound, expected";
    let server = Server::new(answer(body));
    let url = server.url("/");
    let data = ["-d", r#"["Found", "expected", "200-299", "body", "contain", "not one"]"#];
    porthole(["http", &url, "-s", "200-299"].iter().chain(&data)).unhealthy(&format!(
        "unhealthy: http {url}: 302 Found to {url}<data>?…, expected 200-299; body: <data>, <data>"
    ));
    let server = Server::new(answer(response("200 OK", r#"{"x": "not one"}"#)));
    let url = server.url("/");
    let line = format!("unhealthy: http {url}: 200 OK, expected");
    let body = r#"body: {"x": "<data>"}"#;
    porthole(["http", &url, "--field", "/x=contain"].iter().chain(&data))
        .unhealthy(&format!(r#"{line} /x to be "<data>", not "<data>"; {body}"#));
    porthole(["http", &url, "--contains", "one body"].iter().chain(&data))
        .unhealthy(&format!(r#"{line} the body to contain "one <data>"; {body}"#));
    // Usage errors are not redacted either.
    porthole(["http", &url, "--max-body", "x"].iter().chain(&data))
        .refused("http: --max-body: expected a size such as 512, 64k or 10M (powers of 1024), got 'x'");
    // A secret from a file is still redacted everywhere.
    let (folder, s) = secret_file("refused");
    porthole(["http", "http://127.0.0.1:1/", "-d", &s])
        .unhealthy(&format!("unhealthy: http http://127.0.0.1:1/: connection {s} (127.0.0.1)"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_request_with_very_many_values_is_redacted_quickly() {
    let numbers: Vec<_> = (100_000..118_000).map(|number| number.to_string()).collect();
    let form: Vec<_> = (100_000..110_000).map(|number| format!("a={number}")).collect();
    let cookies: Vec<_> = (100_000..110_000).map(|number| format!("a={number}")).collect();
    let header = format!("Cookie: {}", cookies.join("; "));
    for arguments in [["-d", &format!("[{}]", numbers.join(","))], ["-d", &form.join("&")], ["-H", &header]] {
        until_within(std::time::Duration::from_millis(1500), || {
            porthole(["http", "http://127.0.0.1:1/", "-t", "5s"].iter().chain(&arguments))
                .unhealthy("unhealthy: http http://127.0.0.1:1/: connection refused (127.0.0.1)")
        });
    }
}

#[test]
fn a_fifo_is_not_even_opened() {
    let folder = folder();
    let fifo = folder.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // A writer waits for a reader; what it writes must reach the reader that comes after porthole.
    let mut writer = Command::new("sh")
        .args(["-c", "echo \"$$\" >pid; echo kept >fifo"])
        .current_dir(&folder)
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(folder.join("pid")).is_ok_and(|pid| {
        // It sleeps in open(2) while it waits: wait_for_partner in fs/pipe.c of the kernel.
        std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| stat.contains(") S "))
    }) {
        std::thread::yield_now();
    }
    let expression = format!("${{file:{}}}", fifo.display());
    porthole(["tcp", ":80", "--send", &expression])
        .refused(&format!("tcp: --send: {expression}: not a regular file"));
    let reader = Command::new("/usr/bin/timeout")
        .args(["10", "head", "-n1"])
        .arg(&fifo)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(reader.stdout).unwrap(), "kept\n");
    assert!(writer.wait().unwrap().success());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_of_the_largest_size_may_end_in_a_newline() {
    let (folder, s) = secret_file(&"x".repeat(64 << 10));
    let server = Server::new(vec![send("hello")]);
    let address = server.address().to_string();
    for end in ["", "\n", "\r\n"] {
        std::fs::write(folder.join("s"), format!("{}{end}", "x".repeat(64 << 10))).unwrap();
        porthole(["tcp", &address, "--send", &s])
            .healthy(&format!("healthy: tcp {address}: connected in <T>"));
    }
    for end in ["x", "x\n", "\n\n"] {
        std::fs::write(folder.join("s"), format!("{}{end}", "x".repeat(64 << 10))).unwrap();
        porthole(["tcp", &address, "--send", &s]).refused(&format!("tcp: --send: {s}: larger than 64 KiB"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Runs `porthole tcp` in a mount namespace with this file as /etc/hosts; returns stdout and
/// stderr.
fn with_hosts(hosts: &std::path::Path, target: &str) -> Option<(String, String)> {
    let script = "mount --bind \"$1\" /etc/hosts && exec \"$2\" tcp \"$3\"";
    let namespace = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]).args(words).stdin(Stdio::null());
        command
    };
    if !namespace(&["mount", "--bind", "/dev/null", "/etc/hosts"])
        .output()
        .is_ok_and(|ran| ran.status.success())
    {
        assert!(std::env::var_os("PORTHOLE_SKIP_NOTHING").is_none(), "cannot create a mount namespace");
        let _ = writeln!(std::io::stderr(), "SKIPPED hosts: cannot create a mount namespace");
        return None;
    }
    let ran = namespace(&["sh", "-c", script, "sh"]).arg(hosts).args([&binary(), target]).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    Some((String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap()))
}

#[test]
fn an_unreadable_hosts_file_does_not_count_as_empty() {
    let folder = folder();
    let large = folder.join("large");
    std::fs::write(&large, format!("{}127.0.0.1 last.example\n", "0.0.0.0 ads.example\n".repeat(100_000)))
        .unwrap();
    // This stands in for a file without read permission, because root may read everything.
    let Some((_, stderr)) = with_hosts(std::path::Path::new("/dev/null"), "db:80") else { return };
    assert_eq!(stderr, "porthole: tcp db:80: could not resolve db: /etc/hosts: not a regular file\n");
    let (stdout, _) = with_hosts(std::path::Path::new("/dev/null"), "localhost:1").unwrap();
    assert_eq!(stdout, "unhealthy: tcp localhost:1: connection refused (::1, 127.0.0.1)\n");
    let (stdout, _) = with_hosts(&large, "last.example:1").unwrap();
    assert_eq!(stdout, "unhealthy: tcp last.example:1: connection refused (127.0.0.1)\n");
    std::fs::write(&large, "0.0.0.0 ads.example\n".repeat(110_000)).unwrap();
    let (_, stderr) = with_hosts(&large, "db:80").unwrap();
    assert_eq!(stderr, "porthole: tcp db:80: could not resolve db: /etc/hosts: larger than 2 MiB\n");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_error_in_a_run_option_shows_no_secret() {
    // The options of a run are parsed after everything else, so every secret is known by that time.
    porthole(["tcp", ":1", "--send", "${API_KEY}", "--timeout", "hunter2"])
        .env("API_KEY", "hunter2")
        .refused(
            "--timeout: expected a duration such as 500ms, 2s or 1m30s, more than zero and at most 1h, \
             got '${API_KEY}'",
        );
}
