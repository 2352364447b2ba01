//! `mysql TARGET`: a MySQL or MariaDB server greets and answers a login.
//!
//! Connection phase:
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>. The
//! server greets with its version, or with an error.
//!
//! If a client closes after the greeting, the server counts a handshake error, and after
//! `max_connect_errors` (100) of them it blocks the host. A refused login does not count.
//! <https://dev.mysql.com/doc/refman/8.4/en/performance-schema-host-cache-table.html> So the check
//! logs in as `porthole`, without a password. If that account does not exist, the server refuses
//! the login; MariaDB counts that in `Aborted_connects` and logs a warning ("Access denied for user
//! 'porthole'"), as it does for `mysqladmin ping`. If it exists (`CREATE USER porthole@localhost`),
//! the session ends with `COM_QUIT`, and nothing is counted or logged.
//!
//! With TLS, the check requests it after the greeting: `SSLRequest`.
//!
//! `COM_QUIT` is a command, so the check does not send it before the answer to the login: a server
//! that is still authenticating mistakes it for the next authentication packet and logs an error.
//! The check sends an empty password for every plugin that the server requests. After a refused
//! login the server closes the connection.

use super::Kind;
use super::foreign::{CLIENT, TLS};
use super::server::{self, Failure, NO_TLS, Protocol, Talk, TlsStart};
use crate::args::Hint::LeaveOut;
use crate::args::{Foreign, Row};
use crate::outcome::Finding;
use crate::text::clip;

/// `HandshakeResponse41`: the capabilities long password, protocol 4.1, secure connection, and
/// plugins; packets of up to 64 KiB; UTF-8; the user; no password; a plugin that works without one.
const LOGIN: &[u8] =
    b"\x40\0\0\x01\x01\x82\x08\0\0\0\x01\0\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    porthole\0\0mysql_native_password\0";
/// The length of an `SSLRequest`, in bytes: capabilities, the longest packet, the character set, and
/// room.
const SSL_REQUEST: u8 = 32;
/// The capability of TLS, in the greeting and in the login.
const CLIENT_SSL: u16 = 0x0800;
/// `COM_QUIT`.
const QUIT: &[u8] = b"\x01\0\0\0\x01";
/// Errors that concern the server, not the client: out of memory (1037, 1041), too many connections
/// (1040), shutting down (1053), cannot create a thread (1135), offline mode (3032). Access denied
/// to this account or host (1045, 1130) and a blocked host (1129) concern the client.
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
const NOT_READY: &[u16] = &[1037, 1040, 1041, 1053, 1135, 3032];
/// How many times a server may request the password, for one plugin or another.
const PLUGINS: usize = 8;

static PROTOCOL: Protocol = Protocol { tls: TlsStart::Upgrade, ..Protocol::plain("mysql", handshake) };

pub(super) const KIND: Kind = Kind {
    name: "mysql",
    summary: "a MySQL or MariaDB server accepts connections",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole mysql :3306\nporthole mysql /run/mysqld/mysqld.sock",
    foreign: Foreign::rows(&[FOREIGN, CLIENT, TLS]),
};

/// Options of mysql and mysqladmin, in which -p is the password and -P the port.
const FOREIGN: &[Row] =
    &[(&["-p", "-u", "--password", "--user"], LeaveOut("the check needs no account or password"))];

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    let greeting = talk.receive("the greeting", |received| match received.get(3..5) {
        None => Some(5),
        // The first packet of a connection: an error, or version 10 of the handshake.
        Some([0, 0xff | 10]) => Some(length(received)),
        Some(_) => None,
    })?;
    if let Some(error) = error(&greeting) {
        return Ok(match error {
            (code, message) if NOT_READY.contains(&code) => Finding::unhealthy(message).fact("code", code),
            (code, message) => {
                Finding::healthy(format!("up, refuses this client: {message}")).fact("code", code)
            }
        });
    }
    let greeting =
        greeting.get(4..).and_then(|payload| payload.strip_prefix(&[10])).ok_or(Failure::Foreign)?;
    let version = greeting.split(|&byte| byte == 0).next().unwrap_or_default();
    // MariaDB before 11 prefixes its version with 5.5.5, for clients that understand only one
    // digit.
    let version = version.strip_prefix(b"5.5.5-").unwrap_or(version).to_vec();
    let mut login = LOGIN.to_vec();
    if talk.wants_tls() {
        if !offers_tls(greeting) {
            return Ok(Finding::unhealthy(NO_TLS));
        }
        // `SSLRequest` is the beginning of the login, whose number is then the next one.
        let request = with_tls(&login, 1, Some(SSL_REQUEST));
        talk.send(&request);
        talk.start_tls()?;
        login = with_tls(&login, 2, None);
    }
    talk.send(&login);
    let mut answer = talk.receive("the answer to the login", |received| Some(length(received)))?;
    // `AuthSwitchRequest` requests another plugin, `AuthMoreData` is the next question of the same
    // one: an empty packet is the answer without a password to all of them.
    for _ in 0..PLUGINS {
        let (Some(0xfe | 1), Some(number)) = (answer.get(4), answer.get(3)) else { break };
        talk.send(&[0, 0, 0, number.wrapping_add(1)]);
        answer = talk.receive("the answer to the login", |received| Some(length(received)))?;
    }
    let is_logged_in = answer.get(4) == Some(&0);
    let finding = match (error(&answer), answer.get(4)) {
        (Some((code, message)), _) if NOT_READY.contains(&code) => {
            Finding::unhealthy(message).fact("code", code)
        }
        // A refusal, `OK_Packet`, or a server that keeps asking.
        (Some(_), _) | (None, Some(0 | 1 | 0xfe)) => {
            Finding::healthy(format!("accepts connections, version {}", clip(&version)))
        }
        _ => return Err(Failure::Foreign),
    };
    if is_logged_in {
        talk.send(QUIT);
    }
    Ok(finding.fact("version", version).fact("auth", !is_logged_in))
}

