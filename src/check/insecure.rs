//! Replaces `secure.rs` in a build without TLS: a check that requires TLS is wrong usage.

use super::Need;
pub(super) use super::tls_options::{OPTIONS, SPEAK};
use crate::args::{Given, MISSING, UsageError};
use crate::net::connect::Connection;
use crate::net::target::Host;
use crate::outcome::{Fact, Finding};

/// TLS settings, which cannot exist in this build.
#[derive(Debug)]
pub(super) enum Secure {}

/// Returns `None`, or an error if the check requires TLS.
pub(super) fn plan(
    given: &mut Given<'_>,
    need: &Need,
    _protocol: Option<&'static [u8]>,
) -> Result<Option<Secure>, UsageError> {
    match need {
        Need::Always => Err(given.wrong("TARGET", &format!("TLS{MISSING}"))),
        Need::Perhaps | Need::Unused | Need::Never(_) => Ok(None),
    }
}

/// Returns the address of a new connection.
#[expect(clippy::unnecessary_wraps, reason = "as in secure.rs, where a handshake may fail")]
pub(super) fn begin(
    _: Option<(&Secure, &Host)>,
    connection: &mut Connection,
) -> Result<Vec<(&'static str, Fact)>, Box<Finding>> {
    Ok(vec![("address", connection.address.clone())])
}
