//! Servers that do not speak TLS, speak only part of it, or violate it; the deadline holds against
//! each.

use std::time::Duration;

use crate::support::command::{Ran, binary, porthole};
use crate::support::server::{Server, Step, answer, response, send};
use crate::support::skip::skip_by_design;

/// Long enough for a busy machine, and far less than these servers would take.
const TIME_LIMIT: Duration = Duration::from_secs(8);

/// Runs both checks against a server with this script.
fn each(script: Vec<Step>) -> Vec<(Server, String, Ran)> {
    let mut ran = Vec::new();
    for check in ["tls", "http"] {
        let server = Server::new(script.clone());
        let target = server.address().to_string();
        let target = if check == "http" { format!("https://{target}/") } else { target };
        let run = porthole([check, &target, "-k", "-t", "500ms"]).run();
        ran.push((server, format!("{check} {target}"), run));
    }
    ran
}

#[track_caller]
fn unhealthy(script: Vec<Step>, reason: &str) {
    for (_server, check, ran) in each(script) {
        ran.is(1, &format!("unhealthy: {check}: {reason}"), "").within(TIME_LIMIT);
    }
}

/// The first 39 of the 70 bytes of a ServerHello of TLS 1.2 (RFC 5246, 7.4.1.3).
const HALF_A_HELLO: &[u8] =
    b"\x16\x03\x03\x00\x4a\x02\x00\x00\x46\x03\x030123456789abcdef0123456789abcdef\x20";

const PROTOCOL_VIOLATION: &str = "the server violated the TLS protocol";

const TIMED_OUT: &str = "timed out after 500 ms during the TLS handshake";

/// Returns a record with the version number of TLS 1.2 (RFC 5246, 6.2.1).
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3][..], &length, content].concat()
}

#[test]
fn a_server_that_stalls_times_out() {
    unhealthy(vec![Step::Hold], TIMED_OUT);
    unhealthy(vec![send(HALF_A_HELLO), Step::Hold], TIMED_OUT);
    unhealthy(vec![send(b"\x16\x03"), Step::Hold], TIMED_OUT);
}

#[test]
fn a_server_that_sends_byte_by_byte_times_out() {
    unhealthy(vec![Step::Drip(HALF_A_HELLO.to_vec(), Duration::from_millis(200))], TIMED_OUT);
}

#[test]
fn a_connection_closed_during_the_handshake_is_reported() {
    let closed = "the server closed the connection during the TLS handshake";
    let hello = Step::Until(b"\x16\x03\x01");
    unhealthy(vec![hello.clone(), send(HALF_A_HELLO)], closed);
    // Without a reply.
    let silent = &format!("{closed} (it may expect the PROXY protocol)");
    unhealthy(vec![hello.clone(), Step::Reset], silent);
    // However the close is announced.
    unhealthy(vec![hello.clone(), send(record(0x15, &[1, 0]))], closed);
    unhealthy(
        vec![hello.clone(), send([HALF_A_HELLO, &record(0x15, &[2, 80])].concat()), Step::Hold],
        TIMED_OUT,
    );
    // The server closes before it has read everything, which may cause a reset.
    unhealthy(vec![hello], silent);
}

#[test]
fn other_protocols_are_recognized() {
    unhealthy(vec![send("SSH-2.0-OpenSSH_9.2\r\n"), Step::Hold], "the port speaks SSH, not TLS");
    unhealthy(vec![send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold], "the port speaks HTTP, not TLS");
    unhealthy(vec![send("220 mail.example ESMTP\r\n"), Step::Hold], "the port speaks SMTP or FTP, not TLS");
    unhealthy(
        vec![send(b"\x16\x02\x00\x00\x00\x1b[2J"), Step::Hold],
        r"the response is not TLS; received: \x16\x02\0\0\0\x1b[2J",
    );
    unhealthy(
        vec![send(b"\x00\x00\x00\x00\x00\x00"), Step::Hold],
        r"the response is not TLS; received: \0\0\0\0\0\0",
    );
    unhealthy(vec![send("hm"), Step::Until(b"\x16\x03\x01")], "the response is not TLS; received: hm");
}

#[test]
fn alerts_are_named_and_explained() {
    let wanted = "(it requires a client certificate: --client-cert, --client-key)";
    for (number, reason) in [
        (40, "handshake_failure (no cipher suite, key exchange or signature algorithm in common)"),
        (80, "internal_error"),
        (112, "unrecognized_name (it does not know this name: --server-name)"),
        (116, &format!("certificate_required {wanted}")),
        (41, &format!("no_certificate {wanted}")),
        (120, "no_application_protocol (no protocol in common by ALPN)"),
        (86, "inappropriate_fallback"),
        (255, "255"),
    ] {
        let reason = format!("the server sent the TLS alert {reason}");
        unhealthy(vec![send(record(0x15, &[2, number])), Step::Hold], &reason);
    }
    let too_old = "the server supports neither TLS 1.2 nor TLS 1.3";
    unhealthy(vec![send(record(0x15, &[2, 70])), Step::Hold], too_old);
    // A close_notify before the handshake has begun is not the end of the connection.
    unhealthy(vec![send(record(0x15, &[1, 0])), Step::Hold], TIMED_OUT);
}

