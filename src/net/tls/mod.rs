//! TLS 1.2 and 1.3 on a wire: rustls with ring. RFC 8446, RFC 5246.
//!
//! Invariant: rustls' types end in this room. Plain data goes in; a [`Session`] under a wire, or a
//! reason in words, comes out.

pub mod algorithms;
pub mod certificate;
pub mod files;
pub mod provider;
mod session;
mod verify;
mod words;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion};

use self::certificate::Certificate;
pub use self::files::{SystemRoots, Unusable};
use self::provider::{provider, suite_name};
pub use self::session::Session;
pub use self::verify::now;
use self::verify::{ClientCertificate, Identity, Observed, Recorder, Trust, Verifier};
pub use self::words::{list, no_h2};
use super::socket::{Socket, WireError};
use super::target::Host;
use crate::deadline::Deadline;

/// How many of the first bytes from the server are kept, to tell what answered.
const OPENING: usize = 64;

/// Whom to trust and what to present; validated.
#[derive(Debug, Default)]
pub struct Settings {
    /// Whether any certificate is accepted: `--insecure`.
    pub insecure: bool,
    /// The certificates of `--ca-file`; the system's if it is not given.
    roots: Option<Vec<CertificateDer<'static>>>,
    /// Where the system's are.
    pub system: SystemRoots,
    /// What is presented if the server requests a certificate.
    identity: Option<Arc<CertifiedKey>>,
    /// The name to expect in place of the target's host: `--server-name`.
    pub name: Option<Host>,
    /// The protocol above TLS, by its name in ALPN (RFC 7301), for servers that insist on one.
    pub protocol: Option<&'static [u8]>,
}

impl Settings {
    /// Trusts only the certificates of this file. The error says what is wrong with it, without its
    /// name.
    pub fn trust(&mut self, path: &Path, deadline: Deadline) -> Result<(), crate::error::Error> {
        self.roots = Some(files::certificates(path, deadline)?);
        Ok(())
    }

    /// Presents this certificate, with the key of that file. The error says what is wrong with one
    /// of them.
    pub fn present(&mut self, chain: &Path, key: &Path, deadline: Deadline) -> Result<(), Unusable> {
        self.identity = Some(Arc::new(files::identity(chain, key, deadline, &provider())?));
        Ok(())
    }
}

/// Performs handshakes, all with the same settings.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    recorder: Recorder,
    /// Created for the first handshake: the system's roots are only read if there is one.
    config: OnceLock<Arc<ClientConfig>>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    /// Its number: `1.3`.
    pub fn name(self) -> &'static str {
        match self {
            Version::Tls12 => "1.2",
            Version::Tls13 => "1.3",
        }
    }
}

/// What a handshake found.
#[derive(Debug)]
pub struct Peer {
    /// The server's certificate; `None` if it cannot be read.
    pub certificate: Option<Certificate>,
    /// The version that was negotiated.
    pub version: Version,
    /// The cipher suite, by its name in IANA's registry.
    pub cipher_suite: Option<&'static str>,
    /// All certificates that the server sent, if no request follows the handshake; `None` is one
    /// that cannot be read.
    pub chain: Vec<Option<Certificate>>,
    /// Whether the server requested a client certificate and there was none to present.
    pub wants_certificate: bool,
    /// The protocol above TLS that the server chose by ALPN, of those that were offered.
    pub protocol: Option<Vec<u8>>,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum TlsError {
    /// Reading or writing failed.
    Wire(WireError),
    /// The trusted certificates could not be read by the deadline, so there was no handshake.
    SilentRoots(String),
    /// No certificate is trusted, so there was no handshake.
    NoRoots(String),
    /// The reason in words, and what is known of the server's certificate.
    Failed(String, Option<Certificate>),
    /// The same, if the reason is that the server requires a client certificate and there was none
    /// to present.
    WantsCertificate(String, Option<Certificate>),
    /// The server speaks another protocol, beginning with these bytes; none if it just closed.
    NotTls(Vec<u8>),
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: Settings) -> Self {
        Client { settings, recorder: Recorder::default(), config: OnceLock::new() }
    }

