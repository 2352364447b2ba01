//! The options of TLS that several checks share. A build without TLS has them too, to say which build has what they ask for.

use crate::args::{Feature, Opt, flag, option};

/// Asks for TLS where no URL does.
pub(super) const SPEAK: &[Opt] = &[flag("tls", "speak TLS").needs(Feature::TLS)];

pub(super) const OPTIONS: &[Opt] = &[
    flag("insecure", "accept any certificate").short('k').needs(Feature::TLS),
    option("ca-file", "PATH", "trust only the certificates in this PEM file").needs(Feature::TLS),
    option("server-name", "NAME", "the name that the certificate must be valid for").needs(Feature::TLS),
    option("client-cert", "PATH", "the client certificate, in PEM").needs(Feature::TLS),
    option("client-key", "PATH", "its private key, in PEM, if not in the same file").needs(Feature::TLS),
    option("min-days", "N", "the certificate must be valid for at least N more days").needs(Feature::TLS),
];
