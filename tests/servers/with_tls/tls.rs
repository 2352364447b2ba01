//! `porthole tls` against nginx with certificates of all sorts, and the contents of files given to
//! `--client-cert` and `--ca-file`.

mod clients;
mod trust;

use serde_json::json;

use crate::certificates::{Certificates, VALID, certificates};
use crate::daemon::{Daemon, installed};
use crate::https::{block, started};
use crate::support::command::{Porthole, porthole};
use crate::support::server::closed_port;

/// Starts nginx with this certificate. Returns it and its port.
fn server(set: &Certificates, certificate: &str, key: &str) -> Option<(Daemon, u16)> {
    let (program, port) = (installed("nginx")?, closed_port());
    // openssl rejects the signature of one of the certificates by default.
    let more = "ssl_ciphers DEFAULT:@SECLEVEL=0;";
    let daemon = started(&program, port, &block(port, &set.pem(certificate), &set.key(key), more));
    Some((daemon, port))
}

/// Returns a check of this target that trusts the tests' root.
fn check(set: &Certificates, target: &str, options: &[&str]) -> Porthole {
    porthole([&["tls", target, "--ca-file", &set.pem("root")], options].concat())
}

/// Asserts that a server with this certificate is unhealthy for this reason.
#[track_caller]
fn unhealthy(set: &Certificates, certificate: &str, options: &[&str], reason: &str) {
    let Some((_nginx, port)) = server(set, certificate, "server") else { return };
    let target = format!("127.0.0.1:{port}");
    check(set, &target, options).unhealthy(&format!("unhealthy: tls {target}: {reason}"));
}

const NAMES: &str = "localhost, app.example, *.app.example, 127.0.0.1, ::1";

#[test]
fn a_good_certificate() {
    let Some(set) = certificates() else { return };
    let Some((_nginx, port)) = server(set, "server", "server") else { return };
    let day = set.day(VALID);
    let found =
        format!("CN=app, O=Acme, valid for {NAMES}, issued by CN=Test Root, until {day}, 30 days left");
    let target = format!("127.0.0.1:{port}");
    check(set, &target, &[]).healthy(&format!("healthy: tls {target}: {found} in <T>"));
    for short in [format!(":{port}"), port.to_string(), format!("LOCALHOST:{port}")] {
        check(set, &short, &[])
            .healthy(&format!("healthy: tls localhost:{port}: {found} (127.0.0.1) in <T>"));
    }
    check(set, &target, &["--min-days", "30"]).healthy(&format!("healthy: tls {target}: {found} in <T>"));
    check(set, &target, &["--min-days", "31"]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate expires on {day}, expected at least 31 days (--min-days)"
    ));
    for name in
        ["app.example", "www.app.example", "WWW.App.Example", "127.0.0.1", "[::1]", "::1", "localhost."]
    {
        check(set, &target, &["--server-name", name])
            .healthy(&format!("healthy: tls {target}: {found} in <T>"));
    }
    for (name, shown) in [
        ("a.b.app.example", "a.b.app.example"),
        ("example", "example"),
        ("127.0.0.2", "127.0.0.2"),
        ("::2", "[::2]"),
        ("my_app", "my_app"),
    ] {
        check(set, &target, &["--server-name", name]).unhealthy(&format!(
            "unhealthy: tls {target}: the certificate is not valid for {shown}, only for {NAMES} \
             (--server-name NAME expects another name)"
        ));
    }
    check(set, &target, &["--server-name", "-a"]).unhealthy(&format!(
        "unhealthy: tls {target}: -a is not a valid TLS server name (--server-name NAME expects another)"
    ));
    let (not_before, not_after) = set.validity();
    let certificate = json!({"subject": "CN=app, O=Acme", "issuer": "CN=Test Root",
                             "names": ["localhost", "app.example", "*.app.example", "127.0.0.1", "::1"],
                             "not_before": not_before, "not_after": not_after});
    let facts = json!({"address": target, "tls": "1.3", "certificate": certificate,
                       "cipher_suite": "TLS_AES_256_GCM_SHA384", "chain": [certificate]});
    let json = check(set, &target, &["--json", "-v"]).json();
    assert_eq!(json["checks"][0]["facts"], facts);
    assert_eq!(json["checks"][0]["reason"], found);
    let phases = json["checks"][0]["phases"].as_array().unwrap();
    assert_eq!(
        phases.iter().map(|phase| phase["phase"].as_str().unwrap()).collect::<Vec<_>>(),
        ["resolve", "connect", "tls"]
    );
}

