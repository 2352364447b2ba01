//! `listen PORT`: something listens on this port or Unix socket, according to the kernel.
//! sock_diag(7), proc_net(5), unix(7). No connection is made, so the service does not notice the
//! check.
//!
//! The answer is about this network namespace. A UDP socket counts if it is bound and has no peer.
//! A Unix datagram socket counts if it is bound and no other socket of that name listens: receiving
//! datagrams requires no listen(2).

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::listeners::{UNREAD, add, elsewhere, listening, nowhere};
use super::{Attempt, Check, Kind, in_time};
use crate::args::{Foreign, Given, UsageError, flag, operand, option};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::files::unreadable;
use crate::net::target::{Endpoint, Host, HostPort, SocketPath, parse_port};
use crate::outcome::{Fact, Finding, Verdict};
use crate::procfs;
use crate::procfs::diag::sockets_of;
use crate::procfs::net::{DATAGRAM, Protocol, SEQPACKET, UnixSocket, is_named, unix_sockets, unix_table};
use crate::procfs::process::{Process, socket_owner};
use crate::sys::sandbox;
use crate::text::list;

/// What is expected as PORT.
const PLACE: &str = "a port from 1 to 65535, a Unix socket's path with a / in it, or @name";
/// What is expected as `--address`.
const ADDRESS: &str = "an IPv4 or IPv6 address";

pub(super) const KIND: Kind = Kind {
    name: "listen",
    summary: "a socket listens on this port (checked without connecting)",
    options: &[&[
        operand("PORT", "the port, or a Unix socket's path, or @name for an abstract one"),
        flag("udp", "a UDP port instead of a TCP port"),
        option("address", "ADDR", "the listener must accept connections to this address"),
    ]],
    plan,
    examples: r"porthole listen 8080
porthole listen 53 --udp --address 127.0.0.1
porthole listen /run/app.sock",
    foreign: Foreign { value: whole_address, ..Foreign::NONE },
};

/// Says what to write instead of `:80` or `127.0.0.1:80`.
fn whole_address(name: &str, value: &[u8]) -> Option<String> {
    let value = Some(value).filter(|_| name == "PORT")?;
    let HostPort { host, port } = HostPort::parse(std::str::from_utf8(value).ok()?).ok()?;
    Some(match host {
        Host::Address(address) => format!("write {port} --address {address}"),
        Host::Name(_) => format!("write {port}"),
    })
}

#[derive(Debug)]
enum Listen {
    Port(Protocol, u16, Option<IpAddr>),
    Unix(SocketPath),
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let protocol = if given.has("udp") { Protocol::Udp } else { Protocol::Tcp };
    let address = given.parsed("address", ADDRESS, |text| {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().map_err(|_| ADDRESS)
    })?;
    let listen = given.path("PORT", |text| match text.as_bytes() {
        [b'@', ..] => SocketPath::parse(text).map(Listen::Unix),
        bytes if bytes.contains(&b'/') => SocketPath::parse(text).map(Listen::Unix),
        _ => match text.to_str().and_then(parse_port) {
            Some(port) => Ok(Listen::Port(protocol, port, address)),
            None => Err(PLACE),
        },
    })?;
    if let Listen::Unix(_) = listen
        && let Some(name) = ["udp", "address"].into_iter().find(|name| given.has(name))
    {
        return Err(given.wrong(name, "cannot be used together with a Unix socket"));
    }
    Ok(Box::new(listen))
}

impl Check for Listen {
    fn target(&self) -> Vec<u8> {
        match self {
            Listen::Port(_, port, _) => port.to_string().into_bytes(),
            Listen::Unix(path) => path.shown(),
        }
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        sandbox::seal();
        let proc = Path::new(procfs::ROOT);
        match self {
            Listen::Port(protocol, number, address) => {
                port(*protocol, *number, *address, proc, attempt.deadline)
            }
            Listen::Unix(path) => {
                let (path, deadline) = (path.clone(), attempt.deadline);
                let work = Box::new(move || unix(&path, Path::new(procfs::ROOT), deadline));
                in_time(deadline, "looking at the socket", work)
            }
        }
    }
}

fn port(protocol: Protocol, port: u16, address: Option<IpAddr>, proc: &Path, deadline: Deadline) -> Finding {
    let all = match listening(proc, protocol) {
        Ok(all) => all,
        Err(error) => return unmade(&error),
    };
    let (mut fitting, mut on_port, mut inodes) = (Vec::new(), false, Vec::new());
    let (mut waiting, mut uid, mut is_known) = (0_u64, 0, true);
    for known in all.iter().filter(|known| known.address.port() == port) {
        on_port = true;
        let takes = address.map_or(Some(true), |address| known.takes(address));
        is_known &= takes.is_some();
        if takes == Some(true) {
            add(&mut fitting, known.address.to_string());
            inodes.push(known.inode);
            waiting = waiting.saturating_add(known.waiting);
            uid = known.uid;
        }
    }
    if let Some(address) = address.filter(|_| fitting.is_empty() && !is_known) {
        return Finding::new(Verdict::Denied, undetermined(protocol, SocketAddr::new(address, port)));
    }
    if fitting.is_empty() {
        let mut finding = Finding::unhealthy(elsewhere(protocol, port, &all));
        // What other ports have is of no interest if none was expected on this one.
        if !on_port {
            finding.steady = Some(nowhere(protocol, port));
        }
        finding.expected = address.filter(|_| on_port).map(|address| address.to_string());
        return finding;
    }
    let owner = socket_owner(proc, &inodes, deadline);
    // The owner may be a process of another user, or in another pid namespace.
    let by = owner.as_ref().map_or_else(|| format!("uid {uid}"), Process::shown);
    let mut found = format!("listening on {}, {by}", list(&fitting));
    let facts = fitting.into_iter().map(Fact::Text).collect();
    let mut finding = Finding::healthy(String::new());
    finding.push("addresses", Fact::List(facts));
    finding.push("uid", Fact::Count(uid));
    if protocol == Protocol::Tcp {
        finding.steady = Some(found.clone());
        // Writing to a String cannot fail.
        let _ = write!(found, ", accept queue {waiting}");
        finding.push("accept_queue", Fact::Count(waiting));
    }
    finding.found = found;
    owned(finding, owner)
}