    /// Speaks TLS on a connected socket to a server of this name. `handshake_only` says that no
    /// request follows: its answer could still tell that the server rejects our certificate.
    pub fn handshake(
        &self,
        socket: &mut Socket,
        host: &Host,
        handshake_only: bool,
    ) -> Result<(Session, Peer), TlsError> {
        let mut session = self.session(host, socket.deadline())?;
        // Drops what an earlier attempt recorded that did not complete.
        self.recorder.take();
        self.negotiate(&mut session, socket)?;
        let version = match session.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Version::Tls12,
            _ => Version::Tls13,
        };
        session.observed = self.recorder.take();
        let wanted = session.observed.client_certificate;
        if version == Version::Tls13
            && (wanted == ClientCertificate::Missing
                || handshake_only && wanted == ClientCertificate::Presented)
        {
            session.await_refusal(socket)?;
        }
        let sent = session.connection.peer_certificates().filter(|_| handshake_only).unwrap_or_default();
        let peer = Peer {
            chain: sent.iter().map(|der| Certificate::parse(der)).collect(),
            cipher_suite: session.connection.negotiated_cipher_suite().and_then(suite_name),
            certificate: session.observed.certificate.take(),
            version,
            wants_certificate: wanted == ClientCertificate::Missing,
            protocol: session.connection.alpn_protocol().map(<[u8]>::to_vec),
        };
        Ok((session, peer))
    }

    /// A session with a server of this name that is about to begin.
    fn session(&self, host: &Host, deadline: Deadline) -> Result<Session, TlsError> {
        let config = if let Some(config) = self.config.get() {
            config
        } else {
            let config = self.config(deadline)?;
            self.config.get_or_init(|| config)
        };
        let host = self.settings.name.as_ref().unwrap_or(host);
        let name = server_name(host).ok_or_else(|| {
            TlsError::Failed(
                format!("{host} is not a valid TLS server name (--server-name NAME expects another)"),
                None,
            )
        })?;
        let connection = ClientConnection::new(Arc::clone(config), name)
            .map_err(|e| TlsError::Failed(e.to_string(), None))?;
        Ok(Session::new(connection, host.to_string()))
    }

    /// Exchanges messages with the server until the handshake is over on our side.
    fn negotiate(&self, session: &mut Session, socket: &mut Socket) -> Result<(), TlsError> {
        let mut opening = Vec::new();
        loop {
            let flushed = session.flush(socket);
            let goes_on = session.connection.is_handshaking();
            match flushed {
                // A server that has closed the connection may have said why before.
                Err(WireError::Failed(_)) if goes_on => {}
                other => other.map_err(TlsError::Wire)?,
            }
            if !goes_on {
                return Ok(());
            }
            let mut piece = [0; session::PIECE];
            let count = match socket.read(&mut piece) {
                Ok(count @ 1..) => count,
                ended => {
                    let error = ended.err();
                    let is_over = error.as_ref().is_none_or(WireError::is_hung_up);
                    return Err(if is_over && (opening.is_empty() || !is_tls(&opening)) {
                        TlsError::NotTls(opening)
                    } else {
                        vanished(self.recorder.take(), error)
                    });
                }
            };
            let piece = piece.get(..count).unwrap_or_default();
            if opening.len() < OPENING {
                opening.extend_from_slice(piece.get(..OPENING).unwrap_or(piece));
            }
            if let Err(error) = session.take(piece) {
                if !is_tls(&opening) {
                    return Err(TlsError::NotTls(opening));
                }
                // Sends the alert that tells the server why.
                let _ = session.flush(socket);
                let observed = self.recorder.take();
                let refused = words::refused_h2(&error).filter(|_| self.settings.protocol.is_some());
                return Err(match refused {
                    Some(why) => TlsError::Failed(why, observed.certificate),
                    None => failed(&error, observed, &session.host, &opening),
                });
            }
        }
    }

    fn config(&self, deadline: Deadline) -> Result<Arc<ClientConfig>, TlsError> {
        let settings = &self.settings;
        let trust = match &settings.roots {
            _ if settings.insecure => Trust::Anything,
            Some(roots) => Trust::Roots(roots.clone()),
            None => Trust::Roots(settings.system.read(deadline)?),
        };
        let provider = Arc::new(provider());
        let verifier = Verifier::new(trust, Arc::clone(&provider), self.recorder.clone())
            .ok_or_else(|| TlsError::NoRoots("none of the root certificates can be used".to_owned()))?;
        let identity = Identity { ours: settings.identity.clone(), recorder: self.recorder.clone() };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsError::NoRoots(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(identity));
        // Each handshake has to see the certificate.
        config.resumption = Resumption::disabled();
        config.alpn_protocols.extend(settings.protocol.map(<[u8]>::to_vec));
        Ok(Arc::new(config))
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Address(address) => Some(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
    }
}

/// Returns what this error of a handshake means: see [`words::failure`].
fn failed(error: &rustls::Error, observed: Observed, name: &str, opening: &[u8]) -> TlsError {
    let why = words::failure(error, &observed, name, opening);
    if words::is_for_certificate(error, &observed) {
        TlsError::WantsCertificate(why, observed.certificate)
    } else {
        TlsError::Failed(why, observed.certificate)
    }
}

/// Returns what it means that a server is gone without a TLS alert, after this error of the socket
/// or, without one, its end.
fn vanished(observed: Observed, error: Option<WireError>) -> TlsError {
    let is_over = error.as_ref().is_none_or(WireError::is_hung_up);
    let is_missing = observed.client_certificate == ClientCertificate::Missing;
    match (words::vanished(observed.client_certificate).filter(|_| is_over), error) {
        (Some(why), _) if is_missing => TlsError::WantsCertificate(why.to_owned(), observed.certificate),
        (Some(why), _) => TlsError::Failed(why.to_owned(), observed.certificate),
        (None, Some(error)) => TlsError::Wire(error),
        (None, None) => TlsError::Wire(WireError::closed()),
    }
}

/// Returns whether bytes begin as a TLS record does. RFC 8446, 5.1.
fn is_tls(opening: &[u8]) -> bool {
    matches!(opening, [] | [0x14..=0x17] | [0x14..=0x17, 3, ..])
}
