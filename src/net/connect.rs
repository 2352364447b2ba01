//! Connecting: every address of a target is tried within one deadline, each under the local rule.
//!
//! The attempts are staggered as in RFC 8305 ("Happy Eyeballs"), so that an address that drops
//! packets does not use up the time of one that answers.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::TimeVal;

use super::hosts::{Unresolved, resolve};
use super::local::{ADVICE, Reach};
use super::socket::{Stream, WireError, begin, finish};
use super::target::{Endpoint, Host, HostPort, SocketPath};
use super::wire::Wire;
use crate::deadline::{Deadline, Passed};
use crate::error::{describe, is_unmade};
use crate::files::unreadable;
use crate::outcome::{Fact, Finding, Reached, Verdict};
use crate::sys::{sandbox, status_cached};
use crate::threads::wait_for;

/// How long an attempt runs before the next address is tried as well: RFC 8305, section 5.
const STAGGER: Duration = Duration::from_millis(250);

/// A connection and its address.
#[derive(Debug)]
pub struct Connection {
    /// The stream with its deadline.
    pub wire: Wire,
    /// For programs: the address, or the path of the socket.
    pub address: Fact,
    /// For people: ` (127.0.0.1)` if the target is a name.
    pub shown: String,
    /// When the name was resolved.
    pub resolved: Instant,
}

/// Connects to the endpoint. Returns once the connection is established, or why it cannot be, as a
/// finding.
pub fn open(endpoint: &Endpoint, reach: Reach, deadline: Deadline) -> Result<Connection, Box<Finding>> {
    let start = Instant::now();
    let mut resolved = None;
    let connection = match endpoint {
        Endpoint::Tcp(place) => tcp(place, reach, deadline, &mut resolved),
        Endpoint::Unix(path) => unix(path, deadline, *resolved.insert(start)),
    };
    connection.map_err(|mut finding| {
        let now = Instant::now();
        finding.phases = match resolved {
            None => phases(start, &[("resolve", now)]),
            Some(resolved) => phases(start, &[("resolve", resolved), ("connect", now)]),
        };
        // The server has not sent anything yet.
        finding.is_ours = true;
        finding
    })
}

