//! `memcached TARGET`: a memcached server reports its version.
//!
//! Text protocol: <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>. A server
//! that requires a password refuses every command, including `quit`. With SASL it speaks only the
//! binary protocol, and closes the connection: <https://docs.memcached.org/protocols/binary/>. It
//! refuses the binary `quit` as well, so the check does not send it.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Protocol, Talk};
use crate::outcome::Finding;
use crate::text::clip;

/// The second `version` makes the request as long as the header of a binary request: a binary
/// server waits for that many bytes before it examines the first one. The answer to it is read when
/// the connection is closed.
const VERSION: &[u8] = b"version\r\nversion\r\nquit\r\n";
/// A binary request: magic 0x80, opcode 0x0b, nothing else.
const BINARY_VERSION: &[u8] = b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

static PROTOCOL: Protocol = Protocol { otherwise: Some(binary), ..Protocol::plain("memcached", text) };

pub(super) const KIND: Kind = Kind {
    name: "memcached",
    summary: "a memcached server is ready",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole memcached :11211",
    foreign: SERVER,
};

fn text(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.send(VERSION);
    let answer = talk.receive("the version", |received| {
        received.first().is_none_or(u8::is_ascii_uppercase).then(|| server::line(received))
    })?;
    let answer = answer.trim_ascii_end();
    if let Some(version) = answer.strip_prefix(b"VERSION ") {
        return Ok(server::ready(version, false));
    }
    match answer {
        b"CLIENT_ERROR unauthenticated" => Ok(Finding::healthy("up, asks for a password").fact("auth", true)),
        // With `-o maxconns_fast`, a server without a free connection sends `ERROR Too many open
        // connections`.
        _ if answer.starts_with(b"SERVER_ERROR ") || answer.starts_with(b"ERROR ") => {
            Ok(Finding::unhealthy(clip(answer)))
        }
        _ => Err(Failure::Foreign),
    }
}

fn binary(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.send(BINARY_VERSION);
    // The header has 24 bytes: magic 0x81, the opcode, six bytes, the length of the body, the rest.
    let answer = talk.receive("the version", |received| match received {
        [0x81, 0x0b, _, _, _, _, _, _, a, b, c, d, ..] => {
            usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?.checked_add(24)
        }
        _ if [0x81, 0x0b].starts_with(received.get(..2).unwrap_or(received)) => Some(24),
        _ => None,
    })?;
    Ok(server::ready(answer.get(24..).unwrap_or_default(), true))
}