fn unix(path: &SocketPath, proc: &Path, deadline: Deadline) -> Finding {
    let name = path.shown();
    // The path must lead to a socket: a name in the table may belong to another mount namespace. If
    // access to the path is denied, the table decides.
    let mut denied = None;
    let place = match path.file().map(fs::metadata) {
        Some(Ok(place)) if !place.file_type().is_socket() => return Finding::unhealthy("not a socket"),
        Some(Ok(place)) => Some((place.dev(), place.ino())),
        Some(Err(error)) => {
            let error = Error::from(error);
            if !error.is_denied() {
                return Finding::unhealthy("no such socket");
            }
            denied = Some(error);
            None
        }
        None => None,
    };
    // The table has the path that was bound: it may have /var/run/app.sock for the given
    // /run/app.sock.
    let is_it = |rest: &[u8]| {
        is_named(rest, &name)
            || place.is_some_and(|place| {
                let bound = rest.split(|&b| b == b'\n').next().unwrap_or_default();
                bound.starts_with(b"/")
                    && file_name(bound) == file_name(&name)
                    && fs::metadata(OsStr::from_bytes(bound))
                        .is_ok_and(|bound| (bound.dev(), bound.ino()) == place)
            })
    };
    // First look for the file, which the kernel knows whatever name the socket was bound to: a
    // relative path, or a path that was renamed afterwards, as haproxy does. A file, unlike a name,
    // cannot be imitated. Then look in the table, because on some file systems (overlayfs, btrfs)
    // the kernel's device and inode numbers differ from those of stat(2).
    let by_file = place.map(sockets_of);
    let is_known = !matches!(by_file, Some(None));
    let mut sockets = by_file.flatten().unwrap_or_default();
    if best(&sockets).is_none() {
        sockets = match unix_table(proc).map(|table| unix_sockets(&table, &is_it)) {
            Ok(sockets) => sockets,
            Err(error) => return unmade(&error),
        };
    }
    let Some(socket) = best(&sockets) else {
        return match denied {
            Some(error) => unreadable("", &error, ""),
            None if path.file().is_none() => {
                Finding::unhealthy("no socket with this name is listening in this network namespace")
            }
            None if is_known => {
                Finding::unhealthy("the socket exists, but nothing in this network namespace listens on it")
            }
            None => Finding::unhealthy(
                "no listening socket has this name; it may have been bound under another one \
                 (porthole unix PATH connects to it)",
            ),
        };
    };
    let (kind, what) = match socket.kind {
        DATAGRAM => ("datagram", "bound for datagrams"),
        SEQPACKET => ("seqpacket", "listening for sequenced packets"),
        _ => ("stream", "listening"),
    };
    let owner = socket_owner(proc, &[socket.inode], deadline);
    let mut found = what.to_owned();
    if let Some(owner) = &owner {
        found.push_str(", ");
        found.push_str(&owner.shown());
    }
    let mut finding = Finding::healthy(found);
    finding.push("type", Fact::Text(kind.to_owned()));
    owned(finding, owner)
}

/// Returns the finding if the sockets cannot be listed.
fn unmade(error: &Error) -> Finding {
    Finding { verdict: Verdict::Denied, ..unreadable(UNREAD, error, "") }
}

/// Returns the reason if only an IPv6 wildcard could accept connections to this IPv4 address.
fn undetermined(protocol: Protocol, target: SocketAddr) -> String {
    let way_out = match protocol {
        Protocol::Tcp => format!("porthole tcp {target} finds out by connecting"),
        Protocol::Udp => "without --address only the port is checked".to_owned(),
    };
    format!(
        "{} [::]:{} is bound, but it is unknown whether it accepts IPv4: the kernel does not report IPV6_V6ONLY here \
         (sock_diag(7)); {way_out}",
        protocol.name(),
        target.port()
    )
}

/// Returns the socket that a client can reach: one that listens, or else one that receives
/// datagrams.
fn best(sockets: &[UnixSocket]) -> Option<&UnixSocket> {
    let listening = sockets.iter().find(|socket| socket.listens);
    listening.or_else(|| sockets.iter().find(|socket| socket.kind == DATAGRAM))
}

fn file_name(path: &[u8]) -> Option<&[u8]> {
    path.rsplit(|&b| b == b'/').next()
}

/// Adds the process that holds the socket, if it is visible.
fn owned(mut finding: Finding, owner: Option<Process>) -> Finding {
    if let Some(owner) = owner {
        finding.push("pid", Fact::Count(u64::from(owner.pid)));
        finding.push("process", Fact::Bytes(owner.name));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn without_tables_there_is_no_verdict() {
        let deadline = Deadline::after(Duration::from_mins(1));
        let none = Path::new("/none");
        let finding = port(Protocol::Tcp, 80, None, none, deadline);
        assert_eq!(finding.verdict, Verdict::Denied);
        assert_eq!(
            finding.found,
            "cannot list the listening sockets: /none/self/net/tcp: no such file or directory"
        );
        let finding = unix(&SocketPath::Abstract(b"x".to_vec()), none, deadline);
        assert_eq!(
            finding.found,
            "cannot list the listening sockets: /none/self/net/unix: no such file or directory"
        );
    }
}