#[test]
fn invalid_records_are_reported() {
    for bytes in [
        // Longer than a record may be.
        b"\x16\x03\x03\xff\xff".to_vec(),
        record(0x16, b""),
        // Application data before any keys are agreed.
        record(0x17, &[7; 100]),
        // A message of an unknown type, a message of a client, and one that claims to be 16 MiB
        // long.
        record(0x16, b"\x63\x00\x00\x00"),
        record(0x16, b"\x01\x00\x00\x02\x03\x03"),
        record(0x16, b"\x02\xff\xff\xff"),
        // An invalid ServerHello.
        record(0x16, b"\x02\x00\x00\x04\x03\x03\x00\x00"),
        record(0x14, b"\x02"),
    ] {
        unhealthy(vec![send(bytes), Step::Hold], PROTOCOL_VIOLATION);
    }
}

#[test]
fn versions_that_are_too_old_are_named() {
    for (minor, version) in [(0, "SSL 3.0"), (1, "TLS 1.0"), (2, "TLS 1.1")] {
        // A complete ServerHello of that version: RFC 5246, 7.4.1.3.
        let hello = [&[2, 0, 0, 38, 3, minor][..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let record = [&[0x16, 3, minor, 0, 42][..], &hello].concat();
        let reason = format!("the server supports neither TLS 1.2 nor TLS 1.3 (it chose {version})");
        unhealthy(vec![send(record), Step::Hold], &reason);
    }
}

/// Returns servers that send an endless stream of records that look valid by themselves.
fn floods() -> Vec<Vec<Step>> {
    [
        record(0x16, b""),
        record(0x15, &[1, 90]),
        record(0x14, b"\x01"),
        record(0x17, b""),
        b"\x16\x03\x03\xff\xff".to_vec(),
        // One endless message, in records of the maximum size.
        record(0x16, &[b"\x0b\xff\xff\xff".to_vec(), vec![0; 16_380]].concat()),
        vec![0x16; 65_536],
        vec![b'x'; 65_536],
    ]
    .into_iter()
    .map(|bytes| vec![Step::Flood(bytes.repeat(65_536 / bytes.len()))])
    .collect()
}

#[test]
fn endless_streams_are_abandoned() {
    for script in floods() {
        for (_server, check, ran) in each(script) {
            let reason = ran.stdout.strip_prefix(&format!("unhealthy: {check}: ")).unwrap_or_default();
            let known = [PROTOCOL_VIOLATION, TIMED_OUT, "the response is not TLS; received: "];
            assert!(known.iter().any(|known| reason.starts_with(known)), "{}", ran.story());
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
            ran.within(TIME_LIMIT);
        }
    }
}

#[test]
fn memory_stays_small_whatever_the_server_sends() {
    // As in deadline.rs: the limit holds only for the static binaries.
    if std::env::var_os("PORTHOLE_BIN").is_none() {
        return skip_by_design("the limit holds only for the static binaries");
    }
    for script in floods() {
        let server = Server::new(script);
        let target = server.address().to_string();
        let output = std::process::Command::new("prlimit")
            .args(["--as=16777216", &binary(), "tls", &target, "-k", "-t", "500ms"])
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{:?} {stdout}", output.status);
        assert!(stdout.starts_with("unhealthy: tls "), "{stdout}");
    }
}

#[test]
fn tls_options_are_ignored_over_plain_http_but_their_values_are_checked() {
    // The scheme may come from a variable: with http, the options change nothing and no file is
    // read.
    let server = Server::new(answer(response("200 OK", "")));
    let url = server.url("/");
    for options in [
        &["--insecure"][..],
        &["-k", "--ca-file", "/none", "--server-name", "a", "--min-days", "1"],
        &["--client-cert", "/none", "--client-key", "/none"],
        &["--client-key", "/none"],
        &["--ca-file", ""],
    ] {
        porthole([&["http", &url], options].concat()).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        porthole([&["http", "${SCHEME}://${ADDRESS}/"], options].concat())
            .env("SCHEME", "http")
            .env("ADDRESS", server.address().to_string())
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    }
    for (option, value, why) in [
        ("--min-days", "x", "expected a number of days from 0 to 36500, got 'x'"),
        ("--server-name", "a b", "expected a host name or address, got 'a b'"),
        ("--ca-file", "${NONE}", "the variable NONE is not set; ${NONE:-default} gives a default"),
    ] {
        let ran = porthole(["http", &url, option, value]).run();
        assert_eq!(ran.status, Some(1), "{}", ran.story());
        if option == "--ca-file" {
            assert!(
                ran.stderr.starts_with("porthole: http: --ca-file: ") && ran.stderr.contains("NONE"),
                "{}",
                ran.story()
            );
        } else {
            assert_eq!(ran.stderr, format!("porthole: http: {option}: {why}\n"));
        }
    }
    for (value, why) in [
        ("-1", "a number of days from 0 to 36500"),
        ("36501", "a number of days from 0 to 36500"),
        ("x", "a number of days from 0 to 36500"),
    ] {
        porthole(["tls", ":1", &format!("--min-days={value}")])
            .refused(&format!("tls: --min-days: expected {why}, got '{value}'"));
    }
    for value in ["", "a b", "a:1", "[::1", "x/y"] {
        porthole(["tls", ":1", "--server-name", value])
            .refused(&format!("tls: --server-name: expected a host name or address, got '{value}'"));
    }
    porthole(["tls", "https://x"])
        .refused("tls: TARGET: expected host:port, [::1]:port, :port or port, with a port from 1 to 65535, got 'https://x'; \
         write only the HOST:PORT of the URL");
}

#[test]
fn help_lists_the_tls_options() {
    for check in ["tls", "http"] {
        let help = porthole([check, "--help"]).run();
        for option in
            ["-k, --insecure", "--ca-file", "--server-name", "--client-cert", "--client-key", "--min-days"]
        {
            assert!(help.stdout.contains(option), "{option}\n{}", help.story());
        }
    }
}
