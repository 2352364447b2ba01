//! Records and the end of a connection.

use super::super::{SOON, block, check, healthy, judge, listens, script, unhealthy};
use crate::certificates::certificates;
use crate::daemon::{Daemon, installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::porthole;
use crate::support::server::closed_port;
use crate::support::skip::skip_by_design;

#[test]
fn large_bodies() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let (folder, port) = (open_folder(), closed_port());
    std::fs::write(folder.join("large"), "0123456789abcdef".repeat(20_000) + "the end").unwrap();
    let more = format!("location = /large {{ root {}; }}", folder.display());
    let mut nginx = nginx(&program, folder, &block(port, &set.pem("server"), &set.key("server"), &more));
    nginx.until_listening(port);
    let url = format!("https://127.0.0.1:{port}/large");
    healthy(set, &url, &["--contains", "the end", "--max-body", "1M"]);
    healthy(set, &url, &["--matches", "f0123456789abcdefthe end$", "--max-body", "1M"]);
    let ran = check(set, &url, &["--contains", "the end"]).run();
    assert!(ran.stdout.contains("\"the end\" within the first 64 KiB (--max-body)"), "{}", ran.story());
}

#[test]
fn records_of_every_size() {
    let Some(set) = certificates() else { return };
    let length = 16_384 + 100 + 16_384 + 3_000 + 7;
    let head = format!("HTTP/1.1 200 OK\\r\\nContent-Length: {length}\\r\\n\\r\\n*1@0");
    // A small record right after a full one, and both in one read.
    let steps = [&head, "a*16384@0", "b*100@0", "c*16384@0", "d*3000@0", "the end*1@0"];
    let Some((_server, port)) = script(set, "notify", &steps) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    healthy(set, &url, &["--matches", "^a+b{100}c+d+the end$"]);

    let chunked = "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n*1@0";
    let steps = [
        chunked,
        "4000\\r\\n*1@0",
        "x*16384@0",
        "\\r\\n*1@0",
        "7\\r\\nthe end\\r\\n*1@0",
        "0\\r\\n\\r\\n*1@0",
    ];
    let Some((_server, port)) = script(set, "notify", &steps) else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &["--matches", "^x+the end$"]);
}

#[test]
fn a_slow_trickle_of_records() {
    let Some(set) = certificates() else { return };
    let head = "HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\n\\r\\n*1@0";
    let Some((_server, port)) = script(set, "again", &[head, "x*1@200"]) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    healthy(set, &url, &[]);
    let ran = check(set, &url, &["--contains", "y", "-t", "700ms"]).run().within(SOON);
    let start = format!("unhealthy: http {url}: 200 OK, but timed out after 700 ms reading the body\n");
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
    let Some((_server, port)) = script(set, "again", &["HTTP/1.1 200 OK\\r\\nX: *1@0", "y*1@200"]) else {
        return;
    };
    let url = format!("https://127.0.0.1:{port}/");
    let ran = check(set, &url, &["-t", "700ms"]).run().within(SOON);
    let start = format!("unhealthy: http {url}: timed out after 700 ms waiting for the ");
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn a_stream_without_an_end() {
    let Some(set) = certificates() else { return };
    let head = "HTTP/1.1 200 OK\\r\\n\\r\\n*1@0";
    let Some((_server, port)) = script(set, "again", &[head, "x*16384@0"]) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    healthy(set, &url, &["--contains", "xxx"]);
    let ran = check(set, &url, &["--contains", "y"]).run().within(SOON);
    assert!(ran.stdout.contains("\"y\" within the first 64 KiB (--max-body)"), "{}", ran.story());
    let Some((_server, port)) = script(set, "again", &["X: y\\r\\n*1000@0"]) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    let ran = check(set, &url, &[]).run().within(SOON);
    assert!(ran.stdout.starts_with(&format!("unhealthy: http {url}: the response is not HTTP; ")));
}

#[test]
fn the_end_of_a_connection() {
    let Some(set) = certificates() else { return };
    let head = "HTTP/1.1 200 OK\\r\\n\\r\\nall*1@0";
    for end in ["notify", "close"] {
        // Without a length the body ends with the connection, whether close_notify is sent or not.
        let Some((_server, port)) = script(set, end, &[head]) else { return };
        healthy(set, &format!("https://127.0.0.1:{port}/"), &["--matches", "^all$"]);
        let cut = "HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nall*1@0";
        let Some((_server, port)) = script(set, end, &[cut]) else { return };
        unhealthy(
            set,
            &format!("https://127.0.0.1:{port}/"),
            &["--contains", "y"],
            "200 OK, but the server closed the connection reading the body",
        );
        let Some((_server, port)) = script(set, end, &["early", "*0@0"]) else { return };
        let ran = check(set, &format!("https://127.0.0.1:{port}/"), &[]).run();
        let closed = "the server closed the connection without a reply";
        assert!(ran.stdout.contains(closed), "{}", ran.story());
    }
    let Some((_server, port)) = script(set, "hold", &["HTTP/1.1 204 No Content\\r\\n\\r\\n*1@0"]) else {
        return;
    };
    let url = format!("https://127.0.0.1:{port}/");
    check(set, &url, &[]).healthy(&format!("healthy: http {url}: 204 No Content in <T>"));
}

#[test]
fn data_before_a_tls_error_counts() {
    let Some(set) = certificates() else { return };
    let whole = "HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nall*1@0";
    let Some((_server, port)) = script(set, "junk", &[whole]) else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &["--matches", "^all$"]);
    let cut = "HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nall*1@0";
    let Some((_server, port)) = script(set, "junk", &[cut]) else { return };
    unhealthy(
        set,
        &format!("https://127.0.0.1:{port}/"),
        &["--contains", "y"],
        "200 OK, but the server violated the TLS protocol reading the body",
    );
    let Some((_server, port)) = script(set, "junk", &["early", "HTTP/1.1 20*1@0"]) else { return };
    unhealthy(set, &format!("https://127.0.0.1:{port}/"), &[], "the server violated the TLS protocol");
}

