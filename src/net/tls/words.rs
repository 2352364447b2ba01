//! What a failed handshake means, in words, and which option may help.

use std::fmt::Write as _;

use rustls::{
    AlertDescription, CertificateError, Error, ExtendedKeyPurpose, InvalidMessage, PeerIncompatible,
    PeerMisbehaved,
};

use super::certificate::{Certificate, date, shown};
use super::verify::{ClientCertificate, Observed, now};

/// The most names of a certificate that a verdict lists.
const LISTED_NAMES: usize = 5;

/// Whether an error means that the server requires a client certificate and there was none to
/// present. Any alert may mean this: TLS 1.2 has no specific one, and implementations differ.
pub fn is_for_certificate(error: &Error, observed: &Observed) -> bool {
    matches!(error, Error::AlertReceived(_)) && observed.client_certificate == ClientCertificate::Missing
}

/// Returns why there is no TLS connection, and which option may help. `opening` is the beginning of
/// the server's answer.
pub fn failure(error: &Error, observed: &Observed, name: &str, opening: &[u8]) -> String {
    if is_for_certificate(error, observed) {
        return "the server requires a client certificate (--client-cert, --client-key)".to_owned();
    }
    match error {
        Error::InvalidCertificate(why) => certificate_failure(why, observed, name),
        Error::AlertReceived(alert) => alert_words(*alert),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
            [TOO_OLD, chosen_version(opening)].concat()
        }
        Error::PeerIncompatible(_) => {
            "the server and this build have no TLS cipher suite, key exchange or signature algorithm in common"
                .to_owned()
        }
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::DecryptError
        | Error::PeerSentOversizedRecord => "the server violated the TLS protocol".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

/// Returns why HTTP/2 cannot be spoken above TLS, by what the server did: RFC 9113, 3.3. gRPC
/// clients insist on it.
pub fn no_h2(how: &str) -> String {
    format!("the server did not negotiate HTTP/2 by ALPN ({how}); HTTP/2 over TLS requires it")
}

/// Returns the same if the handshake failed because of it.
pub fn refused_h2(error: &Error) -> Option<String> {
    match error {
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            Some(no_h2("it sent the TLS alert no_application_protocol"))
        }
        Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            Some(no_h2("it chose another protocol"))
        }
        _ => None,
    }
}

/// Returns what it may mean that a server closed the connection without an alert: many that require
/// a certificate do just that.
pub fn vanished(client_certificate: ClientCertificate) -> Option<&'static str> {
    match client_certificate {
        ClientCertificate::NotRequested => None,
        ClientCertificate::Missing => Some(
            "the server requested a client certificate, got none and closed the connection (--client-cert, --client-key)",
        ),
        ClientCertificate::Presented => Some(
            "the server closed the connection after receiving our client certificate, which it may not accept (--client-cert)",
        ),
    }
}

const TOO_OLD: &str = "the server supports neither TLS 1.2 nor TLS 1.3";

/// Returns which version a ServerHello from before TLS 1.3 chose: RFC 5246, 6.2.1 and 7.4.1.3.
fn chosen_version(opening: &[u8]) -> &'static str {
    match opening {
        [0x16, 3, _, _, _, 2, _, _, _, 3, minor, ..] => match minor {
            0 => " (it chose SSL 3.0)",
            1 => " (it chose TLS 1.0)",
            2 => " (it chose TLS 1.1)",
            _ => "",
        },
        _ => "",
    }
}

