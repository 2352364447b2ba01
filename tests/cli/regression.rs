//! What once went wrong, a test each.

use crate::support::command::{has_feature, porthole};
use crate::support::server::{Server, Step, answer, response};
use crate::support::skip::has_ipv6;

/// The static build once wrote `GET / ` without a version: a formatting trait was compiled away.
#[test]
fn the_request_line_is_whole() {
    let server = Server::new(answer(response("200 OK", "")));
    porthole(["http", &server.url("/")])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    assert!(server.asked()[0].starts_with("GET / HTTP/1.1\r\n"), "{}", server.asked()[0]);
}

/// `--contains` once looked at the whole body again for each piece of it, and ran out of time at a megabyte.
#[test]
fn a_large_body_is_looked_at_once() {
    let body = response("200 OK", &format!("{}end", "x".repeat(8 << 20)));
    let server = Server::new(answer(body));
    let url = server.url("/");
    porthole(["http", &url, "--contains", "end", "--max-body", "10M", "-t", "20s"])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"))
        .within(std::time::Duration::from_secs(10));
}

/// `--explain` once said of a socket that it had just connected to that nobody listened on it: it was bound by
/// another path.
#[test]
fn explain_knows_a_socket_by_its_other_names() {
    let server = Server::unix(vec![Step::Hold]);
    let link = server.socket().with_file_name("link");
    std::os::unix::fs::symlink("server.sock", &link).unwrap();
    let link = link.to_str().unwrap();
    let run = porthole(["unix", link, "--expect", "x", "-t", "200ms", "--explain"]);
    if !has_feature("inspect") {
        drop(server.unasked());
        run.refused("unix: --explain is not in this build; the full build of porthole has it");
        return;
    }
    let ran = run.run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], format!("unhealthy: unix {link}: timed out after 200 ms waiting for \"x\""));
    let us = format!(
        "  a socket of this name listens in this network namespace, held by pid {} (",
        std::process::id()
    );
    assert!(lines[1].starts_with(&us), "{}", ran.story());
}

/// A listener on the other family is what `--explain` is for.
#[test]
fn explain_says_who_listens_where() {
    if !has_ipv6() {
        return;
    }
    let server = Server::on("[::1]:0", vec![vec![Step::Hold]]).unasked();
    let port = server.port();
    let run = porthole(["tcp", &format!("127.0.0.1:{port}"), "--explain"]);
    if !has_feature("inspect") {
        run.refused("tcp: --explain is not in this build; the full build of porthole has it");
        return;
    }
    let ran = run.run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert_eq!(lines[0], format!("unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)"));
    assert_eq!(lines[1], format!("  TCP port {port} is listened on, but only at [::1]:{port}"));
    assert!(lines[2].starts_with("  the container's first process is pid 1 ("), "{}", ran.story());
}

/// A listener on `[::]` that takes no IPv4 was once said to listen there, with nobody waiting.
#[test]
fn explain_knows_of_sockets_that_take_ipv6_only() {
    if !has_ipv6() || !has_feature("inspect") {
        return;
    }
    let script = "import socket, sys\ns = socket.socket(socket.AF_INET6)\n\
                  s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\ns.bind(('::', 0))\ns.listen()\n\
                  print(s.getsockname()[1], flush=True)\nsys.stdin.read()";
    let mut server = std::process::Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut port)
        .unwrap();
    let port = port.trim();
    let ran = porthole(["tcp", &format!("127.0.0.1:{port}"), "--explain"]).run();
    drop(server.stdin.take());
    server.wait().unwrap();
    ran.is(
        1,
        &format!(
            "unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)\n  [::]:{port} takes IPv6 only (IPV6_V6ONLY)"
        ),
        "",
    );
}
