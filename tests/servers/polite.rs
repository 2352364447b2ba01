//! The end of a check as real servers see it: what they log about a client that has its verdict
//! before they have sent the whole response.

mod with_tls;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::daemon::{Daemon, installed, open_folder, skip};
use crate::nginx::nginx;
use crate::support::command::porthole;
use crate::support::server::{Server, Step, closed_port, send};

/// The number of checks of a server.
const CHECKS: usize = 25;

/// The size of a body that is too large for the socket buffers, in bytes.
const LARGE: usize = 300_000;

/// Checks this server this often; each time it must be healthy.
#[track_caller]
fn checks(number: usize, url: &str) {
    for _ in 0..number {
        porthole(["http", url, "-t", "20s"]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    }
}

fn large_file(folder: &Path) {
    std::fs::write(folder.join("large"), vec![b'x'; LARGE]).unwrap();
}

/// Returns whether the program accepts these arguments.
fn runs(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn python_prints_no_traceback() {
    let Some(python) = installed("python3") else { return };
    let (folder, port) = (open_folder(), closed_port());
    large_file(&folder);
    let port_text = port.to_string();
    let arguments = ["-u", "-m", "http.server", &port_text, "--bind", "127.0.0.1"];
    let mut daemon = Daemon::start(folder, &python, arguments, |_| {});
    daemon.until_listening(port);
    checks(CHECKS, &format!("http://127.0.0.1:{port}/large"));
    let log = daemon.log();
    assert_eq!(log.matches("\"GET /large HTTP/1.1\" 200 -").count(), CHECKS, "{log}");
    assert!(!log.contains("Traceback"), "{log}");
}

#[test]
fn a_perl_server_survives() {
    let Some(perl) = installed("perl") else { return };
    if !runs(&perl, &["-MHTTP::Daemon", "-e1"]) {
        return skip("Perl's HTTP::Daemon is not installed");
    }
    let (folder, port) = (open_folder(), closed_port());
    large_file(&folder);
    // One client after another, as in its manual, with the default action for SIGPIPE.
    let program = format!(
        "use HTTP::Daemon; my $d = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => {port}) or die; \
         while (my $c = $d->accept) {{ while ($c->get_request) {{ $c->send_file_response('large') }} $c->close }}"
    );
    let mut daemon = Daemon::start(folder, &perl, ["-e", &program], |_| {});
    daemon.until_listening(port);
    // The last check shows that the server survived the ones before.
    checks(CHECKS + 1, &format!("http://127.0.0.1:{port}/"));
}

#[test]
fn node_sees_no_aborted_request() {
    let Some(node) = installed("node") else { return };
    let port = closed_port();
    // Sends the body two milliseconds after the head.
    let program = format!(
        "require('http').createServer((request, response) => {{
            let finished = false;
            request.on('aborted', () => console.log('aborted'));
            response.on('finish', () => {{ finished = true }});
            response.on('close', () => console.log(finished ? 'finished' : 'closed early'));
            request.socket.on('error', error => console.log('error', error.code));
            response.writeHead(200, {{'Content-Length': {LARGE}}});
            response.flushHeaders();
            setTimeout(() => response.end('x'.repeat({LARGE})), 2);
        }}).listen({port}, '127.0.0.1')"
    );
    let mut daemon = Daemon::start(open_folder(), &node, ["-e", &program], |_| {});
    daemon.until_listening(port);
    checks(CHECKS, &format!("http://127.0.0.1:{port}/"));
    let log = daemon.folder.join("node.log");
    let log = || std::fs::read_to_string(&log).unwrap();
    daemon.until("it has closed all connections", || log().lines().count() >= CHECKS);
    assert_eq!(log(), "finished\n".repeat(CHECKS));
}

/// Starts a server that sends its body slowly, and more of it than the buffers on the way hold.
fn slow() -> Server {
    let last = b"late";
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", LARGE + last.len());
    let body = send([head.as_bytes(), &vec![b'x'; LARGE]].concat());
    Server::new(vec![Step::Request, body, Step::Drip(last.into(), Duration::from_millis(4)), Step::Hold])
}

#[test]
fn nginx_logs_no_499_and_no_reset() {
    let Some(program) = installed("nginx") else { return };
    let (folder, port, upstream) = (open_folder(), closed_port(), slow());
    large_file(&folder);
    let shown = folder.to_str().unwrap().to_owned();
    // At level `info` it logs clients that disconnect.
    let servers = format!(
        "log_format brief '$status $request_completion $request_uri';\n\
         server {{ listen 127.0.0.1:{port}; access_log {shown}/access brief; error_log stderr info; root {shown};\n\
         location = /slow {{ proxy_pass http://{}; proxy_buffering off; }} }}",
        upstream.address()
    );
    let mut daemon = nginx(&program, folder, &servers);
    daemon.until_listening(port);
    for path in ["large", "slow"] {
        checks(10, &format!("http://127.0.0.1:{port}/{path}"));
    }
    let access = daemon.folder.join("access");
    let access = || std::fs::read_to_string(&access).unwrap();
    daemon.until("it has logged all requests", || access().lines().count() >= 20);
    assert_eq!(access(), ["200 OK /large\n".repeat(10), "200 OK /slow\n".repeat(10)].concat());
    let log = daemon.log();
    let found = ["reset", "Broken pipe", "prematurely"].iter().find(|&word| log.contains(word));
    assert_eq!(found, None, "{log}");
}

#[test]
fn haproxy_logs_nothing_but_complete_sessions() {
    let Some(program) = installed("haproxy") else { return };
    let (folder, port, quiet, upstream) = (open_folder(), closed_port(), closed_port(), slow());
    let configuration = format!(
        "defaults\n mode http\n log stdout format raw local0\n option httplog\n timeout client 60s\n \
         timeout server 60s\n timeout connect 60s\n\
         frontend f\n bind 127.0.0.1:{port}\n default_backend b\n\
         frontend quiet\n option dontlognull\n bind 127.0.0.1:{quiet}\n default_backend b\n\
         backend b\n server s {}\n",
        upstream.address()
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, configuration).unwrap();
    let mut daemon = Daemon::start(folder, &program, ["-db", "-f", file.to_str().unwrap()], |_| {});
    daemon.until_listening(quiet);
    let log = daemon.folder.join("haproxy.log");
    let sessions = || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.lines().filter(|line| line.contains(" 200 ")).map(str::to_owned).collect::<Vec<_>>()
    };
    for port in [port, quiet] {
        checks(10, &format!("http://127.0.0.1:{port}/"));
    }
    daemon.until("it has logged all sessions", || sessions().len() >= 20);
    for session in sessions() {
        assert!(session.contains(" ---- "), "{session}");
    }
    // A connection without a request, as from any monitor, is a bad request to haproxy, unless it
    // is configured not to log them.
    porthole(["tcp", &format!("127.0.0.1:{quiet}")]).run();
    checks(1, &format!("http://127.0.0.1:{quiet}/"));
    daemon.until("it has logged that too", || sessions().len() >= 21);
    assert!(!daemon.log().contains("<BADREQ>"), "{}", daemon.log());
}