/// Returns an alert by its name in RFC 8446, 6 and B.2, RFC 5246, 7.2 or RFC 7301, 3.2, and what it
/// means for a client.
fn alert_words(alert: AlertDescription) -> String {
    let (name, meaning) = match u8::from(alert) {
        0 => ("close_notify", ""),
        10 => ("unexpected_message", ""),
        20 => ("bad_record_mac", ""),
        21 => ("decryption_failed", ""),
        22 => ("record_overflow", ""),
        30 => ("decompression_failure", ""),
        40 => ("handshake_failure", "no cipher suite, key exchange or signature algorithm in common"),
        41 => ("no_certificate", "it requires a client certificate: --client-cert, --client-key"),
        42 => ("bad_certificate", "it does not accept our certificate: --client-cert"),
        43 => ("unsupported_certificate", "it does not accept our certificate: --client-cert"),
        44 => ("certificate_revoked", "our certificate was revoked: --client-cert"),
        45 => ("certificate_expired", "our certificate has expired: --client-cert"),
        46 => ("certificate_unknown", "it does not accept our certificate: --client-cert"),
        47 => ("illegal_parameter", ""),
        48 => ("unknown_ca", "it does not trust the issuer of our certificate: --client-cert"),
        49 => ("access_denied", ""),
        50 => ("decode_error", ""),
        51 => ("decrypt_error", ""),
        60 => ("export_restriction", ""),
        70 => return TOO_OLD.to_owned(),
        71 => ("insufficient_security", "it requires stronger cipher suites"),
        80 => ("internal_error", ""),
        86 => ("inappropriate_fallback", ""),
        90 => ("user_canceled", ""),
        100 => ("no_renegotiation", ""),
        109 => ("missing_extension", ""),
        110 => ("unsupported_extension", ""),
        112 => ("unrecognized_name", "it does not know this name: --server-name"),
        113 => ("bad_certificate_status_response", ""),
        115 => ("unknown_psk_identity", ""),
        116 => ("certificate_required", "it requires a client certificate: --client-cert, --client-key"),
        120 => ("no_application_protocol", "no protocol in common by ALPN"),
        number => return format!("the server sent the TLS alert {number}"),
    };
    let (open, close) = if meaning.is_empty() { ("", "") } else { (" (", ")") };
    format!("the server sent the TLS alert {name}{open}{meaning}{close}")
}

fn certificate_failure(why: &CertificateError, observed: &Observed, name: &str) -> String {
    if let Some(fault) = &observed.fault {
        return fault.clone();
    }
    let Some(certificate) = &observed.certificate else {
        return "the server's certificate cannot be read".to_owned();
    };
    match why {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => validity_failure(why, certificate),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = list(&certificate.names);
            if names.is_empty() {
                format!(
                    "the certificate is not valid for {name}: it has no subjectAltName, and its subject ({}) does not count",
                    shown(&certificate.subject)
                )
            } else {
                format!(
                    "the certificate is not valid for {name}, only for {names} (--server-name NAME expects another name)"
                )
            }
        }
        CertificateError::Other(_) if certificate.is_version_1 => {
            "the certificate is of X.509 version 1, which has no names; version 3 is required (--insecure accepts it)"
                .to_owned()
        }
        // webpki has another error for the certificate of an authority, which is what
        // `openssl req -x509` creates.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if certificate.is_self_signed => format!(
            "the certificate is self-signed ({}) and not trusted (--ca-file with this certificate, or --insecure)",
            shown(&certificate.subject)
        ),
        CertificateError::UnknownIssuer => format!(
            "the certificate is issued by an unknown CA: {} (--ca-file with the CA's certificate, or --insecure; \
             or the server does not send its intermediate certificate)",
            shown(&certificate.issuer)
        ),
        CertificateError::BadSignature => format!(
            "the certificate's signature does not match the key of its issuer, {} (was the CA replaced? --ca-file with \
             its current certificate)",
            shown(&certificate.issuer)
        ),
        CertificateError::InvalidPurposeContext { presented, .. } => format!(
            "the certificate is not for TLS servers: its extendedKeyUsage is {}, expected serverAuth",
            purposes(presented)
        ),
        CertificateError::Other(other) => rule(other.0.downcast_ref()),
        // rustls' own words are for debugging, and not in a release build.
        _ => rule(None),
    }
}

