//! `porthole ip`, compared with iproute2 in a network namespace of the test's own.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::command::{Ran, binary, for_other_users, output, porthole};
use crate::support::elsewhere::Proc;
use crate::support::network::{NO_NETLINK, in_own_network};
use crate::support::skip::{is_root, skip};

/// What the namespace has, besides loopback. There are no routers: nothing is sent anywhere.
const SET_UP: &str = "
    link add v0 type veth peer name v1
    link set v0 address 02:00:00:00:00:01 mtu 1400 addrgenmode none
    link set v1 address 02:00:00:00:00:02 addrgenmode none
    link set v0 up
    link add br0 type bridge
    addr add 10.1.2.3/24 dev v0
    addr add 10.1.2.4/24 dev v0
    addr add 192.0.2.1 peer 192.0.2.2/32 dev v0
    addr add fd00::7/64 dev v0 nodad
    addr add fe80::7/64 dev v0 nodad
    link set v1 up
    route add default via 10.1.2.1 dev v0 metric 50
    route add 10.8.0.0/16 via 10.1.2.1 src 10.1.2.4
    route add 10.10.0.0/16 dev v0 metric 7
    route add blackhole 10.9.0.0/16
    route add unreachable 10.11.0.0/16 metric 9
    route add 10.12.0.0/16 nexthop via 10.1.2.1 nexthop via 10.1.2.9
    route add 10.13.0.0/16 via inet6 fd00::1 dev v0
    -6 route add default via fd00::1 metric 3
    -6 route add prohibit fd01::/48
    route add 10.14.0.0/16 dev v0 table 77
    neigh add 10.1.2.1 lladdr 02:00:00:00:00:09 dev v0 nud permanent
    neigh add fd00::1 lladdr 02:00:00:00:00:0a dev v0 nud stale";

/// Sets up the namespace of this thread.
fn set_up() {
    for line in SET_UP.lines().filter(|line| !line.trim().is_empty()) {
        let status = Command::new("ip").args(line.split_whitespace()).status().unwrap();
        assert!(status.success(), "ip {line}");
    }
}

/// What ip(8) prints.
fn theirs(words: &str) -> Vec<Value> {
    let ran = Command::new("ip").arg("-j").args(words.split(' ')).output().unwrap();
    assert!(ran.status.success(), "ip {words}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn ours(words: &[&str]) -> Value {
    let ran = porthole([&["ip", "--json"], words].concat()).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    ran.content()
}

/// The values under these keys of each object, as text.
fn values(list: &[Value], keys: &[&str]) -> BTreeSet<String> {
    let text = |item: &Value| keys.iter().map(|key| format!("{} ", item[key])).collect::<Vec<_>>().concat();
    list.iter().map(text).collect()
}

/// A route of ip(8) in our words, once for each gateway.
fn routes_of(list: &[Value], is_ipv4: bool) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for route in list {
        let none = vec![route.clone()];
        for hop in route["nexthops"].as_array().unwrap_or(&none) {
            let destination = match (route["dst"].as_str().unwrap(), is_ipv4) {
                ("default", true) => "0.0.0.0/0".to_owned(),
                ("default", false) => "::/0".to_owned(),
                (host, _) if !host.contains('/') => format!("{host}/{}", if is_ipv4 { 32 } else { 128 }),
                (network, _) => network.to_owned(),
            };
            let kind = route["type"].as_str().unwrap_or("unicast");
            let via = &hop["via"]["host"];
            let gateway = if via.is_null() { &hop["gateway"] } else { via };
            let (interface, source) = (&hop["dev"], &route["prefsrc"]);
            let metric = route["metric"].as_u64().unwrap_or_default();
            routes.insert(format!("\"{destination}\" \"{kind}\" {gateway} {interface} {metric} {source} "));
        }
    }
    routes
}

