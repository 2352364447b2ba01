//! What only a build with TLS does.

mod tls;
