//! `porthole unix`.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, folder, send};
use crate::support::skip::{is_root, skip};

#[test]
fn a_socket_that_accepts_is_healthy() {
    let server = Server::unix(vec![Step::Hold]);
    let path = server.socket().to_str().unwrap();
    porthole(["unix", path]).healthy(&format!("healthy: unix {path}: connected in <T>"));
}

#[test]
fn an_at_sign_means_an_abstract_socket() {
    let name = format!("porthole-test-{}", std::process::id());
    let server = Server::abstract_socket(&name, vec![Step::Until(b"hi"), send("there"), Step::Hold]);
    porthole(["unix", &format!("@{name}"), "--send", "hi", "--expect", "there"])
        .healthy(&format!("healthy: unix @{name}: received \"there\" in <T>"));
    drop(server);
}

#[test]
fn bytes_sent_before_the_server_closed_are_received() {
    let server = Server::unix(vec![send("hello\n")]);
    let path = server.socket().to_str().unwrap();
    // Whether our bytes or the server's close comes first depends on the machine; with so many
    // bytes, the close does.
    let bytes = "x".repeat(100_000);
    let big = server.socket().parent().unwrap().join("big");
    std::fs::write(&big, &bytes[..60_000]).unwrap();
    let send = format!("${{file:{}}}", big.display()).repeat(8);
    porthole(["unix", path, "--send", &send, "--expect", "hello"])
        .healthy(&format!("healthy: unix {path}: received \"hello\" in <T>"));
    porthole(["unix", path, "--send", &send, "--expect", "ready"]).unhealthy(&format!(
        "unhealthy: unix {path}: the server closed the connection, expected \"ready\"; received: hello\\n"
    ));
    porthole(["unix", path, "--send", &send])
        .unhealthy(&format!("unhealthy: unix {path}: the server closed the connection; received: hello\\n"));
}

#[test]
fn the_reason_why_a_path_does_not_accept_is_named() {
    let folder = folder();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("file"), "").unwrap();
    let _datagram = UnixDatagram::bind(path("datagram")).unwrap();
    drop(UnixListener::bind(path("stale")).unwrap());
    for (name, reason) in [
        ("none", "no such socket"),
        ("file", "not a socket"),
        ("datagram", "not a stream socket"),
        ("stale", "connection refused: the socket exists, but nothing listens on it"),
    ] {
        porthole(["unix", &path(name)]).unhealthy(&format!("unhealthy: unix {}: {reason}", path(name)));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_full_accept_queue_is_reported() {
    let folder = folder();
    let path = folder.join("full");
    // The smallest possible queue: a listener that never accepts, filled by our own connection.
    let listener = UnixListener::bind(&path).unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let _waiting = UnixStream::connect(&path).unwrap();
    let path = path.to_str().unwrap();
    porthole(["unix", path, "-t", "200ms"])
        .unhealthy(&format!(
            "unhealthy: unix {path}: timed out after 200 ms connecting: its accept queue is full"
        ))
        .within(Duration::from_secs(5));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_denied_permission_is_reported_on_stderr() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let folder = folder();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.join("ours");
    let _listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A copy that another user can reach.
    let copy = folder.join("porthole");
    crate::support::command::copy_program(crate::support::command::binary(), &copy);
    let output = std::process::Command::new("setpriv")
        .args(["--reuid", "65532", "--regid", "65532", "--clear-groups"])
        .arg(&copy)
        .arg("unix")
        .arg(&path)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty() && output.status.code() == Some(1), "{stderr}");
    assert!(stderr.starts_with(&format!("porthole: unix {}: permission denied", path.display())), "{stderr}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_path_that_is_not_utf8_is_escaped() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = std::ffi::OsStr::from_bytes(b"/none/\xff\x1b");
    porthole([std::ffi::OsStr::new("unix"), path])
        .unhealthy(r"unhealthy: unix /none/\xff\x1b: no such socket");
}