#[test]
fn memory_stays_small_whatever_comes() {
    // As for http, only the memory of the static binaries is bounded.
    if std::env::var_os("PORTHOLE_BIN").is_none() {
        return skip_by_design("only the static binaries are bounded");
    }
    let Some(set) = certificates() else { return };
    let head = "HTTP/1.1 200 OK\\r\\n\\r\\n*1@0";
    for steps in [&["X: y\\r\\n*1000@0"][..], &[head, "x*16384@0"], &[head, "x*1@0"]] {
        let Some((_server, port)) = script(set, "again", steps) else { return };
        let url = format!("https://127.0.0.1:{port}/");
        for trust in [&["-k"][..], &["--ca-file", "/etc/ssl/certs/ca-certificates.crt"]] {
            let output = std::process::Command::new("prlimit")
                .args(["--as=16777216", &crate::support::command::binary(), "http", &url, "-t", "1s"])
                .args(["--contains", "y", "--max-body", "1M"])
                .args(trust)
                .output()
                .unwrap();
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{steps:?}: {:?} {stdout}{stderr}", output.status);
            let reported = stdout.starts_with("unhealthy: http ") || stderr.contains("no such file");
            assert!(reported, "{steps:?}: {stdout}{stderr}");
        }
    }
}

#[test]
fn tls_is_closed_politely() {
    let Some(set) = certificates() else { return };
    for version in ["1.2", "1.3"] {
        let Some((mut daemon, port)) = judge(set, version, "watch") else { return };
        let target = format!("127.0.0.1:{port}");
        let url = format!("https://{target}/");
        let checks = [&["tls", &target][..], &["http", &url], &["grpc", &target, "--tls"]];
        for check in checks {
            for _ in 0..5 {
                let ran = porthole([check, &["--ca-file", &set.pem("root")]].concat()).run();
                assert_eq!(ran.stderr, "", "{}", ran.story());
                let is_healthy = check[0] != "grpc";
                assert_eq!(ran.status, Some(i32::from(!is_healthy)), "{}", ran.story());
            }
        }
        let log = daemon.folder.join("python3.log");
        let left = || std::fs::read_to_string(&log).unwrap();
        daemon.until("each check is over", || left().lines().count() == checks.len() * 5);
        assert_eq!(left(), "close_notify\n".repeat(checks.len() * 5), "TLS {version}");
    }
}

#[test]
fn key_updates_without_an_end() {
    let (Some(set), Some(program)) = (certificates(), installed("openssl")) else { return };
    // For each line that s_server reads, it updates its keys; K also requests an update of ours
    // (RFC 8446, 4.6.3).
    for letter in ["K", "k"] {
        let port = closed_port();
        let mut yes = std::process::Command::new("yes")
            .arg(letter)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = yes.stdout.take().unwrap();
        let options = format!(
            "s_server -tls1_3 -alpn h2 -accept 127.0.0.1:{port} -cert {} -key {}",
            set.pem("server"),
            set.key("server")
        );
        let mut daemon =
            Daemon::start(open_folder(), &program, options.split_ascii_whitespace(), |command| {
                command.stdin(lines);
            });
        daemon.until("it listens", || listens(port));
        let ran = check(set, &format!("https://127.0.0.1:{port}/"), &[]).run().within(SOON);
        let line = format!("unhealthy: http https://127.0.0.1:{port}/: the server violated the TLS protocol");
        ran.is(1, &line, "");
        drop(daemon);
        // yes(1) ends because nobody reads its output.
        yes.wait().unwrap();
    }
}
