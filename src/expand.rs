//! `${NAME}`, `${NAME:-default}` and `${file:PATH}` in targets and option values.
//!
//! The exec form of a health check has no shell to do it, and a secret among the arguments shows in `ps`
//! and in the engine's events. `$${` is a plain `${`, any other `$` is itself; `:-` counts for a variable that
//! is unset or empty, as in sh (POSIX, "Parameter Expansion"). What a secret expanded to never leaves
//! the process in print: see [`Secrets`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use crate::files::{read_in_time, without_newline};
use crate::text::{ELLIPSIS, clip};

/// The most that `${file:PATH}` stands for, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// How a word of a variable's name ends that tells of a secret.
const TELLING: &str = "PASSWORD PASSWD PASS PWD PASSPHRASE SECRET TOKEN KEY CREDENTIAL AUTH AUTHORIZATION COOKIE \
                       PASSWORDS SECRETS TOKENS KEYS CREDENTIALS COOKIES \
                       BEARER JWT SIGNATURE CREDS";
/// The last word of a name that tells of none, whatever stands in front.
const HARMLESS: &str = " PORT HOST HOSTNAME URL URI ADDR ADDRESS USER NAME FILE PATH DIR ";

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
        read_in_time(path, FILE_LIMIT)
    }
}

/// The shortest value that is looked for, in bytes: a secret `1` would turn 127.0.0.1 into garbage, and give itself
/// away by it.
const SHORTEST: usize = 4;

/// Values that must not be printed, each with what is printed in their place. Those of fewer than four bytes
/// are not looked for in what comes from outside.
#[derive(Debug, Default)]
pub struct Secrets(Vec<Secret>);

#[derive(Debug)]
struct Secret {
    value: Vec<u8>,
    shown: String,
    /// Whether the name of a target may hold it.
    in_target: bool,
}

impl Secrets {
    /// The text with every secret in it replaced by the expression it came from. Where the text ends or was
    /// cut (`…`) within a secret, its beginning is replaced.
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        self.replace(text, false)
    }

    /// As [`Secrets::redact`], for the name or address of a target: only of what it was made of, so that no port
    /// is taken for a password that happens to be the same.
    pub fn redact_target(&self, target: &[u8]) -> Vec<u8> {
        self.replace(target, true)
    }

    /// As [`Secrets::redact`], for text.
    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes())).into_owned()
    }

    /// From now on shows `shown` in place of this value, unless another name for it is known.
    pub fn add(&mut self, value: &[u8], shown: &str, in_target: bool) {
        if let Some(known) = self.0.iter_mut().find(|known| known.value == value) {
            known.in_target |= in_target;
        } else if value.len() >= SHORTEST {
            self.0.push(Secret { value: value.to_vec(), shown: shown.to_owned(), in_target });
        }
    }

    /// One pass, so that nothing is replaced within what stands for a secret.
    fn replace(&self, text: &[u8], in_target: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            // The longest, so that of a secret that holds another one nothing is left.
            let (mut longest, mut shown) = ((1, false), rest.get(..1).unwrap_or_default());
            for secret in &self.0 {
                let covered = secret.covers(rest);
                if covered > longest && (secret.in_target || !in_target) {
                    (longest, shown) = (covered, secret.shown.as_bytes());
                }
            }
            out.extend_from_slice(shown);
            rest = rest.get(longest.0..).unwrap_or_default();
        }
        out
    }
}

impl Secret {
    /// How many bytes at the beginning of the text have to go, and whether they are the whole secret.
    fn covers(&self, text: &[u8]) -> (usize, bool) {
        if text.starts_with(self.shown.as_bytes()) {
            return (self.shown.len(), true);
        }
        let count = text.iter().zip(&self.value).take_while(|(a, b)| a == b).count();
        let rest = text.get(count..).unwrap_or_default();
        let whole = count == self.value.len();
        let cut = count >= SHORTEST && (rest.is_empty() || rest.starts_with(ELLIPSIS.as_bytes()));
        if whole || cut { (count, whole) } else { (0, false) }
    }
}

