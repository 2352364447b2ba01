//! Who listens where, and how many connections wait. listen(2), proc_net(5), sock_diag(7), unix(7).

use std::net::{IpAddr, SocketAddr};

use super::finding::{Finding, Level, few};
use super::{Asked, Case};
use crate::error::Error;
use crate::procfs::diag::{Backlog, backlogs, is_full};
use crate::procfs::sockets::{Socket, Sockets, Wanted};
use crate::text::decode;

/// The most listeners that are named.
const NAMED: usize = 8;

pub(super) fn look(case: &mut Case<'_>, asked: &Asked) {
    let (listeners, table) = match listeners(case) {
        Ok(found) => found,
        Err(why) => {
            for port in &asked.ports {
                let what = format!("cannot tell whether anything listens on TCP port {port}");
                case.add(Finding::new(Level::Error, what).unseen(case.path("net/tcp"), &why));
            }
            return case.unread.push(why);
        }
    };
    // Of our own network namespace; an inode is that of one socket of the whole machine.
    let mut limits = if case.target.is_of_kernel() { backlogs() } else { Vec::new() };
    limits.sort_unstable_by_key(|limit| limit.inode);
    for &port in &asked.ports {
        if let Some(finding) = expected(port, &listeners, &table, &limits) {
            case.add(finding);
        }
    }
    queues(case, listeners, &table, &limits);
}

/// Those of TCP.
type Listeners = Vec<(SocketAddr, Socket)>;

/// The TCP sockets that listen, and the table that has them.
fn listeners(case: &Case<'_>) -> Result<(Listeners, String), Error> {
    let wanted = Wanted { tcp: true, udp: false, unix: false };
    let sockets = Sockets::read(case.process, wanted, false)
        .map_err(|(name, error)| case.target.explain(error, case.process, name))?;
    let address = |socket: &Socket| std::str::from_utf8(&socket.local).ok()?.parse().ok();
    let listeners = sockets.list.into_iter().filter_map(|socket| Some((address(&socket)?, socket))).collect();
    Ok((listeners, case.path("net/tcp")))
}

/// The table that has this address: that of IPv6 has a 6 behind its name.
fn table_of(table: &str, address: SocketAddr) -> String {
    [table, if address.is_ipv6() { "6" } else { "" }].concat()
}

/// What is wrong with who listens on this port.
fn expected(
    port: u16,
    listeners: &[(SocketAddr, Socket)],
    table: &str,
    limits: &[Backlog],
) -> Option<Finding> {
    let addresses: Vec<SocketAddr> =
        listeners.iter().map(|(address, _)| *address).filter(|address| address.port() == port).collect();
    let shown = |addresses: &[SocketAddr]| few(addresses.iter().map(ToString::to_string).collect(), NAMED);
    if addresses.is_empty() {
        let all: Vec<SocketAddr> = listeners.iter().map(|(address, _)| *address).collect();
        let seen =
            if all.is_empty() { "no listening socket".to_owned() } else { format!("LISTEN {}", shown(&all)) };
        return Some(
            Finding::new(Level::Error, format!("nothing listens on TCP port {port}"))
                .seen(table, seen)
                .application(format!("listen on 0.0.0.0:{port} or [::]:{port}: set its port option or variable, such as PORT={port}")),
        );
    }
    let are = |addresses: &[SocketAddr], test: fn(&IpAddr) -> bool| {
        addresses.iter().all(|address| test(&address.ip().to_canonical()))
    };
    let is = |test| are(&addresses, test);
    // Those that take IPv4, and those of which that is not known.
    let (mut ipv4, mut unknown) = (Vec::new(), Vec::new());
    for (address, socket) in listeners.iter().filter(|(address, _)| address.port() == port) {
        match takes_ipv4(*address, socket, limits) {
            Some(true) => ipv4.push(*address),
            Some(false) => {}
            None => unknown.push(*address),
        }
    }
    // From outside it is reached by IPv6 alone, whoever there is for those within.
    let takes_no_ipv4 = are(&ipv4, IpAddr::is_loopback) && !is(IpAddr::is_loopback);
    if takes_no_ipv4 && let Some(first) = unknown.first() {
        let what = format!(
            "TCP port {port} is bound to {}; cannot tell whether [::] accepts IPv4 too (IPV6_V6ONLY): to find out, \
             run porthole tcp 127.0.0.1:{port}",
            shown(&addresses)
        );
        return Some(
            Finding::new(Level::Warning, what)
                .seen(table_of(table, *first), format!("LISTEN {first}; this table does not show the option"))
                .seen("sock_diag(7)", "not available here"),
        );
    }
    let (level, what) = if takes_no_ipv4 && !ipv4.is_empty() {
        (
            Level::Error,
            format!(
                "TCP port {port} is bound to {}: IPv4 is served on loopback only and unreachable from outside the container (IPV6_V6ONLY)",
                shown(&addresses)
            ),
        )
    } else if takes_no_ipv4 {
        (
            Level::Error,
            format!(
                "TCP port {port} is bound to {} only, which does not accept IPv4 (IPV6_V6ONLY)",
                shown(&addresses)
            ),
        )
    } else if is(|ip| ip.is_loopback() && ip.is_ipv6()) {
        (
            Level::Error,
            format!(
                "TCP port {port} is bound to ::1 only: it is unreachable from 127.0.0.1 and from outside the container"
            ),
        )
    } else if is(IpAddr::is_loopback) {
        (
            Level::Error,
            format!(
                "TCP port {port} is bound to loopback addresses only: it is unreachable from outside the container"
            ),
        )
    } else if !is(|ip| !ip.is_unspecified()) || !is(|ip| !ip.is_loopback()) {
        // One for everybody, or one for checks beside one for others.
        return None;
    } else {
        (
            Level::Warning,
            format!(
                "TCP port {port} is bound to {} only: a check of localhost does not reach it",
                shown(&addresses)
            ),
        )
    };
    Some(
        Finding::new(level, what)
            .seen(table_of(table, *addresses.first()?), format!("LISTEN {}", shown(&addresses)))
            .application(if takes_no_ipv4 {
                let too = if ipv4.is_empty() { " too" } else { "" };
                format!("listen on 0.0.0.0:{port}{too}, or let [::] accept both: IPV6_V6ONLY off (Node.js: ipv6Only: false)")
            } else {
                format!("listen on 0.0.0.0:{port}, or on [::]:{port} for IPv6 too: set its address option or variable, such as HOST=0.0.0.0")
            })
            .docker(format!("check it where it listens: porthole tcp {}", addresses.first()?)),
    )
}

