//! PEM files of certificates and keys: those of two texts in a row are those of both; whatever is
//! encoded is read back, however long the lines are and whatever is between; and a key is found behind
//! its certificate.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::net::tls::files::{parse, parse_key};
use porthole::net::tls::provider::provider;
use support::base64;

/// A certificate of openssl, and its key.
const CERTIFICATE: &[u8] = include_bytes!("../seeds/pem/certificate");
const KEY: &[u8] = include_bytes!("../seeds/pem/key");

fuzz_target!(|input: (u8, u8, &[u8], &[u8])| {
    let (width, kind, first, second) = input;
    if let (Ok(front), Ok(back)) = (parse(first), parse(second)) {
        let both = parse(&[first, &b"\n"[..], second].concat()).expect("both are valid");
        assert_eq!(both, [front, back].concat());
    }
    let provider = provider();
    for text in [first, second] {
        let _ = parse_key(text, &provider);
    }

    let (end, width) = (if kind & 1 == 0 { "\n" } else { "\r\n" }, usize::from(width).max(1));
    let noise: String =
        second.iter().map(|&byte| if byte == b'-' { ' ' } else { char::from(byte) }).collect();
    let text = [&noise, end, &pem(first, end, width), &noise, end, &pem(second, end, width)].concat();
    let found = parse(text.as_bytes()).expect("two certificates");
    assert_eq!(found.iter().map(|der| &der[..]).collect::<Vec<_>>(), [&first[..], second]);

    let with_key = [CERTIFICATE, end.as_bytes(), KEY].concat();
    assert_eq!(parse(&with_key), parse(CERTIFICATE));
    assert!(parse_key(&with_key, &provider).is_ok());
});

/// RFC 7468, section 5.
fn pem(der: &[u8], end: &str, width: usize) -> String {
    let mut text = format!("-----BEGIN CERTIFICATE-----{end}");
    let encoded = base64(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(width.min(rest.len()));
        text.push_str(line);
        text.push_str(end);
        rest = behind;
    }
    text + "-----END CERTIFICATE-----" + end
}
