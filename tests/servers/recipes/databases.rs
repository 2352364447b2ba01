//! Recipes for Redis as a cluster and for Sentinel, for PgBouncer, and for MongoDB.

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

/// Starts what answers like a MongoDB server in this state. Returns it and its port.
fn stand_in(state: &str) -> Option<(Daemon, u16)> {
    crate::mongodb::mongodb(state)
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
fn mongodb() {
    for (state, is_up, found) in [
        ("standalone", true, "standalone"),
        ("mongos", true, "mongos"),
        ("primary", true, "primary of rs0"),
        ("secondary", true, "secondary of rs0"),
        ("recovering", false, "neither primary nor secondary of rs0"),
        ("arbiter", false, "arbiter of rs0"),
        ("stopping", false, "isMaster failed: The server is in quiesce mode and will shut down"),
    ] {
        let Some((_daemon, port)) = stand_in(state) else { return };
        let recipe = recipe("mongodb").port(27017, port);
        if is_up {
            recipe.healthy(&format!("mongodb localhost:{port}: {found} (127.0.0.1) in <T>"));
        } else {
            recipe.unhealthy(&format!("mongodb localhost:{port}: {found}"));
        }
    }
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
