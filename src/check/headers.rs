//! The option `-H 'Name: value'` of http and grpc.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::args::{Given, UsageError};

/// The default `User-Agent` header, which `-H` replaces.
pub(super) const USER_AGENT: &str = concat!("porthole/", env!("CARGO_PKG_VERSION"));

/// A header to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The name as it was typed.
    pub(super) name: String,
    pub(super) value: String,
}

impl Header {
    /// Creates a header with this name and value.
    pub(super) fn new(name: &str, value: impl Into<String>) -> Self {
        Header { name: name.to_owned(), value: value.into() }
    }

    /// Whether it has this name, ignoring case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Returns the headers that were given. The user may not set a header if `own` is true for its name
/// in lower case.
pub(super) fn plan(given: &mut Given<'_>, own: &dyn Fn(&str) -> bool) -> Result<Vec<Header>, UsageError> {
    let mut headers = Vec::new();
    for (_, text) in given.texts(&["header"])? {
        // The value may be a secret, so it is not repeated.
        let header = parse(&text.value).map_err(|expected| given.unexpected_unshown("header", expected))?;
        let name = header.name.to_ascii_lowercase();
        let value = &header.value;
        if own(&name) {
            let message = format!("{name} is set by porthole and cannot be overridden");
            return Err(given.wrong("header", &message));
        }
        if !is_harmless(&name) {
            let shown = format!("<header {name}>");
            given.hide(value.as_bytes(), &shown);
            // `x` in `Bearer x`, and the cookies in `a=x; b=y`.
            given.hide(split_once(value.as_bytes(), b' ').1.trim_ascii(), &shown);
            let pairs = value.as_bytes().split(|&b| b == b';');
            given.hide_parts(pairs.map(|pair| split_once(pair, b'=').1.to_vec()).collect(), &shown);
        }
        headers.push(header);
    }
    Ok(headers)
}

/// Headers whose value is not a secret.
const HARMLESS: &[&str] = &[
    "accept",
    "cache-control",
    "connection",
    "content-type",
    "host",
    "origin",
    "referer",
    "user-agent",
    "x-real-ip",
];

/// Whether the value of this header is not a secret.
fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name) || name.starts_with("accept-") || name.starts_with("x-forwarded-")
}

/// Splits the text at the first separator, which is dropped; without one, the second half is empty.
pub(super) fn split_once(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&b| b == separator).unwrap_or(text.len());
    let (before, behind) = text.split_at(at);
    (before, behind.get(1..).unwrap_or_default())
}

/// Encodes bytes for the value of a header. RFC 4648, section 4.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Parses `Name: value`.
pub(super) fn parse(text: &str) -> Result<Header, &'static str> {
    let (name, value) = text.split_once(':').ok_or("'Name: value'")?;
    let name = name.trim_end();
    if !is_token(name) {
        return Err("'Name: value' with a name of letters, digits and hyphens");
    }
    let value = value.trim();
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err("'Name: value' with a value without control characters");
    }
    Ok(Header::new(name, value))
}

/// Whether this can be the name of a header or a method. RFC 9110, section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for (text, name, value) in [
            ("X-A: b", "X-A", "b"),
            ("x-a:b: c", "x-a", "b: c"),
            ("X-A:", "X-A", ""),
            ("Host: app.example", "Host", "app.example"),
            ("X-A : grün\tb", "X-A", "grün\tb"),
        ] {
            assert_eq!(parse(text), Ok(Header::new(name, value)), "{text}");
        }
        for text in ["", "no colon", ": x", "a b: c", "é: c", "X: a\r\nY: b", "X: \u{7f}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
