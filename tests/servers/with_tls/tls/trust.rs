//! Certificates that can be verified, and those that cannot.

use super::{NAMES, check, server, unhealthy};
use crate::certificates::{Certificates, VALID, certificates};
use crate::support::command::porthole;

#[test]
fn certificates_that_are_not_valid() {
    let Some(set) = certificates() else { return };
    let (past, soon) = (set.day(-4), set.day(2));
    unhealthy(set, "expired", &[], &format!("the certificate expired on {past}"));
    // The JSON still has the facts about the certificate.
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

/// Asserts that a certificate that cannot be verified is unhealthy for this reason, with this root
/// trusted, and that `-k` accepts it.
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
    let Some(set) = certificates() else { return };
    set.unverifiable();
    let weak = "an RSA key of 1024 bits; at least 2048 are required";
    unverifiable(set, "short", "short", "root", &format!("the server's certificate has {weak}"));
    // Even if it is trusted directly, the server must prove that it has the key.
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
    // An unknown CA is not trusted, whatever the signature.
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
fn a_ca_with_a_new_key() {
    let Some(set) = certificates() else { return };
    let Some((_nginx, port)) = server(set, "server", "server") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["tls", &target, "--ca-file", &set.pem("new-root")]).unhealthy(&format!(
        "unhealthy: tls {target}: the certificate's signature does not match the key of its issuer, CN=Test Root \
         (was the CA replaced? --ca-file with its current certificate)"
    ));
}

#[test]
fn chains_to_the_root() {
    let Some(set) = certificates() else { return };
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
fn self_signed_certificates() {
    let Some(set) = certificates() else { return };
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
        // Even if it is trusted directly, it must be valid for the expected name.
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
fn insecure_accepts_any_certificate() {
    let Some(set) = certificates() else { return };
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
