//! `redis TARGET`: a Redis server answers PING. Valkey, KeyDB and Sentinel do as well.
//!
//! RESP: <https://redis.io/docs/latest/develop/reference/protocol-spec/>. A server answers PING
//! with an error if it is loading its data set, waiting for its master, busy with a script, unable
//! to save, or out of connections: it is not ready. A server that refuses this client, because of a
//! missing password or its address, is up.
//!
//! The check ends by closing the connection, which the server does not log. `QUIT` is deprecated in
//! favour of that, because it makes the server the side that closes first:
//! <https://redis.io/docs/latest/commands/quit/>

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Protocol, Talk};
use crate::outcome::Finding;
use crate::text::clip;

static PROTOCOL: Protocol = Protocol::plain("redis", handshake);

pub(super) const KIND: Kind = Kind {
    name: "redis",
    summary: "a Redis server (Valkey, KeyDB, Sentinel) is ready",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole redis :6379\nporthole redis /run/redis/redis.sock",
    foreign: SERVER,
};

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    // As an array, because proxies do not support inline commands.
    talk.send(b"*1\r\n$4\r\nPING\r\n");
    // A simple string or a simple error.
    let answer = talk.receive("the answer to PING", |received| match received.first() {
        None | Some(b'+' | b'-') => Some(server::line(received)),
        Some(_) => None,
    })?;
    let answer = answer.trim_ascii_end();
    if answer == b"+PONG" {
        return Ok(Finding::healthy("PONG").fact("auth", false));
    }
    let error = answer.strip_prefix(b"-").ok_or(Failure::Foreign)?;
    let mut code = error.split(|&byte| byte == b' ').next().unwrap_or_default();
    // Redis before 2.8 has no error code for it.
    if error == b"ERR operation not permitted" {
        code = b"NOAUTH";
    }
    let finding = match code {
        b"NOAUTH" | b"NOPERM" => return Ok(Finding::healthy("up, asks for a password").fact("auth", true)),
        // In protected mode, a server without a password serves only loopback addresses.
        b"DENIED" => Finding::healthy("up, refuses this client: it is in protected mode"),
        b"LOADING" => Finding::unhealthy("loading its data set"),
        _ => Finding::unhealthy(clip(error)),
    };
    Ok(finding.fact("error", error.to_vec()))
}
