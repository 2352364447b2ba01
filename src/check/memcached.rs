//! `memcached TARGET`: a memcached server says its version.
//!
//! Text protocol: <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>. A server that asks for a
//! password refuses every command, `quit` too, or, with SASL, speaks the binary protocol only and closes:
//! <https://docs.memcached.org/protocols/binary/> That one refuses the binary `quit` as well, so it gets none.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Talk};
use crate::args::Hint::Say;
use crate::args::{Foreign, Row};
use crate::outcome::Finding;
use crate::text::clip;

/// The second `version` makes it as long as the header of a binary request, for which a binary server waits before
/// it looks at the first byte. Its answer is read as the connection is left.
const VERSION: &[u8] = b"version\r\nversion\r\nquit\r\n";
/// A binary request: magic 0x80, opcode 0x0b, nothing else.
const BINARY_VERSION: &[u8] = b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

pub(super) const KIND: Kind = Kind {
    name: "memcached",
    summary: "a memcached server is ready",
    options: &[server::OPTIONS],
    plan: |given| server::plan(given, KIND.name, text, Some(binary)),
    examples: "porthole memcached :11211",
    foreign: Foreign::rows(&[FOREIGN, SERVER]),
};

const FOREIGN: &[Row] =
    &[(&["--host"], Say("write the server as the target: porthole memcached localhost:11211"))];

fn text(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.say(VERSION);
    let answer = talk.hear("the version", |heard| {
        heard.first().is_none_or(u8::is_ascii_uppercase).then(|| server::line(heard))
    })?;
    let answer = answer.trim_ascii_end();
    if let Some(version) = answer.strip_prefix(b"VERSION ") {
        return Ok(ready(version, false));
    }
    match answer {
        b"CLIENT_ERROR unauthenticated" => Ok(Finding::healthy("up, asks for a password").fact("auth", true)),
        // With `-o maxconns_fast`, one without a connection left says `ERROR Too many open connections`.
        _ if answer.starts_with(b"SERVER_ERROR ") || answer.starts_with(b"ERROR ") => {
            Ok(Finding::unhealthy(clip(answer)))
        }
        _ => Err(Failure::Foreign),
    }
}

fn binary(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.say(BINARY_VERSION);
    // Magic 0x81, the opcode, six bytes more, the length of the body; 24 bytes in all.
    let answer = talk.hear("the version", |heard| match heard {
        [0x81, 0x0b, _, _, _, _, _, _, a, b, c, d, ..] => {
            usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?.checked_add(24)
        }
        _ if [0x81, 0x0b].starts_with(heard.get(..2).unwrap_or(heard)) => Some(24),
        _ => None,
    })?;
    let version = answer.get(24..).unwrap_or_default();
    let mut finding = ready(version, true);
    finding.found.push_str(", asks for a password");
    Ok(finding)
}

fn ready(version: &[u8], auth: bool) -> Finding {
    Finding::healthy(format!("version {}", clip(version)))
        .fact("version", version.to_vec())
        .fact("auth", auth)
}
