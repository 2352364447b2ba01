//! nginx: HTTP over TCP and a Unix socket.

use std::path::Path;

use crate::daemon::{Daemon, installed, open_folder};
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// Starts nginx with these `server` blocks.
pub fn nginx(program: &Path, folder: std::path::PathBuf, servers: &str) -> Daemon {
    let shown = folder.display();
    let configuration = format!(
        "daemon off; pid {shown}/pid; error_log stderr; worker_processes 1;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {shown}/b; proxy_temp_path {shown}/p;\n\
         fastcgi_temp_path {shown}/f; uwsgi_temp_path {shown}/u; scgi_temp_path {shown}/s;\n{servers}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    Daemon::start(
        folder.clone(),
        program,
        ["-p", folder.to_str().unwrap(), "-c", file.to_str().unwrap()],
        |_| {},
    )
}

#[test]
fn http_over_tcp_and_a_unix_socket() {
    let Some(program) = installed("nginx") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let socket = folder.join("nginx.sock");
    let mut daemon = nginx(
        &program,
        folder,
        &format!(
            "server {{ listen 127.0.0.1:{port}; listen unix:{};\n\
             location = /healthz {{ return 200 '{{\"status\": \"UP\"}}'; }}\n\
             location = /old {{ return 301 /healthz; }}\n\
             location = /broken {{ return 503 'no backend'; }} }}",
            socket.display()
        ),
    );
    daemon.until_listening(port);
    let url = format!("http://127.0.0.1:{port}");
    porthole(["http", &format!("{url}/healthz"), "--field", "/status=UP"])
        .healthy(&format!("healthy: http {url}/healthz: 200 OK in <T>"));
    porthole(["http", &format!("{url}/old"), "--follow", "1", "--status", "200"])
        .healthy(&format!("healthy: http {url}/old: 200 OK in <T>"));
    porthole(["http", &format!("{url}/broken")]).unhealthy(&format!(
        "unhealthy: http {url}/broken: 503 Service Unavailable, expected 200-399; body: no backend"
    ));
    let shown = socket.display();
    porthole(["http", "http://app/healthz", "--unix", socket.to_str().unwrap()])
        .healthy(&format!("healthy: http http://app/healthz via {shown}: 200 OK in <T>"));
}
