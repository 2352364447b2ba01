//! Which name servers are queried, and for which names: resolv.conf(5).
//!
//! As in musl, and unlike in glibc, the host name supplies no domain if the file has none. The
//! variables LOCALDOMAIN and RES_OPTIONS, and all options but ndots, timeout and attempts, are
//! ignored.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

#[cfg(any(feature = "remote", test))]
use super::dns::Name;
use super::target::{Host, HostPort};
#[cfg(any(feature = "remote", feature = "inspect", test))]
use crate::text::clip;
#[cfg(any(feature = "remote", feature = "inspect", test))]
use crate::units::number;

/// The most servers that are used: MAXNS.
pub const MOST_SERVERS: usize = 3;
/// The most options or search domains of a line. glibc has no such limit since 2.26, but each
/// domain costs two queries.
const MOST_VALUES: usize = 32;

/// The port of name servers, unless another is given.
const PORT: u16 = 53;

/// A name server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

impl NameServer {
    /// The server at this address, on the port of name servers.
    pub fn at(address: IpAddr) -> Self {
        NameServer(SocketAddr::new(address, PORT))
    }

    /// Parses an address, with or without a port. An IPv6 address before a port is in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(NameServer::at(address));
        }
        match HostPort::parse(text).or_else(|_| HostPort::parse(&[text, ":53"].concat())) {
            Ok(HostPort { host: Host::Address(address), port }) => {
                Some(NameServer(SocketAddr::new(address, port)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == PORT { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}

/// The configuration in the file.
#[derive(Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The name servers, in the order in which they are queried.
    pub servers: Vec<NameServer>,
    /// Whether the file names them; otherwise the default is queried, 127.0.0.1.
    pub is_named: bool,
    /// The domains in which a name is tried.
    pub search: Vec<String>,
    /// A name with at least this many dots is first tried as it is.
    pub ndots: usize,
    /// How long to wait for one server.
    pub timeout: Duration,
    /// How often all servers are queried.
    pub attempts: usize,
    /// The name servers that are ignored because their addresses are invalid or not supported.
    pub odd: Vec<String>,
}

impl Default for ResolvConf {
    /// The configuration of an empty file, without a server.
    fn default() -> Self {
        ResolvConf {
            servers: Vec::new(),
            is_named: true,
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            odd: Vec::new(),
        }
    }
}

impl ResolvConf {
    /// Parses the file; invalid lines are ignored, as in every resolver.
    #[cfg(any(feature = "inspect", test))]
    pub fn parse(text: &[u8]) -> ResolvConf {
        let mut conf = ResolvConf::default();
        conf.read(text);
        conf
    }

    /// Adds what the file says.
    pub fn read(&mut self, text: &[u8]) {
        for line in text.split(|&b| b == b'\n') {
            // The keyword is at the very beginning; a comment begins there with # or ;.
            let mut words = line.split(u8::is_ascii_whitespace);
            let keyword = words.next().unwrap_or_default();
            let values =
                words.filter(|word| !word.is_empty()).filter_map(|word| std::str::from_utf8(word).ok());
            for (at, value) in values.enumerate().take(MOST_VALUES) {
                match keyword {
                    b"nameserver" if at == 0 => self.server(value),
                    #[cfg(any(feature = "remote", feature = "inspect", test))]
                    _ => self.search_or_option(keyword, at, value),
                    #[cfg(not(any(feature = "remote", feature = "inspect", test)))]
                    _ => {}
                }
            }
        }
        if self.servers.is_empty() {
            self.is_named = false;
            self.servers.push(NameServer::at(Ipv4Addr::LOCALHOST.into()));
        }
    }

    /// Takes a value of the lines that say in which domains a name is tried, and how.
    #[cfg(any(feature = "remote", feature = "inspect", test))]
    fn search_or_option(&mut self, keyword: &[u8], at: usize, value: &str) {
        match keyword {
            b"options" => self.option(value),
            // The last line of either kind counts.
            b"domain" if at == 0 => self.search = vec![value.to_owned()],
            b"search" => {
                self.search.truncate(at);
                self.search.push(value.to_owned());
            }
            _ => {}
        }
    }

    /// Takes a name server.
    fn server(&mut self, text: &str) {
        match text.parse() {
            Ok(address) if self.servers.len() < MOST_SERVERS => self.servers.push(NameServer::at(address)),
            // A zone (fe80::1%eth0), or garbage.
            #[cfg(any(feature = "remote", feature = "inspect", test))]
            Err(_) if self.odd.len() < MOST_SERVERS => self.odd.push(clip(text.as_bytes())),
            _ => {}
        }
    }

    /// Takes an option such as `ndots:5`; the upper limits are those of resolv.conf(5).
    #[cfg(any(feature = "remote", feature = "inspect", test))]
    fn option(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else { return };
        let Some(value) = number(value, 65_535).and_then(|value| u16::try_from(value).ok()) else { return };
        match name {
            "ndots" => self.ndots = usize::from(value.min(15)),
            "timeout" => self.timeout = Duration::from_secs(u64::from(value.clamp(1, 30))),
            "attempts" => self.attempts = usize::from(value.clamp(1, 5)),
            _ => {}
        }
    }

    /// Returns the candidates for this name, in the order in which they are queried. A name with a
    /// trailing dot is tried only as it is.
    #[cfg(any(feature = "remote", test))]
    pub fn candidates(&self, name: &str) -> Vec<Name> {
        let dots = name.bytes().filter(|&b| b == b'.').count();
        let absolute = name.ends_with('.');
        let mut names = Vec::new();
        if !absolute {
            for domain in &self.search {
                // "." is the root: the name as it is.
                names.push([name, ".", domain.strip_prefix('.').unwrap_or(domain)].concat());
            }
        }
        let place = if absolute || dots >= self.ndots { 0 } else { names.len() };
        names.insert(place, name.to_owned());
        let mut candidates = Vec::new();
        for name in &names {
            if let Some(candidate) = Name::parse(name)
                && !candidates.contains(&candidate)
            {
                candidates.push(candidate);
            }
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(conf: &str, name: &str) -> Vec<String> {
        ResolvConf::parse(conf.as_bytes()).candidates(name).iter().map(Name::shown).collect()
    }

    #[test]
    fn name_servers() {
        for (text, shown) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:53", "127.0.0.1"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:5353", "[::1]:5353"),
        ] {
            assert_eq!(NameServer::parse(text).map(|server| server.to_string()).as_deref(), Some(shown));
        }
        for text in
            ["", "localhost", ":53", "53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1#53", "fe80::1%lo", "[::1"]
        {
            assert_eq!(NameServer::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_kubernetes_pod() {
        let text = b"search default.svc.cluster.local svc.cluster.local cluster.local\n\
                     nameserver 10.96.0.10\noptions ndots:5\n";
        assert_eq!(
            ResolvConf::parse(text),
            ResolvConf {
                servers: vec![NameServer::parse("10.96.0.10").unwrap()],
                is_named: true,
                search: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]
                    .map(str::to_owned)
                    .to_vec(),
                ndots: 5,
                timeout: Duration::from_secs(5),
                attempts: 2,
                odd: Vec::new(),
            }
        );
    }

    #[test]
    fn everything_else_in_the_file() {
        let text = b"# nameserver 10.0.0.9\n; comment\n nameserver 10.0.0.8\nnameserver\t10.0.0.1  # first\n\
                     nameserver fe80::1%eth0\nnameserver nonsense\nnameserver\nnameserver fd00::2\r\n\
                     domain a.example\nsearch b.example c.example\nsearch\nsearch d.example\ndomain e.example f\n\
                     nameserver 10.0.0.3\nnameserver 10.0.0.4\nnameservers 10.0.0.5\n\xff\xfe\x00\n\
                     options rotate timeout:99 attempts:0 ndots:x ndots:16 edns0 ndots timeout:\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.servers, ["10.0.0.1", "fd00::2", "10.0.0.3"].map(|a| NameServer::parse(a).unwrap()));
        assert_eq!(conf.odd, ["fe80::1%eth0", "nonsense"]);
        assert_eq!(conf.search, ["e.example"]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, Duration::from_secs(30), 1));
    }

    #[test]
    fn without_servers_this_machine_is_queried() {
        for text in [&b""[..], b"garbage\n\xff\xff", b"nameserver x", b"\0\0\0"] {
            let conf = ResolvConf::parse(text);
            assert_eq!(conf.servers, [NameServer::parse("127.0.0.1").unwrap()]);
            assert_eq!((conf.search.len(), conf.ndots, conf.attempts), (0, 1, 2));
        }
    }

    #[test]
    fn the_names_that_are_tried() {
        let conf = "search a.example b.example.\noptions ndots:2\n";
        assert_eq!(names(conf, "db"), ["db.a.example", "db.b.example", "db"]);
        assert_eq!(names(conf, "db.x"), ["db.x.a.example", "db.x.b.example", "db.x"]);
        assert_eq!(names(conf, "db.x.y"), ["db.x.y", "db.x.y.a.example", "db.x.y.b.example"]);
        assert_eq!(names(conf, "db."), ["db"]);
        assert_eq!(names("", "db"), ["db"]);
        assert_eq!(names("search . .\noptions ndots:0", "db"), ["db"]);
        assert_eq!(names("search a..b \u{fffd} .x", "db"), [r"db.\239\191\189", "db.x", "db"]);
        let long = "x".repeat(63);
        assert_eq!(names(&format!("search {long}.{long}.{long}.{long}"), "db"), ["db"]);
    }
}
