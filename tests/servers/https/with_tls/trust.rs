//! Trusted roots, names and validity.

use super::super::{block, check, facts, healthy, s_server, started, unhealthy};
use crate::certificates::{VALID, certificates};
use crate::daemon::{installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn each_version_and_kind_of_key() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    for (protocol, version) in [("TLSv1.2", "1.2"), ("TLSv1.3", "1.3")] {
        for kind in ["server", "rsa", "ed25519"] {
            let port = closed_port();
            let more = format!("ssl_protocols {protocol};");
            let _nginx = started(&program, port, &block(port, &set.pem(kind), &set.key(kind), &more));
            let url = format!("https://127.0.0.1:{port}/");
            healthy(set, &url, &[]);
            healthy(set, &url, &["--contains", "all well"]);
            assert_eq!(facts(&check(set, &url, &["--json"]).json())["tls"], version, "{kind}");
        }
    }
}

#[test]
fn trusted_roots() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let port = closed_port();
    let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), ""));
    let url = format!("https://127.0.0.1:{port}/");
    let line = format!("healthy: http {url}: 200 OK in <T>");
    let unknown = format!(
        "unhealthy: http {url}: the certificate is issued by an unknown CA: CN=Test Root (--ca-file with the CA's \
         certificate, or --insecure; or the server does not send its intermediate certificate)"
    );
    porthole(["http", &url, "-k"]).healthy(&line);
    porthole(["http", &url]).env("SSL_CERT_FILE", set.pem("root")).healthy(&line);
    porthole(["http", &url, "--ca-file", &set.pem("other-root")]).unhealthy(&unknown);
    porthole(["http", &url]).env("SSL_CERT_FILE", set.pem("other-root")).unhealthy(&unknown);
    // If --ca-file is given, only it counts.
    porthole(["http", &url, "--ca-file", &set.pem("other-root")])
        .env("SSL_CERT_FILE", set.pem("root"))
        .unhealthy(&unknown);
    // A certificate that is trusted directly.
    porthole(["http", &url, "--ca-file", &set.pem("server")]).healthy(&line);

    let folder = open_folder();
    let (empty, roots) = (folder.join("empty"), folder.join("roots"));
    for folder in [&empty, &roots] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::copy(set.pem("root"), roots.join("one.pem")).unwrap();
    std::fs::copy(set.pem("other-root"), roots.join("another.pem")).unwrap();
    std::fs::write(roots.join("README"), "no certificate").unwrap();
    assert!(std::process::Command::new("mkfifo").arg(roots.join("fifo")).status().unwrap().success());
    let folders = format!("/none:{}:{}", empty.display(), roots.display());
    porthole(["http", &url]).env("SSL_CERT_DIR", &folders).healthy(&line);
    porthole(["http", &url])
        .env("SSL_CERT_DIR", &folders)
        .env("SSL_CERT_FILE", set.pem("other-root"))
        .healthy(&line);
    let advice = "(--ca-file PATH or SSL_CERT_FILE provides them, --insecure skips verification)";
    porthole(["http", &url]).env("SSL_CERT_DIR", &empty).run().is(
        1,
        "",
        &format!(
            "porthole: http {url}: no root certificates where SSL_CERT_FILE and SSL_CERT_DIR point {advice}"
        ),
    );
    // A directory that does not exist or cannot be read is not reported as one without
    // certificates.
    porthole(["http", &url]).env("SSL_CERT_DIR", "/none").run().is(
        1,
        "",
        &format!("porthole: http {url}: SSL_CERT_DIR: /none: no such file or directory {advice}"),
    );
    porthole(["http", &url, "--ca-file", "${CA}"]).env("CA", set.pem("root")).healthy(&line);
    porthole(["http", &url]).env("SSL_CERT_FILE", "/none").run().is(
        1,
        "",
        &format!("porthole: http {url}: SSL_CERT_FILE: /none: no such file or directory {advice}"),
    );
    // A certificate that webpki cannot read is not used as a root.
    porthole(["http", &url, "--ca-file", &set.pem("nonsense")]).run().is(
        1,
        "",
        &format!("porthole: http {url}: none of the root certificates can be used {advice}"),
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_chain_with_an_intermediate() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let (full, alone) = (closed_port(), closed_port());
    let servers = block(full, &set.pem("chained-full"), &set.key("server"), "")
        + &block(alone, &set.pem("chained"), &set.key("server"), "");
    let mut nginx = started(&program, full, &servers);
    nginx.until_listening(alone);
    healthy(set, &format!("https://127.0.0.1:{full}/"), &[]);
    let url = format!("https://127.0.0.1:{alone}/");
    unhealthy(
        set,
        &url,
        &[],
        "the certificate is issued by an unknown CA: CN=Test Intermediate (--ca-file with the CA's certificate, or \
         --insecure; or the server does not send its intermediate certificate)",
    );
    // A trusted intermediate certificate suffices.
    porthole(["http", &url, "--ca-file", &set.pem("intermediate")])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
}

