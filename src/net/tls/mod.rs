//! TLS 1.2 and 1.3 on a wire: rustls with ring. RFC 8446, RFC 5246.
//!
//! Invariant: rustls' types end in this room. What goes in is plain data, what comes out a [`Session`] under a
//! wire, or a reason in words.

mod algorithms;
pub mod certificate;
mod files;
mod provider;
mod verify;
mod words;

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, Error, ProtocolVersion};

use self::certificate::Certificate;
pub use self::files::{SystemRoots, Unusable};
use self::provider::provider;
pub use self::verify::now;
use self::verify::{Identity, Notes, Ours, Told, Trust, Verifier};
pub use self::words::{list, no_h2};
use super::socket::{Socket, WireError};
use super::target::Host;
use crate::deadline::Deadline;

/// How much is read from the socket at once, in bytes; a record has at most 16 KiB.
const PIECE: usize = 4 << 10;
/// How long a server of TLS 1.3 has to refuse us, or our certificate, once the handshake is over on our side.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whom to trust and what to present; validated.
#[derive(Debug, Default)]
pub struct Settings {
    /// Any certificate will do: `--insecure`.
    pub insecure: bool,
    /// The certificates of `--ca-file`; the system's where it is not given.
    roots: Option<Vec<CertificateDer<'static>>>,
    /// Where the system's are.
    pub system: SystemRoots,
    /// What we present where we are asked to.
    identity: Option<Arc<CertifiedKey>>,
    /// The name to expect in place of the target's host: `--server-name`.
    pub name: Option<Host>,
    /// The protocol above TLS, by its name in ALPN (RFC 7301), where servers insist on one.
    pub protocol: Option<&'static [u8]>,
}

impl Settings {
    /// Trusts the certificates of this file alone. The error is what is wrong with it, without its name.
    pub fn trust(&mut self, path: &Path, deadline: Deadline) -> Result<(), crate::error::Error> {
        self.roots = Some(files::certificates(path, deadline)?);
        Ok(())
    }

    /// Presents this certificate, with the key of that file. The error is what is wrong with one of them.
    pub fn present(&mut self, chain: &Path, key: &Path, deadline: Deadline) -> Result<(), Unusable> {
        self.identity = Some(Arc::new(files::identity(chain, key, deadline, &provider())?));
        Ok(())
    }
}

/// Makes handshakes, all with the same settings.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    notes: Notes,
    /// Made for the first handshake, as the system's roots are only read where one takes place.
    config: OnceLock<Arc<ClientConfig>>,
}

/// What a handshake found.
#[derive(Debug)]
pub struct Peer {
    /// The server's certificate; nothing where it cannot be read.
    pub certificate: Option<Certificate>,
    /// `1.3` or `1.2`.
    pub version: &'static str,
    /// The server asked for a client certificate, and none is there to be given.
    pub wants_certificate: bool,
    /// The protocol above TLS that the server chose by ALPN, of those that were offered.
    pub protocol: Option<Vec<u8>>,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum TlsError {
    /// Reading or writing.
    Wire(WireError),
    /// What is trusted could not be read by the deadline, so no handshake was made.
    SilentRoots(String),
    /// There is nothing to trust, so no handshake was made.
    NoRoots(String),
    /// The reason in words, and what is known of the server's certificate.
    Failed(String, Option<Certificate>),
    /// The server speaks something else, beginning with these bytes; nothing where it just closed.
    NotTls(Vec<u8>),
}

impl Client {
    /// A client of these settings.
    pub fn new(settings: Settings) -> Self {
        Client { settings, notes: Notes::default(), config: OnceLock::new() }
    }

