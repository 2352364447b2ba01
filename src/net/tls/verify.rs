//! Whom a check trusts: webpki's verdict on the server's certificate, which is kept for the
//! message.

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

/// What is wrong if a signature of the handshake is.
const HANDSHAKE: &str = "the server's handshake signature does not match the key in its certificate";

/// What is trusted.
#[derive(Debug)]
pub enum Trust {
    /// Any certificate: `--insecure`.
    Anything,
    /// These certificates, and those issued by them.
    Roots(Vec<CertificateDer<'static>>),
}

/// What was observed during a handshake, for the verdict.
#[derive(Debug, Default)]
pub struct Observed {
    /// The server's own certificate.
    pub certificate: Option<Certificate>,
    /// Which key or signature cannot be verified here, in words.
    pub fault: Option<String>,
    /// What became of our certificate.
    pub client_certificate: ClientCertificate,
}

/// Whether the server requested a client certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientCertificate {
    /// It did not.
    #[default]
    NotRequested,
    /// It did, and there is none to present.
    Missing,
    /// It did, and ours was presented.
    Presented,
}

/// What was observed so far, shared by the verifier and the [`Identity`].
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Observed>>);

impl Recorder {
    /// Takes what was recorded since the last call.
    pub fn take(&self) -> Observed {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn record(&self, change: impl FnOnce(&mut Observed)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The verifier that rustls calls.
#[derive(Debug)]
pub struct Verifier {
    provider: Arc<CryptoProvider>,
    recorder: Recorder,
    /// The roots for webpki; `None` if any certificate is trusted.
    roots: Option<RootCertStore>,
    /// The same certificates, to the byte.
    pinned: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// A verifier for this trust; `None` if none of the roots can be used.
    pub fn new(trust: Trust, provider: Arc<CryptoProvider>, recorder: Recorder) -> Option<Self> {
        let Trust::Roots(certificates) = trust else {
            return Some(Verifier { provider, recorder, roots: None, pinned: Vec::new() });
        };
        let mut roots = RootCertStore::empty();
        // A bundle may contain some that webpki does not accept; the others count.
        roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_ref())));
        if roots.is_empty() {
            return None;
        }
        Some(Verifier { provider, recorder, roots: Some(roots), pinned: certificates })
    }

    /// Does what rustls' own verifier of servers does, without revocation lists: there are none
    /// here, and their parser would be 12 KiB of the binary.
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

    /// Records what is wrong with the signature of a handshake.
    fn record_handshake(&self, presented: &CertificateDer<'_>, error: &Error) {
        if matches!(error, Error::InvalidCertificate(_)) {
            let verifiable = self.provider.signature_verification_algorithms.all;
            let fault = algorithms::key_fault(presented, verifiable);
            let fault = fault.unwrap_or_else(|| HANDSHAKE.to_owned());
            self.recorder.record(|observed| observed.fault = Some(fault));
        }
    }

    /// Returns whether the certificate is itself among the roots, to the byte. Such a one is
    /// trusted as it is, as in OpenSSL: webpki rejects the certificate of an authority as that of a
    /// server, and what `openssl req -x509` creates is both.
    fn is_pinned(&self, presented: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|known| known == presented)
    }
}

/// Returns whether a certificate was rejected because of a signature: webpki does not say whose,
/// and reports that of a weak key as wrong.
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

/// Verifies name and validity, which is all there is to verify of a certificate that is trusted as
/// it is.
fn verify_pinned(
    presented: &CertificateDer<'_>,
    parsed: Option<&Certificate>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let parsed = parsed.ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds > parsed.not_after {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    if seconds < parsed.not_before {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    verify_server_name(&ParsedCertificate::try_from(presented)?, name)
}

/// If any certificate is trusted, the signature of the handshake is not verified: it proves nothing
/// about a certificate that anybody may have created, and webpki cannot read the key of one of
/// X.509 version 1, which `--insecure` has to accept too.
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
        self.recorder.record(|observed| (observed.certificate, observed.fault) = (certificate, fault));
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
            .inspect_err(|error| self.record_handshake(certificate, error))
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
            .inspect_err(|error| self.record_handshake(certificate, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Presents our certificate, if there is one, and records that the server requested it.
#[derive(Debug)]
pub struct Identity {
    /// The certificate and its key.
    pub ours: Option<Arc<CertifiedKey>>,
    /// Where the request is recorded.
    pub recorder: Recorder,
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let state = match self.ours {
            Some(_) => ClientCertificate::Presented,
            None => ClientCertificate::Missing,
        };
        self.recorder.record(|observed| observed.client_certificate = state);
        self.ours.clone()
    }

    fn has_certs(&self) -> bool {
        // So that rustls always calls `resolve`, which records the request.
        true
    }
}

/// Returns the time of the wall clock, in seconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
