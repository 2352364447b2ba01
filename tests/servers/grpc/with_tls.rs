//! gRPC over TLS.

use super::{python, start};
use crate::certificates::certificates;
use crate::daemon::open_folder;
use crate::https::s_server;
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn tls_without_h2() {
    let Some(set) = certificates() else { return };
    let h2 = "the server did not negotiate HTTP/2 by ALPN";
    let alert = "it sent the TLS alert no_application_protocol";
    for (options, how) in [
        ("-tls1_2", "it chose no protocol"),
        ("-tls1_3", "it chose no protocol"),
        ("-tls1_2 -alpn http/1.1", alert),
        ("-tls1_3 -alpn http/1.1", alert),
    ] {
        let Some((_server, port)) = s_server(set, options) else { return };
        let target = format!("127.0.0.1:{port}");
        porthole(["grpc", &target, "--tls", "--ca-file", &set.pem("root")])
            .unhealthy(&format!("unhealthy: grpc {target}: {h2} ({how}); HTTP/2 over TLS requires it"));
    }
    // With h2, the response decides; here it is HTTP/1.
    let Some((_server, port)) = s_server(set, "-alpn h2") else { return };
    let target = format!("127.0.0.1:{port}");
    let ran = porthole(["grpc", &target, "--tls", "--ca-file", &set.pem("root")]).run();
    assert!(ran.status == Some(1) && !ran.stdout.contains("ALPN"), "{}", ran.story());
}

#[test]
fn over_tls_to_a_server_that_requires_a_client_certificate() {
    let (Some(set), Some(python)) = (certificates(), python()) else { return };
    let port = closed_port();
    let mode = ["health", &set.pem("server"), &set.key("server"), &set.pem("root")];
    let mut daemon = start(&python, open_folder(), &format!("127.0.0.1:{port}"), &mode);
    daemon.until_listening(port);
    let target = format!("127.0.0.1:{port}");
    let grpc = |options: &[&str]| {
        porthole([&["grpc", &target, "--tls", "--ca-file", &set.pem("root"), "-t", "10s"], options].concat())
    };
    grpc(&[]).unhealthy(&format!(
        "unhealthy: grpc {target}: the server requested a client certificate, got none and closed the connection \
         (--client-cert, --client-key)"
    ));
    grpc(&["--client-cert", &set.pem("client"), "--client-key", &set.key("server")])
        .healthy(&format!("healthy: grpc {target}: SERVING in <T>"));
}

#[test]
fn over_tls_on_a_port_and_on_a_unix_socket() {
    let (Some(set), Some(python)) = (certificates(), python()) else { return };
    let mode = ["health", &set.pem("server"), &set.key("server")];
    let trust = ["--tls", "--ca-file", &set.pem("root"), "-t", "10s"];
    let port = closed_port();
    let mut daemon = start(&python, open_folder(), &format!("127.0.0.1:{port}"), &mode);
    daemon.until_listening(port);
    let target = format!("127.0.0.1:{port}");
    porthole([&["grpc", &target], &trust[..]].concat())
        .healthy(&format!("healthy: grpc {target}: SERVING in <T>"));

    let folder = open_folder();
    let socket = folder.join("grpc.sock");
    let shown = socket.to_str().unwrap();
    let mut daemon = start(&python, folder, &format!("unix:{shown}"), &mode);
    daemon.until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let grpc = |target| porthole([&["grpc", target, "--unix", shown], &trust[..]].concat());
    grpc("app.example:80").healthy(&format!("healthy: grpc app.example:80 via {shown}: SERVING in <T>"));
    // The expected name remains that of the target.
    grpc("db.example:80").unhealthy(&format!(
        "unhealthy: grpc db.example:80 via {shown}: the certificate is not valid for db.example, only for localhost, \
         app.example, *.app.example, 127.0.0.1, ::1 (--server-name NAME expects another name)"
    ));
}
