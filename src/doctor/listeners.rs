//! Who listens where, and how many connections wait. listen(2), proc_net(5), sock_diag(7), unix(7).

use std::net::{IpAddr, SocketAddr};

use super::finding::{Finding, Level, first_of};
use super::network::has_network;
use super::{Case, Request};
use crate::error::Error;
use crate::procfs::diag::{Backlog, backlogs, is_full};
use crate::procfs::owners::Owners;
use crate::procfs::sockets::{Socket, Wanted};
use crate::text::decode;

/// The most listeners that are named.
const MAX_NAMED: usize = 8;
/// The most processes whose descriptors are looked at, to find out what the application listens on.
const MAX_HOLDERS: usize = 64;

pub(super) fn diagnose(case: &mut Case<'_>, request: &Request) {
    let (listeners, table) = match listeners(case) {
        Ok(found) => found,
        Err(why) => {
            for port in &request.ports {
                let what = format!("cannot tell whether anything listens on TCP port {port}");
                case.add(Finding::new(Level::Error, what).unreadable(case.path("net/tcp"), &why));
            }
            return case.unread.push(why);
        }
    };
    // sock_diag(7) answers for porthole's network namespace. Socket inodes are unique across
    // namespaces, so those of another namespace match none of them.
    let mut backlogs = if case.target.is_of_kernel() { backlogs() } else { Vec::new() };
    backlogs.sort_unstable_by_key(|backlog| backlog.inode);
    for &port in &request.ports {
        if let Some((_, finding)) = expected(port, Level::Error, &listeners, &table, &backlogs) {
            case.add(finding);
        }
    }
    let own = own(case, &listeners);
    case.knows_listeners = true;
    case.listening = own.iter().map(|(address, _)| *address).collect();
    unreachable(case, request, &listeners, &own, &table, &backlogs);
    queues(case, listeners, &table, &backlogs);
}

/// Listening TCP sockets and their addresses.
type Listeners = Vec<(SocketAddr, Socket)>;

/// Reads the listening TCP sockets, and returns them with the path of the table that lists them.
fn listeners(case: &Case<'_>) -> Result<(Listeners, String), Error> {
    let wanted = Wanted { tcp: true, udp: false, unix: false };
    let sockets = case.sockets(wanted)?.into_iter();
    let listeners = sockets.filter_map(|socket| Some((socket.local.inet()?, socket))).collect();
    Ok((listeners, case.path("net/tcp")))
}

/// Returns the path of the table that lists this address: `tcp`, or `tcp6` for IPv6.
fn table_of(table: &str, address: SocketAddr) -> String {
    [table, if address.is_ipv6() { "6" } else { "" }].concat()
}

/// Returns the listeners that the process or a descendant holds. If that cannot be read, those of
/// its user.
fn own(case: &Case<'_>, listeners: &[(SocketAddr, Socket)]) -> Listeners {
    let inodes = listeners.iter().map(|(_, socket)| socket.inode).filter(|&inode| inode != 0);
    let inodes: Vec<u64> = inodes.collect();
    if inodes.is_empty() {
        return Vec::new();
    }
    let find = |count: usize| {
        let mut listing = case.listing.clone();
        listing.pids = case.family.iter().copied().take(count).collect();
        Owners::find(&case.target.proc, &listing, inodes.clone())
    };
    // Mostly the process itself holds all of them.
    let mut owners = find(1);
    if !inodes.iter().all(|&inode| owners.of(inode).next().is_some()) {
        owners = find(MAX_HOLDERS);
    }
    let is_denied = owners.unread.is_some();
    let is_own = |socket: &Socket| {
        let is_of_user = || case.status.known.ids && socket.uid == Some(case.status.uids[1]);
        owners.of(socket.inode).next().is_some() || is_denied && is_of_user()
    };
    listeners.iter().filter(|(_, socket)| is_own(socket)).cloned().collect()
}