/// Whether the capabilities in a greeting, whose first byte is that of the version, include TLS.
/// They follow the version, the number of the connection, eight random bytes and a zero.
fn offers_tls(greeting: &[u8]) -> bool {
    let behind = greeting.iter().position(|&byte| byte == 0).map(|end| end + 1 + 4 + 8 + 1);
    let capabilities = behind.and_then(|at| greeting.get(at..)?.first_chunk());
    capabilities.is_some_and(|bytes| u16::from_le_bytes(*bytes) & CLIENT_SSL != 0)
}

/// Returns a packet with the capability of TLS and this number. `cut` is the length of its payload,
/// if it is cut.
fn with_tls(packet: &[u8], number: u8, cut: Option<u8>) -> Vec<u8> {
    let mut out = packet.to_vec();
    if let Some(cut) = cut {
        out.truncate(usize::from(cut) + 4);
    }
    if let [length, _, _, sequence, low, high, ..] = out.as_mut_slice() {
        *length = cut.unwrap_or(*length);
        *sequence = number;
        let [more_low, more_high] = CLIENT_SSL.to_le_bytes();
        *low |= more_low;
        *high |= more_high;
    }
    out
}

/// Returns the length of a packet: it begins with a length of three bytes, which does not count the
/// four bytes of the header.
fn length(received: &[u8]) -> usize {
    match received {
        [low, middle, high, ..] => {
            4 + usize::from(*low) + (usize::from(*middle) << 8) + (usize::from(*high) << 16)
        }
        _ => 4,
    }
}

/// Parses an `ERR_Packet` as code and message. Once the client is known, `#` and an SQLSTATE
/// precede the message.
fn error(packet: &[u8]) -> Option<(u16, String)> {
    let (code, message) = packet.get(4..)?.strip_prefix(b"\xff")?.split_first_chunk()?;
    let message = message.strip_prefix(b"#").and_then(|stated| stated.get(5..)).unwrap_or(message);
    Some((u16::from_le_bytes(*code), clip(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_has_its_length() {
        assert_eq!(length(LOGIN), LOGIN.len());
        let request = with_tls(LOGIN, 1, Some(SSL_REQUEST));
        assert_eq!((length(&request), request.len()), (36, 36));
        assert_eq!(request.get(..6), Some(&b"\x20\0\0\x01\x01\x8a"[..]));
        let login = with_tls(LOGIN, 2, None);
        assert_eq!((length(&login), login.get(3..6)), (LOGIN.len(), Some(&b"\x02\x01\x8a"[..])));
    }

    #[test]
    fn a_greeting_offers_tls_or_not() {
        for (capabilities, offers) in [(b"\xff\xff", true), (b"\0\x08", true), (b"\xff\xf7", false)] {
            let greeting = [&b"8.4.0\0\x07\0\0\0abcdefgh\0"[..], capabilities].concat();
            assert_eq!(offers_tls(&greeting), offers);
        }
        assert!(!offers_tls(b"8.4.0\0\x07\0"));
        assert!(!offers_tls(b""));
    }

    #[test]
    fn errors_with_and_without_a_state() {
        // From MariaDB 10.11.
        let host = b"D\0\0\0\xffj\x04Host '127.0.0.2' is not allowed to connect to this MariaDB server";
        let (code, message) = error(host).unwrap();
        assert_eq!(
            (code, message.as_str()),
            (1130, "Host '127.0.0.2' is not allowed to connect to this MariaDB server")
        );
        assert_eq!(
            error(b"\x16\0\0\x02\xff\x13\x04#08S01Bad handshake"),
            Some((1043, "Bad handshake".to_owned()))
        );
        for packet in [&b"\x01\0\0\x02\0"[..], b"\x01\0\0\0\xff", b""] {
            assert_eq!(error(packet), None);
        }
    }
}
