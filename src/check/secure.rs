//! The TLS options that several checks share, and the verdict on a handshake.
//!
//! A build without the feature `tls` has `insecure.rs` instead, with the same functions.

use std::path::PathBuf;

use super::Need;
pub(super) use super::tls_options::{OPTIONS, SPEAK};
use crate::args::{Given, UsageError};
use crate::net::greetings::{self, Protocol};
use crate::net::socket::CLOSED;
use crate::net::target::Host;
use crate::net::tls::certificate::{Certificate, date, shown};
use crate::net::tls::{Client, Peer, Settings, SystemRoots, TlsError, list, no_h2, now};
use crate::net::wire::Wire;
use crate::outcome::{Fact, Finding, Verdict};
use crate::units;

/// What helps if there are no trusted certificates.
const ROOTS_ADVICE: &str = "--ca-file PATH or SSL_CERT_FILE provides them, --insecure skips verification";
/// The fact that the server requested a client certificate, and there was none to present.
const CERTIFICATE_WANTED: &str = "client_certificate_wanted";
/// The maximum of `--min-days`: a hundred years.
const MIN_DAYS_LIMIT: u64 = 36_500;

/// How a check uses TLS.
#[derive(Debug)]
pub(super) struct Secure {
    client: Client,
    /// The protocol above TLS that the server must select by ALPN.
    protocol: Option<&'static [u8]>,
    min_days: Option<i64>,
    /// Whether a server that requires a client certificate, which is not given, is healthy.
    is_up_without: bool,
}

impl Secure {
    /// Makes a server healthy that requires a client certificate which is not given: it is up, like
    /// one that asks for a password.
    pub(super) fn up_without_certificate(self) -> Self {
        Secure { is_up_without: true, ..self }
    }
}

/// Returns the validated options of a check that uses TLS only with `--tls`.
pub(super) fn plan_if_requested(
    given: &mut Given<'_>,
    protocol: Option<&'static [u8]>,
) -> Result<Option<Secure>, UsageError> {
    let need = if given.has("tls") { Need::Always } else { Need::Never("needs --tls") };
    plan(given, &need, protocol)
}

/// Returns the validated options; `None` if the check does not use TLS. `protocol` is the ALPN name
/// of the protocol above TLS.
pub(super) fn plan(
    given: &mut Given<'_>,
    need: &Need,
    protocol: Option<&'static [u8]>,
) -> Result<Option<Secure>, UsageError> {
    if let Need::Never(why) = need {
        let useless = OPTIONS.iter().map(|option| option.name).find(|name| given.has(name));
        return useless.map_or(Ok(None), |name| Err(given.wrong(name, why)));
    }
    if let Need::Unused = need {
        // Paths are expanded, but the files are not read.
        for name in ["ca-file", "client-cert", "client-key"] {
            given.path(name, Ok)?;
        }
        server_name(given)?;
        min_days(given)?;
        return Ok(None);
    }
    let file = given.variable("SSL_CERT_FILE").map(PathBuf::from);
    let folders = given.variable("SSL_CERT_DIR");
    let mut settings = Settings::default();
    settings.insecure = given.has("insecure");
    settings.system = SystemRoots { file, folders };
    settings.protocol = protocol;
    if let Some(path) = given.file("ca-file")? {
        settings
            .trust(&path, given.deadline())
            .map_err(|error| unusable(given, "ca-file", &error.to_string()))?;
    }
    let key = given.file("client-key")?;
    match given.file("client-cert")? {
        Some(chain) => {
            let key_file = key.as_ref().unwrap_or(&chain);
            settings.present(&chain, key_file, given.deadline()).map_err(|wrong| {
                let mut why = wrong.why;
                if wrong.is_foreign {
                    why.push_str(&given.shown("client-cert"));
                }
                let is_key = wrong.is_key && key.is_some();
                unusable(given, if is_key { "client-key" } else { "client-cert" }, &why)
            })?;
        }
        None if key.is_some() => {
            return Err(given.wrong("client-key", "needs --client-cert"));
        }
        None => {}
    }
    settings.name = server_name(given)?;
    let min_days = min_days(given)?;
    Ok(Some(Secure { client: Client::new(settings), protocol, min_days, is_up_without: false }))
}

