//! The answer to a grpc check: its verdict, or why there is none.

use super::{Grpc, message};
use crate::deadline::Deadline;
use crate::net::greetings::{self, Protocol};
use crate::net::http2::hpack::Fields;
use crate::net::http2::{Client, Trouble, error_name, field};
use crate::net::socket::CLOSED;
use crate::net::url::percent_decoded;
use crate::net::wire::Wire;
use crate::outcome::{Finding, Verdict};
use crate::text::{foreign, quoted};
use crate::units;

/// Names of status codes, from 0. https://grpc.io/docs/guides/status-codes/
const CODES: &str = "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS \
    PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL \
    UNAVAILABLE DATA_LOSS UNAUTHENTICATED";

impl Grpc {
    /// The verdict of a gRPC response.
    pub(super) fn judge(&self, body: &[u8], trailers: &Fields, shown: &str) -> Finding {
        let Some(code) = number(trailers, "grpc-status") else {
            return Finding::unhealthy("the response has no grpc-status");
        };
        let mut finding = if code == 0 { self.verdict(body, shown) } else { self.refusal(code) };
        let said = field(trailers, "grpc-message").unwrap_or_default();
        let said = percent_decoded(said);
        if code != 0 && !said.is_empty() {
            finding.quote = Some(("message", said.trim_ascii().to_vec()));
            finding.facts.push(("grpc_message", said.into()));
        }
        finding.facts.push(("grpc_status", code.into()));
        finding
    }

    /// What a health service has answered.
    fn verdict(&self, body: &[u8], shown: &str) -> Finding {
        let status = match message::response(body) {
            Ok(status) => status,
            Err(why) => return Finding::unhealthy(why).quoting("received", body),
        };
        let mut found = match &self.service {
            Some(service) => format!("{} is {status}", foreign(&quoted(service))),
            None => status.clone(),
        };
        let mut finding = Finding::unhealthy("");
        match status.as_str() {
            "SERVING" => {
                finding.verdict = Verdict::Healthy;
                found.push_str(shown);
            }
            "SERVICE_UNKNOWN" => found = self.unknown_service(&status),
            _ => finding.expected = Some("SERVING".to_owned()),
        }
        finding.found = found;
        finding.facts.push(("status", status.into()));
        finding
    }

    /// What a status other than OK means.
    fn refusal(&self, code: u64) -> Finding {
        let known = usize::try_from(code).ok().and_then(|code| CODES.split(' ').nth(code));
        let name = known.map_or_else(|| format!("grpc-status {code}"), str::to_owned);
        Finding::unhealthy(match code {
            5 => self.unknown_service(&name),
            7 | 16 => format!("{name} (-H 'authorization: …' sends credentials)"),
            12 => format!("the server speaks gRPC, but has no health service ({name})"),
            _ => name,
        })
    }

    fn unknown_service(&self, name: &str) -> String {
        match &self.service {
            Some(service) => {
                let service = foreign(&quoted(service));
                format!("the server does not know the service {service} ({name}; see --service)")
            }
            None => format!("the server has no overall status ({name}; --service names a service)"),
        }
    }
}

/// What it means that there was no answer.
pub(super) fn failure(trouble: &Trouble, client: &Client<'_>, deadline: Deadline) -> Finding {
    let wire = client.wire();
    let opening = wire.opening();
    let doing = format!("waiting for {}", client.awaiting());
    let mut quote = ("received", &[][..]);
    // What may differ from one run to the next.
    let mut noted = &[][..];
    let found = match trouble {
        // Whether that is seen as an end or as a reset is a matter of who is faster.
        Trouble::Wire(error) | Trouble::Unsent(error) if opening.is_empty() && error.is_hung_up() => {
            silent(wire)
        }
        Trouble::Closed if opening.is_empty() => silent(wire),
        Trouble::Wire(error) | Trouble::Unsent(error) if error.is_hung_up() => format!("{CLOSED} {doing}"),
        Trouble::Wire(error) => return Finding::unhealthy(error.reason(deadline, &doing)),
        Trouble::Unsent(error) => {
            return Finding::unhealthy(error.reason(deadline, "while the request was sent"));
        }
        Trouble::Closed => format!("{CLOSED} {doing}"),
        Trouble::NotHttp2 => {
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
        Trouble::Invalid(what) => format!("invalid HTTP/2: {what}"),
        Trouble::Excess(what) => (*what).to_owned(),
        Trouble::GoAway(code, debug) => {
            quote = ("debug", debug);
            format!("the server ended the connection with GOAWAY {}", error_name(*code))
        }
        Trouble::Reset(code) => format!("the server reset the stream with {}", error_name(*code)),
    };
    Finding::unhealthy(found).quoting(quote.0, quote.1).noting("received", noted)
}

/// What it means that the server is gone, and has sent nothing.
fn silent(wire: &Wire) -> String {
    [CLOSED, " without a reply", wire.perhaps()].concat()
}

/// The value of this field, a status of up to three digits.
pub(super) fn number(fields: &Fields, name: &str) -> Option<u64> {
    let text = std::str::from_utf8(field(fields, name)?).ok()?;
    units::number(text, 999)
}
