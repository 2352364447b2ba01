//! Whom a check trusts: webpki's verdict on the server's certificate, and the certificate kept for the message.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::algorithms;
use super::certificate::Certificate;

/// A signature of the handshake that is wrong.
const HANDSHAKE: &str = "the server's handshake signature does not match the key in its certificate";

/// What is to be trusted.
#[derive(Debug)]
pub enum Trust {
    /// Whatever is presented: `--insecure`.
    Anything,
    /// These certificates, and what they vouch for.
    Roots(Vec<CertificateDer<'static>>),
}

/// What the handshake told, for the verdict.
#[derive(Debug, Default)]
pub struct Told {
    /// The server's own certificate.
    pub certificate: Option<Certificate>,
    /// What of its key or of a signature cannot be verified here, in words.
    pub fault: Option<String>,
    /// What it made of our certificate.
    pub ours: Ours,
}

/// Whether the server asked for a client certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ours {
    /// It did not.
    #[default]
    NotAsked,
    /// It did, and there is none to be given.
    Lacking,
    /// It did, and was given ours.
    Given,
}

/// What was told, where both halves of the handshake write it.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Told>>);

impl Notes {
    /// What was told since the last time.
    pub fn take(&self) -> Told {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The verifier under rustls.
#[derive(Debug)]
pub struct Verifier {
    provider: Arc<CryptoProvider>,
    notes: Notes,
    /// The roots for webpki; nothing where anything is trusted.
    roots: Option<RootCertStore>,
    pinned: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// A verifier for this trust. The error says that none of the roots can be used.
    pub fn new(trust: Trust, provider: Arc<CryptoProvider>, notes: Notes) -> Result<Self, String> {
        let Trust::Roots(certificates) = trust else {
            return Ok(Verifier { provider, notes, roots: None, pinned: Vec::new() });
        };
        let mut roots = RootCertStore::empty();
        // A bundle may have some that webpki does not take; the others count.
        roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_ref())));
        if roots.is_empty() {
            return Err("none of the root certificates can be used".to_owned());
        }
        Ok(Verifier { provider, notes, roots: Some(roots), pinned: certificates })
    }

    /// What rustls's own verifier for servers does, without its revocation lists, of which there are none here and whose
    /// parser would be 12 KiB of the binary.
    fn verify_chain(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        roots: &RootCertStore,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let presented = ParsedCertificate::try_from(presented)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&presented, roots, intermediates, now, algorithms)?;
        verify_server_name(&presented, name)
    }

    /// Notes what is wrong with the signature of a handshake.
    fn note_handshake(&self, presented: &CertificateDer<'_>, error: &Error) {
        if matches!(error, Error::InvalidCertificate(_)) {
            let verifiable = self.provider.signature_verification_algorithms.all;
            let fault = algorithms::key_fault(presented, verifiable);
            let fault = fault.unwrap_or_else(|| HANDSHAKE.to_owned());
            self.notes.write(|told| told.fault = Some(fault));
        }
    }

    /// A certificate that stands among the roots itself, to the byte, is trusted as it is, as OpenSSL has it: webpki takes no
    /// certificate of an authority for that of a server, and what `openssl req -x509` makes is both.
    fn is_pinned(&self, presented: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|known| known == presented)
    }
}

/// Whether a certificate was refused for a signature: webpki does not say whose, and calls that of a weak key wrong.
fn is_of_signature(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    )
}

/// Name and validity, all that there is to check of a certificate that is trusted as it is.
fn verify_pinned(
    presented: &CertificateDer<'_>,
    told: Option<&Certificate>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let told = told.ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds > told.not_after {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    if seconds < told.not_before {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    verify_server_name(&ParsedCertificate::try_from(presented)?, name)
}

/// Where anything is trusted, so is the signature of the handshake: it proves nothing of a certificate that anybody may
/// have made, and webpki reads no key from one of X.509 version 1, which `--insecure` is to accept too.
impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = Certificate::parse(presented);
        let verified = match &self.roots {
            None => Ok(()),
            Some(_) if self.is_pinned(presented) => verify_pinned(presented, certificate.as_ref(), name, now),
            Some(roots) => self.verify_chain(presented, intermediates, roots, name, now),
        };
        let fault = match &verified {
            Err(error) if is_of_signature(error) => {
                let verifiable = self.provider.signature_verification_algorithms.all;
                algorithms::fault(presented, intermediates, &self.pinned, verifiable)
            }
            _ => None,
        };
        self.notes.write(|told| (told.certificate, told.fault) = (certificate, fault));
        verified.map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.roots.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let verifiable = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, verifiable)
            .inspect_err(|error| self.note_handshake(certificate, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.roots.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let verifiable = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, verifiable)
            .inspect_err(|error| self.note_handshake(certificate, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Our certificate where there is one, or a note that the server asked for it.
#[derive(Debug)]
pub struct Identity {
    /// The certificate and its key.
    pub ours: Option<Arc<CertifiedKey>>,
    /// Where that is noted.
    pub notes: Notes,
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let ours = if self.ours.is_some() { Ours::Given } else { Ours::Lacking };
        self.notes.write(|told| told.ours = ours);
        self.ours.clone()
    }

    fn has_certs(&self) -> bool {
        // Asked in any case, so that it is known that the server wants one.
        true
    }
}

/// The wall clock, in seconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
