//! `kafka TARGET`: a Kafka broker, or a server that speaks its protocol, answers `ApiVersions`.
//!
//! <https://kafka.apache.org/protocol>. A broker processes requests only once it has started. It
//! answers this one before a client authenticates:
//! <https://cwiki.apache.org/confluence/display/KAFKA/KIP-152>. Version 0 is the oldest one, which
//! all brokers since 0.10 know.
//!
//! The check ends by closing the connection, as clients do.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Protocol, Talk};
use crate::outcome::{Fact, Finding};

/// The length; `ApiVersions` (18), version 0; the number of the request; the name of the client.
const API_VERSIONS: &[u8] = b"\0\0\0\x12\0\x12\0\0\0\0\0\x01\0\x08porthole";
/// The number of the request, with which the answer begins.
const NUMBER: &[u8] = b"\0\0\0\x01";
/// The shortest answer: its length, the number of the request, an error, the number of APIs.
const SHORTEST: usize = 14;

static PROTOCOL: Protocol = Protocol::plain("kafka", handshake);

pub(super) const KIND: Kind = Kind {
    name: "kafka",
    summary: "a Kafka broker answers requests",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole kafka :9092",
    foreign: SERVER,
};

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.send(API_VERSIONS);
    let answer = talk.receive("the answer to ApiVersions", |received| {
        let is_foreign = received.get(4..8).is_some_and(|number| number != NUMBER);
        let length = number(received).map_or(SHORTEST, |length| length.saturating_add(4).max(SHORTEST));
        if is_foreign { None } else { Some(length) }
    })?;
    verdict(&answer).ok_or(Failure::Foreign)
}

/// Returns what this answer means; `None` if it is not one.
fn verdict(answer: &[u8]) -> Option<Finding> {
    let (error, rest) = answer.get(8..)?.split_first_chunk()?;
    let error = i16::from_be_bytes(*error);
    if error != 0 {
        return Some(Finding::unhealthy(format!("ApiVersions failed with error {error}")));
    }
    let mut finding = Finding::healthy("answers ApiVersions");
    finding.push("apis", Fact::Count(number(rest)? as u64));
    Some(finding)
}

/// Returns the number of 32 bits that these bytes begin with.
fn number(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_its_length() {
        assert_eq!(number(API_VERSIONS), Some(API_VERSIONS.len() - 4));
    }

    #[test]
    fn what_an_answer_means() {
        // From a broker: Produce, versions 0 to 9.
        let answer = b"\0\0\0\x10\0\0\0\x01\0\0\0\0\0\x01\0\0\0\0\0\x09";
        assert_eq!(verdict(answer).unwrap().found, "answers ApiVersions");
        let failed = |error: i16| {
            let answer = [&b"\0\0\0\x0a\0\0\0\x01"[..], &error.to_be_bytes(), b"\0\0\0\0"].concat();
            verdict(&answer).unwrap().found
        };
        assert_eq!(failed(35), "ApiVersions failed with error 35");
        assert_eq!(failed(-1), "ApiVersions failed with error -1");
        for length in 0..SHORTEST {
            assert!(verdict(&answer[..length]).is_none(), "{length}");
        }
    }
}
