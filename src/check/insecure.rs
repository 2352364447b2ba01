//! Replaces `secure.rs` in a build without TLS: a check that requires TLS is wrong usage.

use super::Need;
pub(super) use super::tls_options::{OPTIONS, SPEAK};
use crate::args::{Given, MISSING, UsageError};
use crate::net::target::Host;
use crate::net::wire::Wire;
use crate::outcome::{Fact, Finding};

/// TLS settings, which cannot exist in this build.
#[derive(Debug)]
pub(super) enum Secure {}

impl Secure {
    /// Cannot be called: there are no settings.
    pub(super) fn up_without_certificate(self) -> Self {
        self
    }
}

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

/// Returns `None`: this build has no option that requests TLS.
#[expect(clippy::unnecessary_wraps, reason = "as in secure.rs, where options may be wrong")]
pub(super) fn plan_if_requested(
    _: &mut Given<'_>,
    _protocol: Option<&'static [u8]>,
) -> Result<Option<Secure>, UsageError> {
    Ok(None)
}

/// Cannot be called: there are no settings.
pub(super) fn start(
    secure: &Secure,
    _: &mut Wire,
    _: &Host,
) -> Result<Vec<(&'static str, Fact)>, Box<Finding>> {
    match *secure {}
}
