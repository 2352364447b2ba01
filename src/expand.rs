//! Expansion of `${NAME}`, `${NAME:-default}` and `${file:PATH}` in targets and option values.
//!
//! The exec form of a health check has no shell that expands variables, and a secret among the
//! arguments is visible in `ps` and in the engine's events. `$${` is a literal `${`, and any other
//! `$` is literal too. `:-` applies to a variable that is unset or empty, as in sh (POSIX,
//! "Parameter Expansion"). The value of a secret is never printed: see [`Secrets`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use crate::bytes::find;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::files::{read_in_time, without_newline};
use crate::secrets::{Scope, Secrets, suggests_secret};
use crate::text::{clip, decode};

/// The longest file for `${file:PATH}`, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// The source of values; tests have their own.
pub trait Values {
    /// Returns the environment variable of this name.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// Returns the bytes of this file, or why they are not available by the deadline.
    fn file(&self, path: &Path, deadline: Deadline) -> Result<Vec<u8>, Error>;
}

/// The environment and the files of this process.
pub struct System;

impl Values for System {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn file(&self, path: &Path, deadline: Deadline) -> Result<Vec<u8>, Error> {
        read_in_time(path, FILE_LIMIT, deadline)
    }
}

/// An expanded argument.
#[derive(Debug)]
pub struct Expanded {
    /// The value.
    pub value: Vec<u8>,
    /// The value for messages, in which each secret is still its expression.
    pub shown: Vec<u8>,
}

/// Replaces every `${…}` in `raw`. The content of a file, and the value of a variable whose name
/// suggests a secret, are added to `secrets`, with whether the name of a target may contain it. An
/// error says which expression failed and why.
pub fn expand(
    raw: &[u8],
    values: &dyn Values,
    deadline: Deadline,
    secrets: &mut Secrets,
    in_target: bool,
) -> Result<Expanded, String> {
    if !raw.contains(&b'$') {
        return Ok(Expanded { value: raw.to_vec(), shown: raw.to_vec() });
    }
    let (mut value, mut shown) = (Vec::new(), Vec::new());
    let mut push = |part: &[u8], shown_part: &[u8]| {
        value.extend_from_slice(part);
        shown.extend_from_slice(shown_part);
    };
    let mut rest = raw;
    while let Some(at) = find(rest, b"${") {
        let (before, expression) = rest.split_at(at);
        if let Some(plain) = before.strip_suffix(b"$") {
            push(plain, plain);
            push(b"${", b"${");
            rest = expression.get(2..).unwrap_or_default();
        } else {
            push(before, before);
            let end = expression.iter().position(|&b| b == b'}');
            let inner = end
                .and_then(|end| expression.get(2..end))
                .ok_or_else(|| about(expression, " has no closing } (write $${ for a literal ${)"))?;
            let (whole, tail) = expression.split_at(inner.len() + 3);
            let (part, is_secret) = value_of(inner, whole, values, deadline)?;
            if is_secret {
                let scope = if in_target { Scope::Target } else { Scope::Message };
                secrets.add(&part, &decode(whole), scope);
            }
            push(&part, if is_secret { whole } else { &part });
            rest = tail;
        }
    }
    push(rest, rest);
    Ok(Expanded { value, shown })
}

/// Returns the value of the expression between the braces, and whether it is a secret. `whole` is
/// the expression with the braces, for messages.
fn value_of(
    inner: &[u8],
    whole: &[u8],
    values: &dyn Values,
    deadline: Deadline,
) -> Result<(Vec<u8>, bool), String> {
    if find(inner, b"${").is_some() {
        return Err(about(whole, " contains another ${: expressions cannot be nested"));
    }
    if let Some(path) = inner.strip_prefix(b"file:") {
        let path = Path::new(OsStr::from_bytes(path));
        let bytes = values.file(path, deadline).map_err(|error| about(whole, ": ") + &error.to_string())?;
        return Ok((without_newline(&bytes).to_vec(), true));
    }
    let (name, default) = match find(inner, b":-") {
        Some(at) => (inner.get(..at).unwrap_or_default(), inner.get(at + 2..)),
        None => (inner, None),
    };
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name)).ok_or_else(|| {
        about(whole, " is not ${NAME}, ${NAME:-default} or ${file:PATH} (write $${ for a literal ${)")
    })?;
    match values.variable(name).map(OsString::into_vec) {
        Some(value) if !(value.is_empty() && default.is_some()) => Ok((value, suggests_secret(name))),
        _ => default.map(|default| (default.to_vec(), false)).ok_or_else(|| {
            format!("environment variable {name} is not set (to give a default, write ${{{name}:-…}})")
        }),
    }
}

/// Returns a message that quotes an expression and says what is wrong with it.
fn about(expression: &[u8], what: &str) -> String {
    clip(expression) + what
}

/// Returns whether this is the name of a variable (POSIX, "Environment Variables").
fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Fake;

    impl Values for Fake {
        fn variable(&self, name: &str) -> Option<OsString> {
            match name {
                "PORT" => Some("8080".into()),
                "EMPTY" => Some("".into()),
                "API_TOKEN" => Some("t0psecret".into()),
                _ => None,
            }
        }
        fn file(&self, path: &Path, _: Deadline) -> Result<Vec<u8>, Error> {
            match path.to_str() {
                Some("/run/secrets/token") => Ok(b"hunter2\n".to_vec()),
                Some("/two") => Ok(b"a\n\n".to_vec()),
                Some("/empty") => Ok(Vec::new()),
                _ => Err("no such file or directory".into()),
            }
        }
    }

    fn expand_fake(raw: &str, secrets: &mut Secrets) -> Result<Expanded, String> {
        expand(raw.as_bytes(), &Fake, Deadline::after(Duration::from_mins(1)), secrets, false)
    }

    fn expanded(raw: &str) -> Result<String, String> {
        let expanded = expand_fake(raw, &mut Secrets::default())?;
        Ok(String::from_utf8(expanded.value).unwrap())
    }

    #[test]
    fn expressions_are_replaced_by_their_values() {
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
    fn an_error_names_the_expression() {
        for (raw, part) in [
            ("${HOST}", "variable HOST is not set"),
            ("${PORT", "${PORT has no closing }"),
            ("${}", "${} is not ${NAME}"),
            ("${1A}", "${1A} is not ${NAME}"),
            ("${A-B}", "${A-B} is not ${NAME}"),
            ("${:-x}", "${:-x} is not ${NAME}"),
            // This would be "8080}", and "${PORT}" if HOST were PORT.
            ("${PORT:-${HOST}}", "${PORT:-${HOST} contains another ${: expressions cannot be nested"),
            ("${file:/run/${HOST}}", "contains another ${"),
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
            expand_fake(raw, &mut secrets).unwrap();
        }
        assert_eq!(
            secrets.redact_text("http://x:8080/?t=hunter2&u=t0psecret&hunter2"),
            "http://x:8080/?t=${file:/run/secrets/token}&u=${API_TOKEN}&${file:/run/secrets/token}"
        );
    }

    #[test]
    fn the_shown_value_contains_no_secret() {
        for (raw, shown) in [
            (":${PORT}/?t=${API_TOKEN}", ":8080/?t=${API_TOKEN}"),
            ("${file:/run/secrets/token}!", "${file:/run/secrets/token}!"),
            ("${API_TOKENS:-none}$${x}", "none${x}"),
        ] {
            let expanded = expand_fake(raw, &mut Secrets::default()).unwrap();
            assert_eq!(String::from_utf8(expanded.shown).unwrap(), shown, "{raw}");
        }
    }
}
