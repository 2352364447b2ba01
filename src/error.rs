//! Why something cannot be had, and the words for it.

use std::io;

/// The operating system's reason, in lower case and without its number: `connection refused`.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    // What std puts behind the system's own words (`impl Display for io::Error`).
    let number = error.raw_os_error().map(|code| format!(" (os error {code})")).unwrap_or_default();
    let text = text.strip_suffix(&number).unwrap_or(&text);
    // Acronyms stay: "I/O error".
    if !text.as_bytes().get(1).is_some_and(u8::is_ascii_lowercase) {
        return text.to_owned();
    }
    let mut reason = text.to_owned();
    if let Some(first) = reason.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_the_operating_system() {
        let words = |code| describe(&io::Error::from_raw_os_error(code));
        assert_eq!(words(nix::libc::ECONNREFUSED), "connection refused");
        assert_eq!(words(nix::libc::ENOENT), "no such file or directory");
        assert!(!words(nix::libc::EIO).contains("os error"));
    }
}
