//! The verdict on the response to a grpc check.

use super::Grpc;
use super::message::{self, ServingStatus};
use crate::net::http2::field;
use crate::net::http2::hpack::Fields;
use crate::net::url::percent_decoded;
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

/// Returns the value of this field if it is a status of up to three digits.
pub(super) fn number(fields: &Fields, name: &str) -> Option<u64> {
    let text = std::str::from_utf8(field(fields, name)?).ok()?;
    units::number(text, 999)
}