/// Adds a finding if the process listens, but nothing in its network namespace can be reached from
/// outside. What listens on loopback besides, such as an administrative port behind a proxy, is
/// meant to be there.
fn unreachable(
    case: &mut Case<'_>,
    request: &Request,
    listeners: &[(SocketAddr, Socket)],
    own: &[(SocketAddr, Socket)],
    table: &str,
    backlogs: &[Backlog],
) {
    if !listeners.iter().all(|(address, _)| address.ip().to_canonical().is_loopback())
        || case.is_fallback
        || own.is_empty()
        || !has_network(case)
    {
        return;
    }
    let mut ports: Vec<u16> = own.iter().map(|(address, _)| address.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.retain(|port| !request.ports.contains(port));
    for port in ports.into_iter().take(MAX_NAMED) {
        if let Some((Reach::LoopbackOnly | Reach::Ipv6LoopbackOnly, finding)) =
            expected(port, Level::Warning, own, table, backlogs)
        {
            case.add(finding);
        }
    }
}

/// From where the listeners of one port can be reached.
enum Reach {
    /// There are none.
    Nowhere,
    /// From the container and from outside.
    Everywhere,
    /// By IPv6; by IPv4 only if this wildcard listener accepts it too, which is not known.
    PerhapsIpv4(SocketAddr),
    /// By IPv6, but by IPv4 only from inside the container.
    Ipv4OnLoopback,
    /// By IPv6 only.
    Ipv6Only,
    /// From inside the container, by IPv6 only.
    Ipv6LoopbackOnly,
    /// From inside the container only.
    LoopbackOnly,
    /// From outside, but not by `localhost`.
    NotLocalhost,
}

impl Reach {
    /// Returns from where these listeners of one port can be reached.
    fn of(listeners: &[&(SocketAddr, Socket)], backlogs: &[Backlog]) -> Self {
        let ips: Vec<IpAddr> = listeners.iter().map(|(address, _)| address.ip().to_canonical()).collect();
        let (mut ipv4, mut unknown) = (Vec::new(), None);
        for (address, socket) in listeners {
            match accepts_ipv4(*address, socket, backlogs) {
                Some(true) => ipv4.push(address.ip().to_canonical()),
                Some(false) => {}
                None => unknown = unknown.or(Some(*address)),
            }
        }
        if ips.iter().all(IpAddr::is_loopback) {
            return if ips.iter().all(IpAddr::is_ipv6) {
                Reach::Ipv6LoopbackOnly
            } else {
                Reach::LoopbackOnly
            };
        }
        if ipv4.iter().all(IpAddr::is_loopback) {
            return match unknown {
                Some(address) => Reach::PerhapsIpv4(address),
                None if ipv4.is_empty() => Reach::Ipv6Only,
                None => Reach::Ipv4OnLoopback,
            };
        }
        // A wildcard accepts everything; one listener for local checks may complement others.
        if ips.iter().any(|ip| ip.is_unspecified() || ip.is_loopback()) {
            Reach::Everywhere
        } else {
            Reach::NotLocalhost
        }
    }
}

/// Returns what is wrong with the listeners of a port, and from where they can be reached. `level`
/// is that of a listener which cannot be reached from outside.
fn expected(
    port: u16,
    level: Level,
    listeners: &[(SocketAddr, Socket)],
    table: &str,
    backlogs: &[Backlog],
) -> Option<(Reach, Finding)> {
    let of_port: Vec<_> = listeners.iter().filter(|(address, _)| address.port() == port).collect();
    let Some((first, _)) = of_port.first() else {
        return Some((Reach::Nowhere, nothing_listens(port, listeners, table)));
    };
    let bound = addresses(of_port.iter().map(|(address, _)| *address));
    let start = format!("TCP port {port} is bound to ");
    let reach = Reach::of(&of_port, backlogs);
    let (level, end) = match reach {
        Reach::Everywhere | Reach::Nowhere => return None,
        Reach::PerhapsIpv4(address) => {
            let what = format!(
                "{start}{bound}; cannot tell whether [::] accepts IPv4 too (IPV6_V6ONLY): to find out, \
                 run porthole tcp 127.0.0.1:{port}"
            );
            let finding = Finding::new(Level::Warning, what)
                .seen(
                    table_of(table, address),
                    format!("LISTEN {address}; this table does not show the option"),
                )
                .seen("sock_diag(7)", "not available here");
            return Some((reach, finding));
        }
        Reach::Ipv4OnLoopback => (
            Level::Error,
            format!(
                "{bound}: IPv4 is served on loopback only and unreachable from outside the container (IPV6_V6ONLY)"
            ),
        ),
        Reach::Ipv6Only => (Level::Error, format!("{bound} only, which does not accept IPv4 (IPV6_V6ONLY)")),
        Reach::Ipv6LoopbackOnly => {
            (level, "::1 only: it is unreachable from 127.0.0.1 and from outside the container".to_owned())
        }
        Reach::LoopbackOnly => {
            (level, "loopback addresses only: it is unreachable from outside the container".to_owned())
        }
        Reach::NotLocalhost => {
            (Level::Warning, format!("{bound} only: a check of localhost does not reach it"))
        }
    };
    let listen = match reach {
        Reach::Ipv4OnLoopback | Reach::Ipv6Only => {
            let too = if matches!(reach, Reach::Ipv6Only) { " too" } else { "" };
            format!(
                "0.0.0.0:{port}{too}, or let [::] accept both: IPV6_V6ONLY off (Node.js: ipv6Only: false)"
            )
        }
        _ => format!(
            "0.0.0.0:{port}, or on [::]:{port} for IPv6 too: set its address option or variable, such as HOST=0.0.0.0"
        ),
    };
    let finding = Finding::new(level, start + &end)
        .seen(table_of(table, *first), format!("LISTEN {bound}"))
        .application(format!("listen on {listen}"))
        .docker(format!("check it where it listens: porthole tcp {first}"));
    Some((reach, finding))
}

/// Returns the finding that nothing listens on an expected port.
fn nothing_listens(port: u16, listeners: &[(SocketAddr, Socket)], table: &str) -> Finding {
    let seen = if listeners.is_empty() {
        "no listening socket".to_owned()
    } else {
        format!("LISTEN {}", addresses(listeners.iter().map(|(address, _)| *address)))
    };
    Finding::new(Level::Error, format!("nothing listens on TCP port {port}")).seen(table, seen).application(
        format!(
            "listen on 0.0.0.0:{port} or [::]:{port}: set its port option or variable, such as PORT={port}"
        ),
    )
}

/// Lists the first of these addresses.
fn addresses(addresses: impl Iterator<Item = SocketAddr>) -> String {
    first_of(addresses.map(|address| address.to_string()).collect(), MAX_NAMED)
}

/// Whether a listener accepts IPv4; `None` if that is not known. The tables in proc do not show
/// `IPV6_V6ONLY` of an IPv6 wildcard listener.
fn accepts_ipv4(address: SocketAddr, socket: &Socket, backlogs: &[Backlog]) -> Option<bool> {
    match address.ip().to_canonical() {
        IpAddr::V4(_) => Some(true),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            of_inode(backlogs, socket.inode).and_then(|backlog| backlog.only_ipv6).map(|only| !only)
        }
        IpAddr::V6(_) => Some(false),
    }
}