/// What an argument expanded to.
#[derive(Debug)]
pub struct Expanded {
    /// The value.
    pub value: Vec<u8>,
    /// The value for messages: a secret in it is left as its expression.
    pub shown: Vec<u8>,
}

/// Where `needle` first stands in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Replaces every `${…}` in `raw`; what a file or a variable with a telling name gave is noted in `secrets`, and
/// whether the name of a target may hold it. An error says which expression failed and why.
pub fn expand(
    raw: &[u8],
    values: &dyn Values,
    secrets: &mut Secrets,
    in_target: bool,
) -> Result<Expanded, String> {
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
                .ok_or_else(|| about(expression, " is never closed by } (a plain ${ is written $${)"))?;
            let (whole, tail) = expression.split_at(inner.len() + 3);
            let (part, is_secret) = value_of(inner, whole, values)?;
            if is_secret {
                secrets.add(&part, &String::from_utf8_lossy(whole), in_target);
            }
            push(&part, if is_secret { whole } else { &part });
            rest = tail;
        }
    }
    push(rest, rest);
    Ok(Expanded { value, shown })
}

/// What stands between the braces, looked up, and whether it is a secret. `whole` is the expression with them,
/// for messages.
fn value_of(inner: &[u8], whole: &[u8], values: &dyn Values) -> Result<(Vec<u8>, bool), String> {
    if let Some(path) = inner.strip_prefix(b"file:") {
        let path = Path::new(OsStr::from_bytes(path));
        let bytes = values.file(path).map_err(|why| about(whole, ": ") + &why)?;
        return Ok((without_newline(&bytes).to_vec(), true));
    }
    let (name, default) = match find(inner, b":-") {
        Some(at) => (inner.get(..at).unwrap_or_default(), inner.get(at + 2..)),
        None => (inner, None),
    };
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name)).ok_or_else(|| {
        about(whole, " is none of ${NAME}, ${NAME:-default}, ${file:PATH} (a plain ${ is written $${)")
    })?;
    match values.variable(name).map(OsString::into_vec) {
        Some(value) if !(value.is_empty() && default.is_some()) => Ok((value, is_telling(name))),
        _ => default.map(|default| (default.to_vec(), false)).ok_or_else(|| {
            format!("the environment has no variable {name} (set it, or give a default: ${{{name}:-…}})")
        }),
    }
}

/// What is wrong with an expression, which is named.
fn about(expression: &[u8], what: &str) -> String {
    clip(expression) + what
}

/// Whether this is the name of a variable (POSIX, "Environment Variables").
fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a variable, a header or an option of this name likely holds a secret: `PGPASSWORD`, `api-keys`, but not
/// `SECRET_FILE`.
pub fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = || name.as_bytes().split(|b| !b.is_ascii_alphanumeric());
    !words().next_back().is_some_and(|last| is_listed(HARMLESS, last))
        && words().any(|part| TELLING.as_bytes().split(|&b| b == b' ').any(|word| part.ends_with(word)))
}

