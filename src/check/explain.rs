//! `--explain`: what bears on a failed check. Is anything listening there, on which address, do connections
//! wait to be accepted, does the process live. Read from /proc; no connection is made.

use std::net::IpAddr;
use std::path::Path;

use super::listeners::{UNREAD, elsewhere};
use crate::net::deadline::Deadline;
use crate::net::hosts::resolve;
use crate::net::local::Reach;
use crate::net::target::{Endpoint, HostPort, SocketPath};
use crate::procfs::net::{Listener, Protocol, is_named, listeners, unix_sockets};
use crate::procfs::process::{Process, process, socket_owner, state_words};

/// What is known of the endpoint, a sentence each.
pub(super) fn explain(endpoint: &Endpoint, proc: &Path, deadline: Deadline) -> Vec<String> {
    match endpoint {
        Endpoint::Tcp(place) => tcp(place, proc, deadline),
        Endpoint::Unix(path) => unix(path, proc),
    }
}

fn tcp(place: &HostPort, proc: &Path, deadline: Deadline) -> Vec<String> {
    // Without a query: only what this machine knows by itself bears on it.
    let addresses = resolve(&place.host, Reach::Local, deadline).unwrap_or_default();
    let own: Vec<IpAddr> = addresses.into_iter().filter(|&address| Reach::Local.allows(address)).collect();
    if own.is_empty() {
        return vec![format!("{} is not this machine, so its sockets cannot be looked at", place.host)];
    }
    let all = match listeners(proc, Protocol::Tcp) {
        Ok(all) => all,
        Err(unread) => return vec![format!("{UNREAD}{}", unread.why)],
    };
    let reached: Vec<&Listener> = all
        .iter()
        .filter(|known| known.address.port() == place.port && own.iter().any(|&target| known.takes(target)))
        .collect();
    if !reached.is_empty() {
        return reached.into_iter().map(|listener| held(listener, proc, deadline)).collect();
    }
    let mut lines = vec![elsewhere(Protocol::Tcp, place.port, &all)];
    lines.extend(first_process(proc));
    lines
}

fn unix(path: &SocketPath, proc: &Path) -> Vec<String> {
    let name = path.shown();
    let mut lines = vec![match unix_sockets(proc, &|rest| is_named(rest, &name)) {
        Ok(sockets) if sockets.iter().any(|socket| socket.listens) => {
            "a socket of this name listens in this network namespace".to_owned()
        }
        Ok(_) => "no socket of this name listens in this network namespace".to_owned(),
        Err(unread) => format!("{UNREAD}{}", unread.why),
    }];
    lines.extend(first_process(proc));
    lines
}

/// Who holds the listener, how that process is, and what waits for it.
fn held(listener: &Listener, proc: &Path, deadline: Deadline) -> String {
    let by = match socket_owner(proc, &[listener.inode], deadline) {
        Some(owner) => format!("by {}", shown(&owner)),
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
    process(proc, 1).ok().map(|first| format!("the container's first process is {}", shown(&first)))
}

fn shown(process: &Process) -> String {
    format!("{}, {}", process.shown(), state_words(process.state))
}
