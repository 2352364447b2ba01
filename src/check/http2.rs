//! What the checks that speak HTTP/2 share: the finding if there is no response.

use crate::net::greetings::{self, Protocol};
use crate::net::http2::{Http2Error, PROTOCOL_ERROR};
use crate::net::socket::CLOSED;
use crate::net::wire::Wire;
use crate::outcome::Finding;

/// Returns the finding if there is no response. `awaiting` is what the client waited for, and
/// `with_tls` how the user asks for TLS.
pub(super) fn failure(trouble: &Http2Error, awaiting: &str, wire: &Wire, with_tls: &str) -> Finding {
    let opening = wire.opening();
    let deadline = wire.deadline();
    let doing = format!("waiting for {awaiting}");
    let mut quote = ("received", &[][..]);
    // Data that may differ from one run to the next.
    let mut noted = &[][..];
    // Whether this appears as an end of stream or as a reset is a race.
    let is_gone = match trouble {
        Http2Error::Wire(error) | Http2Error::Unsent(error) => error.is_hung_up(),
        _ => false,
    };
    let found = match trouble {
        _ if is_gone && opening.is_empty() => [CLOSED, " without a reply", wire.silence_hint()].concat(),
        Http2Error::Wire(error) => error.reason(deadline, &doing),
        Http2Error::Unsent(error) if is_gone => error.reason(deadline, &doing),
        Http2Error::Unsent(error) => error.reason(deadline, "while the request was sent"),
        Http2Error::NotHttp2 => {
            let other = greetings::other(opening, "grpc");
            *(if other.is_some() { &mut noted } else { &mut quote.1 }) = opening;
            match other {
                Some(Protocol::Http) => "the port speaks HTTP/1, not HTTP/2".to_owned(),
                Some(Protocol::Tls) if cfg!(feature = "tls") => {
                    format!("the port speaks TLS, not HTTP/2 in plain text ({with_tls})")
                }
                Some(other) => format!("the port speaks {}, not HTTP/2", other.name()),
                None => trouble.words(),
            }
        }
        Http2Error::GoAway(code, debug) => {
            quote = ("debug", debug);
            // Nothing that we send breaks the protocol, unless the server expects something else.
            let hint = if *code == PROTOCOL_ERROR { wire.proxy_hint() } else { "" };
            trouble.words() + hint
        }
        _ => trouble.words(),
    };
    Finding::unhealthy(found).quoting(quote.0, quote.1).with_fact_bytes("received", noted)
}
