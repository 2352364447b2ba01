//! Certificates and keys from PEM files (RFC 7468), and where the system keeps its roots. None are bundled.
//!
//! A message names the file and what is wrong with it, never what it holds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use crate::expand::find;
use crate::files::read_regular;

/// The most of one file that is read, in bytes; the bundle of a distribution has some 220 KB.
const FILE_LIMIT: u64 = 4 << 20;
/// The most files of a folder of roots that are read.
const MOST_FILES: usize = 1000;

/// Where distributions keep their bundle of roots.
const BUNDLES: [&str; 5] = [
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

/// A folder of roots, a file each, where there is no bundle.
const FOLDER: &str = "/etc/ssl/certs";

/// What is trusted besides `--ca-file`: the variables that OpenSSL and Go know.
#[derive(Debug, Clone, Default)]
pub struct SystemRoots {
    /// `SSL_CERT_FILE`: a bundle in place of the usual ones.
    pub file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: folders, with `:` between, in place of the usual one.
    pub folders: Option<std::ffi::OsString>,
}

impl SystemRoots {
    /// The certificates. The error says where was looked.
    pub fn read(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        // A variable that is wrong is said: whoever set it meant it.
        let mut found = match &self.file {
            Some(file) => certificates(file).map_err(|why| format!("SSL_CERT_FILE: {why}"))?,
            None => Vec::new(),
        };
        if let Some(folders) = &self.folders {
            for folder in folders.as_bytes().split(|&b| b == b':').filter(|folder| !folder.is_empty()) {
                found.extend(folder_of(Path::new(OsStr::from_bytes(folder))));
            }
        }
        if self.file.is_none() && self.folders.is_none() {
            let mut unusable = None;
            for file in BUNDLES.map(Path::new) {
                match certificates(file) {
                    Ok(bundle) => return Ok(bundle),
                    Err(why) if file.exists() => unusable = Some(why),
                    Err(_) => {}
                }
            }
            found = folder_of(Path::new(FOLDER));
            // What may not be read is not absent.
            if let Some(why) = unusable.filter(|_| found.is_empty()) {
                return Err(why);
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        Err(match (&self.file, &self.folders) {
            (None, None) => {
                "there are no root certificates in this container (none in /etc/ssl, /etc/pki)".to_owned()
            }
            _ => "there are no root certificates where SSL_CERT_FILE and SSL_CERT_DIR lead".to_owned(),
        })
    }
}

/// The certificates of every file in a folder that has any, as far as they are no more than one file may hold; others
/// are passed over.
fn folder_of(folder: &Path) -> Vec<CertificateDer<'static>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_FILES);
    let mut found = Vec::new();
    let mut size = 0;
    for entry in entries {
        let more = certificates(&entry.path()).unwrap_or_default();
        size += more.iter().map(|certificate| certificate.len() as u64).sum::<u64>();
        if size > FILE_LIMIT {
            break;
        }
        found.extend(more);
    }
    found
}

/// The certificates of a PEM file, at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        found.push(certificate.map_err(|_| format!("{}: a certificate in it is not PEM", path.display()))?);
    }
    if found.is_empty() {
        let what = if find(&text, b"-----BEGIN").is_some() {
            "has PEM in it, but no certificate"
        } else {
            "has no certificate in it; expected PEM, -----BEGIN CERTIFICATE-----"
        };
        return Err(format!("{}: {what}", path.display()));
    }
    Ok(found)
}

/// Why there is no identity: the file of its certificate or that of its key, and what is wrong with it.
#[derive(Debug)]
pub enum Unusable {
    /// The certificate's.
    Certificate(String),
    /// The key's.
    Key(String),
}

/// A certificate with what leads to its root, and its key, which may stand in the same file.
pub fn identity(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, Unusable> {
    let certificates = certificates(chain).map_err(Unusable::Certificate)?;
    let key_of_it = private_key(key, provider).map_err(Unusable::Key)?;
    let identity = CertifiedKey::new(certificates, key_of_it);
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            let (key, chain) = (key.display(), chain.display());
            Err(Unusable::Key(format!(
                "{key}: the private key does not belong to the certificate in {chain}"
            )))
        }
        _ => Ok(identity),
    }
}

fn private_key(key: &Path, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, String> {
    let text = read(key)?;
    let shown = key.display();
    if find(&text, b"ENCRYPTED").is_some() {
        return Err(format!(
            "{shown}: the private key is encrypted, and a check cannot ask for its passphrase; \
             openssl pkey -in KEY -out PLAIN decrypts it"
        ));
    }
    let der = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        format!("{shown}: has no private key in it; expected PEM, -----BEGIN PRIVATE KEY-----")
    })?;
    provider.key_provider.load_private_key(der).map_err(|_| {
        format!("{shown}: the private key is none of RSA (2048 bits and more), P-256, P-384, Ed25519")
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    read_regular(path, FILE_LIMIT).map_err(|unread| unread.at(path).why)
}
