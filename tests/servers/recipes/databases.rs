//! Recipes for Redis as a cluster and for Sentinel, and for PgBouncer.

use std::path::Path;

use super::recipe;
use crate::daemon::{Daemon, installed, open_folder, prepare};
use crate::pgbouncer::Bouncer;
use crate::postgres::{cluster, start};
use crate::support::server::closed_port;

/// Runs a command on the Redis server with this port.
fn redis_cli(port: u16, words: &[&str]) {
    let port = port.to_string();
    let arguments = [&["-h", "127.0.0.1", "-p", &port][..], words].concat();
    prepare(Path::new("/"), &installed("redis-cli").unwrap(), arguments);
}

#[test]
fn redis_cluster() {
    let Some(program) = installed("redis-server") else { return };
    let (port, bus) = (closed_port(), closed_port());
    let (port_text, bus_text) = (port.to_string(), bus.to_string());
    let arguments = ["--port", &port_text, "--cluster-enabled", "yes", "--cluster-port", &bus_text];
    let rest = ["--bind", "127.0.0.1", "--save", "", "--cluster-config-file", "nodes.conf"];
    let mut daemon = Daemon::start(open_folder(), &program, arguments.iter().chain(&rest), |_| {});
    daemon.until_listening(port);
    let recipe = || recipe("redis_cluster").port(6379, port);
    // No slot is assigned yet.
    let ran = recipe().run().run();
    assert!(ran.stdout.contains("cluster_state:fail") && ran.status == Some(1), "{}", ran.story());
    redis_cli(port, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    daemon.until("the cluster is up", || recipe().run().run().status == Some(0));
    recipe().healthy(&format!("tcp localhost:{port}: received \"cluster_state:ok\" (127.0.0.1) in <T>"));
}

#[test]
fn redis_sentinel() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let file = folder.join("sentinel.conf");
    // The master need not run: the question is about the other Sentinels.
    let settings =
        format!("port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {} 1\n", closed_port());
    std::fs::write(&file, settings).unwrap();
    let mut daemon = Daemon::start(folder, &program, [file.to_str().unwrap(), "--sentinel"], |_| {});
    daemon.until_listening(port);
    let recipe = || recipe("redis_sentinel").port(26379, port);
    recipe().healthy(&format!("tcp localhost:{port}: received \"+OK \" (127.0.0.1) in <T>"));
    redis_cli(port, &["SENTINEL", "SET", "mymaster", "quorum", "2"]);
    let ran = recipe().run().run();
    assert!(ran.stdout.contains("-NOQUORUM ") && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn pgbouncer() {
    let (Some(program), Some((postgres, folder))) = (installed("pgbouncer"), cluster()) else { return };
    let (mut server, socket) = start(&postgres, &folder, closed_port(), &["-c", "listen_addresses="]);
    server.until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let server_port = socket.rsplit('.').next().unwrap();
    let database = format!("postgres = host={} port={server_port}", folder.display());
    let bouncer = Bouncer::start(&program, "auth_type = trust", "\"postgres\" \"\"\n", &database);
    let port = bouncer.port;
    recipe("pgbouncer")
        .port(6432, port)
        .healthy(&format!("postgres localhost:{port}: accepts connections (127.0.0.1) in <T>"));
}
