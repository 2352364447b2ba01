//! Resolving names: `localhost`, `/etc/hosts`, and with `--remote` the name servers.
//!
//! Without `--remote` no query is sent: a name that is not in hosts(5) is unknown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::local::Reach;
#[cfg(feature = "remote")]
use super::lookup::{Lookup, look_up};
#[cfg(feature = "remote")]
use super::resolver::Query;
use super::target::Host;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::files::read_in_time;

/// The file of hosts(5).
const HOSTS: &str = "/etc/hosts";
/// The most of it that is read, in bytes.
const HOSTS_LIMIT: u64 = 2 << 20;
/// The most addresses of one name that are tried.
const TRIED_ADDRESSES: usize = 16;
/// The most that are read from the file: each is compared with those before it.
const READ_ADDRESSES: usize = 1024;
/// The name that is always known.
const LOCALHOST: &str = "localhost";

/// Why a name has no address.
#[derive(Debug)]
pub enum Unresolved {
    /// It is not in the file, and no name server may be queried.
    Unknown,
    /// It may be in the file, which cannot be read.
    Unreadable(Error),
    /// It may be in the file, whose file system did not answer by the deadline.
    TimedOut(Error),
    /// The name servers have no address for it, or do not answer. If the file cannot be read
    /// either, the second field says why.
    #[cfg(feature = "remote")]
    NotFound(Box<Lookup>, Option<Error>),
}

/// Returns the addresses of a host, IPv6 and IPv4, in the order in which they are tried.
pub fn resolve(host: &Host, reach: Reach, deadline: Deadline) -> Result<Vec<IpAddr>, Unresolved> {
    let typed = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name,
    };
    let name = typed.strip_suffix('.').unwrap_or(typed);
    let mut addresses = Vec::new();
    if is_localhost(name) {
        // IPv6 first, as in RFC 6724, whatever the order in the file.
        addresses = vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    }
    // Whatever the file says, localhost is this machine (RFC 6761): most checks read nothing.
    if name == LOCALHOST {
        return Ok(addresses);
    }
    let unread = match in_file(name, deadline) {
        Ok(found) => {
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            None
        }
        Err(unread) => Some(unread),
    };
    addresses.truncate(TRIED_ADDRESSES);
    match unread {
        Some(unread) if deadline.remaining().is_err() => Err(Unresolved::TimedOut(unread)),
        _ if !addresses.is_empty() => Ok(addresses),
        unread => match reach {
            Reach::Local => Err(unread.map_or(Unresolved::Unknown, Unresolved::Unreadable)),
            #[cfg(feature = "remote")]
            Reach::Anywhere => ask(typed, deadline, unread),
        },
    }
}

