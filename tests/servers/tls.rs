//! `porthole tls` against nginx with certificates of all sorts, and what a `--client-cert` or `--ca-file` may hold.

use std::time::Duration;

use serde_json::json;

use crate::certificates::{Certificates, VALID};
use crate::daemon::{Daemon, installed};
use crate::https::{WANTED, block, insisting, s_server, started, with_tls};
use crate::support::command::{Porthole, porthole};
use crate::support::server::closed_port;

/// nginx with this certificate on the port.
fn server(set: &Certificates, certificate: &str, key: &str) -> Option<(Daemon, u16)> {
    let (program, port) = (installed("nginx")?, closed_port());
    // One of the certificates is signed as openssl by itself would not have it.
    let more = "ssl_ciphers DEFAULT:@SECLEVEL=0;";
    let daemon = started(&program, port, &block(port, &set.pem(certificate), &set.key(key), more));
    Some((daemon, port))
}

/// A check of this port that trusts the root of the tests.
fn check(set: &Certificates, target: &str, options: &[&str]) -> Porthole {
    porthole([&["tls", target, "--ca-file", &set.pem("root")], options].concat())
}

/// What a check says of a server with this certificate.
#[track_caller]
fn unhealthy(set: &Certificates, certificate: &str, options: &[&str], reason: &str) {
    let Some((_nginx, port)) = server(set, certificate, "server") else { return };
    let target = format!("127.0.0.1:{port}");
    check(set, &target, options).unhealthy(&format!("unhealthy: tls {target}: {reason}"));
}

const NAMES: &str = "localhost, app.example, *.app.example, 127.0.0.1, ::1";

