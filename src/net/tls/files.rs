//! Certificates and keys from PEM files (RFC 7468), and where the system keeps its roots. None are
//! built in.
//!
//! A message says what is wrong with a file, never what it contains. The name of a file from an
//! argument is prepended by the caller, which knows whether a secret is part of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use super::TlsError;
use crate::bytes::find;
use crate::deadline::{Deadline, Passed};
use crate::directory::Directory;
use crate::error::Error;
use crate::files::{read_in_time, read_regular, unanswered};
use crate::threads::bounded;

/// The most that is read of one file, in bytes; the bundle of a distribution has some 220 KB.
const FILE_LIMIT: u64 = 4 << 20;
/// The most files that are read in a folder of roots.
const MOST_FILES: usize = 1000;

/// Where distributions keep their bundle of roots.
const BUNDLES: &[&str] = &[
    // Debian, Ubuntu, Alpine, Wolfi, distroless
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    // SUSE
    "/etc/ssl/ca-bundle.pem",
    // Alpine, OpenSSL's own default
    "/etc/ssl/cert.pem",
];

/// A folder of roots, a file each, if there is no bundle.
const FOLDER: &str = "/etc/ssl/certs";

/// Where the system's roots are: in the variables of OpenSSL and Go, or else in the usual places.
#[derive(Debug, Clone, Default)]
pub struct SystemRoots {
    /// `SSL_CERT_FILE`: a bundle in place of the usual ones.
    pub file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: folders, separated by `:`, in place of the usual one.
    pub folders: Option<std::ffi::OsString>,
}

impl SystemRoots {
    /// Reads the certificates. The error says which places were tried. A file system that does not
    /// answer by the deadline has an error of its own, because it may answer at another attempt.
    pub fn read(&self, deadline: Deadline) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let unusable = |why| match deadline.remaining() {
            Err(Passed) => TlsError::SilentRoots(why),
            Ok(_) => TlsError::NoRoots(why),
        };
        self.find(deadline).map_err(|error| unusable(error.to_string()))
    }

    fn find(&self, deadline: Deadline) -> Result<Vec<CertificateDer<'static>>, Error> {
        // A variable with a wrong value is an error: it was set on purpose.
        let mut found = match &self.file {
            Some(file) => {
                let found = certificates(file, deadline);
                found.map_err(|error| format!("SSL_CERT_FILE: {}", error.at(file)))?
            }
            None => Vec::new(),
        };
        let mut unusable = None;
        if let Some(folders) = &self.folders {
            for folder in folders.as_bytes().split(|&b| b == b':').filter(|folder| !folder.is_empty()) {
                let folder = Path::new(OsStr::from_bytes(folder));
                if let Err(error) = add_folder(folder, deadline, &mut found) {
                    let is_denied = error.is_denied();
                    let why = format!("SSL_CERT_DIR: {error}").into();
                    // A folder that may not be read is not absent, whatever else there is; and
                    // after the deadline nothing else can be read.
                    if is_denied || deadline.remaining().is_err() {
                        return Err(why);
                    }
                    unusable.get_or_insert(why);
                }
            }
        }
        if self.file.is_none() && self.folders.is_none() {
            for &file in BUNDLES {
                let file = Path::new(file);
                match certificates(file, deadline) {
                    Ok(bundle) => return Ok(bundle),
                    Err(error) if error.is_absent() => {}
                    Err(error) => {
                        let error = error.at(file);
                        if deadline.remaining().is_err() {
                            return Err(error);
                        }
                        unusable = Some(error);
                    }
                }
            }
            if let Err(error) = add_folder(Path::new(FOLDER), deadline, &mut found)
                && (error.is_denied() || deadline.remaining().is_err())
            {
                unusable = Some(error);
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        Err(match (unusable, &self.file, &self.folders) {
            (Some(why), ..) => why,
            (None, None, None) => {
                "no root certificates in this container (none in /etc/ssl or /etc/pki)".into()
            }
            _ => "no root certificates where SSL_CERT_FILE and SSL_CERT_DIR point".into(),
        })
    }
}