/// Finds the listener with this inode. The backlogs are sorted by inode.
fn of_inode(backlogs: &[Backlog], inode: u64) -> Option<&Backlog> {
    backlogs.get(backlogs.binary_search_by_key(&inode, |backlog| backlog.inode).ok()?).filter(|_| inode != 0)
}

/// An accept queue that is not empty.
struct Queue {
    /// The address or name of the listener.
    name: String,
    /// The path of the table that lists it.
    table: String,
    /// Whether it belongs to a Unix socket.
    is_unix: bool,
    socket: Socket,
}

/// Returns the TCP listeners that connections wait on, and the Unix listeners known to be full. A
/// client of a Unix socket waits for a place in the queue, and some services work that way by
/// design.
fn waiting(
    case: &Case<'_>,
    tcp: Listeners,
    unix: Vec<Socket>,
    table: &str,
    backlogs: &[Backlog],
) -> Vec<Queue> {
    let mut queues = Vec::new();
    for (address, socket) in tcp {
        if socket.receive > 0 {
            queues.push(Queue {
                name: address.to_string(),
                table: table_of(table, address),
                is_unix: false,
                socket,
            });
        }
    }
    for socket in unix {
        if socket.counted && backlog_of(backlogs, &socket).is_some_and(|most| is_full(socket.receive, most)) {
            queues.push(Queue {
                name: decode(socket.local.name()),
                table: case.path("net/unix"),
                is_unix: true,
                socket,
            });
        }
    }
    queues
}

