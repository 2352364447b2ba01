//! The TLS options that several checks share. A build without TLS knows them too, and reports which
//! build supports them.

use crate::args::{Feature, Opt, flag, option};

/// Requests TLS for targets that are not URLs.
pub(super) const SPEAK: &[Opt] = &[flag("tls", "use TLS").needs(Feature::TLS)];

pub(super) const OPTIONS: &[Opt] = &[
    flag("insecure", "accept any certificate").short('k').needs(Feature::TLS),
    option("ca-file", "PATH", "trust only the certificates in this PEM file").needs(Feature::TLS),
    option("server-name", "NAME", "the name that the certificate must be valid for").needs(Feature::TLS),
    option("client-cert", "PATH", "the client certificate, in PEM").needs(Feature::TLS),
    option("client-key", "PATH", "the client's private key, in PEM, if not in the same file")
        .needs(Feature::TLS),
    option("min-days", "N", "the certificate must be valid for at least N more days").needs(Feature::TLS),
];
