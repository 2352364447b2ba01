//! `--explain`: what helps to explain a failed check. Is anything listening there, on which
//! address, do connections wait to be accepted, is the process alive? The answers come from the
//! kernel and /proc; no connection is made.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::listeners::{UNREAD, elsewhere, listening};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::net::hosts::resolve;
use crate::net::local::Reach;
use crate::net::target::{Endpoint, HostPort, SocketPath};
use crate::outcome::Reached;
use crate::procfs;
use crate::procfs::diag::{Backlog, is_full, unix_backlogs};
use crate::procfs::net::{Listener, Protocol, UnixSocket, is_named, unix_sockets, unix_table};
use crate::procfs::process::{Process, process, socket_owner, state_words};
use crate::threads::bounded;

/// The sockets and processes around the checks of a run; each table is read once, on first use.
pub(super) struct Surroundings<'a> {
    proc: &'a Path,
    deadline: Deadline,
    tcp: OnceCell<Result<Vec<Listener>, Error>>,
    unix: OnceCell<Result<Vec<u8>, Error>>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(proc: &'a Path, deadline: Deadline) -> Self {
        Surroundings { proc, deadline, tcp: OnceCell::new(), unix: OnceCell::new() }
    }

    /// Describes what is known of the endpoint, one sentence each, given the result of connecting
    /// to it.
    pub(super) fn explain(&self, endpoint: &Endpoint, reached: Reached) -> Vec<String> {
        match endpoint {
            Endpoint::Tcp(place) => self.tcp(place, reached),
            Endpoint::Unix(path) => self.unix(path, reached == Reached::Connected),
        }
    }

    fn tcp(&self, place: &HostPort, result: Reached) -> Vec<String> {
        // Without a DNS query: only addresses of this machine matter here.
        let addresses = resolve(&place.host, Reach::Local, self.deadline).unwrap_or_default();
        let own: Vec<IpAddr> =
            addresses.into_iter().filter(|&address| Reach::Local.allows(address)).collect();
        if own.is_empty() {
            return vec![format!("{} is another machine, so its sockets cannot be inspected", place.host)];
        }
        let all = match self.tcp.get_or_init(|| listening(self.proc, Protocol::Tcp)) {
            Ok(all) => all,
            Err(error) => return vec![format!("{UNREAD}{error}")],
        };
        let on_port: Vec<&Listener> = all.iter().filter(|known| known.address.port() == place.port).collect();
        let mut reached = on_port.clone();
        reached.retain(|known| own.iter().any(|&target| known.takes(target) != Some(false)));
        // If the kernel does not report IPV6_V6ONLY, the refusal shows that the socket accepts no
        // IPv4.
        let refused = result == Reached::Refused;
        let takes_no_ipv4 = |known: &&Listener| {
            known.address.ip() == Ipv6Addr::UNSPECIFIED && known.only_ipv6.unwrap_or(refused)
        };
        if result != Reached::Connected
            && on_port.iter().any(takes_no_ipv4)
            && reached.iter().all(takes_no_ipv4)
            && own.iter().all(IpAddr::is_ipv4)
        {
            return vec![format!("[::]:{} accepts IPv6 only (IPV6_V6ONLY)", place.port)];
        }
        if !reached.is_empty() {
            let is_unknown = |known: &Listener| {
                result == Reached::Unknown && own.iter().all(|&target| known.takes(target) != Some(true))
            };
            let line = |known: &Listener| {
                let unknown = "; it is unknown whether it accepts IPv4 (IPV6_V6ONLY)";
                self.held(known) + if is_unknown(known) { unknown } else { "" }
            };
            return reached.into_iter().map(line).collect();
        }
        // If it is connected, a socket that this table does not show accepted the connection.
        let mut lines = if result == Reached::Connected {
            Vec::new()
        } else {
            vec![elsewhere(Protocol::Tcp, place.port, all)]
        };
        lines.extend(self.first_process());
        lines
    }

    fn unix(&self, path: &SocketPath, connected: bool) -> Vec<String> {
        // The table has the path that the socket was bound to; another path may lead to it here.
        let mut names = vec![path.shown()];
        if let Some(file) = path.file() {
            let file = file.to_owned();
            let look =
                move || [std::path::absolute(&file), file.canonicalize()].into_iter().flatten().collect();
            // The file system may not respond.
            let others: Vec<PathBuf> = bounded(self.deadline, Box::new(look)).unwrap_or_default();
            names.extend(others.into_iter().map(|path| path.into_os_string().into_vec()));
        }
        let is_it = |rest: &[u8]| names.iter().any(|name| is_named(rest, name));
        let mut lines = Vec::new();
        match self.unix.get_or_init(|| unix_table(self.proc)) {
            Ok(table) => {
                let mut sockets = unix_sockets(table, &is_it);
                sockets.retain(|socket| socket.listens);
                if !sockets.is_empty() {
                    lines.push(self.unix_held(&sockets));
                } else if !connected {
                    lines.push("no socket with this name is listening in this network namespace".to_owned());
                }
            }
            Err(error) => lines.push(format!("{UNREAD}{error}")),
        }
        lines.extend(self.first_process());
        lines
    }

    /// Describes these sockets, which share a name: the process that holds them, if it is visible,
    /// and whether one of their accept queues is full.
    fn unix_held(&self, sockets: &[UnixSocket]) -> String {
        let mut line = "a socket with this name is listening in this network namespace".to_owned();
        let inodes: Vec<u64> = sockets.iter().map(|socket| socket.inode).collect();
        if let Some(owner) = socket_owner(self.proc, &inodes, self.deadline) {
            line.push_str(&[", held by ", &shown(&owner)].concat());
        }
        // With a fabricated proc the kernel's own tables would not match.
        let queues = if self.proc == Path::new(procfs::ROOT) { unix_backlogs() } else { Vec::new() };
        let is_theirs = |queue: &&Backlog| inodes.contains(&queue.inode);
        if let Some(&Backlog { waiting, most, .. }) =
            queues.iter().filter(is_theirs).find(|queue| is_full(queue.waiting, queue.most.into()))
        {
            line.push_str(
                &["; ", &queue_of(waiting, Some(most)), ": new connections are not accepted"].concat(),
            );
        }
        line
    }

    /// Describes PID 1. In a container it is the application or what started it; in a pod with a
    /// shared process namespace it is neither.
    pub(super) fn first_process(&self) -> Option<String> {
        let first = match process(self.proc, 1) {
            Ok(first) => first,
            Err(error) if error.is_absent() => return None,
            Err(error) => return Some(format!("cannot inspect the first process: {error}")),
        };
        let whose = if first.name == b"pause" { "pod" } else { "container" };
        Some(format!("the {whose}'s first process is {}", shown(&first)))
    }

    /// Describes the process that holds the listener, its state and the accept queue.
    fn held(&self, listener: &Listener) -> String {
        let holder = match socket_owner(self.proc, &[listener.inode], self.deadline) {
            Some(owner) => format!("{},", shown(&owner)),
            None if self.deadline.remaining().is_err() => {
                format!("a process of uid {} (not found in time)", listener.uid)
            }
            None => format!("a process of uid {} (not visible from here)", listener.uid),
        };
        let full = listener.backlog.is_some_and(|most| is_full(listener.waiting, most.into()));
        let others = if full { ": new connections are dropped" } else { "" };
        let queue = queue_of(listener.waiting, listener.backlog.filter(|_| full));
        format!("{holder} listens on {}; {queue}{others}", listener.address)
    }
}

