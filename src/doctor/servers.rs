//! Whether the name servers of resolv.conf(5) answer. Those on loopback are queried in any case,
//! others only with `--remote`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::finding::{Finding, Level};
use super::{Case, Request};
use crate::deadline::Deadline;
use crate::net::dns::{Name, SERVFAIL};
use crate::net::local::Reach;
use crate::net::resolv_conf::{NameServer, ResolvConf};
use crate::net::resolver::{Query, ask};
use crate::procfs::handle::Handle;

/// The file that names them.
pub(super) const FILE: &str = "/etc/resolv.conf";
/// How long one server may take to answer; those on loopback together.
const SERVER_TIMEOUT: Duration = Duration::from_secs(1);
/// The name server that Docker puts into containers. It asks others.
const OF_DOCKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

pub(super) fn diagnose(case: &mut Case<'_>, conf: &ResolvConf, request: &Request) {
    let is_local = |server: &NameServer| is_loopback(server) && server.0.ip() != OF_DOCKER;
    let servers = conf.servers.iter().copied();
    let servers: Vec<NameServer> = servers.filter(|server| request.remote || is_local(server)).collect();
    if servers.is_empty() {
        return;
    }
    if !is_of_our_network(case) {
        let why = format!(
            "whether the servers in {FILE} answer: the process is in another network namespace, or its namespace cannot be read"
        );
        return case.unread.push(why.into());
    }
    // Any answer will do, even that the name does not exist.
    let Some(name) = Name::parse("localhost") else { return };
    let locally = Deadline::after(SERVER_TIMEOUT);
    for server in servers {
        let (reach, deadline) = if is_local(&server) {
            (Reach::Local, locally)
        } else {
            (everywhere(), Deadline::after(SERVER_TIMEOUT))
        };
        let one = ResolvConf { servers: vec![server], attempts: 1, ..ResolvConf::default() };
        let answer = ask(&one, &mut 0, Query::ADDRESSES, &name, reach, deadline);
        // A server that answers one question is running, and so is one that reports a failure.
        if answer.server.is_none() && answer.code != Some(SERVFAIL) {
            case.add(silent(server, &answer.words));
        }
    }
}

/// Returns the finding for a server that does not answer.
fn silent(server: NameServer, words: &str) -> Finding {
    let mut what = format!("the name server {server} does not answer");
    if is_loopback(&server) {
        what.push_str(": it is the loopback address of this container itself");
    }
    let finding =
        Finding::new(Level::Error, what).seen(FILE, format!("nameserver {server}")).seen("port 53", words);
    if is_loopback(&server) {
        return finding
            .kubernetes("dnsPolicy: ClusterFirst, or dnsConfig.nameservers; on the node, resolvConf of the kubelet's configuration: /run/systemd/resolve/resolv.conf")
            .docker("--dns ADDRESS of a server that this network can reach; mount no /etc/resolv.conf of the host");
    }
    finding
        .kubernetes("check that NetworkPolicies allow egress to port 53 (UDP and TCP) and that kube-dns runs")
        .docker("--dns ADDRESS of a server that this network can reach")
}

fn is_loopback(server: &NameServer) -> bool {
    server.0.ip().to_canonical().is_loopback()
}

/// Servers elsewhere are queried only if the option allows it, which only some builds have.
fn everywhere() -> Reach {
    #[cfg(feature = "remote")]
    return Reach::Anywhere;
    #[cfg(not(feature = "remote"))]
    Reach::Local
}

/// Whether porthole sends its queries from the network namespace of the process.
fn is_of_our_network(case: &Case<'_>) -> bool {
    let ours = case.target.ourselves().ok();
    // A fabricated proc (tests) has no namespaces.
    !case.target.is_of_kernel()
        || ours.is_some_and(|ours| {
            let network = |process: &Handle| process.link("ns/net").ok();
            ours.pid == case.handle.pid
                || network(&ours).is_some_and(|ours| network(case.handle) == Some(ours))
        })
}
