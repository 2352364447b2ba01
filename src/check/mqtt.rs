//! `mqtt TARGET`: an MQTT broker accepts connections.
//!
//! MQTT 3.1.1: <https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>. The client
//! sends `CONNECT`, the broker answers `CONNACK`. The check leaves the choice of a client
//! identifier to the broker (3.1.3.1): if two clients have the same, the broker disconnects the
//! first one.
//!
//! A broker that refuses this client, because it has no identifier or password or is not allowed to
//! connect, is up. It closes the connection after that; a session ends with `DISCONNECT`.
//!
//! MQTT 5: <https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html>. A broker that speaks
//! only that answers `CONNECT` with its own codes (3.2.2.2), which begin at 128.

use super::Kind;
use super::foreign::{CLIENT, TLS};
use super::server::{self, Failure, Protocol, Talk};
use crate::args::Hint::LeaveOut;
use crate::args::{Foreign, Row};
use crate::outcome::{Fact, Finding};

/// `CONNECT` and its length: protocol `MQTT`, level 4; a new session; keep alive for 60 seconds; no
/// client identifier.
const CONNECT: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
/// `DISCONNECT`.
const DISCONNECT: &[u8] = b"\xe0\0";

static PROTOCOL: Protocol = Protocol::plain("mqtt", handshake);

pub(super) const KIND: Kind = Kind {
    name: "mqtt",
    summary: "an MQTT broker (Mosquitto, EMQX) accepts connections",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole mqtt :1883",
    foreign: Foreign::rows(&[FOREIGN, CLIENT, TLS]),
};

/// Options of mosquitto_sub, in which -P is the password.
const FOREIGN: &[Row] = &[(
    &["-P", "--pw", "-i", "--id", "--topic"],
    LeaveOut("the check needs no password, identifier or topic"),
)];

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.send(CONNECT);
    let answer = talk.receive("the answer to CONNECT", length)?;
    let code = answer.get(3).copied().unwrap_or_default();
    if code == 0 {
        talk.send(DISCONNECT);
    }
    let is_login = matches!(code, 4 | 5);
    let mut finding = match code {
        0 => Finding::healthy("accepts connections"),
        2 => Finding::healthy("up, refuses this client: it has no identifier"),
        _ if is_login => Finding::healthy("up, asks for a password"),
        1 | 0x84 => Finding::unhealthy("the server refuses MQTT 3.1.1"),
        3 => Finding::unhealthy("the server is unavailable"),
        _ => return Err(Failure::Foreign),
    };
    finding.push("auth", Fact::Bool(is_login));
    finding.push("code", Fact::Count(code.into()));
    Ok(finding)
}

/// Returns the length of `CONNACK`: its type; the length of the rest, in one byte; flags, a code and,
/// in MQTT 5, properties.
fn length(received: &[u8]) -> Option<usize> {
    match received {
        [] | [0x20] => Some(4),
        [0x20, length @ 2..=127, ..] => Some(usize::from(*length) + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_its_length() {
        assert_eq!(usize::from(CONNECT[1]), CONNECT.len() - 2);
    }

    #[test]
    fn lengths() {
        for (received, expected) in [
            (&b""[..], Some(4)),
            (b"\x20", Some(4)),
            (b"\x20\x02", Some(4)),
            // MQTT 5, with properties.
            (b"\x20\x7f\0", Some(129)),
            (b"\x20\x00", None),
            (b"\x20\x01\0", None),
            (b"\x20\x80\x01", None),
            (b"\x20\xff\xff\xff\x7f", None),
            (b"\xff", None),
        ] {
            assert_eq!(length(received), expected, "{}", received.escape_ascii());
        }
    }
}