    /// Speaks TLS on a connected socket to a server of this name. `is_all` says that nothing is asked of it over
    /// that, in the answer to which it could still say that it does not take our certificate.
    pub fn handshake(
        &self,
        socket: &mut Socket,
        host: &Host,
        is_all: bool,
    ) -> Result<(Session, Peer), TlsError> {
        let config = if let Some(config) = self.config.get() {
            config
        } else {
            let made = self.config(socket.deadline())?;
            self.config.get_or_init(|| made)
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
        let mut session = Session {
            connection: Box::new(connection),
            waiting: Vec::new(),
            failed: None,
            told: Told::default(),
            is_answered: false,
            host: host.to_string(),
        };
        // What an attempt before this one noted that came to no end.
        self.notes.take();
        let mut opening = Vec::new();
        loop {
            let flushed = session.flush(socket);
            let goes_on = session.connection.is_handshaking();
            match flushed {
                // A server that has closed may have said why.
                Err(WireError::Failed(_)) if goes_on => {}
                other => other.map_err(TlsError::Wire)?,
            }
            if !goes_on {
                break;
            }
            let mut piece = [0; PIECE];
            let count = match socket.read(&mut piece) {
                Ok(count) => count,
                Err(error) if error.is_hung_up() && !is_tls(&opening) => {
                    return Err(TlsError::NotTls(opening));
                }
                Err(error) => return Err(gone(self.notes.take(), Some(error))),
            };
            let piece = piece.get(..count).unwrap_or_default();
            if opening.len() < 64 {
                opening.extend_from_slice(piece.get(..64).unwrap_or(piece));
            }
            if count == 0 {
                return Err(if is_tls(&opening) {
                    gone(self.notes.take(), None)
                } else {
                    TlsError::NotTls(opening)
                });
            }
            if let Err(error) = session.take(piece) {
                if !is_tls(&opening) {
                    return Err(TlsError::NotTls(opening));
                }
                // The alert that tells the server why.
                let _ = session.flush(socket);
                let told = self.notes.take();
                let refused = words::refused_h2(&error).filter(|_| self.settings.protocol.is_some());
                let why = refused.unwrap_or_else(|| words::failure(&error, &told, &session.host, &opening));
                return Err(TlsError::Failed(why, told.certificate));
            }
        }
        let version = match session.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "1.3",
        };
        session.told = self.notes.take();
        let ours = session.told.ours;
        if version == "1.3" && (ours == Ours::Lacking || is_all && ours == Ours::Given) {
            session.await_refusal(socket)?;
        }
        let peer = Peer {
            certificate: session.told.certificate.take(),
            version,
            wants_certificate: ours == Ours::Lacking,
            protocol: session.connection.alpn_protocol().map(<[u8]>::to_vec),
        };
        Ok((session, peer))
    }

    fn config(&self, deadline: Deadline) -> Result<Arc<ClientConfig>, TlsError> {
        let settings = &self.settings;
        let trust = match &settings.roots {
            _ if settings.insecure => Trust::Anything,
            Some(roots) => Trust::Roots(roots.clone()),
            None => Trust::Roots(settings.system.read(deadline)?),
        };
        let provider = Arc::new(provider());
        let verifier =
            Verifier::new(trust, Arc::clone(&provider), self.notes.clone()).map_err(TlsError::NoRoots)?;
        let identity = Identity { ours: settings.identity.clone(), notes: self.notes.clone() };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsError::NoRoots(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(identity));
        // Each handshake is to see the certificate.
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

/// What a server means that went away without a word of TLS, by an error of the socket or its end.
fn gone(told: Told, error: Option<WireError>) -> TlsError {
    let is_over = error.as_ref().is_none_or(WireError::is_hung_up);
    match (words::gone(told.ours).filter(|_| is_over), error) {
        (Some(why), _) => TlsError::Failed(why.to_owned(), told.certificate),
        (None, Some(error)) => TlsError::Wire(error),
        (None, None) => TlsError::NotTls(Vec::new()),
    }
}

/// Whether bytes begin as a TLS record does. RFC 8446, 5.1.
fn is_tls(opening: &[u8]) -> bool {
    matches!(opening, [] | [0x14..=0x17] | [0x14..=0x17, 3, ..])
}

/// An established TLS connection, without its socket.
#[derive(Debug)]
pub struct Session {
    connection: Box<ClientConnection>,
    /// What the peer sent that is not taken in yet.
    waiting: Vec<u8>,
    /// Why nothing more comes, in words, once what came before has been read.
    failed: Option<String>,
    /// What the handshake told.
    told: Told,
    /// Something was received that belongs to the protocol above.
    is_answered: bool,
    host: String,
}

impl Session {
    /// Reads what the peer said; 0 at its end. A peer that closes without a word ends it as well: the protocols
    /// above have lengths of their own.
    pub fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, WireError> {
        let read = self.read_on(socket, buffer);
        let is_over = match &read {
            Ok(count) => *count == 0,
            Err(error) => error.is_hung_up(),
        };
        if is_over && let Some(why) = self.why_gone() {
            return Err(WireError::Tls(why.to_owned()));
        }
        self.is_answered |= read.is_ok();
        read
    }

    /// Why the peer may have gone away, where it did so without an answer.
    fn why_gone(&self) -> Option<&'static str> {
        words::gone(self.told.ours).filter(|_| !self.is_answered)
    }

    fn read_on(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, WireError> {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(count) => return Ok(count),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(_) => {}
            }
            if let Some(why) = self.failed.take() {
                return Err(WireError::Tls(why));
            }
            let waiting = std::mem::take(&mut self.waiting);
            let taken = if waiting.is_empty() {
                let mut piece = [0; PIECE];
                let count = socket.read(&mut piece)?;
                if count == 0 {
                    return Ok(0);
                }
                self.take(piece.get(..count).unwrap_or_default())
            } else {
                self.take(&waiting)
            };
            // A key update is to be answered, and so is an error, where anybody still listens.
            let flushed = self.flush(socket);
            match taken {
                Ok(()) => flushed?,
                Err(error) => self.failed = Some(words::failure(&error, &self.told, &self.host, &[])),
            }
        }
    }

