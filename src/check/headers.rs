//! `-H 'Name: value'`, as http and grpc take it.

use ureq::http::header::{HeaderName, HeaderValue};

use crate::bytes::is_listed;
use crate::cli::{Given, UsageError};

/// What the server sees of us where `-H` says nothing else.
pub(super) const USER_AGENT: &str = concat!("porthole/", env!("CARGO_PKG_VERSION"));

/// The headers that were given, their names in lower case. Those for which `own` holds are not the user's to set.
pub(super) fn plan(
    given: &mut Given<'_>,
    own: &dyn Fn(&str) -> bool,
) -> Result<Vec<(HeaderName, HeaderValue)>, UsageError> {
    let mut headers = Vec::new();
    for text in given.texts("header")? {
        // The value may be a secret, so it is not repeated.
        let (name, value) =
            parse(&text.value).map_err(|expected| given.unexpected_unshown("header", expected))?;
        if own(name.as_str()) {
            let message = format!("{} is set by porthole itself and cannot be given", name.as_str());
            return Err(given.wrong("header", &message));
        }
        if !is_harmless(name.as_str()) {
            let shown = format!("<header {}>", name.as_str());
            given.hide(value.as_bytes(), &shown);
            // `Bearer x`, and the cookies of `a=x; b=y`
            given.hide(halves(value.as_bytes(), b' ').1.trim_ascii(), &shown);
            for pair in value.as_bytes().split(|&b| b == b';') {
                given.hide(halves(pair, b'=').1, &shown);
            }
        }
        headers.push((name, value));
    }
    Ok(headers)
}

/// Headers whose value is no secret.
const HARMLESS: &str =
    " accept cache-control connection content-type host origin referer user-agent x-real-ip ";

/// Whether the value of this header is no secret.
fn is_harmless(name: &str) -> bool {
    is_listed(HARMLESS, name.as_bytes()) || name.starts_with("accept-") || name.starts_with("x-forwarded-")
}

/// What stands in front of the separator and behind it.
pub(super) fn halves(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&b| b == separator).unwrap_or(text.len());
    let (before, behind) = text.split_at(at);
    (before, behind.get(1..).unwrap_or_default())
}

/// The name and value of `Name: value`.
fn parse(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = text.split_once(':').ok_or("'Name: value'")?;
    let name = HeaderName::from_bytes(name.trim_end().as_bytes())
        .map_err(|_| "'Name: value' with a name of letters, digits and hyphens")?;
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| "'Name: value' with a value without control characters")?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for (text, name, value) in [
            ("X-A: b", "x-a", "b"),
            ("X-A:b: c", "x-a", "b: c"),
            ("X-A:", "x-a", ""),
            ("Host: app.example", "host", "app.example"),
        ] {
            let (parsed_name, parsed_value) = parse(text).unwrap();
            assert_eq!((parsed_name.as_str(), parsed_value.to_str().unwrap()), (name, value), "{text}");
        }
        for text in ["", "no colon", ": x", "a b: c", "X: a\r\nY: b", "X: \u{7f}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
