//! resolv.conf(5) and hosts(5).

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{Namespace, address, reply};

#[test]
fn the_search_list() {
    let conf = "search a.example b.example\nnameserver 127.0.0.1\noptions ndots:2 timeout:1\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    let options = [
        "--host-record=db.b.example,10.0.0.5",
        "--host-record=x.y.a.example,10.0.0.6",
        "--host-record=p.q.r,10.0.0.7",
        "--host-record=p.q.r.a.example,10.0.0.8",
        "--host-record=l.m.n.b.example,10.0.0.9",
        "--txt-record=t.a.example,words",
    ];
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    for (name, found) in [
        ("db", "10.0.0.5 (from 127.0.0.1, for db.b.example) in <T>"),
        ("db.b.example.", "10.0.0.5 (from 127.0.0.1) in <T>"),
        ("x.y", "10.0.0.6 (from 127.0.0.1, for x.y.a.example) in <T>"),
        // Enough dots: tried as it is first.
        ("p.q.r", "10.0.0.7 (from 127.0.0.1) in <T>"),
        ("l.m.n", "10.0.0.9 (from 127.0.0.1, for l.m.n.b.example) in <T>"),
    ] {
        namespace.dns(name).healthy(&format!("healthy: dns {name}: {found}"));
    }
    for (name, found) in [
        ("db.", "no such name: NXDOMAIN (127.0.0.1)"),
        ("no", "no such name: NXDOMAIN (127.0.0.1); tried no.a.example, no.b.example, no"),
        ("t", "no A or AAAA record: NODATA (127.0.0.1) for t.a.example; tried t.a.example, t.b.example, t"),
    ] {
        namespace.dns(name).unhealthy(&format!("unhealthy: dns {name}: {found}"));
    }
    namespace.dns("db -v").healthy(
        "healthy: dns db: 10.0.0.5 (from 127.0.0.1, for db.b.example) in <T>\n  \
         servers 127.0.0.1; search a.example, b.example; ndots 2\n  \
         db.a.example: no such name: NXDOMAIN (127.0.0.1)\n  \
         db.b.example: 10.0.0.5 (from 127.0.0.1)",
    );
    let json = namespace.dns("db --json -v").json();
    let check = &json["checks"][0];
    assert_eq!(
        check["facts"],
        json!({"addresses": ["10.0.0.5"], "server": "127.0.0.1", "name": "db.b.example",
               "tried": ["db.a.example", "db.b.example"]})
    );
    assert_eq!(check["details"][0], "servers 127.0.0.1; search a.example, b.example; ndots 2");
    assert!(namespace.dns("db --json").json()["checks"][0].get("details").is_none());
}

#[test]
fn a_configuration_that_is_missing_or_odd() {
    let Some(namespace) = Namespace::new("nameserver fe80::1%eth0\n\u{7f}garbage\n") else { return };
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &["--host-record=db,10.0.0.5"]) else { return };
    namespace.dns("db -v").healthy(
        "healthy: dns db: 10.0.0.5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  \
         /etc/resolv.conf: nameserver fe80::1%eth0 is ignored\n  \
         db: 10.0.0.5 (from 127.0.0.1)",
    );
    fs::remove_file(namespace.holder.folder.join("etc/resolv.conf")).unwrap();
    let missing = "/etc/resolv.conf: no such file or directory, so 127.0.0.1 is queried";
    namespace.dns("db -v").healthy(&format!(
        "healthy: dns db: 10.0.0.5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  {missing}\n  \
         db: 10.0.0.5 (from 127.0.0.1)"
    ));
    drop(dnsmasq);
    namespace.dns("db").unhealthy(&format!("unhealthy: dns db: connection refused (127.0.0.1); {missing}"));
}

#[test]
fn the_hosts_file_is_reported_but_not_used() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.etc("hosts", "127.0.0.1 localhost\n10.0.0.9 db\n10.0.0.8 db other\n");
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &["--host-record=db,10.0.0.5"]) else { return };
    namespace.dns("db. -v").healthy(
        "healthy: dns db.: 10.0.0.5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  \
         db: 10.0.0.5 (from 127.0.0.1)\n  \
         applications use 10.0.0.9, 10.0.0.8 from /etc/hosts",
    );
    namespace.dns("other").unhealthy("unhealthy: dns other: no such name: NXDOMAIN (127.0.0.1)");
    assert_eq!(namespace.dns("other --json").json()["checks"][0]["facts"]["hosts"], json!(["10.0.0.8"]));
}

#[test]
fn the_hosts_file_comes_first_for_other_checks() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.etc("hosts", "127.0.0.7 db db.example\n");
    namespace.web();
    let _server = namespace.server("127.0.0.1", |question| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        vec![reply(question, 0x8183, 0, b"")]
    });
    for (name, address) in
        [("db", "127.0.0.7"), ("db.example.", "127.0.0.7"), ("localhost", "::1"), ("app.localhost", "::1")]
    {
        namespace
            .remote(&format!("tcp {name}:8080"))
            .healthy(&format!("healthy: tcp {name}:8080: connected ({address}) in <T>"));
    }
    namespace.remote("http :8080").healthy("healthy: http http://localhost:8080/: 200 OK in <T>");
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
    namespace
        .remote("tcp other:8080")
        .unhealthy("unhealthy: tcp other:8080: could not resolve other: no such name: NXDOMAIN (127.0.0.1)");
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
}

#[test]
fn files_on_a_file_system_that_does_not_answer() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.web();
    let soon = Duration::from_secs(3);
    let Some(hosts) = namespace.dead("hosts") else { return };
    let silent = "the file system does not answer within 500 ms";
    namespace
        .remote("tcp db:8080 -t 500ms")
        .unhealthy(&format!("unhealthy: tcp db:8080: could not resolve db: /etc/hosts: {silent}"))
        .within(soon);
    namespace
        .remote("http :8080")
        .healthy("healthy: http http://localhost:8080/: 200 OK in <T>")
        .within(soon);
    // dns only reports what the hosts file has.
    let _server = namespace.server("127.0.0.1", |question| vec![address(question)]);
    namespace
        .remote("dns db -t 500ms")
        .healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.1) in <T>")
        .within(soon);
    drop(hosts);
    let Some(namespace) = Namespace::new("") else { return };
    let Some(_conf) = namespace.dead("resolv.conf") else { return };
    for check in ["dns db", "tcp db:8080"] {
        let ran = namespace.remote(&format!("{check} -t 500ms")).run().within(soon);
        let end = format!("/etc/resolv.conf: {silent}\n");
        assert!(ran.stdout.ends_with(&end) && ran.status == Some(1), "{}", ran.story());
    }
}
