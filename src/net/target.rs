//! Where a check connects to: `host:port`, `[::1]:port`, `:port`, `port`, or a Unix socket.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What [`HostPort::parse`] expects.
pub const HOST_PORT: &str = "host:port, [::1]:port, :port or port, with a port from 1 to 65535";
/// What [`SocketPath::parse`] expects.
pub const SOCKET_PATH: &str =
    "the path of a Unix socket, at most 107 bytes long (or @name for an abstract one)";

/// A host as it was typed: an address, or a name to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address, which needs no lookup.
    Address(IpAddr),
    /// A name, in lower case.
    Name(String),
}

impl Host {
    /// Returns the host if none is given.
    pub fn localhost() -> Self {
        Host::Name("localhost".to_owned())
    }

    /// Parses `name`, `127.0.0.1` or `[::1]`. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(bracketed) = text.strip_prefix('[') {
            let inner = bracketed.strip_suffix(']').unwrap_or_default();
            let address: Ipv6Addr =
                inner.parse().map_err(|_| "an IPv6 address in brackets, such as [::1]")?;
            return Ok(Host::Address(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return match address {
                IpAddr::V4(_) => Ok(Host::Address(address)),
                IpAddr::V6(_) => Err("an IPv6 address in brackets, such as [::1]"),
            };
        }
        // RFC 1123 names, and the underscore that container engines allow.
        let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
        if text.is_empty() || text.len() > 253 || !text.bytes().all(fits) {
            return Err("a host name or address");
        }
        Ok(Host::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Address(IpAddr::V4(address)) => f.write_str(&dotted(*address)),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// Returns an IPv4 address as text. Every check shows one, and std takes ten times as long.
fn dotted(address: Ipv4Addr) -> String {
    let mut text = String::with_capacity("255.255.255.255".len());
    for octet in address.octets() {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let zeros = usize::from(octet < 100) + usize::from(octet < 10);
        text.extend(digits.iter().skip(zeros).map(|digit| char::from(b'0' + digit)));
        text.push('.');
    }
    text.pop();
    text
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, from 1.
    pub port: u16,
}

impl HostPort {
    /// Parses `host:port`, `[::1]:port`, `:port` or `port`; no host means localhost.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, port) = match text.rsplit_once(':') {
            None => (Host::localhost(), text),
            Some(("", port)) => (Host::localhost(), port),
            Some((host, port)) => (Host::parse(host).map_err(|_| HOST_PORT)?, port),
        };
        Ok(HostPort { host, port: parse_port(port).ok_or(HOST_PORT)? })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        f.write_str(":")?;
        self.port.fmt(f)
    }
}

/// Parses a port from 1 to 65535.
pub fn parse_port(text: &str) -> Option<u16> {
    crate::units::number(text, 65_535).and_then(|n| u16::try_from(n).ok()).filter(|&port| port != 0)
}

/// The address of a Unix socket: a path, or a name in the abstract namespace. unix(7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketPath {
    /// A path in the file system.
    File(PathBuf),
    /// A name in the network namespace, typed with a leading `@`.
    Abstract(Vec<u8>),
}

impl SocketPath {
    /// Parses a path or `@name`; `./@name` is a path.
    pub fn parse(text: OsString) -> Result<Self, &'static str> {
        // sun_path has 108 bytes; a path ends in NUL, an abstract name begins with one.
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 107 || bytes.contains(&0) {
            return Err(SOCKET_PATH);
        }
        match bytes.strip_prefix(b"@") {
            Some([]) => Err(SOCKET_PATH),
            Some(name) => Ok(SocketPath::Abstract(name.to_vec())),
            None => Ok(SocketPath::File(PathBuf::from(text))),
        }
    }

    /// Returns the path, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            SocketPath::File(path) => Some(path),
            SocketPath::Abstract(_) => None,
        }
    }

    /// Returns it as it was typed.
    pub fn shown(&self) -> Vec<u8> {
        match self {
            SocketPath::File(path) => path.as_os_str().as_bytes().to_vec(),
            SocketPath::Abstract(name) => [b"@", name.as_slice()].concat(),
        }
    }
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port.
    Tcp(HostPort),
    /// A Unix stream socket.
    Unix(SocketPath),
}

impl Endpoint {
    /// Returns the name of the server for TLS: localhost for a Unix socket.
    pub fn host(&self) -> Host {
        match self {
            Endpoint::Tcp(place) => place.host.clone(),
            Endpoint::Unix(_) => Host::localhost(),
        }
    }

    /// Returns it as it was typed.
    pub fn shown(&self) -> Vec<u8> {
        match self {
            Endpoint::Tcp(place) => place.to_string().into_bytes(),
            Endpoint::Unix(path) => path.shown(),
        }
    }

    /// Returns what a target with this name is called if it is reached through this endpoint.
    pub fn behind(&self, name: &dyn fmt::Display) -> Vec<u8> {
        [name.to_string().as_bytes(), b" via ", &self.shown()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_text_are_those_of_std() {
        for octet in 0..=255 {
            let address = Ipv4Addr::new(octet, 255 - octet, octet / 7, 0);
            assert_eq!(dotted(address), address.to_string());
        }
    }

    #[test]
    fn targets() {
        for (text, shown) in [
            ("5432", "localhost:5432"),
            (":5432", "localhost:5432"),
            ("db:5432", "db:5432"),
            ("DB_1.Example:65535", "db_1.example:65535"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:80", "[::1]:80"),
            ("[0:0::1]:80", "[::1]:80"),
        ] {
            assert_eq!(HostPort::parse(text).map(|t| t.to_string()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn invalid_targets() {
        for text in [
            "",
            ":",
            "0",
            ":0",
            ":65536",
            "abc",
            "host:",
            "host:abc",
            "host:+1",
            "::1:80",
            "[::1]",
            "[::1:80",
            "[x]:80",
            "ho st:80",
            "host/:80",
            "http://host:80",
            "[127.0.0.1]:80",
            "host:80:90",
            "hóst:80",
        ] {
            assert_eq!(HostPort::parse(text), Err(HOST_PORT), "{text}");
        }
    }

    #[test]
    fn socket_paths() {
        let parse = |text: &str| SocketPath::parse(OsString::from(text));
        assert_eq!(parse("/run/x.sock").unwrap().shown(), b"/run/x.sock");
        assert_eq!(parse("@bus").unwrap(), SocketPath::Abstract(b"bus".to_vec()));
        assert_eq!(parse("./@bus").unwrap(), SocketPath::File("./@bus".into()));
        for text in [String::new(), "@".to_owned(), "/x".repeat(54), "a\0b".to_owned()] {
            assert_eq!(parse(&text), Err(SOCKET_PATH), "{text:?}");
        }
        assert!(parse(&"x".repeat(107)).is_ok());
    }
}
