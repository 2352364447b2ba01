//! The header of the PROXY protocol, with which a load balancer introduces itself.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, 2.1 and 2.2. A health check speaks
//! for itself: it sends `UNKNOWN` in version 1 and the command `LOCAL` in version 2, and the server
//! uses the addresses of the connection.

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// A binary header.
    V2,
}

/// What [`ProxyProtocol::parse`] expects.
pub const VERSION: &str = "1 or 2";

impl ProxyProtocol {
    /// Parses the number of a version.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "1" => Ok(ProxyProtocol::V1),
            "2" => Ok(ProxyProtocol::V2),
            _ => Err(VERSION),
        }
    }

    /// Returns the header that a health check sends first.
    pub fn header(self) -> &'static [u8] {
        match self {
            ProxyProtocol::V1 => b"PROXY UNKNOWN\r\n",
            // The signature; version 2, LOCAL; no addresses follow.
            ProxyProtocol::V2 => b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        }
    }
}
