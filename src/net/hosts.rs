//! Names to addresses: `/etc/hosts`, `localhost`, and with `--remote` the system's resolver.
//!
//! Without `--remote` no query leaves: a name that hosts(5) does not know is unknown.

#[cfg(feature = "remote")]
use std::io;
#[cfg(feature = "remote")]
use std::net::SocketAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::deadline::Deadline;
#[cfg(feature = "remote")]
use super::deadline::Passed;
use super::local::Reach;
use super::target::Host;
use crate::files::{Unread, read_regular};
#[cfg(feature = "remote")]
use crate::threads::bounded;

/// The file of hosts(5).
const HOSTS: &str = "/etc/hosts";
/// The most of it that is read, in bytes.
const HOSTS_LIMIT: u64 = 2 << 20;
/// The most addresses of one name that are tried.
const MOST: usize = 16;
/// The most that are looked at in the file: each is compared with those before it.
const MOST_KEPT: usize = 1024;

/// Why a name has no address.
#[derive(Debug)]
pub enum Unresolved {
    /// The name is in no place that may be asked.
    Unknown,
    /// The file that may know it cannot be read, for this reason.
    Unreadable(String),
    /// The deadline passed while the resolver was at work.
    #[cfg(feature = "remote")]
    TimedOut,
    /// The resolver's own words.
    #[cfg(feature = "remote")]
    Failed(String),
}

/// The addresses of a host, IPv6 and IPv4, in the order in which they are tried.
pub fn resolve(host: &Host, reach: Reach, deadline: Deadline) -> Result<Vec<IpAddr>, Unresolved> {
    let name = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name.strip_suffix('.').unwrap_or(name),
    };
    let in_file = in_file(name);
    let mut addresses = Vec::new();
    if is_localhost(name) {
        // IPv6 first, as RFC 6724 has it, whatever the order in the file.
        addresses = vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    }
    for address in in_file.as_deref().unwrap_or_default() {
        if !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    addresses.truncate(MOST);
    if !addresses.is_empty() {
        return Ok(addresses);
    }
    match ask(name, reach, deadline) {
        Err(Unresolved::Unknown) if let Err(unread) = in_file => Err(Unresolved::Unreadable(unread.why)),
        answer => answer,
    }
}

/// The addresses that the file gives a name. A missing file is the rule in an empty image: then only localhost is
/// known. The error is why one that is there cannot be read.
pub fn in_file(name: &str) -> Result<Vec<IpAddr>, Unread> {
    let file = Path::new(HOSTS);
    if matches!(file.try_exists(), Ok(false)) {
        return Ok(Vec::new());
    }
    read_regular(file, HOSTS_LIMIT).map(|text| lookup(&text, name))
}

/// RFC 6761, section 6.3: localhost and everything below it.
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
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

#[cfg(not(feature = "remote"))]
fn ask(_: &str, _: Reach, _: Deadline) -> Result<Vec<IpAddr>, Unresolved> {
    Err(Unresolved::Unknown)
}

/// getaddrinfo(3) knows no deadline, so it runs beside; past the deadline the answer is not waited for.
#[cfg(feature = "remote")]
fn ask(name: &str, reach: Reach, deadline: Deadline) -> Result<Vec<IpAddr>, Unresolved> {
    use std::net::ToSocketAddrs as _;

    if reach == Reach::Local {
        return Err(Unresolved::Unknown);
    }
    let question = name.to_owned();
    let asked = bounded(
        deadline,
        Box::new(move || Ok((question.as_str(), 0).to_socket_addrs()?.collect::<Vec<SocketAddr>>())),
    );
    match asked.map_err(|Passed| Unresolved::TimedOut)? {
        Ok(addresses) => {
            let mut found: Vec<IpAddr> = Vec::new();
            for address in addresses.into_iter().map(|address| address.ip()) {
                if !found.contains(&address) && found.len() < MOST {
                    found.push(address);
                }
            }
            if found.is_empty() { Err(Unresolved::Unknown) } else { Ok(found) }
        }
        Err(error) => {
            let error: io::Error = error;
            let text = error.to_string();
            let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
            Err(Unresolved::Failed(text.to_owned()))
        }
    }
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
