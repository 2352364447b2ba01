//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` in targets and option values.
//!
//! The exec form of a health check has no shell to do it, and a secret among the arguments shows in `ps`
//! and in the engine's events. `$${` is a plain `${`, any other `$` is itself; `:-` counts for a variable that
//! is unset or empty, as in sh (POSIX, "Parameter Expansion"). What a secret expanded to never leaves
//! the process in print: see [`Secrets`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use crate::files::read_regular;
use crate::text::clip;

/// The most that `${file:PATH}` reads, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// Where the values come from; in tests a made-up world.
pub trait Values {
    /// The environment variable of this name.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// The bytes of this file, or why they cannot be had.
    fn file(&self, path: &Path) -> Result<Vec<u8>, String>;
}

/// The environment and the files of this process.
pub struct System;

impl Values for System {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        read_regular(path, FILE_LIMIT).map_err(|unread| unread.why)
    }
}

/// Values that must not be printed, each with what is printed in their place.
#[derive(Debug, Default)]
pub struct Secrets(Vec<(Vec<u8>, String)>);

impl Secrets {
    /// The text with every secret in it replaced by the expression it came from.
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for (value, expression) in &self.0 {
            out = replace(&out, value, expression.as_bytes());
        }
        out
    }

    /// As [`Secrets::redact`], for text.
    pub fn redact_text(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.redact(text.as_bytes())).into_owned()
    }

    fn add(&mut self, value: &[u8], expression: &[u8]) {
        if !value.is_empty() {
            // A secret that holds another one is replaced first, and whole.
            let at = self.0.iter().position(|(known, _)| known.len() < value.len()).unwrap_or(self.0.len());
            self.0.insert(at, (value.to_vec(), String::from_utf8_lossy(expression).into_owned()));
        }
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, from) {
        let (before, tail) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(to);
        rest = tail.get(from.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Where `needle` first stands in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Replaces every `${…}` in `raw`; what a file or a variable with a telling name gave is noted in `secrets`.
/// An error says which expression failed and why.
pub fn expand(raw: &OsStr, values: &dyn Values, secrets: &mut Secrets) -> Result<OsString, String> {
    let mut rest = raw.as_bytes();
    let Some(first) = find(rest, b"${") else {
        return Ok(raw.to_owned());
    };
    let mut out = Vec::with_capacity(rest.len());
    let mut at = first;
    loop {
        let (before, expression) = rest.split_at(at);
        if let Some(plain) = before.strip_suffix(b"$") {
            out.extend_from_slice(plain);
            out.extend_from_slice(b"${");
            rest = expression.get(2..).unwrap_or_default();
        } else {
            out.extend_from_slice(before);
            let end = expression.iter().position(|&b| b == b'}');
            let inner = end.and_then(|end| expression.get(2..end)).ok_or_else(|| {
                format!("{} is never closed by }} (a plain ${{ is written $${{)", clip(expression))
            })?;
            let (whole, tail) = expression.split_at(inner.len() + 3);
            out.extend(value_of(inner, whole, values, secrets)?);
            rest = tail;
        }
        match find(rest, b"${") {
            Some(next) => at = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    Ok(OsString::from_vec(out))
}

/// What stands between the braces, looked up. `whole` is the expression with them, for messages.
fn value_of(
    inner: &[u8],
    whole: &[u8],
    values: &dyn Values,
    secrets: &mut Secrets,
) -> Result<Vec<u8>, String> {
    if let Some(path) = inner.strip_prefix(b"file:") {
        let path = Path::new(OsStr::from_bytes(path));
        let mut bytes = values.file(path).map_err(|why| format!("{}: {why}", clip(whole)))?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        secrets.add(&bytes, whole);
        return Ok(bytes);
    }
    let (name, default) = match find(inner, b":-") {
        Some(at) => (inner.get(..at).unwrap_or_default(), inner.get(at + 2..)),
        None => (inner, None),
    };
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name)).ok_or_else(|| {
        format!(
            "{} is none of ${{NAME}}, ${{NAME:-default}}, ${{file:PATH}} (a plain ${{ is written $${{)",
            clip(whole)
        )
    })?;
    match values.variable(name).map(OsString::into_vec) {
        Some(value) if !(value.is_empty() && default.is_some()) => {
            if is_telling(name) {
                secrets.add(&value, whole);
            }
            Ok(value)
        }
        _ => default.map(<[u8]>::to_vec).ok_or_else(|| {
            format!("the environment has no variable {name} (set it, or give a default: ${{{name}:-…}})")
        }),
    }
}

/// Whether this is the name of a variable (POSIX, "Environment Variables").
fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a variable of this name likely holds a secret.
fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "COOKIE", "PWD"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World;

    impl Values for World {
        fn variable(&self, name: &str) -> Option<OsString> {
            match name {
                "PORT" => Some("8080".into()),
                "EMPTY" => Some("".into()),
                "API_TOKEN" => Some("t0psecret".into()),
                _ => None,
            }
        }
        fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
            match path.to_str() {
                Some("/run/secrets/token") => Ok(b"hunter2\n".to_vec()),
                Some("/two") => Ok(b"a\n\n".to_vec()),
                Some("/empty") => Ok(Vec::new()),
                _ => Err("no such file or directory".to_owned()),
            }
        }
    }

    fn expanded(raw: &str) -> Result<String, String> {
        expand(OsStr::new(raw), &World, &mut Secrets::default()).map(|s| s.into_string().unwrap())
    }

    #[test]
    fn values_stand_where_the_expressions_stood() {
        for (raw, value) in [
            ("plain", "plain"),
            ("", ""),
            (":${PORT}/healthz", ":8080/healthz"),
            ("${PORT}${PORT}", "80808080"),
            ("${HOST:-localhost}:${PORT:-1}", "localhost:8080"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("${HOST:-}", ""),
            ("${HOST:-a:-b}", "a:-b"),
            ("$${PORT}", "${PORT}"),
            ("$$${PORT}", "$${PORT}"),
            ("$PORT $ $$ cost$", "$PORT $ $$ cost$"),
            ("Bearer ${file:/run/secrets/token}", "Bearer hunter2"),
            ("${file:/two}", "a\n"),
            ("${file:/empty}", ""),
        ] {
            assert_eq!(expanded(raw).as_deref(), Ok(value), "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_expanded_is_named() {
        for (raw, part) in [
            ("${HOST}", "no variable HOST"),
            ("${PORT", "${PORT is never closed"),
            ("${}", "${} is none of"),
            ("${1A}", "${1A} is none of"),
            ("${A-B}", "${A-B} is none of"),
            ("${:-x}", "${:-x} is none of"),
            ("${file:/none}", "${file:/none}: no such file"),
        ] {
            let error = expanded(raw).unwrap_err();
            assert!(error.contains(part), "{raw}: {error}");
        }
    }

    #[test]
    fn secrets_are_replaced_by_their_expression() {
        let mut secrets = Secrets::default();
        for raw in ["${file:/run/secrets/token}", "${API_TOKEN}", "${PORT}", "${file:/empty}"] {
            expand(OsStr::new(raw), &World, &mut secrets).unwrap();
        }
        assert_eq!(
            secrets.redact_text("http://x:8080/?t=hunter2&u=t0psecret&hunter2"),
            "http://x:8080/?t=${file:/run/secrets/token}&u=${API_TOKEN}&${file:/run/secrets/token}"
        );
    }
}
