//! One command's arguments, expanded and validated, with errors that name the argument.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::UsageError;
use crate::expand::{Secrets, Values, expand};
use crate::text::clip;

/// What [`unescape`] expects.
const ESCAPES: &str = r"text in which \ is followed by r, n, t, 0, xNN or \";

/// What was given to one command.
pub struct Given<'a> {
    command: &'static str,
    matches: &'a ArgMatches,
    values: &'a dyn Values,
    secrets: &'a mut Secrets,
}

impl<'a> Given<'a> {
    pub(super) fn new(
        command: &'static str,
        matches: &'a ArgMatches,
        values: &'a dyn Values,
        secrets: &'a mut Secrets,
    ) -> Self {
        Given { command, matches, values, secrets }
    }

    /// Whether this option was given.
    pub fn has(&self, name: &str) -> bool {
        self.matches.value_source(name) == Some(ValueSource::CommandLine)
    }

    /// The text of an option or operand.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, UsageError> {
        match self.raw(name) {
            None => Ok(None),
            Some(raw) => self.expand_text(name, raw).map(Some),
        }
    }

    /// The texts of an option that may be given several times.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, UsageError> {
        let mut texts = Vec::new();
        for raw in self.matches.get_many::<OsString>(name).into_iter().flatten() {
            texts.push(self.expand_text(name, raw)?);
        }
        Ok(texts)
    }

    /// The value of an option, parsed. `expected` says what the parser takes.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, UsageError> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) => match parse(&text) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(self.unexpected(name, expected)),
            },
        }
    }

    /// The operand, parsed.
    pub fn operand<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<T, UsageError> {
        let value = self.parsed(name, expected, parse)?;
        value.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// A path, which need not be UTF-8.
    pub fn path<T>(
        &mut self,
        name: &str,
        parse: impl Fn(OsString) -> Result<T, &'static str>,
    ) -> Result<T, UsageError> {
        let raw = self.raw(name).unwrap_or_default();
        let path = self.expand(name, raw)?;
        parse(path).map_err(|expected| self.unexpected(name, expected))
    }

    /// The bytes of an option in which `\r \n \t \0 \xNN \\` are understood. What `${…}` stands for is
    /// taken as it is.
    pub fn unescaped(&mut self, name: &str) -> Result<Option<Vec<u8>>, UsageError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let bytes = unescape(raw.as_bytes()).ok_or_else(|| self.unexpected(name, ESCAPES))?;
        self.expand(name, &OsString::from_vec(bytes)).map(|bytes| Some(bytes.into_vec()))
    }

    /// The error for an argument that is wrong for this reason.
    pub fn wrong(&self, name: &str, message: &str) -> UsageError {
        UsageError(format!("{}: {}: {message}", self.command, label(name)))
    }

    /// The error for an argument that is not what was expected, which repeats it as it was typed.
    pub fn unexpected(&self, name: &str, expected: &str) -> UsageError {
        let typed = self.raw(name).map(|raw| clip(raw.as_bytes())).unwrap_or_default();
        self.wrong(name, &format!("expected {expected}, got '{typed}'"))
    }

    /// As [`Given::wrong`], for an argument that may hold a secret: it is not repeated.
    pub fn unexpected_unshown(&self, name: &str, expected: &str) -> UsageError {
        self.wrong(name, &format!("expected {expected}"))
    }

    fn raw(&self, name: &str) -> Option<&'a OsStr> {
        self.matches.get_one::<OsString>(name).map(OsString::as_os_str)
    }

    fn expand(&mut self, name: &str, raw: &OsStr) -> Result<OsString, UsageError> {
        expand(raw, self.values, self.secrets).map_err(|why| self.wrong(name, &why))
    }

    fn expand_text(&mut self, name: &str, raw: &OsStr) -> Result<String, UsageError> {
        self.expand(name, raw)?.into_string().map_err(|_| self.wrong(name, "expected UTF-8 text"))
    }
}

/// `--status` for an option, `TARGET` for an operand.
fn label(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_uppercase()) { name.to_owned() } else { format!("--{name}") }
}

/// The bytes with their escapes resolved; nothing where one is unknown.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape(br"PING\r\n\t\0\x1b\xFF\\x").unwrap(), b"PING\r\n\t\0\x1b\xff\\x");
        assert_eq!(unescape("é".as_bytes()).unwrap(), "é".as_bytes());
        for text in [r"\", r"\q", r"\x", r"\x1", r"\xg0"] {
            assert_eq!(unescape(text.as_bytes()), None, "{text}");
        }
    }
}