/// Returns the addresses of a name in the file. An empty image usually has no such file: then only
/// localhost is known. The error says why an existing file cannot be read.
pub fn in_file(name: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Error> {
    match read_in_time(Path::new(HOSTS), HOSTS_LIMIT, deadline) {
        Ok(text) => Ok(lookup(&text, name)),
        Err(error) if error.is_absent() => Ok(Vec::new()),
        Err(error) => Err(error.at(Path::new(HOSTS))),
    }
}

/// Returns whether the name is localhost or below it: RFC 6761, section 6.3.
fn is_localhost(name: &str) -> bool {
    name == LOCALHOST || name.ends_with(".localhost")
}

/// Returns the addresses of a name in hosts(5); invalid lines are skipped.
pub fn lookup(hosts: &[u8], name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.split(|&b| b == b'\n') {
        let line = line.split(|&b| b == b'#').next().unwrap_or_default();
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let address = fields.next().and_then(|field| std::str::from_utf8(field).ok()?.parse().ok());
        if let Some(address) = address
            && fields.any(|field| field.eq_ignore_ascii_case(name.as_bytes()))
            && !found.contains(&address)
        {
            found.push(address);
            if found.len() == READ_ADDRESSES {
                break;
            }
        }
    }
    found
}

/// Returns the addresses of a name by the name servers.
#[cfg(feature = "remote")]
fn ask(name: &str, deadline: Deadline, unread: Option<Error>) -> Result<Vec<IpAddr>, Unresolved> {
    let lookup = look_up(name, Query::ADDRESSES, None, Reach::Anywhere, deadline);
    let mut addresses = lookup.answer.found.addresses.clone();
    if addresses.is_empty() {
        return Err(Unresolved::NotFound(Box::new(lookup), unread));
    }
    // Servers answer in a different order each time. If not all can be tried, that order must not
    // decide which are.
    if addresses.len() > TRIED_ADDRESSES {
        addresses.sort_unstable();
    }
    Ok(interleaved(&addresses))
}

/// Returns the first of the addresses, alternating between IPv6 and IPv4: a family that leads
/// nowhere costs only one attempt. RFC 8305, section 4.
#[cfg(feature = "remote")]
fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (mut six, mut four): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6());
    let most = six.len().max(four.len());
    let (mut six, mut four) = (six.drain(..), four.drain(..));
    (0..most).flat_map(|_| [six.next(), four.next()]).flatten().take(TRIED_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(hosts: &str, name: &str) -> Vec<String> {
        lookup(hosts.as_bytes(), name).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_hosts_file() {
        let hosts = "127.0.0.1\tlocalhost\n::1 localhost ip6-localhost # comment db\n\n\
                     172.17.0.2  db  DB.example\n172.17.0.3 db\n172.17.0.2 db\n# 10.0.0.1 ghost\n\
                     not-an-address db\n10.0.0.9\nfe80::1%eth0 zone\n  10.1.1.1 indented\r\n";
        assert_eq!(known(hosts, "localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(known(hosts, "db"), ["172.17.0.2", "172.17.0.3"]);
        assert_eq!(known(hosts, "db.example"), ["172.17.0.2"]);
        assert_eq!(known(hosts, "indented"), ["10.1.1.1"]);
        for unknown in ["ghost", "comment", "zone", "d", ""] {
            assert!(known(hosts, unknown).is_empty(), "{unknown}");
        }
        assert!(lookup(b"\xff\xfe 1 \n127.0.0.1 \xff", "1").is_empty());
    }

    #[test]
    #[cfg(feature = "remote")]
    fn families_alternate() {
        let list = |text: &str| text.split(' ').map(|one| one.parse().unwrap()).collect::<Vec<IpAddr>>();
        for (given, tried) in [
            ("10.0.0.1 10.0.0.2 10.0.0.3 ::5 ::6", "::5 10.0.0.1 ::6 10.0.0.2 10.0.0.3"),
            ("10.0.0.1", "10.0.0.1"),
            ("::5 ::6", "::5 ::6"),
        ] {
            assert_eq!(interleaved(&list(given)), list(tried));
        }
        let mut many: Vec<IpAddr> = (0..40).map(|n| Ipv4Addr::new(10, 0, 0, n).into()).collect();
        many.push(Ipv6Addr::LOCALHOST.into());
        let tried = interleaved(&many);
        assert_eq!(
            (tried.len(), tried[0], tried[15]),
            (TRIED_ADDRESSES, Ipv6Addr::LOCALHOST.into(), many[14])
        );
    }

    #[test]
    fn localhost_is_always_known_in_both_families() {
        let deadline = Deadline::after(std::time::Duration::from_secs(5));
        for name in ["localhost", "localhost.", "app.localhost"] {
            let addresses = resolve(&Host::Name(name.to_owned()), Reach::Local, deadline).unwrap();
            assert!(addresses.contains(&IpAddr::V6(Ipv6Addr::LOCALHOST)), "{name}: {addresses:?}");
            assert!(addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{name}: {addresses:?}");
        }
    }

    #[test]
    fn other_names_are_unknown_without_a_query() {
        let deadline = Deadline::after(std::time::Duration::from_secs(5));
        let host = Host::Name("porthole.invalid".to_owned());
        assert!(matches!(resolve(&host, Reach::Local, deadline), Err(Unresolved::Unknown)));
    }
}
