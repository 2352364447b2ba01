//! From a target to a connection, under one deadline and the local rule.

pub mod connect;
pub mod deadline;
#[cfg(feature = "remote")]
pub mod dns;
pub mod greetings;
pub mod head;
pub mod hosts;
pub mod http2;
pub mod local;
#[cfg(feature = "remote")]
pub mod lookup;
#[cfg(any(feature = "remote", feature = "inspect"))]
pub mod resolv_conf;
#[cfg(feature = "remote")]
pub mod resolver;
pub mod target;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transport;
pub mod url;
pub mod wire;

use std::io;

/// The operating system's reason, in lower case and without its number: `connection refused`.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind('(').unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(&text).trim_end();
    // Acronyms stay: "I/O error".
    if !text.as_bytes().get(1).is_some_and(u8::is_ascii_lowercase) {
        return text.to_owned();
    }
    let mut words = text.to_owned();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    words
}

/// `503 Service Unavailable`, or the number alone where it has no name.
pub fn status_words(status: u16) -> String {
    match ureq::http::StatusCode::from_u16(status).ok().and_then(|known| known.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_the_operating_system() {
        let words = |code| words(&io::Error::from_raw_os_error(code));
        assert_eq!(words(nix::libc::ECONNREFUSED), "connection refused");
        assert_eq!(words(nix::libc::ENOENT), "no such file or directory");
        assert!(!words(nix::libc::EIO).contains("os error"));
    }
}