/// Returns which validity period is not met, of the server's certificate or of one above it. Roots
/// are not among them: webpki ignores their dates.
fn validity_failure(why: &CertificateError, certificate: &Certificate) -> String {
    let now = now();
    let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    match why {
        _ if certificate.not_after < now => {
            format!("the certificate expired on {}", date(certificate.not_after))
        }
        _ if certificate.not_before > now => format!(
            "the certificate is not yet valid: it is valid from {} (is the clock right?)",
            date(certificate.not_before)
        ),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("an intermediate certificate expired on {}", date(seconds(not_after.as_secs())))
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "an intermediate certificate is not yet valid: it is valid from {} (is the clock right?)",
            date(seconds(not_before.as_secs()))
        ),
        // webpki reports this for a period that ends before it begins.
        _ => "the validity period of the certificate, or of an intermediate one, ends before it begins"
            .to_owned(),
    }
}

/// Returns `clientAuth, codeSigning`: RFC 5280, 4.2.1.12.
fn purposes(presented: &[ExtendedKeyPurpose]) -> String {
    let names: Vec<&str> = presented
        .iter()
        .map(|purpose| match purpose {
            ExtendedKeyPurpose::ClientAuth => "clientAuth",
            ExtendedKeyPurpose::ServerAuth => "serverAuth",
            ExtendedKeyPurpose::Other(numbers) => match numbers.as_slice() {
                [1, 3, 6, 1, 5, 5, 7, 3, 3] => "codeSigning",
                [1, 3, 6, 1, 5, 5, 7, 3, 4] => "emailProtection",
                [1, 3, 6, 1, 5, 5, 7, 3, 8] => "timeStamping",
                [1, 3, 6, 1, 5, 5, 7, 3, 9] => "OCSPSigning",
                _ => "another purpose",
            },
        })
        .collect();
    if names.is_empty() { "empty".to_owned() } else { names.join(", ") }
}

/// Returns the rule of RFC 5280 that a chain breaks.
fn rule(why: Option<&webpki::Error>) -> String {
    let what = match why {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "the certificate is a CA's own (basicConstraints CA:TRUE), not a server's (--ca-file with this certificate, \
             or --insecure)"
        }
        Some(webpki::Error::EndEntityUsedAsCa) => {
            "the certificate is issued by one that is not a CA's (basicConstraints)"
        }
        Some(webpki::Error::UnsupportedCriticalExtension) => {
            "the certificate, or one above it, has a critical extension that this build does not know \
             (--insecure accepts it)"
        }
        Some(webpki::Error::NameConstraintViolation) => {
            "a CA in the chain may not issue certificates for these names (nameConstraints)"
        }
        Some(webpki::Error::PathLenConstraintViolated) => {
            "a CA in the chain allows fewer intermediate certificates (pathLenConstraint)"
        }
        Some(webpki::Error::EmptyEkuExtension) => {
            "the certificate, or one above it, has an empty extendedKeyUsage"
        }
        Some(webpki::Error::UnsupportedCertVersion) => {
            "an intermediate certificate is not of X.509 version 3 (--insecure accepts it)"
        }
        Some(webpki::Error::InvalidSerialNumber) => {
            "the certificate, or one above it, has an invalid serial number"
        }
        Some(
            webpki::Error::MaximumPathBuildCallsExceeded
            | webpki::Error::MaximumPathDepthExceeded
            | webpki::Error::MaximumSignatureChecksExceeded
            | webpki::Error::MaximumNameConstraintComparisonsExceeded,
        ) => "the certificate chain is too long to be verified",
        _ => "the certificate, or one above it, does not conform to RFC 5280 (--insecure accepts it)",
    };
    what.to_owned()
}

/// Returns the first few of the names.
pub fn list(names: &[String]) -> String {
    let mut out = String::new();
    for name in names.iter().take(LISTED_NAMES) {
        out.push_str(if out.is_empty() { "" } else { ", " });
        out.push_str(name);
    }
    if let Some(more) = names.len().checked_sub(LISTED_NAMES).filter(|&more| more > 0) {
        // Writing to a String cannot fail.
        let _ = write!(out, " and {more} more");
    }
    out
}
