//! Recipes that speak a protocol line by line, or in a few bytes.

use super::{from_pypi, recipe};
use crate::daemon::{Daemon, installed, open_folder, prepare, unprivileged};
use crate::support::server::{Server, Step, closed_port, send};

#[test]
fn smtp() {
    let Some(python) = from_pypi("python") else { return };
    let port = closed_port();
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["-m", "aiosmtpd", "-n", "-l", &listen];
    let mut daemon = Daemon::start(open_folder(), &python, arguments, |_| {});
    daemon.until_listening(port);
    let recipe = recipe("smtp").port(25, port);
    recipe.healthy(&format!("tcp localhost:{port}: received \"220 \", then \"221 \" (127.0.0.1) in <T>"));
    drop(daemon);
    // RFC 5321, 3.1: a server that accepts no mail greets with 554.
    let server = Server::new(vec![send("554 no service here\r\n"), Step::Hold]);
    let line = super::recipe("smtp").port(25, server.port()).run().run();
    assert!(line.stdout.contains("554 no service here") && line.status == Some(1), "{}", line.story());
}

#[test]
fn ssh() {
    let Some(program) = installed("dropbear") else { return };
    let port = closed_port();
    let arguments = ["-F", "-E", "-R", "-r", "key", "-p", &format!("127.0.0.1:{port}")];
    let folder = open_folder();
    if let Some(keygen) = installed("dropbearkey") {
        prepare(&folder, &keygen, ["-t", "ed25519", "-f", "key"]);
    }
    let mut daemon = Daemon::start(folder, &program, arguments, unprivileged);
    daemon.until_listening(port);
    recipe("ssh")
        .port(22, port)
        .healthy(&format!("tcp localhost:{port}: received \"SSH-2.0-\" (127.0.0.1) in <T>"));
}

#[test]
fn ftp() {
    let Some(program) = installed("vsftpd") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let file = folder.join("vsftpd.conf");
    let settings = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nrun_as_launching_user=YES\n\
         anonymous_enable=YES\nftp_username=nobody\nsecure_chroot_dir={}\nseccomp_sandbox=NO\n",
        folder.display()
    );
    std::fs::write(&file, settings).unwrap();
    let mut daemon = Daemon::start(folder, &program, [&file], |_| {});
    daemon.until_listening(port);
    recipe("ftp")
        .port(21, port)
        .healthy(&format!("tcp localhost:{port}: received \"220 \", then \"221 \" (127.0.0.1) in <T>"));
}

/// A directory without entries. slapd.conf(5)
fn slapd(port: u16, settings: &str) -> Option<Daemon> {
    let program = installed("slapd")?;
    let folder = open_folder();
    let shown = folder.display();
    let file = folder.join("slapd.conf");
    std::fs::write(&file, format!("pidfile {shown}/pid\nargsfile {shown}/args\n{settings}\n")).unwrap();
    let url = format!("ldap://127.0.0.1:{port}");
    let arguments = ["-d", "256", "-h", &url, "-f", file.to_str().unwrap()];
    let mut daemon = Daemon::start(folder.clone(), &program, arguments, unprivileged);
    daemon.until_listening(port);
    Some(daemon)
}

#[test]
fn ldap() {
    let port = closed_port();
    let Some(mut daemon) = slapd(port, "") else { return };
    recipe("ldap")
        .port(389, port)
        .healthy(&format!("tcp localhost:{port}: received \"\\n\\x01\\0\" (127.0.0.1) in <T>"));
    let log = daemon.folder.join("slapd.log");
    daemon.until("the check unbinds", || std::fs::read_to_string(&log).unwrap().contains("UNBIND"));
    drop(daemon);
    let port = closed_port();
    let Some(_daemon) = slapd(port, "disallow bind_anon") else { return };
    let ran = recipe("ldap").port(389, port).run().run();
    assert!(ran.stdout.contains("anonymous bind disallowed") && ran.status == Some(1), "{}", ran.story());
    // The page has this expectation for such a server.
    let ran = recipe("ldap").port(389, port).with(r"\x0a\x01\x00", r"\x0a\x01\x30").run().run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}

#[test]
fn zookeeper() {
    // The server closes the connection after its answer.
    let stand_in = |answer: &str| Server::new(vec![Step::Until(b"srvr"), send(answer)]);
    let server =
        stand_in("Zookeeper version: 3.9.2\nLatency min/avg/max: 0/0.0/0\nMode: follower\nNode count: 5\n");
    let port = server.port();
    recipe("zookeeper")
        .port(2181, port)
        .healthy(&format!("tcp localhost:{port}: received \"Mode: \" (127.0.0.1) in <T>"));
    let server = stand_in("This ZooKeeper instance is not currently serving requests\n");
    let ran = recipe("zookeeper").port(2181, server.port()).run().run();
    assert!(ran.stdout.contains("not currently serving") && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn fastcgi() {
    let Some(program) = installed("php-fpm8.2") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let file = folder.join("fpm.conf");
    let settings = format!(
        "[global]\nerror_log = {}\ndaemonize = no\n[www]\nlisten = 127.0.0.1:{port}\npm = static\n\
         pm.max_children = 1\nping.path = /ping\n",
        folder.join("log").display()
    );
    std::fs::write(&file, settings).unwrap();
    let arguments = ["-n", "-F", "-y", file.to_str().unwrap()];
    let mut daemon = Daemon::start(folder, &program, arguments, unprivileged);
    daemon.until_listening(port);
    recipe("fastcgi")
        .port(9000, port)
        .healthy(&format!("tcp localhost:{port}: received \"pong\" (127.0.0.1) in <T>"));
}

/// Starts uWSGI with an application that knows one path. Debian has its request handlers as plugins.
fn started_uwsgi(port: u16) -> Option<Daemon> {
    let program = installed("uwsgi-core")?;
    let folder = open_folder();
    let application = "def application(environment, start):\n    \
        found = environment['PATH_INFO'] == '/healthz'\n    \
        start('200 OK' if found else '404 Not Found', [])\n    return [b'ok']\n";
    std::fs::write(folder.join("app.py"), application).unwrap();
    let socket = format!("127.0.0.1:{port}");
    let mut arguments = vec!["--socket", &socket, "--master", "--processes", "1", "--die-on-term"];
    arguments.extend(["--plugin", "python3", "--plugin", "ping", "--need-app", "--wsgi-file", "app.py"]);
    let mut daemon = Daemon::start(folder, &program, arguments, unprivileged);
    daemon.until_listening(port);
    Some(daemon)
}

#[test]
fn uwsgi() {
    let port = closed_port();
    let Some(_daemon) = started_uwsgi(port) else { return };
    recipe("uwsgi")
        .port(3031, port)
        .healthy(&format!("tcp localhost:{port}: received \" 200 OK\\r\\n\" (127.0.0.1) in <T>"));
    let ran = recipe("uwsgi").port(3031, port).with("/healthz", "/unknown").run().run();
    assert!(ran.stdout.contains("404 Not Found") && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn uwsgi_ping() {
    let port = closed_port();
    let Some(_daemon) = started_uwsgi(port) else { return };
    recipe("uwsgi_ping")
        .port(3031, port)
        .healthy(&format!("tcp localhost:{port}: received \"d\\0\\0\\x01\" (127.0.0.1) in <T>"));
}
