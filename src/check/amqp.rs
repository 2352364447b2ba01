//! `amqp TARGET`: an AMQP 0-9-1 server, such as RabbitMQ, begins a connection.
//!
//! <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, 2.2.4 and 4.2.2: the client sends the
//! version; the server answers with `connection.start`, or with the version that it speaks, and
//! then closes.
//!
//! The next step is the login, for which the check has no account. So it closes the TCP connection
//! here, as the specification prescribes for a client that does not continue. RabbitMQ then logs a
//! warning, "client unexpectedly closed TCP connection", as it does for every client that leaves
//! before it is authenticated. Every alternative is louder: `connection.close` is not allowed
//! before `connection.open`, and RabbitMQ logs it as an error, like a refused login.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Protocol, Talk};
use crate::bytes::find;
use crate::outcome::Finding;
use crate::text::clip;

/// The protocol header that the client sends first: AMQP 0-9-1.
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// The byte after the payload of a frame.
const FRAME_END: u8 = 0xce;

static PROTOCOL: Protocol = Protocol::plain("amqp", handshake);

pub(super) const KIND: Kind = Kind {
    name: "amqp",
    summary: "an AMQP 0-9-1 server (RabbitMQ) accepts connections",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole amqp :5672",
    foreign: SERVER,
};

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.send(HEADER);
    let answer = talk.receive("the start of the connection", |received| match received {
        // A method on channel 0: type, channel, size; with the frame end, eight bytes around the
        // payload.
        [1, 0, 0, a, b, c, d, ..] => {
            usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?.checked_add(8)
        }
        _ if received.starts_with(b"AMQP")
            || [1, 0, 0].starts_with(received.get(..3).unwrap_or(received)) =>
        {
            Some(8)
        }
        _ if b"AMQP".starts_with(received) => Some(4),
        _ => None,
    })?;
    if answer == HEADER {
        // The server offers no other version.
        return Ok(Finding::unhealthy("the server refuses AMQP 0-9-1"));
    }
    if let Some([_, major, minor, revision]) = answer.strip_prefix(b"AMQP") {
        let found = format!("the server speaks AMQP {major}-{minor}-{revision}");
        return Ok(Finding::unhealthy(found).expected("0-9-1"));
    }
    // Class 10, method 10; the protocol version; the server properties.
    let start =
        answer.strip_suffix(&[FRAME_END]).and_then(|frame| frame.get(7..)?.strip_prefix(b"\0\x0a\0\x0a"));
    let start = start.ok_or(Failure::Foreign)?;
    let mut finding = Finding::healthy("accepts connections");
    for (name, key, separator) in [("product", &b"\x07productS"[..], ", "), ("version", b"\x07versionS", " ")]
    {
        if let Some(value) = property(start, key) {
            finding.found.push_str(separator);
            finding.found.push_str(&clip(value));
            finding = finding.fact(name, value.to_vec());
        }
    }
    Ok(finding)
}

/// Returns the long string after this key in a field table.
fn property<'a>(table: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let (length, value) = table.get(find(table, key)?..)?.get(key.len()..)?.split_first_chunk()?;
    value.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties() {
        let table = b"\0\x09\0\0\0\x1f\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x09x";
        assert_eq!(property(table, b"\x07productS"), Some(&b"RabbitMQ"[..]));
        assert_eq!(property(table, b"\x07versionS"), None);
        assert_eq!(property(b"", b"\x07versionS"), None);
    }
}