    /// Waits a moment for the server to say that it does without us. A client of TLS 1.3 is done before the server has
    /// seen what it sent last (RFC 8446, 2); whatever comes then but an alert, such as a ticket, says that it takes us.
    fn await_refusal(&mut self, socket: &mut Socket) -> Result<(), TlsError> {
        let mut piece = [0; PIECE];
        let whole = socket.deadline();
        socket.set_deadline(whole.at_most(PATIENCE));
        let count = socket.read(&mut piece);
        socket.set_deadline(whole);
        match count {
            Ok(0) => Err(gone(std::mem::take(&mut self.told), None)),
            Ok(count) => self.take(piece.get(..count).unwrap_or_default()).map_err(|error| {
                let why = words::failure(&error, &self.told, &self.host, &[]);
                TlsError::Failed(why, self.told.certificate.take())
            }),
            Err(WireError::TimedOut) => Ok(()),
            Err(error) => Err(gone(std::mem::take(&mut self.told), Some(error))),
        }
    }

    /// Writes all of it. A peer that went away without an answer is not heard of here, but where that is read.
    pub fn write_all(&mut self, socket: &mut Socket, mut bytes: &[u8]) -> Result<(), WireError> {
        while !bytes.is_empty() {
            // Takes as much as its buffer has room for; never nothing, as it is emptied each time.
            let count = match self.connection.writer().write(bytes).map_err(WireError::Failed)? {
                0 => return Err(WireError::Failed(io::ErrorKind::WriteZero.into())),
                count => count,
            };
            bytes = bytes.get(count..).unwrap_or_default();
            match self.flush(socket) {
                Err(error) if error.is_hung_up() && self.why_gone().is_some() => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }

    /// Says that nothing more will come (RFC 8446, 6.1), if that can be said without waiting.
    pub fn close(&mut self, socket: &mut Socket) {
        self.connection.send_close_notify();
        let mut last = Vec::new();
        if self.connection.write_tls(&mut last).is_ok() {
            socket.write_now(&last);
        }
    }

    /// Takes in bytes of the peer, until there is something to read: rustls takes no more as long as it holds more
    /// than 16 KiB of that. The rest waits.
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if !matches!(self.connection.read_tls(&mut bytes), Ok(1..)) {
                return Err(Error::General("too much at once".to_owned()));
            }
            if self.connection.process_new_packets()?.plaintext_bytes_to_read() > 0 {
                self.waiting = bytes.to_vec();
                break;
            }
        }
        Ok(())
    }

    /// Sends what is to be sent.
    fn flush(&mut self, socket: &mut Socket) -> Result<(), WireError> {
        while self.connection.wants_write() {
            let mut records = Vec::new();
            if self.connection.write_tls(&mut records).map_err(WireError::Failed)? == 0 {
                break;
            }
            socket.write_all(&records)?;
        }
        Ok(())
    }
}