/// Reads the Unix sockets.
fn unix(case: &Case<'_>) -> Result<Vec<Socket>, Error> {
    case.sockets_if_any(Wanted { tcp: false, udp: false, unix: true })
}

/// Returns the backlog of a socket, if the kernel reports it. One connection more than that may
/// wait.
fn backlog_of(backlogs: &[Backlog], socket: &Socket) -> Option<u64> {
    of_inode(backlogs, socket.inode).map(|backlog| backlog.most.into())
}

/// Adds findings for listeners whose connections are not accepted.
fn queues(case: &mut Case<'_>, listeners: Listeners, table: &str, backlogs: &[Backlog]) {
    let unix = unix(case).unwrap_or_else(|error| {
        case.unread.push(error);
        Vec::new()
    });
    let earlier = waiting(case, listeners, unix, table, backlogs);
    let mut earlier: Vec<u64> = earlier.into_iter().map(|queue| queue.socket.inode).collect();
    if earlier.is_empty() {
        return;
    }
    earlier.sort_unstable();
    case.wait();
    // A connection that waits only for a moment is normal.
    let Ok((later, _)) = self::listeners(case) else { return };
    let mut lasting = waiting(case, later, self::unix(case).unwrap_or_default(), table, backlogs);
    lasting.retain(|queue| earlier.binary_search(&queue.socket.inode).is_ok());
    let more = lasting.len().saturating_sub(MAX_NAMED);
    for queue in lasting.into_iter().take(MAX_NAMED) {
        case.add(finding(&queue, backlogs));
    }
    if more > 0 {
        let what = format!("connections wait on {more} more listeners");
        case.add(
            Finding::new(Level::Warning, what).seen(table, "LISTEN, with an accept queue that is not empty"),
        );
    }
}

fn finding(Queue { name, table, is_unix, socket }: &Queue, backlogs: &[Backlog]) -> Finding {
    let (waiting, backlog) = (socket.receive, backlog_of(backlogs, socket));
    let connections =
        if waiting == 1 { "1 connection waits".to_owned() } else { format!("{waiting} connections wait") };
    let (level, what) = match backlog {
        Some(backlog) if is_full(waiting, backlog) => {
            // connect(2) to a Unix socket blocks until there is room, or fails with EAGAIN.
            let others = if *is_unix { "are not accepted" } else { "are dropped" };
            (Level::Error, format!("the accept queue of {name} is full: {connections}, new ones {others}"))
        }
        _ => (
            Level::Warning,
            format!("{connections} to be accepted on {name}: the application is not accepting connections"),
        ),
    };
    let backlog = backlog.map_or_else(
        || "the backlog can be read only in its own network namespace".to_owned(),
        |backlog| format!("backlog {backlog}"),
    );
    let finding = Finding::new(level, what)
        .seen(table, format!("{name} LISTEN, accept queue {waiting}"))
        .seen("sock_diag(7)", backlog)
        .application(
            "find out why it does not accept: all workers busy or stuck, out of file descriptors, or stopped",
        );
    if level != Level::Error {
        return finding;
    }
    finding.application("ask for a longer queue: the backlog of listen(2), capped at net.core.somaxconn")
}
