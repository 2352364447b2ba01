//! `postgres TARGET`: a PostgreSQL server accepts connections.
//!
//! Frontend/Backend Protocol 3.0: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. The check begins a
//! session, as `pg_isready` does. Where the server asks for a password, that is enough, and the connection ends there: a
//! `Terminate` in place of the password would be logged as a protocol violation, the end of the stream is not logged at
//! all. (With GSSAPI it is; `pg_isready` leaves that line too.) Where no password is asked for, the session is ended by
//! `Terminate`.
//!
//! As for `pg_isready`, a server that refuses this client is up: no such role or database, no entry in `pg_hba.conf`, "SSL
//! required". Unlike `pg_isready`, every error that concerns the server is unhealthy, not just `cannot_connect_now`
//! (57P03): see [`is_of_the_server`].
//!
//! A server that cannot even start a process for the session says so as in protocol 2, a text that ends with NUL. What
//! is too short or too long for an error of protocol 3 is taken for that, as libpq does: `PQconnectPoll`.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Talk};
use crate::args::Hint::Say;
use crate::args::{Foreign, Row};
use crate::outcome::Finding;
use crate::text::clip;

/// `StartupMessage` with its length, for a user and a database that most servers have.
const STARTUP: &[u8] =
    b"\0\0\0\x43\0\x03\0\0user\0postgres\0database\0postgres\0application_name\0porthole\0\0";
/// `Terminate`.
const TERMINATE: &[u8] = b"X\0\0\0\x04";
/// The longest message that asks for authentication, in bytes: as libpq has it.
const LONGEST_REQUEST: usize = 2000;

/// What PgBouncer says when it is out of connections or shuts down, where PostgreSQL has states of their own (53300,
/// 57P01).
const POOLER_NOT_READY: &[&[u8]] = &[
    b"no more connections allowed (max_client_conn)",
    b"client connections exceeded (max_db_client_connections)",
    b"client connections exceeded (max_user_client_connections)",
    b"pooler is shutting down",
    b"server shutting down",
];

pub(super) const KIND: Kind = Kind {
    name: "postgres",
    summary: "a PostgreSQL server accepts connections",
    options: &[server::OPTIONS],
    plan: |given| server::plan(given, KIND.name, handshake, None),
    examples: "porthole postgres :5432\nporthole postgres /run/postgresql/.s.PGSQL.5432",
    foreign: Foreign::rows(&[FOREIGN, SERVER]),
};

const FOREIGN: &[Row] =
    &[(&["--host"], Say("write the server as the target: porthole postgres localhost:5432"))];

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.say(STARTUP);
    let request = talk.hear("the answer to the startup message", |heard| match heard.first() {
        Some(b'R') => length(heard).filter(|&length| length <= LONGEST_REQUEST),
        None => length(heard),
        Some(b'E') => match length(heard) {
            known @ Some(5 | 9..=server::LIMIT) => known,
            _ => text(heard),
        },
        Some(_) => None,
    })?;
    if request.first() == Some(&b'E') {
        return refusal(&request);
    }
    // The kinds of authentication: 0 is none, 12 the last that there is.
    match request.get(5..9) {
        Some([0, 0, 0, 0]) => {}
        Some([0, 0, 0, 1..=12]) => {
            return Ok(Finding::healthy("accepts connections, asks for a password").fact("auth", true));
        }
        _ => return Err(Failure::Foreign),
    }
    // Parameters and notices, until the server is ready for a query.
    loop {
        let message = talk.hear("the session to begin", |heard| match heard.first() {
            Some(kind) if !kind.is_ascii_uppercase() => None,
            _ => length(heard),
        })?;
        match message.first() {
            Some(b'E') => return refusal(&message),
            Some(b'Z') => {
                talk.say(TERMINATE);
                return Ok(Finding::healthy("accepts connections").fact("auth", false));
            }
            _ => {}
        }
    }
}

/// The length of a message: its kind and four bytes that count themselves, but not the kind.
fn length(heard: &[u8]) -> Option<usize> {
    let Some((_, rest)) = heard.split_first() else { return Some(1) };
    let Some(length) = rest.first_chunk() else { return Some(5) };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length < 4 { None } else { length.checked_add(1) }
}

/// The length of an error of protocol 2, as far as it is one.
fn text(heard: &[u8]) -> Option<usize> {
    match heard.iter().position(|&byte| byte < b' ' && byte != b'\n') {
        None => Some(heard.len() + 1),
        Some(at) => (heard.get(at) == Some(&0)).then_some(at + 1),
    }
}

/// `ErrorResponse`: fields of a letter and a text, of which `C` is the SQLSTATE and `M` the message; or a text alone.
fn refusal(error: &[u8]) -> Result<Finding, Failure> {
    let fields = || error.get(5..).unwrap_or_default().split(|&byte| byte == 0);
    let field = |letter| fields().find_map(|field: &[u8]| field.strip_prefix(&[letter]));
    let (Some(state), Some(message)) = (field(b'C'), field(b'M')) else {
        // A length would begin with a zero.
        let text = error.get(1..).and_then(|text| text.strip_suffix(b"\0")).unwrap_or_default();
        return match text.first() {
            None | Some(0) => Err(Failure::Foreign),
            Some(_) => Ok(Finding::unhealthy(clip(text.trim_ascii_end()))),
        };
    };
    let is_of_the_server = is_of_the_server(state, message);
    let message = clip(message);
    let finding = if is_of_the_server {
        Finding::unhealthy(message)
    } else {
        Finding::healthy(format!("up, refuses this client: {message}"))
    };
    Ok(finding.fact("sqlstate", state.to_vec()))
}

/// Whether an error of this SQLSTATE and message concerns the server rather than this client.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn is_of_the_server(state: &[u8], message: &[u8]) -> bool {
    match state {
        // PgBouncer has this one state for all its own errors, CockroachDB for a client without TLS.
        b"08P01" => POOLER_NOT_READY.contains(&message),
        // The server rejected the connection.
        b"08004" => false,
        // No connection to the server behind this one; out of resources, such as connections; starting up or shutting
        // down; broken.
        _ => matches!(state.get(..2), Some(b"08" | b"53" | b"57" | b"58" | b"XX")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_startup_message_has_its_length() {
        let length = STARTUP.first_chunk().map(|length| u32::from_be_bytes(*length));
        assert_eq!(length, u32::try_from(STARTUP.len()).ok());
    }

    #[test]
    fn lengths() {
        assert_eq!(length(b"R\0\0\0\x08"), Some(9));
        assert_eq!(length(b"R\0\0"), Some(5));
        assert_eq!(length(b"R\0\0\0\x03"), None);
        assert_eq!(length(b"E\xff\xff\xff\xff"), Some(1 << 32));
    }
}