#[test]
fn the_name_stays_that_of_the_url() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let port = closed_port();
    let folder = open_folder();
    let socket = folder.join("nginx.sock");
    let shown = socket.display().to_string();
    let servers = format!(
        "server {{ listen unix:{shown} ssl; listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
         location / {{ return 200 'for $ssl_server_name, $host'; }} }}",
        set.pem("server"),
        set.key("server")
    );
    let mut nginx = nginx(&program, folder, &servers);
    nginx.until_listening(port);
    let place = format!("127.0.0.1:{port}");
    for (option, value, via) in [("--unix", &shown, &shown), ("--connect", &place, &place)] {
        let contains = ["--contains", "for app.example, app.example"];
        check(set, "https://app.example/", &[&[option, value][..], &contains].concat())
            .healthy(&format!("healthy: http https://app.example/ via {via}: 200 OK in <T>"));
        check(set, "https://db.example/", &[option, value]).unhealthy(&format!(
            "unhealthy: http https://db.example/ via {via}: the certificate is not valid for db.example, only for \
             localhost, app.example, *.app.example, 127.0.0.1, ::1 (--server-name NAME expects another name)"
        ));
        let name = ["--server-name", "x.app.example", "--contains", "for x.app.example, db.example"];
        check(set, "https://db.example/", &[&[option, value][..], &name].concat())
            .healthy(&format!("healthy: http https://db.example/ via {via}: 200 OK in <T>"));
    }
}

#[test]
fn servers_by_name() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let port = closed_port();
    let servers = block(port, &set.pem("elsewhere"), &set.key("server"), "server_name a.example;")
        + &block(port, &set.pem("server"), &set.key("server"), "server_name localhost app.example;");
    let _nginx = started(&program, port, &servers);
    healthy(set, &format!("https://localhost:{port}/"), &[]);
    healthy(set, &format!("https://localhost:{port}/"), &["--server-name", "a.example"]);
    // An address is not a name by which a server could choose (RFC 6066, 3), so it uses its first
    // certificate.
    let valid = "a.example, b.example, c.example, d.example, *.e.example and 2 more";
    unhealthy(
        set,
        &format!("https://127.0.0.1:{port}/"),
        &[],
        &format!(
            "the certificate is not valid for 127.0.0.1, only for {valid} (--server-name NAME expects another name)"
        ),
    );
}

#[test]
fn min_days() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let (long, short) = (closed_port(), closed_port());
    let servers = block(long, &set.pem("server"), &set.key("server"), "")
        + &block(short, &set.pem("last-day"), &set.key("server"), "");
    let mut nginx = started(&program, long, &servers);
    nginx.until_listening(short);
    let url = format!("https://127.0.0.1:{long}/");
    healthy(set, &url, &["--min-days", "30"]);
    let day = set.day(VALID);
    unhealthy(
        set,
        &url,
        &["--min-days", "31"],
        &format!("the certificate expires on {day}, expected at least 31 days (--min-days)"),
    );
    let url = format!("https://127.0.0.1:{short}/");
    healthy(set, &url, &["--min-days", "1"]);
    let day = set.day(1);
    let reason = format!("the certificate expires on {day}, expected at least 2 days (--min-days)");
    unhealthy(set, &url, &["--min-days", "2"], &reason);
    // If given, it applies to any certificate, trusted or not.
    unhealthy(set, &url, &["--min-days", "2", "-k"], &reason);
    let json = check(set, &url, &["--min-days", "2", "--json"]).json();
    let facts = facts(&json);
    assert_eq!(facts["address"], format!("127.0.0.1:{short}"));
    assert_eq!(facts["certificate"]["subject"], "CN=app, O=Acme");
}

#[test]
fn versions_and_ciphers_that_are_not_supported() {
    let Some(set) = certificates() else { return };
    let Some((_server, port)) = s_server(set, "-tls1_1 -cipher ALL:@SECLEVEL=0") else { return };
    let url = format!("https://127.0.0.1:{port}/");
    unhealthy(set, &url, &[], "the server supports neither TLS 1.2 nor TLS 1.3");
    // ChaCha20-Poly1305 is not too old, but it is not supported here.
    let chacha = "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256";
    for options in ["-tls1_2 -cipher AES128-SHA", chacha] {
        let Some((_server, port)) = s_server(set, options) else { return };
        unhealthy(
            set,
            &format!("https://127.0.0.1:{port}/"),
            &[],
            "the server sent the TLS alert handshake_failure (no cipher suite, key exchange or signature algorithm in common)",
        );
    }
    // If the server prefers it, the next one is used.
    let first = "-tls1_3 -serverpref -ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    let Some((_server, port)) = s_server(set, first) else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &[]);
    // The only common key exchange is not the one that is offered first.
    let Some((_server, port)) = s_server(set, "-groups P-384") else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &[]);
}