/// Adds the certificates that [`of_folder`] finds by the deadline.
fn add_folder(
    folder: &Path,
    deadline: Deadline,
    found: &mut Vec<CertificateDer<'static>>,
) -> Result<(), Error> {
    let theirs = folder.to_owned();
    let read = bounded(deadline, Box::new(move || of_folder(&theirs)));
    found.extend(read.unwrap_or_else(|Passed| Err(unanswered(deadline).at(folder)))?);
    Ok(())
}

/// Reads the certificates in the files of a folder, and stops at the file with which their total
/// size exceeds [`FILE_LIMIT`]; that file does not count. Files without certificates are skipped.
/// The error says why the folder cannot be read, or, if there are no certificates, which file may
/// not be read.
fn of_folder(folder: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let (mut found, mut size, mut denied) = (Vec::new(), 0, None);
    let failed = |errno: Errno| Error::from(errno).at(folder);
    let mut list = Directory::open(folder).map_err(failed)?;
    for _ in 0..MOST_FILES {
        let Some(entry) = list.next().map_err(failed)? else { break };
        let path = folder.join(OsStr::from_bytes(entry.name));
        match read_regular(&path, FILE_LIMIT) {
            Ok(text) => {
                size += text.len() as u64;
                if size > FILE_LIMIT {
                    break;
                }
                found.extend(parse(&text).unwrap_or_default());
            }
            Err(error) if error.is_denied() => denied = Some(error.at(&path)),
            Err(_) => {}
        }
    }
    if found.is_empty() { denied.map_or(Ok(found), Err) } else { Ok(found) }
}

/// Reads the certificates of a PEM file, at least one, by the deadline. The error does not name the
/// file.
pub fn certificates(path: &Path, deadline: Deadline) -> Result<Vec<CertificateDer<'static>>, Error> {
    parse(&read_in_time(path, FILE_LIMIT, deadline)?).map_err(Error::from)
}

/// Returns the certificates in this PEM text, at least one.
pub fn parse(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        found.push(certificate.map_err(|_| "a certificate in it is not PEM")?);
    }
    if !found.is_empty() {
        Ok(found)
    } else if find(text, b"-----BEGIN").is_some() {
        Err("contains PEM, but no certificate")
    } else {
        Err("contains no certificate; expected PEM, -----BEGIN CERTIFICATE-----")
    }
}

/// Why the client certificate or its key cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// Whether the file of the key is wrong, not that of the certificate.
    pub is_key: bool,
    /// Whether the name of the certificate's file has to be appended to [`Unusable::why`].
    pub is_foreign: bool,
    /// What is wrong.
    pub why: String,
}

/// Reads a certificate with its intermediates, and its key, which may be in the same file.
pub fn identity(
    chain: &Path,
    key: &Path,
    deadline: Deadline,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Unusable> {
    let unusable = |is_key, why| Unusable { is_key, is_foreign: false, why };
    let certificates = certificates(chain, deadline).map_err(|error| unusable(false, error.to_string()))?;
    let key = private_key(key, deadline, provider).map_err(|error| unusable(true, error.to_string()))?;
    let identity = CertifiedKey::new(certificates, key);
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            let why = "the private key does not belong to the certificate in ".to_owned();
            Err(Unusable { is_key: true, is_foreign: true, why })
        }
        _ => Ok(identity),
    }
}

/// Reads a private key. The error says what is wrong with the file, without its name.
fn private_key(
    key: &Path,
    deadline: Deadline,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, Error> {
    parse_key(&read_in_time(key, FILE_LIMIT, deadline)?, provider).map_err(Error::from)
}

/// Returns the private key in this PEM text.
pub fn parse_key(text: &[u8], provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, &'static str> {
    if find(text, b"ENCRYPTED").is_some() {
        return Err("the private key is encrypted, and a check cannot ask for its passphrase; \
                    openssl pkey -in KEY -out PLAIN decrypts it");
    }
    let der = PrivateKeyDer::from_pem_slice(text)
        .map_err(|_| "contains no private key; expected PEM, -----BEGIN PRIVATE KEY-----")?;
    let loaded = provider.key_provider.load_private_key(der);
    loaded.map_err(|_| "unsupported private key; expected RSA of at least 2048 bits, P-256, P-384 or Ed25519")
}
