//! What a failed handshake means, in words, and which option would help.

use std::fmt::Write as _;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::certificate::{Certificate, DAY, date, shown};
use super::verify::{Told, now};

/// The most names of a certificate that a verdict lists.
const MOST_NAMES: usize = 5;

/// Why there is no TLS connection: what was found, and how it might be mended where an option can.
pub fn failure(error: &Error, told: &Told, name: &str) -> String {
    // Whatever the alert: TLS 1.2 has none for it, and implementations differ.
    if matches!(error, Error::AlertReceived(_)) && told.asked_for_ours {
        return "the server wants a client certificate (--client-cert, --client-key)".to_owned();
    }
    match error {
        Error::InvalidCertificate(why) => certificate_failure(why, told.certificate.as_ref(), name),
        Error::AlertReceived(alert) => alert_words(*alert),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => "the server speaks neither TLS 1.2 nor 1.3".to_owned(),
        Error::PeerIncompatible(_) => {
            "the server has no cipher suite, key exchange or signature in common with TLS 1.2 or 1.3 as it is spoken here"
                .to_owned()
        }
        Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
            "the server speaks neither TLS 1.2 nor 1.3".to_owned()
        }
        Error::NoApplicationProtocol => {
            "the server does not offer the protocol that this check speaks (ALPN)".to_owned()
        }
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::DecryptError
        | Error::PeerSentOversizedRecord => "what came breaks the TLS protocol".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

/// RFC 8446, 6.2.
fn alert_words(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::ProtocolVersion => return "the server speaks neither TLS 1.2 nor 1.3".to_owned(),
        AlertDescription::HandshakeFailure => {
            "handshake failure: no cipher suite, key exchange or signature in common"
        }
        AlertDescription::UnrecognisedName => "it knows no such name (--server-name)",
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "it wants a client certificate (--client-cert, --client-key)"
        }
        AlertDescription::BadCertificate | AlertDescription::UnsupportedCertificate => {
            "it does not take our certificate"
        }
        AlertDescription::UnknownCA => "it does not know who issued our certificate (--client-cert)",
        AlertDescription::CertificateExpired => "our certificate has expired (--client-cert)",
        AlertDescription::CertificateRevoked => "our certificate was revoked (--client-cert)",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::NoApplicationProtocol => {
            "it does not offer the protocol that this check speaks (ALPN)"
        }
        AlertDescription::InternalError => "internal error",
        other => return format!("the server ended TLS with alert {}", u8::from(other)),
    };
    format!("the server ended TLS: {words}")
}

fn certificate_failure(why: &CertificateError, certificate: Option<&Certificate>, name: &str) -> String {
    let Some(certificate) = certificate else {
        return "the server's certificate cannot be read".to_owned();
    };
    let now = now();
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
            if certificate.not_after < now =>
        {
            format!(
                "the certificate expired {} ago, on {}",
                days(now - certificate.not_after),
                date(certificate.not_after)
            )
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
            if certificate.not_before > now =>
        {
            format!(
                "the certificate is not valid before {}, in {} (is the clock right?)",
                date(certificate.not_before),
                days(certificate.not_before - now)
            )
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            let not_after = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            format!("a certificate between this one and its root expired on {}", date(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let not_before = i64::try_from(not_before.as_secs()).unwrap_or(i64::MAX);
            format!(
                "a certificate between this one and its root is not valid before {} (is the clock right?)",
                date(not_before)
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = list(&certificate.names);
            if names.is_empty() {
                format!(
                    "the certificate is not valid for {name}: it has no names (subjectAltName), only {}",
                    shown(&certificate.subject)
                )
            } else {
                format!(
                    "the certificate is not valid for {name} (valid for {names}; --server-name NAME expects another)"
                )
            }
        }
        CertificateError::Other(_) if certificate.is_version_1 => {
            "the certificate is of X.509 version 1, which has no names; expected version 3 (or --insecure)"
                .to_owned()
        }
        // webpki has another error for that of an authority, as `openssl req -x509` makes it.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if certificate.is_self_signed => format!(
            "the certificate is self-signed ({}), and not trusted (--ca-file with that certificate, or --insecure)",
            shown(&certificate.subject)
        ),
        CertificateError::UnknownIssuer => format!(
            "the certificate's issuer is unknown: {} (--ca-file with its certificate, or --insecure; \
             or the server sends no intermediate certificate)",
            shown(&certificate.issuer)
        ),
        CertificateError::BadSignature => "the signature on the certificate is wrong".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not made for servers (extendedKeyUsage)".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate, or one between it and its root, is signed with an algorithm that is not accepted (SHA-1?)"
                .to_owned()
        }
        // What rustls says of it is for debugging, and not in a release build.
        _ => "the certificate, or one between it and its root, breaks the rules of X.509 (RFC 5280)".to_owned(),
    }
}

/// `3 days`, `5 hours`, `40 minutes`.
fn days(seconds: i64) -> String {
    let (count, unit) = match seconds {
        DAY.. => (seconds / DAY, "day"),
        3600.. => (seconds / 3600, "hour"),
        _ => (seconds / 60, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The first few of the names.
pub fn list(names: &[String]) -> String {
    let mut out = String::new();
    for name in names.iter().take(MOST_NAMES) {
        out.push_str(if out.is_empty() { "" } else { ", " });
        out.push_str(name);
    }
    if let Some(more) = names.len().checked_sub(MOST_NAMES).filter(|&more| more > 0) {
        // Writing to a String cannot fail.
        let _ = write!(out, " and {more} more");
    }
    out
}
