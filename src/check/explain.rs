//! `--explain`: what bears on a failed check. Is anything listening there, on which address, do connections
//! wait to be accepted, does the process live. Read from /proc; no connection is made.

use std::net::IpAddr;
use std::path::Path;

use crate::net::deadline::Deadline;
use crate::net::hosts::resolve;
use crate::net::local::Reach;
use crate::net::target::{Endpoint, HostPort, SocketPath};
use crate::procfs::net::{Listener, tcp_listeners, unix_listeners};
use crate::procfs::process::{Process, process, socket_owner, state_words};

/// The most addresses that are listed where something else listens.
const MOST: usize = 8;

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
    let listeners = match tcp_listeners(proc) {
        Ok(listeners) => listeners,
        Err(why) => return vec![format!("what listens here cannot be read: {why}")],
    };
    let on_port: Vec<&Listener> =
        listeners.iter().filter(|known| known.address.port() == place.port).collect();
    let reached: Vec<&&Listener> =
        on_port.iter().filter(|known| own.iter().any(|&target| known.takes(target))).collect();
    if !reached.is_empty() {
        return reached.into_iter().map(|listener| held(listener, proc)).collect();
    }
    let mut lines = Vec::new();
    if on_port.is_empty() {
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

fn unix(path: &SocketPath, proc: &Path) -> Vec<String> {
    let mut lines = vec![match unix_listeners(proc, &path.shown()) {
        Ok(0) => "no socket of this name listens in this network namespace".to_owned(),
        Ok(_) => "a socket of this name listens in this network namespace".to_owned(),
        Err(why) => format!("what listens here cannot be read: {why}"),
    }];
    lines.extend(first_process(proc));
    lines
}

/// Who holds the listener, how that process is, and what waits for it.
fn held(listener: &Listener, proc: &Path) -> String {
    let by = match socket_owner(proc, listener.inode) {
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