#[test]
fn a_good_certificate() {
    let Some(set) = with_tls() else { return };
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
    let facts = json!({"address": target, "tls": "1.3",
        "certificate": {"subject": "CN=app, O=Acme", "issuer": "CN=Test Root",
                        "names": ["localhost", "app.example", "*.app.example", "127.0.0.1", "::1"],
                        "not_before": not_before, "not_after": not_after}});
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
fn names_that_are_addresses() {
    let Some(set) = with_tls() else { return };
    let Some(program) = installed("nginx") else { return };
    let port = closed_port();
    let day = set.day(VALID);
    let found =
        format!("CN=addresses, valid for 127.0.0.1, ::1, issued by CN=Test Root, until {day}, 30 days left");
    // Where there is IPv6.
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
fn certificates_that_are_not_valid() {
    let Some(set) = with_tls() else { return };
    let (past, soon) = (set.day(-4), set.day(2));
    unhealthy(set, "expired", &[], &format!("the certificate expired on {past}"));
    // What is known of it is there for programs all the same.
    let Some((_nginx, port)) = server(set, "expired", "server") else { return };
    let json = check(set, &format!("127.0.0.1:{port}"), &["--json"]).json();
    let facts = &json["checks"][0]["facts"];
    assert_eq!(facts["address"], format!("127.0.0.1:{port}"));
    assert_eq!(facts["certificate"]["subject"], "CN=app, O=Acme");
    assert_eq!(facts["certificate"]["not_after"], set.validity().1 - (VALID + 4) * 86_400);
    unhealthy(
        set,
        "future",
        &[],
        &format!("the certificate is not yet valid: it is valid from {soon} (is the clock right?)"),
    );
    unhealthy(
        set,
        "elsewhere",
        &[],
        "the certificate is not valid for 127.0.0.1, only for a.example, b.example, c.example, d.example, \
         *.e.example and 2 more (--server-name NAME expects another name)",
    );
    unhealthy(
        set,
        "nameless",
        &["--server-name", "localhost"],
        "the certificate is not valid for localhost: it has no subjectAltName, and its subject (CN=localhost) does not count",
    );
    unhealthy(
        set,
        "client",
        &[],
        "the certificate is not for TLS servers: its extendedKeyUsage is clientAuth, expected serverAuth",
    );
    unhealthy(
        set,
        "version-1",
        &[],
        "the certificate is of X.509 version 1, which has no names; version 3 is required (--insecure accepts it)",
    );
    unhealthy(
        set,
        "sha1",
        &[],
        "the server's certificate is signed with ecdsa-with-SHA1 (P-256 key), which this build does not support \
         (--insecure accepts it)",
    );
    unhealthy(
        set,
        "authority",
        &[],
        "the certificate is a CA's own (basicConstraints CA:TRUE), not a server's (--ca-file with this certificate, \
         or --insecure)",
    );
    unhealthy(
        set,
        "unknown-extension",
        &[],
        "the certificate, or one above it, has a critical extension that this build does not know \
         (--insecure accepts it)",
    );
    unhealthy(
        set,
        "signer",
        &[],
        "the certificate is not for TLS servers: its extendedKeyUsage is codeSigning, timeStamping, expected serverAuth",
    );
    unhealthy(
        set,
        "by-server-full",
        &[],
        "the certificate is issued by one that is not a CA's (basicConstraints)",
    );
}

/// What cannot be verified is named, and whose it is, with the CA of this name trusted.
#[track_caller]
fn unverifiable(set: &Certificates, certificate: &str, key: &str, root: &str, reason: &str) {
    let Some((_nginx, port)) = server(set, certificate, key) else { return };
    let target = format!("127.0.0.1:{port}");
    let root = set.pem(root);
    porthole(["tls", &target, "--ca-file", &root])
        .unhealthy(&format!("unhealthy: tls {target}: {reason} (--insecure accepts it)"));
    let ran = porthole(["tls", &target, "--ca-file", &root, "-k"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

#[test]
fn keys_and_signatures_that_cannot_be_verified() {
    let Some(set) = with_tls() else { return };
    set.unverifiable();
    let weak = "an RSA key of 1024 bits; at least 2048 are required";
    unverifiable(set, "short", "short", "root", &format!("the server's certificate has {weak}"));
    // Trusted as it is, it still has to prove that it is the server's.
    unverifiable(set, "short", "short", "short", &format!("the server's certificate has {weak}"));
    let whose = "the CA certificate (CN=short root)";
    unverifiable(set, "by-short", "server", "short-root", &format!("{whose} has {weak}"));
    let whose = "the intermediate certificate (CN=Short Intermediate)";
    unverifiable(set, "by-short-intermediate-full", "server", "root", &format!("{whose} has {weak}"));
    let whose = "the intermediate certificate (CN=SHA-512 Intermediate)";
    let signature = "is signed with ecdsa-with-SHA512 (P-256 key), which this build does not support";
    unverifiable(set, "by-sha512-intermediate-full", "server", "root", &format!("{whose} {signature}"));
    for (certificate, root, signature) in [
        ("sha512", "root", "ecdsa-with-SHA512 (P-256 key)"),
        ("by-p521", "p521-root", "ecdsa-with-SHA512 (P-521 key)"),
        ("by-koblitz", "koblitz-root", "ecdsa-with-SHA256 (secp256k1 key)"),
        ("by-brainpool", "brainpool-root", "ecdsa-with-SHA384 (brainpoolP256r1 key)"),
        ("by-ed448", "ed448-root", "ED448 (ED448 key)"),
        ("by-dsa", "dsa-root", "dsa_with_SHA256 (DSA key)"),
        ("by-pss", "pss-root", "RSASSA-PSS (SHA-256, salt of 222 bytes) (RSASSA-PSS key)"),
        ("md5", "rsa-root", "md5WithRSAEncryption (RSA key)"),
        ("rsa-sha1", "rsa-root", "sha1WithRSAEncryption (RSA key)"),
        ("salt", "rsa-root", "RSASSA-PSS (SHA-256, salt of 100 bytes) (RSA key)"),
    ] {
        let reason =
            format!("the server's certificate is signed with {signature}, which this build does not support");
        unverifiable(set, certificate, "server", root, &reason);
    }
    // Whoever is not known is not trusted, whatever the signature.
    unhealthy(
        set,
        "by-p521",
        &[],
        "the certificate is issued by an unknown CA: CN=p521 root (--ca-file with the CA's certificate, or --insecure; \
         or the server does not send its intermediate certificate)",
    );
    for certificate in ["rsa-sha512", "pss-good"] {
        let Some((_nginx, port)) = server(set, certificate, "server") else { return };
        let ran = porthole(["tls", &port.to_string(), "--ca-file", &set.pem("rsa-root")]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
    }
}

#[test]
fn a_ca_that_got_another_key() {
    let Some(set) = with_tls() else { return };
    let Some((_nginx, port)) = server(set, "server", "server") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["tls", &target, "--ca-file", &set.pem("new-root")]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate's signature does not match the key of its issuer, CN=Test Root \
         (was the CA replaced? --ca-file with its current certificate)"
    ));
}

#[test]
fn what_leads_to_the_root() {
    let Some(set) = with_tls() else { return };
    let hint = "(--ca-file with the CA's certificate, or --insecure; or the server does not send its intermediate certificate)";
    unhealthy(
        set,
        "chained",
        &[],
        &format!("the certificate is issued by an unknown CA: CN=Test Intermediate {hint}"),
    );
    unhealthy(set, "old-full", &[], &format!("an intermediate certificate expired on {}", set.day(-4)));
    unhealthy(
        set,
        "future-chained-full",
        &[],
        &format!(
            "an intermediate certificate is not yet valid: it is valid from {} (is the clock right?)",
            set.day(1)
        ),
    );
    let Some((_nginx, port)) = server(set, "chained-full", "server") else { return };
    let target = format!("127.0.0.1:{port}");
    let day = set.day(VALID);
    check(set, &target, &[]).healthy(&format!(
        "healthy: tls {target}: CN=app, O=Acme, valid for {NAMES}, issued by CN=Test Intermediate, until {day}, \
         30 days left in <T>"
    ));
    porthole(["tls", &target, "--ca-file", &set.pem("other-root")]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate is issued by an unknown CA: CN=Test Intermediate {hint}"
    ));
}

#[test]
fn certificates_that_vouch_for_themselves() {
    let Some(set) = with_tls() else { return };
    let hint = "and not trusted (--ca-file with this certificate, or --insecure)";
    for name in ["self", "self-authority"] {
        unhealthy(set, name, &[], &format!("the certificate is self-signed (CN=self) {hint}"));
        let Some((_nginx, port)) = server(set, name, "server") else { return };
        let target = format!("127.0.0.1:{port}");
        let start = format!("healthy: tls {target}: CN=self, valid for {NAMES}, issued by CN=self, until ");
        for options in [&["--ca-file", &set.pem(name)][..], &["-k"]] {
            let ran = porthole([&["tls", &target], options].concat()).run();
            assert!(ran.stdout.starts_with(&start) && ran.status == Some(0), "{}", ran.story());
        }
        // Trusted as it is, it is still to be that of the server that was meant.
        porthole(["tls", &target, "--ca-file", &set.pem(name), "--server-name", "db.example"]).unhealthy(
            &format!(
                "unhealthy: tls {target}: the certificate is not valid for db.example, only for {NAMES} \
             (--server-name NAME expects another name)"
            ),
        );
    }
    for (name, reason) in [
        ("expired", format!("the certificate expired on {}", set.day(-4))),
        (
            "future",
            format!(
                "the certificate is not yet valid: it is valid from {} (is the clock right?)",
                set.day(2)
            ),
        ),
    ] {
        let Some((_nginx, port)) = server(set, name, "server") else { return };
        let target = format!("127.0.0.1:{port}");
        porthole(["tls", &target, "--ca-file", &set.pem(name)])
            .unhealthy(&format!("unhealthy: tls {target}: {reason}"));
    }
}

#[test]
fn any_certificate_will_do() {
    let Some(set) = with_tls() else { return };
    for (name, found) in [
        (
            "expired",
            format!(
                "CN=app, O=Acme, valid for {NAMES}, issued by CN=Test Root, until {}, expired",
                set.day(-4)
            ),
        ),
        (
            "nameless",
            format!(
                "CN=localhost, valid for no name, issued by CN=Test Root, until {}, 30 days left",
                set.day(VALID)
            ),
        ),
    ] {
        let Some((_nginx, port)) = server(set, name, "server") else { return };
        let target = format!("127.0.0.1:{port}");
        porthole(["tls", &target, "--insecure"]).healthy(&format!("healthy: tls {target}: {found} in <T>"));
        porthole(["http", &format!("https://{target}/"), "-k"])
            .healthy(&format!("healthy: http https://{target}/: 200 OK in <T>"));
    }
    for name in ["version-1", "self", "self-authority", "client", "sha1"] {
        let Some((_nginx, port)) = server(set, name, "server") else { return };
        let url = format!("https://127.0.0.1:{port}/");
        porthole(["http", &url, "-k"]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    }
    let Some((_nginx, port)) = server(set, "expired", "server") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["tls", &target, "-k", "--min-days", "1"]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate expired on {}, expected at least 1 day (--min-days)",
        set.day(-4)
    ));
}

#[test]
fn what_a_certificate_says_is_harmless() {
    let Some(set) = with_tls() else { return };
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
fn a_line_stays_short_whatever_a_certificate_says() {
    let Some(set) = with_tls() else { return };
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

#[test]
fn client_certificates() {
    let Some(set) = with_tls() else { return };
    let Some(program) = installed("nginx") else { return };
    let port = closed_port();
    let more = format!("ssl_verify_client on; ssl_client_certificate {};", set.pem("root"));
    let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), &more));
    let target = format!("127.0.0.1:{port}");
    // The certificate is what was asked for, and it is valid; that more is wanted is for programs.
    let json = check(set, &target, &["--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["client_certificate_wanted"], true);
    let json = check(set, &target, &["--json", "--client-cert", &set.pem("both")]).json();
    assert_eq!(json["checks"][0]["facts"].get("client_certificate_wanted"), None);
    assert_eq!(json["healthy"], true);
}

#[test]
fn one_that_insists_on_a_client_certificate() {
    let Some(set) = with_tls() else { return };
    let found = format!(
        "CN=app, O=Acme, valid for {NAMES}, issued by CN=Test Root, until {}, 30 days left",
        set.day(VALID)
    );
    // What it says of ours comes within the handshake of TLS 1.2, and after that of TLS 1.3.
    for version in ["TLSv1.2", "TLSv1.3"] {
        let Some((_haproxy, port)) = insisting(set, version) else { return };
        let target = format!("127.0.0.1:{port}");
        let line = format!("unhealthy: tls {target}: ");
        check(set, &target, &[]).unhealthy(&format!("{line}{WANTED}"));
        let json = check(set, &target, &["--json"]).json();
        assert_eq!(json["checks"][0]["facts"]["certificate"]["subject"], "CN=app, O=Acme", "{version}");
        let key = set.key("server");
        check(set, &target, &["--client-cert", &set.pem("other-client"), "--client-key", &key]).unhealthy(
            &format!(
                "{line}the server sent the TLS alert unknown_ca (it does not trust the issuer of our certificate: --client-cert)"
            ),
        );
        check(set, &target, &["--client-cert", &set.pem("client"), "--client-key", &key])
            .healthy(&format!("healthy: tls {target}: {found} in <T>"));
    }
}

#[test]
fn one_that_asks_for_a_client_certificate_and_does_without() {
    let Some(set) = with_tls() else { return };
    // With a ticket behind the handshake, and with nothing, which is waited for in vain.
    for options in ["-tls1_2 -verify 1", "-tls1_3 -verify 1", "-tls1_3 -verify 1 -num_tickets 0"] {
        let Some((_server, port)) = s_server(set, options) else { return };
        let target = format!("127.0.0.1:{port}");
        let ran = check(set, &target, &["-t", "30s"]).run().within(Duration::from_secs(8));
        let start = format!("healthy: tls {target}: CN=");
        let told = " days left, asks for a client certificate in ";
        assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(told), "{}", ran.story());
    }
}

#[test]
fn what_the_options_may_hold() {
    let Some(set) = with_tls() else { return };
    let (client, key) = (set.pem("client"), set.key("server"));
    let not_pem = "contains no certificate; expected PEM, -----BEGIN CERTIFICATE-----";
    let none = "no such file or directory";
    for (file, why) in [
        ("empty.pem", not_pem),
        ("text.pem", not_pem),
        ("root.der", not_pem),
        ("server.key", "contains PEM, but no certificate"),
        ("broken.pem", "a certificate in it is not PEM"),
        ("cut.pem", "a certificate in it is not PEM"),
        ("none.pem", none),
        ("", "not a regular file"),
    ] {
        let path = set.path(file);
        porthole(["tls", ":1", "--ca-file", &path]).refused(&format!("tls: --ca-file: {path}: {why}"));
        porthole(["http", "https://localhost:1/", "--ca-file", &path])
            .refused(&format!("http: --ca-file: {path}: {why}"));
        porthole(["tls", ":1", "--client-cert", &path, "--client-key", &key])
            .refused(&format!("tls: --client-cert: {path}: {why}"));
    }
    let encrypted = "the private key is encrypted, and a check cannot ask for its passphrase; \
                     openssl pkey -in KEY -out PLAIN decrypts it";
    let no_key = "contains no private key; expected PEM, -----BEGIN PRIVATE KEY-----";
    let foreign = format!("the private key does not belong to the certificate in {client}");
    for (file, why) in [
        ("encrypted.key", encrypted),
        ("legacy.key", encrypted),
        ("root.pem", no_key),
        ("empty.pem", no_key),
        ("broken.key", no_key),
        ("none.key", none),
        ("rsa.key", &foreign),
        ("pkcs1.key", &foreign),
        ("sec1.key", &foreign),
        ("root.key", &foreign),
        ("p521.key", "unsupported private key; expected RSA of at least 2048 bits, P-256, P-384 or Ed25519"),
    ] {
        let path = set.path(file);
        porthole(["tls", ":1", "--client-cert", &client, "--client-key", &path])
            .refused(&format!("tls: --client-key: {path}: {why}"));
    }
    porthole(["tls", ":1", "--client-cert", &client])
        .refused(&format!("tls: --client-cert: {client}: {no_key}"));
    porthole(["tls", ":1", "--client-key", &key]).refused("tls: --client-key: needs --client-cert");
    // Keys of every form belong to their certificates.
    for (certificate, key) in [("rsa", "rsa"), ("rsa", "pkcs1"), ("sec1", "sec1"), ("ed25519", "ed25519")] {
        let target = format!("127.0.0.1:{}", closed_port());
        let options = ["--client-cert", &set.pem(certificate), "--client-key", &set.key(key)];
        check(set, &target, &options)
            .unhealthy(&format!("unhealthy: tls {target}: connection refused (127.0.0.1)"));
    }
}