/// Returns the parts of a time that began at `start`, by when each of them ended.
pub fn phases(start: Instant, ends: &[(&'static str, Instant)]) -> Vec<(&'static str, Duration)> {
    let mut before = start;
    let mut phases = Vec::new();
    for &(name, end) in ends {
        phases.push((name, end.saturating_duration_since(before)));
        before = end;
    }
    phases
}

fn tcp(
    place: &HostPort,
    reach: Reach,
    deadline: Deadline,
    resolved: &mut Option<Instant>,
) -> Result<Connection, Box<Finding>> {
    let host = &place.host;
    let addresses = resolve(host, reach, deadline).map_err(|why| Box::new(unresolved(host, why)))?;
    let known = Instant::now();
    let (mut targets, mut forbidden) = (Vec::new(), Vec::new());
    for address in addresses {
        if reach.allows(address) {
            targets.push(SocketAddr::new(address, place.port));
        } else {
            forbidden.push(address);
        }
    }
    if targets.is_empty() {
        forbidden.sort_unstable_by_key(by_family);
        let found = format!(
            "{} is not an address of this machine, so no connection is made ({ADVICE})",
            list(forbidden.iter())
        );
        return Err(Box::new(Finding::new(Verdict::Refused, found)));
    }
    *resolved = Some(known);
    let (stream, peer) = race(&targets, deadline)?;
    let shown = match place.host {
        Host::Address(_) => String::new(),
        Host::Name(_) => format!(" ({})", peer.ip()),
    };
    Ok(Connection {
        wire: Wire::new(Stream::Tcp(stream), deadline),
        address: Fact::Address(peer),
        shown,
        resolved: known,
    })
}

/// Returns the finding for a host whose name has no address.
fn unresolved(host: &Host, why: Unresolved) -> Finding {
    match why {
        Unresolved::Unknown => {
            let why = "is not in /etc/hosts, and no DNS server is queried";
            Finding::new(Verdict::Refused, format!("unknown host: {host} {why} ({ADVICE})"))
        }
        Unresolved::Unreadable(error) => Finding {
            verdict: Verdict::Denied,
            ..unreadable(&format!("could not resolve {host}: "), &error, "")
        },
        Unresolved::TimedOut(error) => Finding::undecided(format!("could not resolve {host}: {error}")),
        #[cfg(feature = "remote")]
        Unresolved::NotFound(lookup, error) => {
            let mut found = format!("could not resolve {host}: {}", lookup.answer.words);
            if let Some(error) = error {
                found = format!("{found}; {error}");
            }
            Finding::unhealthy(found).quoting("received", &lookup.answer.garbage)
        }
    }
}

fn timed_out(deadline: Deadline, doing: &str) -> Finding {
    Finding::unhealthy(WireError::TimedOut.reason(deadline, doing))
}

/// Returns the first connection to one of the addresses.
fn race(targets: &[SocketAddr], deadline: Deadline) -> Result<(TcpStream, SocketAddr), Box<Finding>> {
    let mut waiting = targets.iter();
    let mut pending: Vec<(OwnedFd, SocketAddr)> = Vec::new();
    let mut failures: Vec<(IpAddr, Errno)> = Vec::new();
    loop {
        if let Some(&target) = waiting.next() {
            match begin(target, SockType::Stream) {
                Ok(socket) => pending.push((socket, target)),
                Err(errno) => {
                    failures.push((target.ip(), errno));
                    continue;
                }
            }
        } else if pending.is_empty() {
            let reached = reached(failures.iter().map(|(_, errno)| *errno));
            let is_undecided = failures.iter().any(|(_, errno)| is_unmade(*errno));
            let mut finding = Box::new(Finding::unhealthy(grouped(failures)));
            (finding.reached, finding.is_undecided) = (reached, is_undecided);
            return Err(finding);
        }
        let pause = if waiting.len() > 0 { STAGGER } else { deadline.limit() };
        let mut entries: Vec<PollFd<'_>> =
            pending.iter().map(|(socket, _)| PollFd::new(socket.as_fd(), PollFlags::POLLOUT)).collect();
        if deadline.wait_any(&mut entries, pause).is_err() {
            // Including those whose turn has not come: which they are depends on the order in which
            // a name server listed them.
            let mut tried: Vec<IpAddr> = pending.iter().map(|(_, target)| target.ip()).collect();
            tried.extend(waiting.map(SocketAddr::ip));
            tried.sort_unstable_by_key(by_family);
            let tried = list(tried.iter());
            let mut doing = format!("connecting ({tried})");
            if !failures.is_empty() {
                doing = format!("{doing}; {}", grouped(failures));
            }
            return Err(Box::new(timed_out(deadline, &doing)));
        }
        let ready: Vec<bool> = entries.iter().map(|entry| entry.any().unwrap_or(true)).collect();
        let mut still = Vec::new();
        for ((socket, target), ready) in pending.into_iter().zip(ready) {
            if !ready {
                still.push((socket, target));
                continue;
            }
            match finish(socket, target) {
                Ok(stream) => return Ok((stream, target)),
                Err(errno) => failures.push((target.ip(), errno)),
            }
        }
        pending = still;
    }
}

/// Returns how far a target was reached whose addresses failed with these errors.
fn reached(errors: impl IntoIterator<Item = Errno>) -> Reached {
    let is_refused = errors.into_iter().all(|errno| errno == Errno::ECONNREFUSED);
    if is_refused { Reached::Refused } else { Reached::Unknown }
}

/// Connects to a Unix socket. A full accept queue blocks connect(2), which `SO_SNDTIMEO` bounds
/// (unix(7), socket(7)).
fn unix(path: &SocketPath, deadline: Deadline, start: Instant) -> Result<Connection, Box<Finding>> {
    // A file system that does not answer would block connect(2) forever.
    let may_block = |file: &&Path| !status_cached(file).is_ok_and(|known| known.is_on_device);
    if let Some(file) = path.file().filter(may_block) {
        let file = file.to_owned();
        let look: Arc<dyn Fn() + Send + Sync> = Arc::new(move || drop(file.metadata()));
        wait_for(deadline, &look).map_err(|Passed| {
            let finding = timed_out(deadline, "looking at the socket");
            Box::new(Finding { is_undecided: true, ..finding })
        })?;
    }
    let stream =
        unix_stream(path, deadline).map_err(|errno| Box::new(unix_unconnected(path, errno, deadline)))?;
    Ok(Connection {
        wire: Wire::new(Stream::Unix(stream), deadline),
        address: Fact::SocketPath(path.shown()),
        shown: String::new(),
        resolved: start,
    })
}

/// Returns the finding for a Unix socket that cannot be connected to because of this error.
fn unix_unconnected(path: &SocketPath, errno: Errno, deadline: Deadline) -> Finding {
    let words = describe(&io::Error::from(errno));
    let mut finding = Finding::unhealthy(match errno {
        Errno::EAGAIN | Errno::EINPROGRESS => {
            return timed_out(deadline, "connecting: its accept queue is full");
        }
        Errno::EACCES | Errno::EPERM => {
            let what = "connecting needs write permission on the socket and search permission on its folders";
            return Finding::new(Verdict::Denied, format!("{words}: {what}"));
        }
        Errno::ENOENT => "no such socket",
        Errno::ECONNREFUSED => match path.file().map(std::fs::symlink_metadata) {
            Some(Ok(found)) if !is_socket(path, &found) => "not a socket",
            Some(_) => "connection refused: the socket exists, but nothing listens on it",
            None => "connection refused: nothing listens on it",
        },
        Errno::EPROTOTYPE => "not a stream socket",
        _ => &words,
    });
    finding.reached = reached([errno]);
    finding.is_undecided = is_unmade(errno);
    finding
}

/// Returns whether the path leads to a socket; `found` is what is there, links not followed.
fn is_socket(path: &SocketPath, found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let target = if found.is_symlink() { path.file().and_then(|p| p.metadata().ok()) } else { None };
    target.as_ref().unwrap_or(found).file_type().is_socket()
}

fn unix_stream(path: &SocketPath, deadline: Deadline) -> Result<UnixStream, Errno> {
    let address = match path {
        SocketPath::File(path) => UnixAddr::new(path)?,
        SocketPath::Abstract(name) => UnixAddr::new_abstract(name)?,
    };
    sandbox::seal();
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let left = deadline.remaining().map_err(|_| Errno::EAGAIN)?;
    let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
    // Zero would mean no limit.
    let micros = i64::from(left.subsec_micros()).max(1);
    setsockopt(&socket, SendTimeout, &TimeVal::new(seconds, micros))?;
    connect(socket.as_raw_fd(), &address)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(true).map_err(|_| Errno::last())?;
    Ok(stream)
}

/// Returns `connection refused (::1, 127.0.0.1)`: the addresses after the reason that they share.
/// They are sorted, because name servers list them in a different order each time and they fail in
/// any order.
fn grouped(mut failures: Vec<(IpAddr, Errno)>) -> String {
    failures.sort_unstable_by_key(|(address, _)| by_family(address));
    let mut groups: Vec<(Errno, Vec<IpAddr>)> = Vec::new();
    for (address, errno) in failures {
        match groups.iter_mut().find(|(known, _)| *known == errno) {
            Some((_, addresses)) => addresses.push(address),
            None => groups.push((errno, vec![address])),
        }
    }
    let shown = groups.iter().map(|(errno, addresses)| {
        format!("{} ({})", describe(&io::Error::from(*errno)), list(addresses.iter()))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The sort key of an address: IPv6 comes first, as when connecting.
fn by_family(address: &IpAddr) -> (bool, IpAddr) {
    (address.is_ipv4(), *address)
}

/// Returns the addresses, separated by commas.
pub fn list<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> String {
    let mut out = String::new();
    for address in addresses {
        let comma = if out.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{address}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_grouped_by_reason() {
        let failures = |list: &[(&str, Errno)]| {
            list.iter().map(|(a, errno)| (a.parse().unwrap(), *errno)).collect::<Vec<_>>()
        };
        let (refused, none) = (Errno::ECONNREFUSED, Errno::ENETUNREACH);
        for (list, words) in [
            (&[("127.0.0.1", refused), ("::1", refused)][..], "connection refused (::1, 127.0.0.1)"),
            (
                &[("127.0.0.1", refused), ("::1", none)],
                "network is unreachable (::1), connection refused (127.0.0.1)",
            ),
            (
                &[("10.0.0.10", refused), ("10.0.0.9", none), ("10.0.0.2", refused)],
                "connection refused (10.0.0.2, 10.0.0.10), network is unreachable (10.0.0.9)",
            ),
        ] {
            assert_eq!(grouped(failures(list)), words);
        }
    }

    #[test]
    fn a_target_is_refused_if_every_address_is() {
        let (refused, none) = (Errno::ECONNREFUSED, Errno::ENETUNREACH);
        assert_eq!(reached([refused, refused]), Reached::Refused);
        assert_eq!(reached([refused, none]), Reached::Unknown);
    }
}
