//! `--explain`: what bears on a failed check. Is anything listening there, on which address, do connections
//! wait to be accepted, does the process live. Read from /proc; no connection is made.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::net::deadline::Deadline;
use crate::net::hosts::resolve;
use crate::net::local::Reach;
use crate::net::target::{Endpoint, HostPort, SocketPath};
use crate::procfs::net::{Listener, tcp_listeners, unix_listeners};
use crate::procfs::process::{Process, process, socket_owner, state_words};

/// The most addresses that are listed where something else listens.
const MOST: usize = 8;

/// What is there around the checks of a run; each table is read once, when it is first asked for.
pub(super) struct Surroundings<'a> {
    proc: &'a Path,
    deadline: Deadline,
    tcp: OnceCell<Result<Vec<Listener>, String>>,
    unix: OnceCell<Result<Vec<Vec<u8>>, String>>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(proc: &'a Path, deadline: Deadline) -> Self {
        Surroundings { proc, deadline, tcp: OnceCell::new(), unix: OnceCell::new() }
    }

    /// What is known of the endpoint, a sentence each. `connected`: a connection to it was made, so that somebody
    /// listens, whether it is seen or not.
    pub(super) fn explain(&self, endpoint: &Endpoint, connected: bool) -> Vec<String> {
        match endpoint {
            Endpoint::Tcp(place) => tcp(place, self, connected),
            Endpoint::Unix(path) => unix(path, self, connected),
        }
    }
}

fn tcp(place: &HostPort, around: &Surroundings<'_>, connected: bool) -> Vec<String> {
    let &Surroundings { proc, deadline, .. } = around;
    // Without a query: only what this machine knows by itself bears on it.
    let addresses = resolve(&place.host, Reach::Local, deadline).unwrap_or_default();
    let own: Vec<IpAddr> = addresses.into_iter().filter(|&address| Reach::Local.allows(address)).collect();
    if own.is_empty() {
        return vec![format!("{} is not this machine, so its sockets cannot be looked at", place.host)];
    }
    let listeners = match around.tcp.get_or_init(|| tcp_listeners(proc)) {
        Ok(listeners) => listeners,
        Err(why) => return vec![format!("what listens here cannot be read: {why}")],
    };
    let on_port: Vec<&Listener> =
        listeners.iter().filter(|known| known.address.port() == place.port).collect();
    let reached: Vec<&&Listener> =
        on_port.iter().filter(|known| own.iter().any(|&target| known.takes(target))).collect();
    if !reached.is_empty() {
        return reached.into_iter().map(|listener| held(listener, around)).collect();
    }
    let mut lines = Vec::new();
    if connected {
        // By a socket that this table does not show.
    } else if on_port.is_empty() {
        let others = list(listeners.iter());
        lines.push(if others.is_empty() {
            format!("nothing listens on TCP port {}, nor on any other in this network namespace", place.port)
        } else {
            format!("nothing listens on TCP port {}; what listens here: {others}", place.port)
        });
    } else {
        lines.push(format!(
            "TCP port {} is listened on, but only at {}",
            place.port,
            list(on_port.into_iter())
        ));
    }
    lines.extend(first_process(proc));
    lines
}

fn unix(path: &SocketPath, around: &Surroundings<'_>, connected: bool) -> Vec<String> {
    // The table has the path by which the socket was bound, which need not be the one that leads to it here.
    let mut names = vec![path.shown()];
    if let Some(file) = path.file() {
        let others = [std::path::absolute(file), file.canonicalize()];
        names.extend(others.into_iter().flatten().map(|path| path.as_os_str().as_bytes().to_vec()));
    }
    let mut lines = Vec::new();
    match around.unix.get_or_init(|| unix_listeners(around.proc)) {
        Ok(listening) if names.iter().any(|name| listening.contains(name)) => {
            lines.push("a socket of this name listens in this network namespace".to_owned());
        }
        Ok(_) if connected => {}
        Ok(_) => lines.push("no socket of this name listens in this network namespace".to_owned()),
        Err(why) => lines.push(format!("what listens here cannot be read: {why}")),
    }
    lines.extend(first_process(around.proc));
    lines
}

/// Who holds the listener, how that process is, and what waits for it.
fn held(listener: &Listener, around: &Surroundings<'_>) -> String {
    let by = match socket_owner(around.proc, listener.inode, around.deadline) {
        Some(owner) => format!("by {}", shown(&owner)),
        None if around.deadline.remaining().is_err() => {
            format!("by a process of uid {} that was not found in time", listener.uid)
        }
        None => format!("by a process of uid {} that may not be looked at", listener.uid),
    };
    let waiting = match listener.waiting {
        0 => "no connection waits to be accepted".to_owned(),
        1 => "1 connection waits to be accepted".to_owned(),
        n => format!("{n} connections wait to be accepted"),
    };
    format!("{} is listened on {by}; {waiting}", listener.address)
}

/// PID 1, which in a container is the application or what started it.
fn first_process(proc: &Path) -> Option<String> {
    process(proc, 1).map(|first| format!("the container's first process is {}", shown(&first)))
}

fn shown(process: &Process) -> String {
    format!(
        "pid {} ({}), {}",
        process.pid,
        String::from_utf8_lossy(&process.name),
        state_words(process.state)
    )
}

fn list<'a>(listeners: impl Iterator<Item = &'a Listener>) -> String {
    let mut shown: Vec<String> = listeners.map(|listener| listener.address.to_string()).collect();
    let more = shown.len().saturating_sub(MOST);
    shown.truncate(MOST);
    let list = shown.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_tables_are_read_once() {
        let proc = std::env::temp_dir().join(format!("porthole-explain-{}", std::process::id()));
        std::fs::create_dir_all(proc.join("net")).unwrap();
        let table = include_str!("../../tests/fixtures/linux-6.18-proc-net-tcp-listen-full-queue");
        std::fs::write(proc.join("net/tcp"), table).unwrap();
        let around = Surroundings::new(&proc, Deadline::after(Duration::from_mins(1)));
        let endpoint = |port: &str| Endpoint::Tcp(HostPort::parse(port).unwrap());
        let first = around.explain(&endpoint("127.0.0.1:18091"), false);
        assert!(first[0].starts_with("127.0.0.1:18091 is listened on by "), "{first:?}");
        std::fs::remove_dir_all(&proc).unwrap();
        assert_eq!(around.explain(&endpoint("127.0.0.1:18091"), false), first);
        let lines = around.explain(&endpoint("127.0.0.1:1"), false);
        assert_eq!(
            lines,
            ["nothing listens on TCP port 1; what listens here: 127.0.0.1:18091, 0.0.0.0:18092"]
        );
        assert!(around.explain(&endpoint("127.0.0.1:1"), true).is_empty());
    }

    #[test]
    fn an_owner_is_looked_for_until_the_deadline() {
        let past = Deadline::after(Duration::ZERO);
        let around = Surroundings::new(Path::new("/proc"), past);
        let listener = Listener { address: ([127, 0, 0, 1], 1).into(), waiting: 0, uid: 7, inode: 1 };
        assert!(held(&listener, &around).contains("by a process of uid 7 that was not found in time"));
    }
}