/// Whether a listener takes IPv4; nothing where that is not known, as the tables do not tell of an IPv6 wildcard.
fn takes_ipv4(address: SocketAddr, socket: &Socket, limits: &[Backlog]) -> Option<bool> {
    match address.ip().to_canonical() {
        IpAddr::V4(_) => Some(true),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            of_inode(limits, socket.inode).and_then(|limit| limit.only_ipv6).map(|only| !only)
        }
        IpAddr::V6(_) => Some(false),
    }
}

/// What the kernel tells of the listener of this inode; they are in the order of their inodes.
fn of_inode(limits: &[Backlog], inode: u64) -> Option<&Backlog> {
    limits.get(limits.binary_search_by_key(&inode, |limit| limit.inode).ok()?).filter(|_| inode != 0)
}

/// A listener that connections wait on: its address or name, the table that has it, and itself.
type Queue = (String, String, Socket);

/// Those of TCP, and of the Unix sockets those that are known to be full: what connects to them waits for a place, and on
/// some it waits by design.
fn waiting(case: &Case<'_>, tcp: Listeners, table: &str, limits: &[Backlog]) -> Vec<Queue> {
    let mut queues = Vec::new();
    for (address, socket) in tcp {
        if socket.receive > 0 {
            queues.push((address.to_string(), table_of(table, address), socket));
        }
    }
    let wanted = Wanted { tcp: false, udp: false, unix: true };
    // Not every system has them.
    for socket in Sockets::read(case.process, wanted, false).unwrap_or_default().list {
        if socket.counted && most_of(limits, &socket).is_some_and(|most| is_full(socket.receive, most)) {
            let name = decode(&socket.local);
            queues.push((name, case.path("net/unix"), socket));
        }
    }
    queues
}

/// How many may wait, less one, where the kernel tells.
fn most_of(limits: &[Backlog], socket: &Socket) -> Option<u64> {
    of_inode(limits, socket.inode).map(|limit| limit.most.into())
}

/// Listeners whose connections are not accepted.
fn queues(case: &mut Case<'_>, listeners: Listeners, table: &str, limits: &[Backlog]) {
    let earlier = waiting(case, listeners, table, limits);
    let mut earlier: Vec<u64> = earlier.into_iter().map(|(.., socket)| socket.inode).collect();
    if earlier.is_empty() {
        return;
    }
    earlier.sort_unstable();
    case.wait();
    // What waits for a moment is as it should be.
    let Ok((later, _)) = self::listeners(case) else { return };
    let mut lasting = waiting(case, later, table, limits);
    lasting.retain(|(.., socket)| earlier.binary_search(&socket.inode).is_ok());
    let more = lasting.len().saturating_sub(NAMED);
    for queue in lasting.into_iter().take(NAMED) {
        case.add(finding(&queue, limits));
    }
    if more > 0 {
        let what = format!("connections wait on {more} more listeners");
        case.add(
            Finding::new(Level::Warning, what).seen(table, "LISTEN, with an accept queue that is not empty"),
        );
    }
}

fn finding((name, source, socket): &Queue, limits: &[Backlog]) -> Finding {
    let (waiting, limit) = (socket.receive, most_of(limits, socket));
    let connections =
        if waiting == 1 { "1 connection waits".to_owned() } else { format!("{waiting} connections wait") };
    let (level, what) = match limit {
        Some(limit) if is_full(waiting, limit) => {
            // connect(2) of a Unix socket waits for a place, or says EAGAIN.
            let others = if socket.protocol == "unix" { "are not accepted" } else { "are dropped" };
            (Level::Error, format!("the accept queue of {name} is full: {connections}, new ones {others}"))
        }
        _ => (
            Level::Warning,
            format!("{connections} to be accepted on {name}: the application is not accepting connections"),
        ),
    };
    let limit = limit.map_or_else(
        || "the backlog can be read only in its own network namespace".to_owned(),
        |limit| format!("backlog {limit}"),
    );
    let finding = Finding::new(level, what)
        .seen(source, format!("{name} LISTEN, accept queue {waiting}"))
        .seen("sock_diag(7)", limit)
        .application(
            "find out why it does not accept: all workers busy or stuck, out of file descriptors, or stopped",
        );
    if level != Level::Error {
        return finding;
    }
    finding.application("ask for a longer queue: the backlog of listen(2), capped at net.core.somaxconn")
}
