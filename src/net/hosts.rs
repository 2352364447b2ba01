//! Names to addresses: `localhost`, `/etc/hosts`, and with `--remote` the name servers.
//!
//! Without `--remote` no query leaves: a name that hosts(5) does not know is unknown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::local::Reach;
#[cfg(feature = "remote")]
use super::lookup::{Lookup, look_up};
use super::target::Host;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::files::read_in_time;

/// The file of hosts(5).
const HOSTS: &str = "/etc/hosts";
/// The most of it that is read, in bytes.
const HOSTS_LIMIT: u64 = 2 << 20;
/// The most addresses of one name that are tried.
const MOST: usize = 16;
/// The most that are looked at in the file: each is compared with those before it.
const MOST_KEPT: usize = 1024;
/// What is always known.
const LOCALHOST: &str = "localhost";

/// Why a name has no address.
#[derive(Debug)]
pub enum Unresolved {
    /// The file does not have it, and no name server may be asked.
    Unknown,
    /// The file may have it, and cannot be read.
    Unreadable(Error),
    /// The file may have it, and its file system did not answer by the deadline.
    TimedOut(Error),
    /// The name servers have no address of it, or do not answer; and why the file cannot be read, if that is so.
    #[cfg(feature = "remote")]
    NotFound(Box<Lookup>, Option<Error>),
}

/// The addresses of a host, IPv6 and IPv4, in the order in which they are tried.
pub fn resolve(host: &Host, reach: Reach, deadline: Deadline) -> Result<Vec<IpAddr>, Unresolved> {
    let typed = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name,
    };
    let name = typed.strip_suffix('.').unwrap_or(typed);
    let mut addresses = Vec::new();
    if is_localhost(name) {
        // IPv6 first, as RFC 6724 has it, whatever the order in the file.
        addresses = vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    }
    // Whatever the file says of it, localhost is this machine (RFC 6761): nothing is read for most checks.
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
    addresses.truncate(MOST);
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

/// The addresses that the file gives a name. A missing file is the rule in an empty image: then only localhost is
/// known. The error is why one that is there cannot be read.
pub fn in_file(name: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Error> {
    match read_in_time(Path::new(HOSTS), HOSTS_LIMIT, deadline) {
        Ok(text) => Ok(lookup(&text, name)),
        Err(error) if error.is_absent() => Ok(Vec::new()),
        Err(error) => Err(error.at(Path::new(HOSTS))),
    }
}

/// RFC 6761, section 6.3: localhost and everything below it.
fn is_localhost(name: &str) -> bool {
    name == LOCALHOST || name.ends_with(".localhost")
}

/// The addresses that hosts(5) gives a name; lines that are none are passed over.
fn lookup(hosts: &[u8], name: &str) -> Vec<IpAddr> {
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
            if found.len() == MOST_KEPT {
                break;
            }
        }
    }
    found
}

/// What the name servers say.
#[cfg(feature = "remote")]
fn ask(name: &str, deadline: Deadline, unread: Option<Error>) -> Result<Vec<IpAddr>, Unresolved> {
    let lookup = look_up(name, Reach::Anywhere, deadline);
    match lookup.found() {
        Some((_, found)) => {
            let mut addresses = found.addresses.clone();
            // Servers answer in another order each time: where not all can be tried, it is not to decide which are.
            if addresses.len() > MOST {
                addresses.sort_unstable();
            }
            Ok(interleaved(&addresses))
        }
        None => Err(Unresolved::NotFound(Box::new(lookup), unread)),
    }
}

/// The first of the addresses, IPv6 and IPv4 in turn: whichever family leads nowhere costs no more than one try. RFC 8305,
/// section 4.
#[cfg(feature = "remote")]
fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (mut six, mut four): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6());
    let most = six.len().max(four.len());
    let (mut six, mut four) = (six.drain(..), four.drain(..));
    (0..most).flat_map(|_| [six.next(), four.next()]).flatten().take(MOST).collect()
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
    fn families_take_turns() {
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
        assert_eq!((tried.len(), tried[0], tried[15]), (MOST, Ipv6Addr::LOCALHOST.into(), many[14]));
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
