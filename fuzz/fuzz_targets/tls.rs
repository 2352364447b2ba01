//! What a server sends as TLS, and its certificates. A server without the key of a certificate is
//! never healthy. The fields of a certificate can be printed.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::net::tls::algorithms::{fault, key_fault};
use porthole::net::tls::certificate::Certificate;
use porthole::text::escape;
use support::{check, is_printable};

const CHECKS: &[&[&str]] = &[
    &["tls", "@"],
    &["tls", "@", "--insecure"],
    &["http", "https://@/", "--insecure"],
    &["redis", "@", "--tls", "--insecure"],
    &["postgres", "@", "--tls", "--insecure"],
];

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    if kind < 0x80 {
        if let Some(certificate) = Certificate::parse(bytes) {
            certificate.days_left(0);
            certificate.days_left(i64::from(u32::MAX));
            for name in certificate.names.iter().chain([&certificate.subject, &certificate.issuer]) {
                is_printable(&escape(name.as_bytes()));
            }
        }
        for text in [fault(bytes, &[], &[], &[]), key_fault(bytes, &[])].into_iter().flatten() {
            is_printable(&escape(text.as_bytes()));
        }
        return;
    }
    let verdict = check(CHECKS[usize::from(kind) % CHECKS.len()], &[bytes]);
    assert!(!verdict.is_healthy, "{verdict:?}");
});
