//! `nats TARGET`: a NATS server greets and answers PING.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>. The server sends `INFO`; the
//! client answers with `CONNECT`. A server that requires a password, a token or a key says so in
//! `INFO`; the check ends there, because the server logs a refused `CONNECT` as an error. A client
//! without subscriptions ends by closing the connection.
//!
//! With TLS, the handshake follows `INFO`, or precedes it if the server is configured with
//! `handshake_first`: <https://docs.nats.io/running-a-nats-service/configuration/securing_nats/tls>.
//! So the check starts with TLS if a server does not greet at once.

use std::time::Duration;

use serde_json::value::RawValue;

use super::Kind;
use super::foreign::SERVER;
use super::http::json::value_at;
use super::server::{self, Failure, NO_TLS, Protocol, Talk, TlsStart};
use crate::outcome::{Fact, Finding};
use crate::text::clip;

/// How long a server may take to greet before the check starts with TLS.
const GREETING_TIME: Duration = Duration::from_millis(250);
/// How an error begins.
const ERROR: &[u8] = b"-ERR '";
/// The options that the protocol requires. Without `verbose`, the server answers only `PING`.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\
    \"lang\":\"rust\",\"version\":\"0\",\"name\":\"porthole\"}\r\nPING\r\n";

static PROTOCOL: Protocol = Protocol { tls: TlsStart::Upgrade, ..Protocol::plain("nats", handshake) };

pub(super) const KIND: Kind = Kind {
    name: "nats",
    summary: "a NATS server is ready",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole nats :4222",
    foreign: SERVER,
};

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    let mut is_secured = false;
    if talk.wants_tls() && !talk.is_greeted_within(GREETING_TIME) {
        talk.start_tls()?;
        is_secured = true;
    }
    let mut version: Option<Vec<u8>> = None;
    loop {
        let awaited = if version.is_none() { "the greeting" } else { "the answer to PING" };
        // INFO, PING, PONG, +OK or -ERR.
        let line = talk.receive(awaited, |received| match received.first() {
            None | Some(b'I' | b'P' | b'+' | b'-') => Some(server::line(received)),
            Some(_) => None,
        })?;
        if let Some(error) = line.strip_prefix(ERROR) {
            return Ok(refusal(error));
        }
        let Some(info) = line.strip_prefix(b"INFO ") else {
            match &version {
                None => return Err(Failure::Foreign),
                Some(version) if line.starts_with(b"PONG") => return Ok(server::ready(version, false)),
                Some(_) => continue,
            }
        };
        let info: &RawValue = serde_json::from_slice(info).map_err(|_| Failure::Foreign)?;
        let has = |pointer| value_at(info, pointer) == Some("true");
        if has("/ldm") {
            return Ok(Finding::unhealthy("shutting down (lame duck mode)"));
        }
        if version.is_some() {
            continue;
        }
        if talk.wants_tls() {
            if !has("/tls_required") && !has("/tls_available") {
                return Ok(Finding::unhealthy(NO_TLS));
            }
            if let Err(failure) = talk.start_tls() {
                // A server without a free connection sends an error after `INFO`.
                return talk.plain_answer().strip_prefix(ERROR).map(refusal).ok_or(failure);
            }
        } else if !is_secured && has("/tls_required") {
            return Ok(Finding::healthy("up, asks for TLS"));
        }
        let found = value_at(info, "/version").unwrap_or_default().trim_matches('"').as_bytes().to_vec();
        if has("/auth_required") {
            return Ok(server::ready(&found, true));
        }
        version = Some(found);
        talk.send(CONNECT);
    }
}

/// Returns what it means that the server refuses this client with such an error, which ends with a
/// quotation mark.
fn refusal(error: &[u8]) -> Finding {
    let error = error.split(|&byte| byte == b'\'').next().unwrap_or_default();
    let mut finding = if error.starts_with(b"Authorization ") {
        Finding::healthy("up, asks for a password")
    } else {
        Finding::unhealthy(clip(error))
    };
    finding.push("error", Fact::Bytes(error.to_vec()));
    finding
}