fn server_name(given: &mut Given<'_>) -> Result<Option<Host>, UsageError> {
    given.parsed("server-name", "a host name or address", |text| {
        // There is no port after it, so an IPv6 address needs no brackets.
        text.parse().map(Host::Address).or_else(|_| Host::parse(text))
    })
}

fn min_days(given: &mut Given<'_>) -> Result<Option<i64>, UsageError> {
    let expected = "a number of days from 0 to 36500";
    let days =
        given.parsed("min-days", expected, |text| units::number(text, MIN_DAYS_LIMIT).ok_or(expected))?;
    Ok(days.and_then(|days| i64::try_from(days).ok()))
}

/// Returns the error for an option whose file is unusable.
fn unusable(given: &mut Given<'_>, name: &str, why: &str) -> UsageError {
    let shown = given.shown(name);
    given.wrong(name, &format!("{shown}: {why}"))
}

impl Secure {
    /// Starts TLS on this wire with a server of this name. `handshake_only` means that no data
    /// follows.
    pub(super) fn start(
        &self,
        wire: &mut Wire,
        host: &Host,
        handshake_only: bool,
    ) -> Result<Peer, Box<Finding>> {
        let peer = match wire.start_tls(&self.client, host, handshake_only) {
            Ok(peer) => peer,
            Err(TlsError::WantsCertificate(_, certificate)) if self.is_up_without => {
                self.lasts(certificate.as_ref())?;
                let mut finding = Finding::healthy("up, asks for a client certificate");
                finding.facts.extend(certificate.as_ref().map(fact));
                return Err(Box::new(finding.fact(CERTIFICATE_WANTED, true)));
            }
            Err(error) => return Err(Box::new(failure(error, wire))),
        };
        if self.protocol.is_some() && peer.protocol.as_deref() != self.protocol {
            // Only h2 is ever offered, and rustls rejects a protocol that was not offered.
            let mut finding = Finding::unhealthy(no_h2("it chose no protocol"));
            finding.facts = facts(&peer);
            return Err(Box::new(finding));
        }
        self.lasts(peer.certificate.as_ref())?;
        Ok(peer)
    }

    /// Returns a finding if the server's certificate does not stay valid for long enough.
    fn lasts(&self, certificate: Option<&Certificate>) -> Result<(), Box<Finding>> {
        match (self.min_days, certificate) {
            (Some(min), Some(certificate)) if certificate.days_left(now()) < min => {
                Err(Box::new(too_short(certificate, min)))
            }
            (Some(_), None) => Err(Box::new(Finding::unhealthy(
                "the server's certificate cannot be read, so its expiry date is unknown",
            ))),
            _ => Ok(()),
        }
    }
}

fn failure(error: TlsError, wire: &Wire) -> Finding {
    let deadline = wire.deadline();
    // The description of a bad certificate may repeat its content.
    let is_ours = !matches!(error, TlsError::Failed(..) | TlsError::WantsCertificate(..));
    let finding = match error {
        TlsError::Wire(error) => Finding::unhealthy(error.reason(deadline, "during the TLS handshake")),
        TlsError::SilentRoots(why) => Finding::undecided(why),
        TlsError::NoRoots(why) => Finding::new(Verdict::Refused, format!("{why} ({ROOTS_ADVICE})")),
        TlsError::Failed(why, certificate) | TlsError::WantsCertificate(why, certificate) => {
            let mut finding = Finding::unhealthy(why);
            finding.facts.extend(certificate.as_ref().map(fact));
            finding
        }
        TlsError::NotTls(opening) if opening.is_empty() => {
            // After a dialogue in plain text, nothing else can be expected.
            let hint = if wire.received() == 0 { wire.proxy_hint() } else { "" };
            Finding::unhealthy([CLOSED, " during the TLS handshake", hint].concat())
        }
        TlsError::NotTls(opening) => match greetings::other(&opening, "tls") {
            Some(Protocol::Http) => {
                let hint = if wire.is_introduced() { wire.proxy_hint() } else { "" };
                Finding::unhealthy(["the port speaks HTTP, not TLS", hint].concat())
            }
            Some(Protocol::Http2) => Finding::unhealthy("the port speaks HTTP/2, not TLS"),
            Some(other) => Finding::unhealthy(format!("the port speaks {}, not TLS", other.name()))
                .with_fact_bytes("received", &opening),
            None => Finding::unhealthy("the response is not TLS").quoting("received", &opening),
        },
    };
    Finding { is_ours, ..finding }
}