/// Whether the word is one of the list, in which each has a space on both sides.
pub fn is_listed(list: &str, word: &[u8]) -> bool {
    find(list.as_bytes(), &[b" ", word, b" "].concat()).is_some()
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
        let expanded = expand(raw.as_bytes(), &World, &mut Secrets::default(), false)?;
        Ok(String::from_utf8(expanded.value).unwrap())
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
            expand(raw.as_bytes(), &World, &mut secrets, false).unwrap();
        }
        assert_eq!(
            secrets.redact_text("http://x:8080/?t=hunter2&u=t0psecret&hunter2"),
            "http://x:8080/?t=${file:/run/secrets/token}&u=${API_TOKEN}&${file:/run/secrets/token}"
        );
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        for (raw, shown) in [
            (":${PORT}/?t=${API_TOKEN}", ":8080/?t=${API_TOKEN}"),
            ("${file:/run/secrets/token}!", "${file:/run/secrets/token}!"),
            ("${API_TOKENS:-none}$${x}", "none${x}"),
        ] {
            let expanded = expand(raw.as_bytes(), &World, &mut Secrets::default(), false).unwrap();
            assert_eq!(String::from_utf8(expanded.shown).unwrap(), shown, "{raw}");
        }
    }

    fn secrets(list: &[(&str, &str)]) -> Secrets {
        let mut secrets = Secrets::default();
        for (value, shown) in list {
            secrets.add(value.as_bytes(), shown, false);
        }
        secrets
    }

    #[test]
    fn a_secret_that_was_cut_is_replaced_too() {
        let secrets = secrets(&[("hunter2", "${A}"), ("hunter22-and-more", "${B}")]);
        for (text, redacted) in [
            ("is hunter2 hunt", "is ${A} ${A}"),
            ("is hunt…", "is ${A}…"),
            ("is \"hunt…\", not", "is \"${A}…\", not"),
            ("is hunter2", "is ${A}"),
            ("is hunter22", "is ${B}"),
            ("hunter2hunter22-a", "${A}${B}"),
            ("hunter22-and-more!", "${B}!"),
            ("is hun", "is hun"),
            ("hunt!", "hunt!"),
            ("", ""),
        ] {
            assert_eq!(secrets.redact_text(text), redacted, "{text}");
        }
    }

    #[test]
    fn what_stands_for_a_secret_stays_as_it_is() {
        let secrets =
            secrets(&[("API_TOKEN", "${file:/token}"), ("token", "${API_${B_KEY}}"), ("B_KEY", "${C}")]);
        let once = secrets.redact_text("API_TOKEN token B_KEY");
        assert_eq!(once, "${file:/token} ${API_${B_KEY}} ${C}");
        assert_eq!(secrets.redact_text(&once), once);
    }

    #[test]
    fn the_longest_secret_comes_first_and_the_first_name_stays() {
        let secrets = secrets(&[("pass", "${A}"), ("password", "${B}"), ("pass", "<data>"), ("1", "${ONE}")]);
        assert_eq!(secrets.redact_text("passwordpass 127.0.0.1"), "${B}${A} 127.0.0.1");
    }

    #[test]
    fn a_target_shows_what_it_was_not_made_of() {
        let mut secrets = secrets(&[("8080", "${file:/pin}"), ("t0psecret", "${API_TOKEN}")]);
        secrets.add(b"t0psecret", "<header x>", true);
        assert_eq!(secrets.redact_target(b"localhost:8080/t0psecret"), b"localhost:8080/${API_TOKEN}");
    }

    #[test]
    fn telling_names() {
        for name in [
            "PASSWORD",
            "PGPASSWORD",
            "DB_PASS",
            "MYSQL_PWD",
            "APIKEY",
            "api_key",
            "API_KEYS",
            "TOKEN_2",
            "AWS_CREDENTIALS",
            "SECRET",
            "BASIC_AUTH",
            "SESSION_COOKIE",
            "KEY_PASSPHRASE",
            "SECRET_VALUE",
            "Authorization",
            "x-api-key",
            "spring.datasource.password",
        ] {
            assert!(is_telling(name), "{name}");
        }
        for name in [
            "PORT",
            "KEYCLOAK_PORT",
            "SECRET_FILE",
            "AUTH_URL",
            "TOKEN_PATH",
            "DB_PASSWORD_FILE",
            "AUTHOR",
            "PASSENGER_COUNT",
            "KEYBOARD",
            "TOKENIZER",
            "AUTH_USER",
            "password-file",
            "SS",
            "",
        ] {
            assert!(!is_telling(name), "{name}");
        }
    }
}