#[test]
fn verbose_shows_what_was_negotiated_and_the_whole_chain() {
    let Some(set) = certificates() else { return };
    let Some((_nginx, port)) = server(set, "chained-full", "server") else { return };
    let ran = check(set, &format!("127.0.0.1:{port}"), &["-v"]).run();
    let lines: Vec<&str> = ran.stdout.lines().skip(2).collect();
    let [negotiated, first, second] = lines[..] else { panic!("{}", ran.story()) };
    assert_eq!(negotiated, "  TLS 1.3, TLS_AES_256_GCM_SHA384");
    let until = set.day(VALID);
    let of = |line: &str, start: &str| line.starts_with(start) && line.ends_with(&format!(" to {until}"));
    let leaf = "  certificate 1 of 2: CN=app, O=Acme, issued by CN=Test Intermediate, ";
    assert!(of(first, leaf), "{}", ran.story());
    let intermediate = "  certificate 2 of 2: CN=Test Intermediate, issued by CN=Test Root, ";
    assert!(of(second, intermediate), "{}", ran.story());
    // What `not` makes unhealthy does not count the days.
    porthole(["not", "tls", &format!("127.0.0.1:{port}"), "--ca-file", &set.pem("root")]).unhealthy(&format!(
        "unhealthy: not tls 127.0.0.1:{port}: CN=app, O=Acme, valid for {NAMES}, issued by CN=Test Intermediate, until {until}"
    ));
}

#[test]
fn names_that_are_addresses() {
    let Some(set) = certificates() else { return };
    let Some(program) = installed("nginx") else { return };
    let port = closed_port();
    let day = set.day(VALID);
    let found =
        format!("CN=addresses, valid for 127.0.0.1, ::1, issued by CN=Test Root, until {day}, 30 days left");
    // If this machine has IPv6.
    let six = std::net::TcpListener::bind("[::1]:0").is_ok();
    let more = if six { format!("listen [::1]:{port} ssl;") } else { String::new() };
    let _nginx = started(&program, port, &block(port, &set.pem("addresses"), &set.key("server"), &more));
    for host in ["127.0.0.1", "[::1]"].into_iter().take(if six { 2 } else { 1 }) {
        let target = format!("{host}:{port}");
        check(set, &target, &[]).healthy(&format!("healthy: tls {target}: {found} in <T>"));
    }
    let target = format!("127.0.0.1:{port}");
    check(set, &target, &["--server-name", "app.example"]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate is not valid for app.example, only for 127.0.0.1, ::1 \
         (--server-name NAME expects another name)"
    ));
}

#[test]
fn the_contents_of_a_certificate_are_escaped() {
    let Some(set) = certificates() else { return };
    let Some((_nginx, port)) = server(set, "evil", "server") else { return };
    let target = format!("127.0.0.1:{port}");
    let subject = r"CN=a\nhealthy: b\\c, O=\x1b[2J\u{202e}\u{9b}";
    let names = r"localhost, \x1b]0;evil\x07";
    check(set, &target, &["--server-name", "localhost"]).healthy(&format!(
        "healthy: tls {target}: {subject}, valid for {names}, issued by CN=Test Root, until {}, 30 days left in <T>",
        set.day(VALID)
    ));
    check(set, &target, &[]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate is not valid for 127.0.0.1, only for {names} \
         (--server-name NAME expects another name)"
    ));
    let ran = check(set, &target, &["--json"]).run();
    let text = r#""subject": "CN=a\nhealthy: b\\c, O=\u001b[2J\u202e\u009b""#;
    assert!(ran.stdout.contains(text), "{}", ran.story());
}

#[test]
fn a_line_stays_short_whatever_the_certificate_contains() {
    let Some(set) = certificates() else { return };
    let Some((_nginx, port)) = server(set, "long", "server") else { return };
    let target = format!("127.0.0.1:{port}");
    let name = format!("{0}.{0}.{0}.example", "x".repeat(63));
    for options in [&["--server-name", "localhost"][..], &[], &["-k"], &["--ca-file", &set.pem("other-root")]]
    {
        let trust = if options.len() == 2 && options[0] == "--ca-file" {
            &[][..]
        } else {
            &["--ca-file", &set.pem("root")]
        };
        let ran = porthole([&["tls", &target], options, trust].concat()).run();
        assert!(ran.stdout.len() <= 481 && ran.stdout.lines().count() == 1, "{}", ran.story());
        assert!(ran.stdout.contains(&name[..100]) || options.contains(&"--ca-file"), "{}", ran.story());
    }
}