fn too_short(certificate: &Certificate, min: i64) -> Finding {
    // Without the days left: the text would change every day.
    let expires = if certificate.days_left(now()) < 0 { "expired" } else { "expires" };
    let found = format!("the certificate {expires} on {}", date(certificate.not_after));
    let (name, fact) = fact(certificate);
    Finding::unhealthy(found).expected(format!("at least {} (--min-days)", days(min))).fact(name, fact)
}

/// `1 day`, `2 days`.
fn days(count: i64) -> String {
    format!("{count} day{}", if count == 1 { "" } else { "s" })
}

/// Returns the fact about a certificate.
fn fact(certificate: &Certificate) -> (&'static str, Fact) {
    let seconds = |time: i64| Fact::Count(u64::try_from(time).unwrap_or_default());
    let names = certificate.names.iter().cloned().map(Fact::Text).collect();
    let entries = vec![
        ("subject", Fact::Text(certificate.subject.clone())),
        ("issuer", Fact::Text(certificate.issuer.clone())),
        ("names", Fact::List(names)),
        ("not_before", seconds(certificate.not_before)),
        ("not_after", seconds(certificate.not_after)),
    ];
    ("certificate", Fact::Object(entries))
}

/// Starts TLS on this wire with a server of this name. Returns the facts about the peer.
pub(super) fn start(
    secure: &Secure,
    wire: &mut Wire,
    host: &Host,
) -> Result<Vec<(&'static str, Fact)>, Box<Finding>> {
    secure.start(wire, host, false).map(|peer| facts(&peer))
}

/// Returns the facts about the peer.
pub(super) fn facts(peer: &Peer) -> Vec<(&'static str, Fact)> {
    let mut facts = vec![("tls", Fact::Text(peer.version.name().to_owned()))];
    facts.extend(peer.certificate.as_ref().map(fact));
    if peer.wants_certificate {
        facts.push((CERTIFICATE_WANTED, Fact::Bool(true)));
    }
    facts
}

/// Describes a certificate: `CN=app, valid for app.example, issued by CN=CA, until 2026-12-25`.
pub(super) fn describe(certificate: &Certificate) -> String {
    let names = if certificate.names.is_empty() { "no name".to_owned() } else { list(&certificate.names) };
    format!(
        "{}, valid for {names}, issued by {}, until {}",
        shown(&certificate.subject),
        shown(&certificate.issuer),
        date(certificate.not_after),
    )
}

/// Returns how long a certificate is valid, after its description: `, 29 days left`. With
/// `--insecure` it may be expired.
pub(super) fn days_left(certificate: &Certificate) -> String {
    match certificate.days_left(now()) {
        ..0 => ", expired".to_owned(),
        left => format!(", {} left", days(left)),
    }
}

/// Adds what was negotiated, and each certificate that the server sent.
pub(super) fn describe_handshake(finding: &mut Finding, peer: &Peer) {
    let mut negotiated = format!("TLS {}", peer.version.name());
    if let Some(suite) = peer.cipher_suite {
        negotiated = format!("{negotiated}, {suite}");
        finding.push("cipher_suite", suite.to_owned().into());
    }
    finding.details.push(negotiated);
    let mut chain = Vec::new();
    for (at, certificate) in peer.chain.iter().enumerate() {
        let words = match certificate {
            Some(certificate) => format!(
                "{}, issued by {}, {} to {}",
                shown(&certificate.subject),
                shown(&certificate.issuer),
                date(certificate.not_before),
                date(certificate.not_after)
            ),
            None => "cannot be read".to_owned(),
        };
        finding.details.push(format!("certificate {} of {}: {words}", at + 1, peer.chain.len()));
        chain.extend(certificate.as_ref().map(|certificate| fact(certificate).1));
    }
    finding.push("chain", Fact::List(chain));
}
