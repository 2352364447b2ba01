//! From a target to a connection, under one deadline and the local rule.

pub mod connect;
pub mod deadline;
pub mod hosts;
pub mod local;
pub mod target;
pub mod transport;
pub mod url;
pub mod wire;

use std::io;

/// The operating system's reason, in lower case and without its number: `connection refused`.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    match characters.next() {
        // Acronyms stay: "I/O error".
        Some(first) if characters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
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