/// Describes an accept queue, without the number of waiting connections: it would change from one
/// run to the next. `full` is the backlog of a full queue.
fn queue_of(waiting: u64, full: Option<u32>) -> String {
    match full {
        Some(most) => format!("its accept queue is full (backlog {most})"),
        None if waiting == 0 => "no connections are waiting to be accepted".to_owned(),
        None => "connections are waiting to be accepted".to_owned(),
    }
}

/// Describes the process and its state. One that sleeps is shown as running, so that the text does
/// not change from one run to the next.
fn shown(process: &Process) -> String {
    let state = if matches!(process.state, 'S' | 'I') { 'R' } else { process.state };
    format!("{}, {}", process.shown(), state_words(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_tables_are_read_once() {
        let proc = std::env::temp_dir().join(format!("porthole-explain-{}", std::process::id()));
        std::fs::create_dir_all(proc.join("self/net")).unwrap();
        let table = include_str!("../../tests/fixtures/linux-6.18-proc-net-tcp-listen-full-queue");
        std::fs::write(proc.join("self/net/tcp"), table).unwrap();
        let around = Surroundings::new(&proc, Deadline::after(Duration::from_mins(1)));
        let endpoint = |port: &str| Endpoint::Tcp(HostPort::parse(port).unwrap());
        let first = around.explain(&endpoint("127.0.0.1:18091"), Reached::Unknown);
        assert!(first[0].contains(" listens on 127.0.0.1:18091; "), "{first:?}");
        std::fs::remove_dir_all(&proc).unwrap();
        assert_eq!(around.explain(&endpoint("127.0.0.1:18091"), Reached::Unknown), first);
        let lines = around.explain(&endpoint("127.0.0.1:1"), Reached::Refused);
        assert_eq!(
            lines,
            ["nothing listens on TCP port 1; listening sockets: 127.0.0.1:18091, 0.0.0.0:18092"]
        );
        assert!(around.explain(&endpoint("127.0.0.1:1"), Reached::Connected).is_empty());
    }

    #[test]
    fn the_search_for_an_owner_ends_at_the_deadline() {
        let past = Deadline::after(Duration::ZERO);
        let around = Surroundings::new(Path::new("/proc"), past);
        let listener = Listener {
            address: ([127, 0, 0, 1], 1).into(),
            waiting: 0,
            backlog: None,
            only_ipv6: None,
            uid: 7,
            inode: 1,
        };
        assert!(
            around
                .held(&listener)
                .contains("a process of uid 7 (not found in time) listens on 127.0.0.1:1; ")
        );
    }
}
