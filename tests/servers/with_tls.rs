//! Tests that need a build with TLS.

mod tls;
