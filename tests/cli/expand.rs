//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` are expanded, and no secret is ever printed.

use std::process::Command;

use crate::support::command::{binary, output, porthole};
use crate::support::server::{Server, Step, answer, folder, response, send};
use crate::support::skip::skip;

#[test]
fn variables_are_expanded_in_targets_and_values() {
    let server = Server::new(answer(response("200 OK", "ready")));
    let port = server.port().to_string();
    porthole(["http", ":${PORT}/${PATH_TO:-healthz}", "--contains", "${WORD}"])
        .env("PORT", &port)
        .env("WORD", "ready")
        .healthy(&format!("healthy: http http://localhost:{port}/healthz: 200 OK in <T>"));
}

#[test]
fn two_dollar_signs_stand_for_one() {
    let server = Server::new(answer(response("200 OK", "costs ${PORT}")));
    porthole(["http", &server.url("/"), "--contains", "$${PORT}"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
}

#[test]
fn a_failed_expansion_names_its_cause() {
    porthole(["http", ":${PORT}/"])
        .refused("http: TARGET: environment variable PORT is not set (to give a default, write ${PORT:-…})");
    porthole(["http", ":80", "-H", "X: ${file:/none}"])
        .refused("http: --header: ${file:/none}: no such file or directory");
    porthole(["tcp", ":80", "--expect", "${oops"])
        .refused("tcp: --expect: ${oops has no closing } (write $${ for a literal ${)");
    porthole(["http", ":${PORT}/"])
        .env("PORT", "0")
        .refused("http: TARGET: expected a port from 1 to 65535, got ':0/'");
}

#[test]
fn a_secret_is_sent_and_never_printed() {
    let folder = folder();
    let file = folder.join("token");
    std::fs::write(&file, "hunter2\n").unwrap();
    let expression = format!("${{file:{}}}", file.display());
    let server = Server::new(answer(response("403 Forbidden", "the token hunter2 is unknown")));
    let target = format!("{}?token={expression}", server.url("/"));
    let header = format!("Authorization: Bearer {expression}");
    let shown = format!("{}?token={expression}", server.url("/"));
    porthole(["http", &target, "-H", &header, "-d", &expression, "-X", "GET"]).unhealthy(&format!(
        "unhealthy: http {shown}: 403 Forbidden, expected 200-399; body: the token {expression} is unknown"
    ));
    let json = porthole(["http", &target, "-H", &header, "--json"]).run();
    assert!(!json.stdout.contains("hunter2") && json.stdout.contains("is unknown"), "{}", json.story());
    for request in server.asked() {
        assert!(request.starts_with("GET /?token=hunter2 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer hunter2\r\n"), "{request}");
    }
    // The message about an unmet expectation would quote it too.
    let ran =
        porthole(["http", &server.url("/"), "-s", "403", "--contains", &format!("{expression}!")]).run();
    assert!(!ran.stdout.contains("hunter2"), "{}", ran.story());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_variable_named_like_a_secret_is_redacted() {
    let server = Server::new(vec![Step::Until(b"t0psecret"), send("no t0psecret here")]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--send", "AUTH ${REDIS_PASSWORD}", "--expect", "+OK"])
        .env("REDIS_PASSWORD", "t0psecret")
        .unhealthy(&format!(
            "unhealthy: tcp {address}: the server closed the connection, expected \"+OK\"; received: no ${{REDIS_PASSWORD}} here"
        ));
}

#[test]
fn a_secret_typed_on_the_command_line_is_not_repeated_either() {
    for (arguments, message) in [
        (
            &["http", ":80", "-H", "Authorization Bearer hunter2"][..],
            "http: --header: expected 'Name: value'",
        ),
        (&["http", ":80", "--user", "hunter2"], "http: --user: expected NAME:PASSWORD"),
    ] {
        porthole(arguments).refused(message);
    }
    let server = Server::new(answer(response("401 Unauthorized", "")));
    let address = server.address();
    porthole(["http", &format!("http://me:hunter2@{address}/")])
        .unhealthy(&format!("unhealthy: http http://{address}/: 401 Unauthorized, expected 200-399"));
}

#[test]
fn only_small_regular_files_are_read() {
    let folder = folder();
    let fifo = folder.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let large = folder.join("large");
    std::fs::write(&large, vec![b'x'; 65_537]).unwrap();
    for (path, why) in [
        (fifo.display().to_string(), "not a regular file"),
        ("/dev/zero".to_owned(), "not a regular file"),
        (large.display().to_string(), "larger than 64 KiB"),
    ] {
        let expression = format!("${{file:{path}}}");
        porthole(["tcp", ":80", "--send", &expression]).refused(&format!("tcp: --send: {expression}: {why}"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Seccomp profiles that predate a system call refuse it, and some systems lack it.
#[test]
fn a_file_is_read_without_the_nonblocking_system_calls() {
    let folder = folder();
    let file = folder.join("secret");
    std::fs::write(&file, "hunter2\n").unwrap();
    let server = Server::new(vec![Step::Until(b"hunter2"), send("yes")]);
    let address = server.address().to_string();
    for refused in
        ["openat2:error=EPERM", "openat2:error=ENOSYS", "preadv2:error=EPERM", "preadv2:error=EAGAIN"]
    {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={refused}"), &binary()]);
        strace.args(["tcp", &address, "--send", &format!("${{file:{}}}", file.display()), "--expect", "yes"]);
        if strace.output().is_err() {
            return skip("strace is not installed");
        }
        let ran = output(&mut strace);
        assert!(ran.stdout.starts_with("healthy: ") && ran.status == Some(0), "{refused}: {}", ran.story());
    }
    std::fs::remove_dir_all(folder).unwrap();
}
