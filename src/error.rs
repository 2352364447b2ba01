//! Why something is not available: one type for every question that the system did not answer.
//!
//! An error is data for the code that has to decide. It becomes text in this file only, and no code
//! parses that text.

#![cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "checks alone do not need all of it"))]

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use crate::text::Shown as _;
use crate::units::show_duration;

/// The reason why something is not available, and its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The reason.
    pub cause: Cause,
    /// The path that the error is about; `None` if the caller names it anyway.
    pub path: Option<PathBuf>,
}

/// A reason why something is not available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The process has ended, and its files in proc have gone with it.
    Gone,
    /// The error number of a system call.
    System(Errno),
    /// Permission is denied; the text says why.
    Denied(String),
    /// The file system does not answer, or did not answer within this time.
    Unanswered(Option<Duration>),
    /// This time limit passed before it was its turn.
    TimedOut(Duration),
    /// A kind of file that is read only on request.
    Special {
        /// What it is: `a FIFO`.
        what: &'static str,
        /// Whether the command has the option `--special`, which requests it.
        has_option: bool,
    },
    /// The system lacks a call that has no substitute.
    Unsupported(&'static str),
    /// Any other reason, as text.
    Other(Cow<'static, str>),
}

impl Error {
    /// Converts the error of a call on a process's files in proc. ENOENT and ESRCH mean that the
    /// process has ended: proc(5).
    pub fn of_process(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ESRCH => Cause::Gone.into(),
            errno => errno.into(),
        }
    }

    /// Adds the path, unless the error has one, which is more precise.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        let path = self.path.unwrap_or_else(|| path.to_owned());
        Error { cause: self.cause, path: Some(path) }
    }

    /// Whether permission is denied.
    pub fn is_denied(&self) -> bool {
        matches!(self.cause, Cause::Denied(_) | Cause::System(Errno::EACCES | Errno::EPERM))
    }

    /// Whether nothing of this name exists, or no longer does.
    pub fn is_absent(&self) -> bool {
        matches!(self.cause, Cause::Gone | Cause::System(Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH))
    }

    /// Whether the error tells nothing about what was asked for: the file system does not answer or
    /// is broken, or this process or machine lacks something.
    pub fn is_uninformative(&self) -> bool {
        match self.cause {
            Cause::Unanswered(_) | Cause::TimedOut(_) => true,
            Cause::System(errno) => errno == Errno::EIO || is_lack(errno),
            _ => false,
        }
    }

    /// Whether the process has ended.
    pub fn is_gone(&self) -> bool {
        self.cause == Cause::Gone
    }

    /// Whether the file system does not answer.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.cause, Cause::Unanswered(_))
    }

    /// Returns the reason without the path.
    pub fn reason(&self) -> Cow<'_, str> {
        match &self.cause {
            Cause::Gone => "the process is gone".into(),
            Cause::System(errno) => describe(&io::Error::from(*errno)).into(),
            Cause::Denied(why) => why.into(),
            Cause::Unanswered(None) => "the file system does not answer".into(),
            Cause::Unanswered(Some(limit)) => {
                ["the file system does not answer within ", &show_duration(*limit)].concat().into()
            }
            Cause::TimedOut(limit) => {
                ["timed out after ", &show_duration(*limit), " before it was read"].concat().into()
            }
            Cause::Special { what, has_option } => {
                let unless = if *has_option { " unless --special is given" } else { "" };
                ["is ", what, ", which is not read", unless].concat().into()
            }
            Cause::Unsupported(what) => (*what).into(),
            Cause::Other(why) => why.as_ref().into(),
        }
    }
}

/// The path, if there is one, then the reason: `/run/app.pid: permission denied`.
impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            f.write_str(&path.shown())?;
            f.write_str(": ")?;
        }
        f.write_str(&self.reason())
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Error { cause, path: None }
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Cause::System(errno).into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Errno::from_raw(code).into(),
            None => describe(&error).into(),
        }
    }
}

impl From<&'static str> for Error {
    fn from(why: &'static str) -> Self {
        Cause::Other(why.into()).into()
    }
}

impl From<String> for Error {
    fn from(why: String) -> Self {
        Cause::Other(why.into()).into()
    }
}

/// Whether this process or machine lacks what the call needs, whatever it was to do: file
/// descriptors, memory, or the call itself, which the kernel does not have or a seccomp filter
/// refuses. open(2), socket(2).
pub fn is_lack(errno: Errno) -> bool {
    matches!(errno, Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS | Errno::ENOSYS)
}

/// Whether a call on a connection that fails with this error did not even reach the network: this
/// process lacks something, or may not make the call. It tells nothing about the peer.
pub fn is_unmade(errno: Errno) -> bool {
    is_lack(errno) || matches!(errno, Errno::EACCES | Errno::EPERM)
}

/// Returns the operating system's reason in lower case, without its number: `connection refused`.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    // std appends this to the system's own text (`impl Display for io::Error`).
    let number = error.raw_os_error().map(|code| format!(" (os error {code})")).unwrap_or_default();
    let text = text.strip_suffix(&number).unwrap_or(&text);
    // Acronyms keep their case: "I/O error".
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

    #[test]
    fn errors_are_classified() {
        let absent = Error::from(Errno::ENOENT);
        assert_eq!((absent.is_absent(), absent.is_denied(), absent.is_gone()), (true, false, false));
        for errno in [Errno::ENOTDIR, Errno::ESRCH] {
            assert!(Error::from(errno).is_absent(), "{errno}");
        }
        assert!(!Error::from(Errno::ELOOP).is_absent());
        let lacks = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::ENOSYS];
        for errno in lacks.into_iter().chain([Errno::EIO]) {
            assert!(Error::from(errno).is_uninformative(), "{errno}");
        }
        assert!(!absent.is_uninformative() && Error::from(Cause::Unanswered(None)).is_uninformative());
        let gone = Error::of_process(Errno::ESRCH);
        assert_eq!((gone.is_absent(), gone.is_gone()), (true, true));
        assert!(Error::of_process(Errno::EACCES).is_denied());
        assert!(Error::from(io::Error::from_raw_os_error(nix::libc::EPERM)).is_denied());
    }

    #[test]
    fn the_path_comes_first() {
        let error = Error::from(Errno::EACCES);
        assert_eq!(error.to_string(), "permission denied");
        assert_eq!(error.at(Path::new("/run/a")).to_string(), "/run/a: permission denied");
        let silent = Error::from(Cause::Unanswered(Some(Duration::from_secs(3))));
        assert_eq!(silent.to_string(), "the file system does not answer within 3 s");
        assert_eq!(Error::from("not a regular file").to_string(), "not a regular file");
    }
}
