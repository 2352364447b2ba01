//! `postgres TARGET`: a PostgreSQL server accepts connections.
//!
//! Frontend/Backend Protocol 3.0:
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>. The check starts a
//! session, as `pg_isready` does. If the server requests a password, the check closes the
//! connection there: a `Terminate` instead of the password would be logged as a protocol violation,
//! whereas a closed connection is not logged. (With GSSAPI it is; `pg_isready` causes that line
//! too.) If no password is requested, the check ends the session with `Terminate`.
//!
//! As for `pg_isready`, a server that refuses this client is up: no such role or database, no entry
//! in `pg_hba.conf`, "SSL required". Unlike `pg_isready`, the check treats every error that
//! concerns the server as unhealthy, not just `cannot_connect_now` (57P03): see
//! [`concerns_server`].
//!
//! With TLS, the check requests it before the session: `SSLRequest`.
//!
//! A server that cannot even start a process for the session sends an error of protocol 2: a text
//! that ends with NUL. An error that is too short or too long for protocol 3 is treated as such, as
//! in libpq: `PQconnectPoll`.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, NO_TLS, Protocol, Talk, TlsStart};
use crate::outcome::Finding;
use crate::text::clip;

/// `StartupMessage` with its length, for a user and a database that exist on most servers.
const STARTUP: &[u8] =
    b"\0\0\0\x43\0\x03\0\0user\0postgres\0database\0postgres\0application_name\0porthole\0\0";
/// `SSLRequest`: its length, and 1234 and 5679 in place of a version.
const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
/// `Terminate`.
const TERMINATE: &[u8] = b"X\0\0\0\x04";
/// The longest authentication request, in bytes: the limit of libpq.
const LONGEST_REQUEST: usize = 2000;

/// Messages of PgBouncer when it is out of connections or shutting down. PostgreSQL has SQLSTATEs
/// for these (53300, 57P01).
const POOLER_NOT_READY: &[&[u8]] = &[
    b"no more connections allowed (max_client_conn)",
    b"client connections exceeded (max_db_client_connections)",
    b"client connections exceeded (max_user_client_connections)",
    b"pooler is shutting down",
    b"server shutting down",
];

static PROTOCOL: Protocol = Protocol { tls: TlsStart::Upgrade, ..Protocol::plain("postgres", handshake) };

pub(super) const KIND: Kind = Kind {
    name: "postgres",
    summary: "a PostgreSQL server accepts connections",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole postgres :5432\nporthole postgres /run/postgresql/.s.PGSQL.5432",
    foreign: SERVER,
};

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    if talk.wants_tls() {
        talk.send(SSL_REQUEST);
        let answer = talk.receive("the answer to the SSL request", |received| match received.first() {
            None | Some(b'S' | b'N') => Some(1),
            Some(b'E') => error_length(received),
            Some(_) => None,
        })?;
        match answer.first() {
            Some(b'S') => talk.start_tls()?,
            Some(b'N') => return Ok(Finding::unhealthy(NO_TLS)),
            _ => return refusal(&answer),
        }
    }
    talk.send(STARTUP);
    let request = talk.receive("the answer to the startup message", |received| match received.first() {
        Some(b'R') => length(received).filter(|&length| length <= LONGEST_REQUEST),
        None => length(received),
        Some(b'E') => error_length(received),
        Some(_) => None,
    })?;
    if request.first() == Some(&b'E') {
        return refusal(&request);
    }
    // The authentication type: 0 is none, 12 is the last one defined.
    match request.get(5..9) {
        Some([0, 0, 0, 0]) => {}
        Some([0, 0, 0, 1..=12]) => {
            return Ok(Finding::healthy("accepts connections, asks for a password").fact("auth", true));
        }
        _ => return Err(Failure::Foreign),
    }
    // Parameters and notices follow until the server is ready for a query.
    loop {
        let message = talk.receive("the session to begin", |received| match received.first() {
            Some(kind) if !kind.is_ascii_uppercase() => None,
            _ => length(received),
        })?;
        match message.first() {
            Some(b'E') => return refusal(&message),
            Some(b'Z') => {
                talk.send(TERMINATE);
                return Ok(Finding::healthy("accepts connections").fact("auth", false));
            }
            _ => {}
        }
    }
}

/// Returns the length of a message: one byte for its type, then a length of four bytes that counts
/// itself but not the type.
fn length(received: &[u8]) -> Option<usize> {
    let Some((_, rest)) = received.split_first() else { return Some(1) };
    let Some(length) = rest.first_chunk() else { return Some(5) };
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length < 4 { None } else { length.checked_add(1) }
}

/// Returns the length of an error, of either protocol.
fn error_length(received: &[u8]) -> Option<usize> {
    match length(received) {
        known @ Some(5 | 9..=server::LIMIT) => known,
        _ => text(received),
    }
}

/// Returns the length of an error of protocol 2; `None` if this is not one.
fn text(received: &[u8]) -> Option<usize> {
    match received.iter().position(|&byte| byte < b' ' && byte != b'\n') {
        None => Some(received.len() + 1),
        Some(at) => (received.get(at) == Some(&0)).then_some(at + 1),
    }
}

/// Returns the finding for an error. An `ErrorResponse` has fields, each a letter and a text: `C`
/// is the SQLSTATE, `M` the message. An error of protocol 2 is only a text.
fn refusal(error: &[u8]) -> Result<Finding, Failure> {
    let fields = || error.get(5..).unwrap_or_default().split(|&byte| byte == 0);
    let field = |letter| fields().find_map(|field: &[u8]| field.strip_prefix(&[letter]));
    let (Some(state), Some(message)) = (field(b'C'), field(b'M')) else {
        // A zero here is the beginning of a length, not of a text.
        let text = error.get(1..).and_then(|text| text.strip_suffix(b"\0")).unwrap_or_default();
        return match text.first() {
            None | Some(0) => Err(Failure::Foreign),
            Some(_) => Ok(Finding::unhealthy(clip(text.trim_ascii_end()))),
        };
    };
    let concerns_server = concerns_server(state, message);
    let message = clip(message);
    let finding = if concerns_server {
        Finding::unhealthy(message)
    } else {
        Finding::healthy(format!("up, refuses this client: {message}"))
    };
    Ok(finding.fact("sqlstate", state.to_vec()))
}

/// Whether an error of this SQLSTATE and message concerns the server rather than this client.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn concerns_server(state: &[u8], message: &[u8]) -> bool {
    match state {
        // PgBouncer uses this state for all its own errors, CockroachDB for a client without TLS.
        b"08P01" => POOLER_NOT_READY.contains(&message),
        // The server rejected the connection.
        b"08004" => false,
        // 08: no connection to the server behind this one. 53: out of resources, such as
        // connections. 57: starting up or shutting down. 58, XX: broken.
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
