//! Without `--remote`, only local servers of resolv.conf(5) are asked.

use std::fs;

use super::{Namespace, address, reply};
use crate::support::command::has_feature;

/// Why a server elsewhere is not asked.
fn forbidden() -> &'static str {
    if has_feature("remote") {
        "which only --remote allows"
    } else {
        "and this build asks only local name servers"
    }
}

#[test]
fn local_servers_are_asked_without_remote() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.11\n") else { return };
    let server = namespace.server("127.0.0.11", |question| vec![address(question)]);
    namespace.porthole(["dns", "db"]).healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.11) in <T>");
    namespace
        .porthole(["dns", "db", "--type", "A", "--expect", "10.0.0.7"])
        .healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.11) in <T>");
    // The port is 53 unless another is given.
    namespace
        .porthole(["dns", "db", "--server", "127.0.0.11"])
        .healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.11) in <T>");
    // A server elsewhere is left out.
    namespace.etc("resolv.conf", "nameserver 203.0.113.1\nnameserver 127.0.0.11\n");
    namespace.porthole(["dns", "db"]).healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.11) in <T>");
    drop(server);
    namespace.porthole(["dns", "db"]).unhealthy(
        "unhealthy: dns db: a name server elsewhere (203.0.113.1); connection refused (127.0.0.11)",
    );
    // Other checks ask no server.
    namespace.porthole(["tcp", "db:80"]).refused(&format!(
        "tcp db:80: unknown host: db is not in /etc/hosts, and no DNS server is queried ({})",
        if has_feature("remote") {
            "--remote allows it"
        } else {
            "this build only makes local connections; the full build has --remote"
        }
    ));
}

#[test]
fn servers_elsewhere_are_not_asked_without_remote() {
    let Some(namespace) =
        Namespace::new("search a.example\nnameserver 203.0.113.1\nnameserver 2001:db8::1\n")
    else {
        return;
    };
    for run in [
        namespace.porthole(["dns", "db"]),
        namespace.porthole(["dns", "db", "--tcp"]),
        namespace.porthole(["dns", "db", "--type", "MX"]),
    ] {
        run.refused(&format!(
            "dns db: a name server elsewhere (203.0.113.1); a name server elsewhere (2001:db8::1), {}",
            forbidden()
        ));
    }
}

#[test]
fn without_a_configuration_this_machine_is_asked() {
    let Some(namespace) = Namespace::new("") else { return };
    let missing = "/etc/resolv.conf: no such file or directory, so 127.0.0.1 is queried";
    namespace.porthole(["dns", "db"]).unhealthy("unhealthy: dns db: connection refused (127.0.0.1)");
    fs::remove_file(namespace.holder.folder.join("etc/resolv.conf")).unwrap();
    namespace
        .porthole(["dns", "db"])
        .unhealthy(&format!("unhealthy: dns db: connection refused (127.0.0.1); {missing}"));
    let _server = namespace.server("127.0.0.1", |question| vec![address(question)]);
    namespace.porthole(["dns", "db"]).healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.1) in <T>");
}

/// A build without `--remote` has no search list.
#[test]
fn the_search_list_is_used_in_builds_with_remote() {
    let Some(namespace) = Namespace::new("search a.example\nnameserver 127.0.0.1\n") else { return };
    let _server = namespace.server("127.0.0.1", |question| match question[12 + 3] {
        0 => vec![reply(question, 0x8183, 0, b"")],
        _ => vec![address(question)],
    });
    if has_feature("remote") {
        namespace
            .porthole(["dns", "db"])
            .healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.1, for db.a.example) in <T>");
    } else {
        namespace.porthole(["dns", "db"]).unhealthy("unhealthy: dns db: no such name: NXDOMAIN (127.0.0.1)");
    }
    // A given server is asked for the name as it is.
    namespace
        .porthole(["dns", "db", "--server", "127.0.0.1"])
        .unhealthy("unhealthy: dns db: no such name: NXDOMAIN (127.0.0.1)");
    namespace
        .porthole(["dns", "db.a.example", "--server", "127.0.0.1"])
        .healthy("healthy: dns db.a.example: 10.0.0.7 (from 127.0.0.1) in <T>");
}
