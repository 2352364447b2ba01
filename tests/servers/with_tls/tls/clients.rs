//! Client certificates, and the contents of the options' files.

use std::time::Duration;

use super::{NAMES, check};
use crate::certificates::{VALID, certificates};
use crate::daemon::installed;
use crate::https::{WANTED, block, requiring_client_certificate, s_server, started};
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn client_certificates() {
    let Some(set) = certificates() else { return };
    let Some(program) = installed("nginx") else { return };
    let port = closed_port();
    let more = format!("ssl_verify_client on; ssl_client_certificate {};", set.pem("root"));
    let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), &more));
    let target = format!("127.0.0.1:{port}");
    // The check is about the server's certificate, which is valid; that the server requests one too
    // is only in JSON.
    let json = check(set, &target, &["--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["client_certificate_wanted"], true);
    let json = check(set, &target, &["--json", "--client-cert", &set.pem("both")]).json();
    assert_eq!(json["checks"][0]["facts"].get("client_certificate_wanted"), None);
    assert_eq!(json["healthy"], true);
}

#[test]
fn a_server_that_requires_a_client_certificate() {
    let Some(set) = certificates() else { return };
    let found = format!(
        "CN=app, O=Acme, valid for {NAMES}, issued by CN=Test Root, until {}, 30 days left",
        set.day(VALID)
    );
    // Its verdict on our certificate comes within the handshake in TLS 1.2, and after it in TLS
    // 1.3.
    for version in ["TLSv1.2", "TLSv1.3"] {
        let Some((_haproxy, port)) = requiring_client_certificate(set, version) else { return };
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
fn a_server_that_requests_a_client_certificate_but_does_not_require_it() {
    let Some(set) = certificates() else { return };
    // With a ticket after the handshake, and with nothing, for which the check waits in vain.
    for options in ["-tls1_2 -verify 1", "-tls1_3 -verify 1", "-tls1_3 -verify 1 -num_tickets 0"] {
        let Some((_server, port)) = s_server(set, options) else { return };
        let target = format!("127.0.0.1:{port}");
        let ran = check(set, &target, &["-t", "30s"]).run().within(Duration::from_secs(8));
        let start = format!("healthy: tls {target}: CN=");
        let requested = " days left, asks for a client certificate in ";
        assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(requested), "{}", ran.story());
    }
}

#[test]
fn the_contents_of_the_files() {
    let Some(set) = certificates() else { return };
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
    // Keys in every format match their certificates.
    for (certificate, key) in [("rsa", "rsa"), ("rsa", "pkcs1"), ("sec1", "sec1"), ("ed25519", "ed25519")] {
        let target = format!("127.0.0.1:{}", closed_port());
        let options = ["--client-cert", &set.pem(certificate), "--client-key", &set.key(key)];
        check(set, &target, &options)
            .unhealthy(&format!("unhealthy: tls {target}: connection refused (127.0.0.1)"));
    }
}
