//! Client certificates.

use super::super::{
    WANTED, assert_dropped, block, check, facts, healthy, judge, requiring_client_certificate, started,
    unhealthy,
};
use crate::certificates::certificates;
use crate::daemon::installed;
use crate::support::server::closed_port;

#[test]
fn client_certificates_with_nginx() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let port = closed_port();
        let more = format!(
            "ssl_protocols {protocol}; ssl_verify_client on; ssl_client_certificate {};",
            set.pem("root")
        );
        let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), &more));
        let url = format!("https://127.0.0.1:{port}/");
        let (client, key) = (set.pem("client"), set.key("server"));
        healthy(set, &url, &["--client-cert", &client, "--client-key", &key]);
        healthy(set, &url, &["--client-cert", &set.pem("both")]);
        // nginx completes the handshake nevertheless, and reports the error in HTTP.
        let body = "body: <html>\\r\\n<head><title>400 No required SSL certificate was sent</title></head>\\r\\n<body>";
        let ran = check(set, &url, &[]).run();
        let start = format!("unhealthy: http {url}: 400 Bad Request, ");
        assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(body), "{}", ran.story());
        assert_eq!(facts(&check(set, &url, &["--json"]).json())["client_certificate_wanted"], true);
        let ran = check(set, &url, &["--client-cert", &set.pem("other-client"), "--client-key", &key]).run();
        let body = "<title>400 The SSL certificate error</title>";
        assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(body), "{}", ran.story());
        assert_eq!(ran.status, Some(1));
    }
}

#[test]
fn client_certificates_with_haproxy() {
    let Some(set) = certificates() else { return };
    for version in ["TLSv1.2", "TLSv1.3"] {
        let Some((_haproxy, port)) = requiring_client_certificate(set, version) else { return };
        let url = format!("https://127.0.0.1:{port}/");
        let key = set.key("server");
        healthy(
            set,
            &url,
            &["--client-cert", &set.pem("client"), "--client-key", &key, "--contains", "ready"],
        );
        unhealthy(set, &url, &[], WANTED);
        unhealthy(
            set,
            &url,
            &["--client-cert", &set.pem("other-client"), "--client-key", &key],
            "the server sent the TLS alert unknown_ca (it does not trust the issuer of our certificate: --client-cert)",
        );
    }
}

#[test]
fn a_client_certificate_is_suggested_if_the_server_closes_without_an_alert() {
    let Some(set) = certificates() else { return };
    let lacking = "the server requested a client certificate, got none and closed the connection \
                   (--client-cert, --client-key)";
    let given = "the server closed the connection after receiving our client certificate, which it may not accept \
                 (--client-cert)";
    let (foreign, key) = (set.pem("other-client"), set.key("server"));
    let ours = ["--client-cert", &foreign, "--client-key", &key];
    for version in ["1.2", "1.3"] {
        for mode in ["silent", "reset"] {
            assert_dropped(set, version, mode, &[], lacking);
            assert_dropped(set, version, mode, &ours, given);
        }
        assert_dropped(set, version, "asking", &[], lacking);
        // If the server did not request a certificate, the message does not mention one.
        let Some((_daemon, port)) = judge(set, version, "anybody") else { return };
        let ran = check(set, &format!("https://127.0.0.1:{port}/"), &[]).run();
        let is_plain =
            ran.stdout.contains("the server closed the connection") && !ran.stdout.contains("--client");
        let is_reset =
            ran.stdout.contains("the server reset the connection") && !ran.stdout.contains("--client");
        assert!(is_plain || is_reset, "{}", ran.story());
    }
}
