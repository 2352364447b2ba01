//! Tests that need a build with TLS.

mod servers;
mod tls;
