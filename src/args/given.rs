//! The arguments of one command, expanded and validated, with errors that name the argument.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use super::UsageError;
use super::option::{is_operand, is_target};
use super::read::Matches;
use crate::bytes::find;
use crate::deadline::Deadline;
use crate::expand::{Expanded, Values, expand};
use crate::expression::{SIZE_LIMIT, Unusable};
use crate::secrets::{Scope, Secrets};
use crate::text::{ELLIPSIS, clip, decode};
use crate::units::show_size;

/// What [`unescape`] expects.
const ESCAPES: &str = r"text in which \ is followed by r, n, t, 0, xNN or \";
/// What [`Given::file`] expects.
const FILE: &str = "the path of a file";

/// A text, and the form in which it may be printed.
#[derive(Debug)]
pub struct Text {
    /// The text after expansion.
    pub value: String,
    /// The text with the expression in place of a secret.
    pub shown: String,
}

/// The arguments of one command.
///
/// What [`Given::text`], [`Given::parsed`], [`Given::operand`], [`Given::path`] and [`Given::file`]
/// return may become part of a target's name; what the other getters return may not.
pub struct Given<'a> {
    command: &'static str,
    matches: &'a Matches,
    /// `None` if `${…}` is not expanded.
    values: Option<&'a dyn Values>,
    /// The deadline for reading the files that arguments name.
    deadline: Deadline,
    secrets: &'a mut Secrets,
    advice: Advice,
}

/// Returns what to do about the unexpected value of an argument, if that is known. Its arguments
/// are the command, the argument's name and its value.
pub type Advice = fn(&str, &str, &[u8]) -> Option<String>;

impl<'a> Given<'a> {
    pub fn new(
        command: &'static str,
        matches: &'a Matches,
        values: Option<&'a dyn Values>,
        deadline: Deadline,
        secrets: &'a mut Secrets,
        advice: Advice,
    ) -> Self {
        Given { command, matches, values, deadline, secrets, advice }
    }

    /// The deadline for reading the files that arguments name.
    #[cfg(feature = "tls")]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether this option was given.
    pub fn has(&self, name: &str) -> bool {
        self.matches.has(name)
    }

