//! Every check resolves names in the same way.

use std::fs;
use std::time::Duration;

use super::{Namespace, is_of_a, loopback, reply};

#[test]
fn every_check_uses_the_search_list() {
    let conf = "search a.example b.example\nnameserver 127.0.0.1\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    namespace.web();
    let options = ["--host-record=sub.deep.b.example,127.0.0.7", "--host-record=db.a.example,::1"];
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    for (name, address) in [("sub.deep", "127.0.0.7"), ("db", "::1"), ("db.a.example.", "::1")] {
        namespace
            .remote(&format!("tcp {name}:8080"))
            .healthy(&format!("healthy: tcp {name}:8080: connected ({address}) in <T>"));
        namespace
            .remote(&format!("http http://{name}:8080/"))
            .healthy(&format!("healthy: http http://{name}:8080/: 200 OK in <T>"));
    }
    for (name, tried) in [
        ("no", "; tried no.a.example, no.b.example, no"),
        ("no.deep", "; tried no.deep, no.deep.a.example, no.deep.b.example"),
        ("db.", ""),
    ] {
        namespace.remote(&format!("tcp {name}:8080")).unhealthy(&format!(
            "unhealthy: tcp {name}:8080: could not resolve {name}: no such name: NXDOMAIN (127.0.0.1){tried}"
        ));
    }
    namespace.etc("resolv.conf", &format!("{conf}options ndots:2\n"));
    namespace.remote("tcp no.deep:8080").unhealthy(
        "unhealthy: tcp no.deep:8080: could not resolve no.deep: no such name: NXDOMAIN (127.0.0.1); \
         tried no.deep.a.example, no.deep.b.example, no.deep",
    );
    drop(dnsmasq);
    // A server that drops all queries for AAAA: the time suffices for every name.
    let _half = namespace.server("127.0.0.1", |question| match (is_of_a(question), question[12 + 3]) {
        (false, _) => vec![],
        // The last name has only its own label.
        (true, 0) => vec![loopback(question)],
        (true, _) => vec![reply(question, 0x8183, 0, b"")],
    });
    namespace.remote("tcp db:8080").healthy("healthy: tcp db:8080: connected (127.0.0.7) in <T>");
    // An error code for one name does not affect the next.
    let _refusing = namespace.server("127.0.0.2", |question| match question[12 + 3] {
        0 => vec![loopback(question)],
        _ => vec![reply(question, 0x8185, 0, b"")],
    });
    namespace.etc("resolv.conf", &conf.replace("127.0.0.1", "127.0.0.2"));
    namespace.remote("tcp db:8080").healthy("healthy: tcp db:8080: connected (::1) in <T>");
}

#[test]
fn every_check_uses_the_servers() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.2\nnameserver 127.0.0.1\n") else { return };
    namespace.web();
    let tcp = |words: &str, reason: &str| {
        let target = words.split(' ').next().unwrap();
        let host = target.split(':').next().unwrap();
        namespace
            .remote(&format!("tcp {words}"))
            .unhealthy(&format!("unhealthy: tcp {target}: could not resolve {host}: {reason}"))
            .within(Duration::from_secs(10));
    };
    tcp("db:8080", "connection refused (127.0.0.2); connection refused (127.0.0.1)");
    // One server is silent; the other does not exist at first, then answers.
    let _silent = namespace.socket("127.0.0.2");
    tcp("db:8080 -t 1s", "no reply (127.0.0.2); connection refused (127.0.0.1)");
    let records: Vec<String> = (1..=40).map(|n| format!("--host-record=many,127.0.1.{n}")).collect();
    let mut options: Vec<&str> = records.iter().map(String::as_str).collect();
    options.push("--host-record=db,127.0.0.7");
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    namespace.remote("tcp db:8080").healthy("healthy: tcp db:8080: connected (127.0.0.7) in <T>");
    namespace.remote("http http://db:8080/").healthy("healthy: http http://db:8080/: 200 OK in <T>");
    // Too many addresses for a datagram.
    namespace.remote("http http://many:8080/").healthy("healthy: http http://many:8080/: 200 OK in <T>");
    drop(dnsmasq);
    let failing = namespace.server("127.0.0.1", |question| vec![reply(question, 0x8182, 0, b"")]);
    tcp("db:8080", "no reply (127.0.0.2); SERVFAIL (127.0.0.1)");
    drop(failing);
    let refusing = namespace.server("127.0.0.1", |question| {
        vec![reply(question, if is_of_a(question) { 0x8183 } else { 0x8185 }, 0, b"")]
    });
    namespace.etc("resolv.conf", "nameserver 127.0.0.1\n");
    tcp("db:8080", "REFUSED (127.0.0.1) for AAAA");
    drop(refusing);
    let lying = namespace.server("127.0.0.1", |question| {
        let answer = loopback(question);
        let (mut number, mut name) = (answer.clone(), answer.clone());
        number[0] ^= 1;
        name[13] = b'x';
        vec![number, name]
    });
    let lied = namespace.remote("tcp db:8080 -t 1s").run();
    lied.is(1, "unhealthy: tcp db:8080: could not resolve db: a reply to another question (127.0.0.1)", "");
    drop(lying);
    fs::remove_file(namespace.holder.folder.join("etc/resolv.conf")).unwrap();
    tcp(
        "db:8080",
        "connection refused (127.0.0.1); /etc/resolv.conf: no such file or directory, so 127.0.0.1 is queried",
    );
}