#[test]
fn all_parts_are_those_of_iproute2() {
    in_own_network(|| {
        set_up();
        let document = ours(&[]);
        let interfaces = document["interfaces"].as_array().unwrap();
        let links = theirs("addr");
        let names = values(&links, &["ifname", "ifindex", "operstate", "mtu", "address"]);
        assert_eq!(values(interfaces, &["name", "index", "state", "mtu", "mac"]), names);
        assert!(names.iter().any(|name| name.starts_with("\"v0\"")), "{names:?}");
        for (ours, theirs) in interfaces.iter().zip(&links) {
            let addresses = theirs["addr_info"].as_array().unwrap();
            assert_eq!(
                values(ours["addresses"].as_array().unwrap(), &["address", "prefix", "scope"]),
                values(addresses, &["local", "prefixlen", "scope"])
            );
            let has = |value: &Value, flag: &str| value["flags"].as_array().unwrap().contains(&flag.into());
            for flag in ["UP", "LOWER_UP", "LOOPBACK", "BROADCAST", "MULTICAST", "NOARP"] {
                assert_eq!(has(ours, flag), has(theirs, flag), "{flag} {ours}");
            }
        }
        let routes: Vec<Value> = document["routes"].as_array().unwrap().clone();
        let (main, other): (Vec<Value>, Vec<Value>) =
            routes.into_iter().partition(|route| route["table"] == 254);
        let keys = ["destination", "type", "gateway", "interface", "metric", "source"];
        let expected = [routes_of(&theirs("route"), true), routes_of(&theirs("-6 route"), false)];
        assert!(expected[0].len() >= 10 && expected[1].len() >= 4, "{expected:?}");
        assert_eq!(values(&main, &keys), expected.into_iter().flatten().collect());
        assert_eq!(values(&other, &["destination", "table"]), [r#""10.14.0.0/16" 77 "#.to_owned()].into());
        let neighbours = theirs("neigh");
        assert_eq!(neighbours.len(), 2);
        let states: BTreeSet<String> = neighbours
            .iter()
            .map(|one| format!("{} {} {} {} ", one["dst"], one["lladdr"], one["dev"], one["state"][0]))
            .collect();
        let keys = ["address", "mac", "interface", "state"];
        assert_eq!(values(document["neighbours"].as_array().unwrap(), &keys), states);
    });
}

#[test]
fn a_part_is_chosen_as_with_iproute2() {
    in_own_network(|| {
        set_up();
        for (words, key) in [
            ("a", "interfaces"),
            ("addr", "interfaces"),
            ("address show", "interfaces"),
            ("l", "interfaces"),
            ("-br link", "interfaces"),
            ("r", "routes"),
            ("route list", "routes"),
            ("n", "neighbours"),
            ("neigh", "neighbours"),
            ("neighbor", "neighbours"),
            ("neighbour", "neighbours"),
        ] {
            let document = ours(&words.split(' ').collect::<Vec<_>>());
            let sections = ["interfaces", "routes", "neighbours"].into_iter();
            let found: Vec<&str> = sections.filter(|section| document.get(section).is_some()).collect();
            assert_eq!(found, [key], "{words}");
        }
        let is_ipv6 = |document: &Value| {
            let all = document["routes"].as_array().unwrap();
            let all = all.iter().map(|route| route["destination"].as_str().unwrap().contains(':'));
            all.collect::<BTreeSet<bool>>()
        };
        assert_eq!(is_ipv6(&ours(&["-6", "r"])), [true].into());
        assert_eq!(is_ipv6(&ours(&["r", "-4"])), [false].into());
        let text = porthole(["ip", "route", "-4"]).run().stdout;
        for line in [
            "DESTINATION               GATEWAY   INTERFACE  METRIC  SOURCE     TABLE",
            "default                   10.1.2.1  v0             50  -          main",
            "10.8.0.0/16               10.1.2.1  v0              0  10.1.2.4   main",
            "blackhole 10.9.0.0/16     -         -               0  -          main",
            "10.14.0.0/16              -         v0              0  -          77",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        let text = porthole(["ip", "a"]).run().stdout;
        for line in [
            "v0         UP        1400  02:00:00:00:00:01  10.1.2.3/24   global",
            "                                              fd00::7/64    global",
            "br0        DOWN      1500  ",
        ] {
            assert!(text.lines().any(|other| other.starts_with(line)), "{line}\n{text}");
        }
        let text = porthole(["ip", "n"]).run().stdout;
        let line = "10.1.2.1  02:00:00:00:00:09  v0         PERMANENT";
        assert!(text.lines().any(|other| other == line), "{text}");
    });
    porthole(["ip", "rule"]).refused("ip: WHAT: expected addr, route or neigh, got 'rule'");
}

/// A process that waits in a network namespace. Dropping this ends it.
struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_network_namespace_of_another_process() {
    if !is_root() {
        return skip("only root can enter a network namespace");
    }
    let (send, receive) = std::sync::mpsc::channel();
    let (done, end) = std::sync::mpsc::channel::<()>();
    // The process is started in the namespace, and looked at from outside.
    let inside = std::thread::spawn(move || {
        in_own_network(move || {
            set_up();
            let mut command = Command::new("sleep");
            let child = Waiting(command.arg("900").stdin(Stdio::null()).spawn().unwrap());
            send.send((child.0.id().to_string(), ours(&[]))).unwrap();
            let _ = end.recv();
            drop(child);
        });
    });
    let Ok((pid, expected)) = receive.recv() else { return };
    assert_eq!(ours(&["-p", &pid]), expected);
    let drop_admin = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"];
    let ran = porthole(["ip", "--json", "-p", &pid]).under(&drop_admin).run();
    assert_tables(&ran, &expected);
    let why =
        format!("pid {pid} has another network namespace: to enter it takes the capability SYS_ADMIN\n");
    assert!(ran.stderr.ends_with(&why), "{}", ran.story());
    drop(done);
    inside.join().unwrap();
}

/// Whether a process of another user is in the same namespace needs no privilege to be known.
#[test]
fn a_process_of_another_user_in_the_same_namespace() {
    let Some(folder) = for_other_users() else { return };
    let copy = folder.join("porthole");
    in_own_network(move || {
        set_up();
        let child = Waiting(Command::new("sleep").arg("900").stdin(Stdio::null()).spawn().unwrap());
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(&copy);
        let ran = output(command.args(["ip", "--json", "-p", &child.0.id().to_string()]));
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
        assert_eq!(ran.content(), ours(&[]));
    });
    fs::remove_dir_all(folder).unwrap();
}

/// Asserts that the tables tell as much of a namespace as they can.
#[track_caller]
fn assert_tables(ran: &Ran, expected: &Value) {
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let lists = |document: &Value, list: &str| document[list].as_array().unwrap().clone();
    for interface in lists(expected, "interfaces") {
        let found = lists(&document, "interfaces");
        let found = found.iter().find(|found| found["name"] == interface["name"]).unwrap();
        assert!(found["state"].is_null() && found["mtu"].is_null() && found["mac"].is_null(), "{found}");
        // A peer's address is not on a network that tells the length of the prefix.
        let is_known = |address: &Value| address["address"] != "192.0.2.1";
        let known = |interface: &Value| -> Vec<Value> {
            interface["addresses"].as_array().unwrap().iter().filter(|one| is_known(one)).cloned().collect()
        };
        let keys = ["address", "prefix", "scope"];
        assert_eq!(values(&known(found), &keys), values(&known(&interface), &keys), "{}", ran.story());
    }
    // Of several gateways only the first is listed, and none of IPv6 for a network of IPv4.
    let plain = |route: &&Value| {
        let destination = route["destination"].as_str().unwrap();
        route["type"] == "unicast"
            && !["10.12", "10.13", "10.14"].iter().any(|odd| destination.starts_with(odd))
    };
    let keys = ["destination", "gateway", "interface", "metric"];
    let (theirs, found) = (lists(expected, "routes"), lists(&document, "routes"));
    let routes = |all: &[Value]| values(&all.iter().filter(plain).cloned().collect::<Vec<_>>(), &keys);
    assert_eq!(routes(&found), routes(&theirs), "{}", ran.story());
    let neighbours = lists(&document, "neighbours");
    assert_eq!(
        values(&neighbours, &["address", "mac"]),
        [r#""10.1.2.1" "02:00:00:00:00:09" "#.to_owned()].into()
    );
}

#[test]
fn without_netlink_the_tables_are_read() {
    in_own_network(|| {
        set_up();
        let expected = ours(&[]);
        let mut command = Command::new("python3");
        let ran = output(command.args(["-c", NO_NETLINK, &binary(), "ip", "--json"]));
        if ran.status == Some(77) {
            return skip("python3 cannot set a seccomp filter here");
        }
        assert_tables(&ran, &expected);
        assert!(
            ran.stderr.ends_with("cannot be read: the kernel does not answer by rtnetlink(7)\n"),
            "{}",
            ran.story()
        );
    });
}

/// Malformed lines are skipped.
#[test]
fn tables_that_are_fabricated() {
    let trie = b"Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 10.0.0.5\n        /32 host LOCAL\n\
                 \x20    |-- 10.0.0.255\n        /32 link BROADCAST\n     |-- 300.0.0.1\n        /32 host LOCAL\n";
    let little = cfg!(target_endian = "little");
    let (network, gateway, mask) =
        if little { ("0000000A", "0100000A", "00FFFFFF") } else { ("0A000000", "0A000001", "FFFFFF00") };
    let route = format!(
        "Iface\tDestination\tGateway\nodd\n\
         eth0\t00000000\t{gateway}\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
         eth0\t{network}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n\
         eth0\tzz\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
    )
    .replace("00FFFFFF", if little { "00FFFFFF" } else { mask });
    let proc = Proc::new(&[
        ("stat", b"7 (service) S 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0"),
        ("net/dev", b"Inter-|\n face |\n    lo: 1 2\n  et\x1bh1: 1 2\n  eth0:1 2\nodd\n"),
        ("net/fib_trie", trie),
        ("net/route", route.as_bytes()),
        ("net/arp", b"IP\n10.0.0.1 0x1 0x2 02:00:00:00:00:01 * eth0\n10.0.0.9 0x1 0x0 00:00:00:00:00:00 * eth0\nx 0x1 0x2 1 * y\n"),
        ("net/if_inet6", b"00000000000000000000000000000001 01 80 10 80 lo\nfe80 02 40 20 80 eth0\n"),
    ]);
    let note = format!(
        "porthole: ip: ?: state, MTU and MAC address of interfaces, the preferred source of routes and other routing \
         tables, IPv6 neighbours and the state of others cannot be read: {}/7/ns/net: no such file or directory",
        proc.path()
    );
    porthole(["ip", "--proc", proc.path(), "-p", "7"]).run().is(
        0,
        "INTERFACE  STATE  MTU  MAC  ADDRESS      SCOPE\n\
         lo         ?        ?  ?    ::1/128      host\n\
         et\\x1bh1   ?        ?  ?    -            -\n\
         eth0       ?        ?  ?    10.0.0.5/24  global\n\
         \n\
         DESTINATION  GATEWAY   INTERFACE  METRIC  SOURCE\n\
         default      10.0.0.1  eth0          100  -\n\
         10.0.0.0/24  -         eth0            0  -\n\
         \n\
         ADDRESS   MAC                INTERFACE  STATE\n\
         10.0.0.1  02:00:00:00:00:01  eth0       ?\n\
         10.0.0.9  -                  eth0       INCOMPLETE",
        &note,
    );
}