    /// The one of these options that was given last.
    #[cfg(feature = "inspect")]
    pub fn last_of(&self, names: &[&str]) -> Option<&'static str> {
        self.matches.last_of(names)
    }

    /// The text of an option or operand.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, UsageError> {
        self.one(name, true)
    }

    /// Like [`Given::text`], for an option that no target shows.
    pub fn unshown(&mut self, name: &str) -> Result<Option<String>, UsageError> {
        self.one(name, false)
    }

    /// The texts of these options in the order in which they were given, each with the name of its
    /// option.
    pub fn texts(&mut self, names: &[&str]) -> Result<Vec<(&'static str, Text)>, UsageError> {
        let mut texts = Vec::new();
        for (name, raw) in self.matches.in_order(names) {
            texts.push((name, self.text_of(name, raw, false)?));
        }
        Ok(texts)
    }

    /// From now on, shows this value as `shown` if a server repeats it.
    pub fn hide(&mut self, value: &[u8], shown: &str) {
        self.secrets.add(value, shown, Scope::Outside);
    }

    /// Like [`Given::hide`], for the parts of a value.
    pub fn hide_parts(&mut self, values: Vec<Vec<u8>>, shown: &str) {
        self.secrets.add_longest(values, shown, Scope::Outside);
    }

    /// The value of an option, parsed. `expected` describes what the parser accepts.
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

    /// A path, parsed; it need not be UTF-8.
    pub fn path<T>(
        &mut self,
        name: &str,
        parse: impl Fn(OsString) -> Result<T, &'static str>,
    ) -> Result<T, UsageError> {
        let raw = self.raw(name).unwrap_or_default();
        let path = self.expand(name, raw.as_bytes(), true)?.value;
        parse(OsString::from_vec(path)).map_err(|expected| self.unexpected(name, expected))
    }

    /// The words of an operand or option that may be given several times, not expanded.
    #[cfg(feature = "inspect")]
    pub fn words(&self, name: &str) -> Vec<OsString> {
        self.matches.values(name).map(OsStr::to_owned).collect()
    }

    /// The paths of an operand, not expanded.
    #[cfg(feature = "inspect")]
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.words(name).into_iter().map(PathBuf::from).collect()
    }

    /// The path of a file, if it was given.
    pub fn file(&mut self, name: &str) -> Result<Option<PathBuf>, UsageError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let path = self.expand(name, raw.as_bytes(), true)?.value;
        if path.is_empty() {
            Err(self.unexpected(name, FILE))
        } else {
            Ok(Some(OsString::from_vec(path).into()))
        }
    }

    /// The value of an option, as it may be shown.
    #[cfg(feature = "tls")]
    pub fn shown(&mut self, name: &str) -> String {
        let raw = self.raw(name).unwrap_or_default();
        let shown = self.expand(name, raw.as_bytes(), false).map(|expanded| expanded.shown);
        decode(&shown.unwrap_or_default())
    }

    /// The bytes of these options in the order in which they were given, each with the name of its
    /// option. `\r \n \t \0 \xNN \\` are escapes in them, but not in what `${…}` expands to.
    pub fn unescaped(&mut self, names: &[&str]) -> Result<Vec<(&'static str, Expanded)>, UsageError> {
        let mut texts = Vec::new();
        for (name, raw) in self.matches.in_order(names) {
            let Some(bytes) = unescape(raw.as_bytes()) else {
                let got = clip(raw.as_bytes());
                return Err(self.wrong(name, &format!("expected {ESCAPES}, got '{got}'")));
            };
            texts.push((name, self.expand(name, &bytes, false)?));
        }
        Ok(texts)
    }

    /// The error for an expression in an option or operand that cannot be used.
    pub fn unusable(&self, name: &str, why: &Unusable) -> UsageError {
        self.wrong(
            name,
            &match why {
                Unusable::TooLarge => {
                    let most = show_size(SIZE_LIMIT as u64);
                    format!("the regular expression is too large: more than {most} once compiled")
                }
                Unusable::Invalid(why) => format!("invalid regular expression: {why}"),
            },
        )
    }

    /// An environment variable that replaces an option.
    #[cfg(feature = "tls")]
    pub fn variable(&self, name: &str) -> Option<OsString> {
        self.values?.variable(name).filter(|value| !value.is_empty())
    }

    /// The error for a wrong argument, with this message.
    pub fn wrong(&self, name: &str, message: &str) -> UsageError {
        // `--status` for an option, `TARGET` for an operand.
        let dashes = if is_operand(name) { "" } else { "--" };
        UsageError(format!("{}: {dashes}{name}: {message}", self.command))
    }

    /// The error for an unexpected value, which repeats the value as it may be shown.
    pub fn unexpected(&mut self, name: &str, expected: &str) -> UsageError {
        let raw = self.raw(name).unwrap_or_default();
        match self.expand(name, raw.as_bytes(), false) {
            Ok(Expanded { shown, .. }) => {
                let advice = (self.advice)(self.command, name, &shown);
                let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
                let shown = without_user_info(&shown, is_target(name));
                self.wrong(name, &format!("expected {expected}, got '{}'{advice}", clip(&shown)))
            }
            Err(error) => error,
        }
    }

    /// Like [`Given::unexpected`], for a value that may be a secret: it is not repeated.
    pub fn unexpected_unshown(&self, name: &str, expected: &str) -> UsageError {
        self.wrong(name, &format!("expected {expected}"))
    }

    fn one(&mut self, name: &str, in_target: bool) -> Result<Option<String>, UsageError> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        Ok(Some(self.text_of(name, raw, in_target)?.value))
    }

    fn text_of(&mut self, name: &str, raw: &OsStr, in_target: bool) -> Result<Text, UsageError> {
        let Expanded { value, shown } = self.expand(name, raw.as_bytes(), in_target)?;
        let value = String::from_utf8(value).map_err(|_| {
            if is_operand(name) {
                self.unexpected(name, "UTF-8 text")
            } else {
                self.unexpected_unshown(name, "UTF-8 text")
            }
        })?;
        Ok(Text { value, shown: decode(&shown) })
    }

    fn raw(&self, name: &str) -> Option<&'a OsStr> {
        self.matches.value(name)
    }

    fn expand(&mut self, name: &str, raw: &[u8], in_target: bool) -> Result<Expanded, UsageError> {
        match self.values {
            Some(values) => {
                let expanded = expand(raw, values, self.deadline, self.secrets, in_target);
                expanded.map_err(|why| self.wrong(name, &why))
            }
            None => Ok(Expanded { value: raw.to_vec(), shown: raw.to_vec() }),
        }
    }
}

/// The text with `…` for the user info of a URL, or in a target for what may be meant as user info.
pub fn without_user_info(text: &[u8], target: bool) -> Vec<u8> {
    let scheme = find(text, b"://").map(|at| at + 3).or(target.then_some(0));
    let end = text.iter().rposition(|&b| b == b'@');
    match (scheme, end) {
        (Some(start), Some(end)) if start < end => {
            let part = |range| text.get(range).unwrap_or_default();
            [part(0..start), ELLIPSIS.as_bytes(), part(end..text.len())].concat()
        }
        _ => text.to_vec(),
    }
}

/// The bytes with their escapes resolved; `None` if one is unknown.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
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

    #[test]
    fn user_info_is_not_repeated() {
        for (text, target, shown) in [
            ("http://me:pw@host:0/", true, "http://…@host:0/"),
            ("http://me:p/w@h@host:0/", true, "http://…@host:0/"),
            ("me:pw@host:0/", true, "…@host:0/"),
            ("http://host:0/", true, "http://host:0/"),
            ("postgres://me:pw@db", false, "postgres://…@db"),
            ("@name", true, "@name"),
            ("a@b", false, "a@b"),
        ] {
            assert_eq!(without_user_info(text.as_bytes(), target), shown.as_bytes(), "{text}");
        }
    }
}
