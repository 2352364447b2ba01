//! resolv.conf and its name servers.

use std::net::UdpSocket;
use std::time::Duration;

use super::{IN_ORDER, WITH_ETH0, World};
use crate::support::command::porthole;
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};
use crate::support::network::in_own_network;

#[test]
fn a_missing_resolv_conf_and_a_high_ndots_are_reported() {
    let world = World::new();
    let ran = world.file("1/net/dev", WITH_ETH0).run(&[]);
    let missing = "warning: no readable /etc/resolv.conf: resolvers fall back to 127.0.0.1\n    \
                   seen: /etc/resolv.conf: no such file or directory\n";
    assert!(ran.stdout.starts_with(missing), "{}", ran.story());
    let conf = "search a.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
    // The files of Kubernetes say so everywhere; it matters to an application that uses such a name.
    world.file("root/etc/resolv.conf", conf).file("1/environ", "DB_HOST=db.default.svc\0");
    let remote = ", whether the name servers answer (--remote)";
    world.prints(&[], 0, &[IN_ORDER, remote].concat());
    world.file("1/environ", "DB_HOST=db\0API_URL=https://api.example.org/v1\0").prints(
        &[],
        0,
        "hint: an external name with fewer than 5 dots costs 6 queries before the right one\n    \
             seen: /etc/resolv.conf: options ndots:5\n    \
             seen: @/1/environ: API_URL names such a host, with 2 dots\n    \
             Kubernetes: dnsConfig: {options: [{name: ndots, value: \"1\"}]}\n    \
             Application: end external names with a dot: api.example.org.\n\
         pid 1 (server): 1 hint",
    );
}

/// What is on loopback is queried in any case; that sends nothing elsewhere.
#[test]
fn a_name_server_on_loopback_that_does_not_answer_is_an_error() {
    in_own_network(|| {
        let world = World::new();
        world.file("1/net/dev", WITH_ETH0).file("root/etc/resolv.conf", "nameserver 127.0.0.53\n");
        let finding = "error: the name server 127.0.0.53 does not answer: it is the loopback address of this container itself\n    \
                 seen: /etc/resolv.conf: nameserver 127.0.0.53\n    \
                 seen: port 53: connection refused (127.0.0.53)\n    \
                 Kubernetes: dnsPolicy: ClusterFirst, or dnsConfig.nameservers; on the node, resolvConf of the kubelet's configuration: /run/systemd/resolve/resolv.conf\n    \
                 Docker: --dns ADDRESS of a server that this network can reach; mount no /etc/resolv.conf of the host\n\
             pid 1 (server): 1 error";
        world.prints(&[], 1, finding);
        // One that answers, even that there is no such name, is in order.
        let socket = UdpSocket::bind("127.0.0.53:53").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let server = std::thread::spawn(move || {
            let mut query = [0; 512];
            for _ in 0..2 {
                let (length, client) = socket.recv_from(&mut query).unwrap();
                query[2] |= 0x80;
                query[3] |= 3;
                socket.send_to(&query[..length], client).unwrap();
            }
        });
        let ran = world.run(&[]);
        assert!(!ran.stdout.contains("does not answer"), "{}", ran.story());
        server.join().unwrap();
    });
}

/// Other servers are queried only with `--remote`, and so is Docker's, which asks others.
#[test]
fn a_name_server_elsewhere_that_does_not_answer_is_an_error_with_remote() {
    in_own_network(|| {
        let world = World::new();
        world.file("1/net/dev", WITH_ETH0);
        for server in ["127.0.0.11", "192.0.2.1"] {
            world.file("root/etc/resolv.conf", format!("nameserver {server}\n"));
            let ran = world.run(&[]);
            assert!(!ran.stdout.contains("does not answer"), "{}", ran.story());
            let ran = world.run(&["--remote"]);
            let start = format!("error: the name server {server} does not answer");
            assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "{}", ran.story());
        }
        assert!(
            world.run(&["--remote"]).stdout.contains(
                "    Kubernetes: check that NetworkPolicies allow egress to port 53 (UDP and TCP) and that kube-dns runs\n"
            )
        );
    });
}

/// An address with a zone is valid, and the evidence for an option is its own line.
#[test]
fn odd_lines_of_resolv_conf_are_quoted() {
    let world = World::new();
    world.file("1/environ", "API_HOST=api.example.org\0");
    let conf =
        "nameserver fe80::1%eth0\nnameserver 10.0.0.10\nsearch a b\noptions ndots:5\noptions timeout:1\n";
    let ran = world.file("1/net/dev", WITH_ETH0).file("root/etc/resolv.conf", conf).run(&[]);
    assert!(ran.stdout.contains("    seen: /etc/resolv.conf: options ndots:5\n"), "{}", ran.story());
    assert!(ran.stdout.ends_with("pid 1 (server): 1 hint\n"), "{}", ran.story());
    let conf = "nameserver 10.0.0.10\r\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n";
    let ran = world.file("root/etc/resolv.conf", conf).run(&[]);
    assert!(ran.stdout.contains("    seen: /etc/resolv.conf: nameserver 10.0.0.10\\r\n"), "{}", ran.story());
    let finding = "warning: 4 name servers are configured, but only the first 3 are used\n    seen: /etc/resolv.conf: nameserver 10.0.0.3\n";
    assert!(ran.stdout.contains(finding), "{}", ran.story());
    // A misspelled keyword names no server.
    let ran = world.file("root/etc/resolv.conf", "nameservers 10.0.0.10\n").run(&[]);
    let finding = "warning: no nameserver in /etc/resolv.conf: resolvers fall back to 127.0.0.1\n    seen: /etc/resolv.conf: no nameserver line with an address\n";
    assert!(ran.stdout.starts_with(finding), "{}", ran.story());
}

/// The name servers of another network must not be queried from this one.
#[test]
fn name_servers_of_another_network_are_not_queried() {
    let Some(elsewhere) = Elsewhere::mounted(
        "mount -t tmpfs etc \"$1\"\necho nameserver 127.0.0.1 >\"$1/resolv.conf\"\n\
         mount --bind \"$1/resolv.conf\" /etc/resolv.conf",
    ) else {
        return;
    };
    in_own_network(move || {
        let ran = porthole(["doctor", "-p", &elsewhere.pid(), "--remote"]).run();
        assert!(!ran.stdout.contains("does not answer"), "{}", ran.story());
        assert!(ran.stderr.contains("whether the servers in /etc/resolv.conf answer"), "{}", ran.story());
    });
}

/// A file system that does not answer may still have the file.
#[test]
fn a_resolv_conf_on_a_dead_file_system_is_not_missing() {
    let script = format!(
        "{DEAD_AND_ALIVE}\nexec 4<>/dev/fuse\n\
        mount -i -t fuse -o fd=4,rootmode=40000,user_id=0,group_id=0 dead /etc"
    );
    let Some(elsewhere) = Elsewhere::mounted(&script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    assert!(!ran.stdout.contains("127.0.0.1"), "{}", ran.story());
    // Without a network, name resolution does not matter.
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap();
    let has_network = interfaces.lines().skip(2).any(|line| !line.trim_start().starts_with("lo:"));
    let line = "porthole: doctor: not checked: /etc/resolv.conf: the file system does not answer\n";
    assert!(!has_network || ran.stderr.contains(line), "{}", ran.story());
}
