//! A build without TLS refuses the options and targets that need it.

use crate::support::command::porthole;
use crate::support::server::{Server, Step, send};

#[test]
#[cfg_attr(feature = "tls", ignore = "only for builds without tls: scripts/suite.sh BINARY")]
fn tls_needs_the_full_build() {
    porthole(["http", "https://localhost/"])
        .refused("http: TARGET: TLS is not in this build; the full build of porthole has it");
    let missing = "is not in this build; the full build of porthole has it";
    porthole(["tls", ":1"]).refused(&format!("tls {missing}"));
    porthole(["help", "tls"]).refused(&format!("tls {missing}"));
    for check in ["grpc", "postgres", "mongodb", "kafka", "nats", "mqtt"] {
        porthole([check, ":1", "--tls"]).refused(&format!("{check}: --tls {missing}"));
    }
    for option in
        ["-k", "--insecure", "--ca-file", "--server-name", "--client-cert", "--client-key", "--min-days"]
    {
        porthole(["http", ":1", option, "1"]).refused(&format!("http: {option} {missing}"));
    }
    let server =
        Server::new(vec![Step::Request, send("HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\n\r\n")]);
    let url = server.url("/");
    porthole(["http", &url, "--follow", "1"]).unhealthy(&format!(
        "unhealthy: http {url}: 301 Moved Permanently to https://127.0.0.1/, but this build has no TLS"
    ));
}
