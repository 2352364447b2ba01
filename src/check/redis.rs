//! `redis TARGET`: a Redis server answers PING. Valkey, KeyDB and Sentinel do as well.
//!
//! RESP: <https://redis.io/docs/latest/develop/reference/protocol-spec/>. PING is answered with an error by a
//! server that loads its data set, waits for its master, is busy with a script, cannot save or is out of connections: that
//! is not ready. One that refuses this client, for want of a password or because of its address, is up.
//!
//! The end of the stream is all the farewell: the server logs nothing of it, and its `QUIT` is deprecated in favour of
//! just that, as it leaves the server the side that closes first: <https://redis.io/docs/latest/commands/quit/>

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Talk};
use crate::args::Hint::Say;
use crate::args::{Foreign, Row};
use crate::outcome::Finding;
use crate::text::clip;

pub(super) const KIND: Kind = Kind {
    name: "redis",
    summary: "a Redis server (Valkey, KeyDB, Sentinel) is ready",
    options: &[server::OPTIONS],
    plan: |given| server::plan(given, KIND.name, handshake, None),
    examples: "porthole redis :6379\nporthole redis /run/redis/redis.sock",
    foreign: Foreign::rows(&[FOREIGN, SERVER]),
};

const FOREIGN: &[Row] =
    &[(&["--host"], Say("write the server as the target: porthole redis localhost:6379"))];

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    // As an array: proxies do not know the inline form.
    talk.say(b"*1\r\n$4\r\nPING\r\n");
    // A simple string or a simple error.
    let answer = talk.hear("the answer to PING", |heard| match heard.first() {
        None | Some(b'+' | b'-') => Some(server::line(heard)),
        Some(_) => None,
    })?;
    let answer = answer.trim_ascii_end();
    if answer == b"+PONG" {
        return Ok(Finding::healthy("PONG").fact("auth", false));
    }
    let error = answer.strip_prefix(b"-").ok_or(Failure::Foreign)?;
    let mut code = error.split(|&byte| byte == b' ').next().unwrap_or_default();
    // Before Redis 2.8 there was no code for it.
    if error == b"ERR operation not permitted" {
        code = b"NOAUTH";
    }
    let finding = match code {
        b"NOAUTH" | b"NOPERM" => return Ok(Finding::healthy("up, asks for a password").fact("auth", true)),
        // Without a password, a server serves loopback addresses only.
        b"DENIED" => Finding::healthy("up, refuses this client: it is in protected mode"),
        b"LOADING" => Finding::unhealthy("loading its data set"),
        _ => Finding::unhealthy(clip(error)),
    };
    Ok(finding.fact("error", error.to_vec()))
}
