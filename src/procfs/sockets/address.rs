//! The addresses of sockets.

use std::io::Write as _;
use std::net::{SocketAddr, SocketAddrV4};

/// The address of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// It has none, or the tables do not contain it.
    None,
    /// An IP address and a port.
    Inet(SocketAddr),
    /// The name of a Unix socket, as the kernel writes it.
    Name(Vec<u8>),
}

impl Address {
    /// Whether there is no text for it.
    pub fn is_empty(&self) -> bool {
        match self {
            Address::None => true,
            Address::Inet(_) => false,
            Address::Name(name) => name.is_empty(),
        }
    }

    /// Returns the IP address and port, if it is one.
    pub fn inet(&self) -> Option<SocketAddr> {
        if let Address::Inet(address) = self { Some(*address) } else { None }
    }

    /// Returns the name of a Unix socket; empty if it is none or has no name.
    pub fn name(&self) -> &[u8] {
        if let Address::Name(name) = self { name } else { b"" }
    }

    /// Appends it as text: `127.0.0.1:8080`, `[::1]:8080`, `/run/app.sock`.
    pub fn push(&self, out: &mut Vec<u8>) {
        match self {
            Address::None => {}
            Address::Name(name) => out.extend_from_slice(name),
            Address::Inet(SocketAddr::V4(address)) => push_ipv4(out, *address),
            Address::Inet(address) => {
                // Writing to memory cannot fail.
                let _ = write!(out, "{address}");
            }
        }
    }

    /// Returns it as text.
    #[cfg(test)]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.push(&mut text);
        text
    }
}

/// Appends the address as text. There may be very many, and Display takes ten times as long.
fn push_ipv4(out: &mut Vec<u8>, address: SocketAddrV4) {
    let [a, b, c, d] = address.ip().octets().map(u16::from);
    // From the end to the beginning, as the digits of a number come. The longest has 21 bytes.
    let (mut text, mut length) = ([0; 21], 0);
    let mut places = text.iter_mut().rev();
    let mut put = |byte: u8| {
        if let Some(place) = places.next() {
            *place = byte;
            length += 1;
        }
    };
    for (number, before) in
        [(address.port(), Some(b':')), (d, Some(b'.')), (c, Some(b'.')), (b, Some(b'.')), (a, None)]
    {
        let mut rest = number;
        loop {
            put(b'0' + u8::try_from(rest % 10).unwrap_or_default());
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        before.map(&mut put);
    }
    out.extend_from_slice(text.get(text.len() - length..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_std_writes_them() {
        for text in ["0.0.0.0:0", "127.0.0.1:8080", "255.10.9.100:65535", "[::]:1", "[::ffff:1.2.3.4]:443"] {
            let address = Address::Inet(text.parse().unwrap());
            assert_eq!((address.text(), address.is_empty()), (text.into(), false));
        }
        assert_eq!(Address::Name(b"/a\xff".to_vec()).text(), b"/a\xff");
        assert!(Address::None.is_empty() && Address::Name(Vec::new()).is_empty());
    }
}
