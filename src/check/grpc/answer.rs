//! The response to a grpc check: the verdict on it, or why there is none.

use super::Grpc;
use super::message::{self, ServingStatus};
use crate::deadline::Deadline;
use crate::net::greetings::{self, Protocol};
use crate::net::http2::hpack::Fields;
use crate::net::http2::{Client, Http2Error, error_name, field};
use crate::net::socket::CLOSED;
use crate::net::url::percent_decoded;
use crate::net::wire::Wire;
use crate::outcome::{Finding, Verdict};
use crate::text::{mark_foreign, quoted};
use crate::units;

/// The names of the gRPC status codes, from 0. https://grpc.io/docs/guides/status-codes/
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
const OK: u64 = 0;
const NOT_FOUND: u64 = 5;
const PERMISSION_DENIED: u64 = 7;
const UNIMPLEMENTED: u64 = 12;
const UNAUTHENTICATED: u64 = 16;

impl Grpc {
    /// Returns the verdict on a gRPC response.
    pub(super) fn judge(&self, body: &[u8], trailers: &Fields) -> Finding {
        let Some(code) = number(trailers, "grpc-status") else {
            return Finding::unhealthy("the response has no grpc-status");
        };
        let mut finding = if code == OK { self.verdict(body) } else { self.refusal(code) };
        let message = percent_decoded(field(trailers, "grpc-message").unwrap_or_default());
        if code != OK && !message.is_empty() {
            finding.quote = Some(("message", message.trim_ascii().to_vec()));
            finding.facts.push(("grpc_message", message.into()));
        }
        finding.facts.push(("grpc_status", code.into()));
        finding
    }

    /// Returns the verdict on a response of the health service.
    fn verdict(&self, body: &[u8]) -> Finding {
        let status = match message::response(body) {
            Ok(status) => status,
            Err(why) => return Finding::unhealthy(why).quoting("received", body),
        };
        let name = status.name();
        let found = match &self.service {
            Some(service) => format!("{} is {name}", mark_foreign(&quoted(service))),
            None => name.clone(),
        };
        let mut finding = Finding::unhealthy(found);
        match status {
            ServingStatus::Serving => finding.verdict = Verdict::Healthy,
            ServingStatus::ServiceUnknown => finding.found = self.unknown_service(&name),
            _ => finding.expected = Some("SERVING".to_owned()),
        }
        finding.facts.push(("status", name.into()));
        finding
    }

    /// Returns the finding for a status other than OK.
    fn refusal(&self, code: u64) -> Finding {
        let known = usize::try_from(code).ok().and_then(|code| CODES.get(code));
        let name = known.map_or_else(|| format!("grpc-status {code}"), |name| (*name).to_owned());
        Finding::unhealthy(match code {
            NOT_FOUND => self.unknown_service(&name),
            PERMISSION_DENIED | UNAUTHENTICATED => {
                format!("{name} (-H 'authorization: …' sends credentials)")
            }
            UNIMPLEMENTED => format!("the server speaks gRPC, but has no health service ({name})"),
            _ => name,
        })
    }

    fn unknown_service(&self, name: &str) -> String {
        match &self.service {
            Some(service) => {
                let service = mark_foreign(&quoted(service));
                format!("the server does not know the service {service} ({name}; see --service)")
            }
            None => format!("the server has no overall status ({name}; --service names a service)"),
        }
    }
}

/// Returns the finding if there is no response.
pub(super) fn failure(trouble: &Http2Error, client: &Client<'_>, deadline: Deadline) -> Finding {
    let wire = client.wire();
    let opening = wire.opening();
    let doing = format!("waiting for {}", client.awaiting());
    let mut quote = ("received", &[][..]);
    // Data that may differ from one run to the next.
    let mut noted = &[][..];
    let found = match trouble {
        // Whether this appears as an end of stream or as a reset is a race.
        Http2Error::Wire(error) | Http2Error::Unsent(error) if opening.is_empty() && error.is_hung_up() => {
            silent(wire)
        }
        Http2Error::Closed if opening.is_empty() => silent(wire),
        Http2Error::Wire(error) | Http2Error::Unsent(error) if error.is_hung_up() => {
            format!("{CLOSED} {doing}")
        }
        Http2Error::Wire(error) => return Finding::unhealthy(error.reason(deadline, &doing)),
        Http2Error::Unsent(error) => {
            return Finding::unhealthy(error.reason(deadline, "while the request was sent"));
        }
        Http2Error::Closed => format!("{CLOSED} {doing}"),
        Http2Error::NotHttp2 => {
            let other = greetings::other(opening, "grpc");
            *(if other.is_some() { &mut noted } else { &mut quote.1 }) = opening;
            match other {
                Some(Protocol::Http) => "the port speaks HTTP/1, not HTTP/2".to_owned(),
                Some(Protocol::Tls) if cfg!(feature = "tls") => {
                    "the port speaks TLS, not HTTP/2 in plain text (--tls)".to_owned()
                }
                Some(other) => format!("the port speaks {}, not HTTP/2", other.name()),
                None => "the response is not HTTP/2".to_owned(),
            }
        }
        Http2Error::Invalid(what) => format!("invalid HTTP/2: {what}"),
        Http2Error::Excess(what) => (*what).to_owned(),
        Http2Error::GoAway(code, debug) => {
            quote = ("debug", debug);
            format!("the server ended the connection with GOAWAY {}", error_name(*code))
        }
        Http2Error::Reset(code) => format!("the server reset the stream with {}", error_name(*code)),
    };
    Finding::unhealthy(found).quoting(quote.0, quote.1).with_fact_bytes("received", noted)
}

/// Describes that the server closed the connection without sending anything.
fn silent(wire: &Wire) -> String {
    [CLOSED, " without a reply", wire.silence_hint()].concat()
}

/// Returns the value of this field if it is a status of up to three digits.
pub(super) fn number(fields: &Fields, name: &str) -> Option<u64> {
    let text = std::str::from_utf8(field(fields, name)?).ok()?;
    units::number(text, 999)
}
