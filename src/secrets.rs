//! The secrets that this process received, which are never printed, and the names that suggest a
//! secret.

mod written;

use std::borrow::Cow;
use std::ops::Range;

use written::{cut, written};

use crate::text::{decode, encode};

/// Suffixes of the words in a variable's name that say that its value is a secret. `redact::rules`
/// has more for command lines.
pub const SECRET_WORDS: &[&str] = &[
    "PASSWORD",
    "PASSWORDS",
    "PASSWD",
    "PASS",
    "PWD",
    "PASSPHRASE",
    "PASSCODE",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "TOKENS",
    "KEY",
    "KEYS",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "AUTH",
    "AUTHORIZATION",
    "COOKIE",
    "COOKIES",
    "BEARER",
    "JWT",
    "SIGNATURE",
];
/// Last words of a name that say that the value is not a secret, whatever precedes them.
const HARMLESS: &[&str] =
    &["PORT", "HOST", "HOSTNAME", "URL", "URI", "ADDR", "ADDRESS", "USER", "NAME", "FILE", "PATH", "DIR"];

/// The shortest value that is searched for, in bytes. To replace a secret `1` would turn 127.0.0.1
/// into garbage and thereby reveal it.
const SHORTEST: usize = 4;

/// The most parts of one argument that are searched for; the longest are chosen.
const MAX_PARTS: usize = 256;

/// Values that must not be printed, each with its replacement. Values of fewer than four bytes are
/// not searched for.
#[derive(Debug, Default)]
pub struct Secrets(Vec<Secret>);

/// Where a secret is searched for. Each scope includes the ones above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Only in text from outside. To replace it in porthole's own words would reveal it by what is
    /// missing.
    Outside,
    /// In porthole's own words as well.
    Message,
    /// In the name of a target as well, which may contain it.
    Target,
}

#[derive(Debug)]
struct Secret {
    value: Vec<u8>,
    shown: Vec<u8>,
    scope: Scope,
}

impl Secrets {
    /// Replaces every secret in a text from outside by the expression it came from. If the text
    /// ends or was cut (`…`) within a secret, the beginning of the secret is replaced.
    pub fn redact<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        self.replace(text, &|_| Scope::Outside)
    }

    /// Like [`Secrets::redact`], for one of porthole's messages, of which only the parts `outside`
    /// come from outside.
    pub fn redact_message<'a>(&self, message: &'a [u8], outside: &[Range<usize>]) -> Cow<'a, [u8]> {
        let is_outside = |at: usize| outside.iter().any(|part| part.contains(&at));
        self.replace(message, &|at| if is_outside(at) { Scope::Outside } else { Scope::Message })
    }

    /// Like [`Secrets::redact`], for the name or address of a target. It replaces only secrets that
    /// the target was built from, so that a port is not mistaken for a password that happens to be
    /// equal.
    pub fn redact_target<'a>(&self, target: &'a [u8]) -> Cow<'a, [u8]> {
        self.replace(target, &|_| Scope::Target)
    }

    /// Like [`Secrets::redact_message`], for text that is entirely porthole's own.
    pub fn redact_text(&self, text: &str) -> String {
        decode(&self.redact_message(&encode(text), &[]))
    }

    /// From now on replaces this value by `shown`, unless the value already has a replacement in
    /// that scope.
    pub fn add(&mut self, value: &[u8], shown: &str, scope: Scope) {
        if value.len() >= SHORTEST {
            self.0.push(Secret { value: value.to_vec(), shown: encode(shown).into_owned(), scope });
        }
    }

    /// Like [`Secrets::add`], for the parts of an argument. If there are very many, the longest are
    /// chosen, which are the least likely to be found by chance.
    pub fn add_longest(&mut self, mut values: Vec<Vec<u8>>, shown: &str, scope: Scope) {
        values.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        for value in values.iter().take(MAX_PARTS) {
            self.add(value, shown, scope);
        }
    }

    /// Replaces the secrets in one pass, so that nothing is replaced within a replacement. `scope`
    /// returns the scope of the byte at a position.
    fn replace<'a>(&self, text: &'a [u8], scope: &dyn Fn(usize) -> Scope) -> Cow<'a, [u8]> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        // Whether a secret or its replacement may begin with this byte. Most bytes begin neither.
        let mut begins = [false; 256];
        let firsts = self.0.iter().flat_map(|secret| [secret.value.first(), secret.shown.first()]);
        for &first in firsts.flatten().chain(written::MARKS) {
            for byte in [first.to_ascii_lowercase(), first.to_ascii_uppercase()] {
                if let Some(begins) = begins.get_mut(usize::from(byte)) {
                    *begins = true;
                }
            }
        }
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(&first) = rest.first() {
            // The longest wins, so that nothing remains of a secret that contains another one.
            let (mut longest, mut shown) = ((1, false), rest.get(..1).unwrap_or_default());
            if begins.get(usize::from(first)) == Some(&true) {
                let scope = scope(text.len() - rest.len());
                for secret in self.0.iter().filter(|secret| secret.scope >= scope) {
                    let covered = secret.covers(rest);
                    if covered > longest {
                        (longest, shown) = (covered, secret.shown.as_slice());
                    }
                }
            }
            out.extend_from_slice(shown);
            rest = rest.get(longest.0..).unwrap_or_default();
        }
        Cow::Owned(out)
    }
}

impl Secret {
    /// Returns how many bytes at the beginning of the text are the secret, in any form that
    /// [`written`] knows, and whether they are all of it.
    fn covers(&self, text: &[u8]) -> (usize, bool) {
        if text.starts_with(&self.shown) {
            return (self.shown.len(), true);
        }
        let (taken, count) = written(text, &self.value);
        if count == self.value.len() {
            return (taken, true);
        }
        let cut = if count >= SHORTEST { text.get(taken..).and_then(cut) } else { None };
        cut.map_or((0, false), |part| (taken + part, false))
    }
}

/// Returns whether a variable, a header or an option of this name likely contains a secret:
/// `PGPASSWORD`, `api-keys`, but not `SECRET_FILE`.
pub fn suggests_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = || name.as_bytes().split(|b| !b.is_ascii_alphanumeric());
    let is_harmless = |last: &[u8]| HARMLESS.iter().any(|word| word.as_bytes() == last);
    !words().next_back().is_some_and(is_harmless)
        && words().any(|part| SECRET_WORDS.iter().any(|word| part.ends_with(word.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(list: &[(&str, &str)]) -> Secrets {
        let mut secrets = Secrets::default();
        for (value, shown) in list {
            secrets.add(value.as_bytes(), shown, Scope::Message);
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
            ("is HUNTER2, Hunt…", "is ${A}, ${A}…"),
            (r"is hun\ter2, \hunter2 hunte\x", r"is ${A}, \${A} hunte\x"),
        ] {
            assert_eq!(secrets.redact_text(text), redacted, "{text}");
        }
    }

    #[test]
    fn a_replacement_is_not_replaced() {
        let secrets =
            secrets(&[("API_TOKEN", "${file:/token}"), ("token", "${API_${B_KEY}}"), ("B_KEY", "${C}")]);
        let once = secrets.redact_text("API_TOKEN token B_KEY");
        assert_eq!(once, "${file:/token} ${API_${B_KEY}} ${C}");
        assert_eq!(secrets.redact_text(&once), once);
    }

    #[test]
    fn the_longest_secret_and_the_first_replacement_win() {
        let secrets = secrets(&[("pass", "${A}"), ("password", "${B}"), ("pass", "<data>"), ("1", "${ONE}")]);
        assert_eq!(secrets.redact_text("passwordpass 127.0.0.1"), "${B}${A} 127.0.0.1");
    }

    #[test]
    fn a_target_shows_secrets_that_it_was_not_built_from() {
        let mut secrets = secrets(&[("8080", "${file:/pin}"), ("t0psecret", "${API_TOKEN}")]);
        secrets.add(b"t0psecret", "${FILE_KEY}", Scope::Target);
        assert_eq!(secrets.redact_target(b"localhost:8080/t0psecret"), &b"localhost:8080/${FILE_KEY}"[..]);
    }

    #[test]
    fn own_words_reveal_no_secret_by_what_is_missing() {
        let mut secrets = secrets(&[("t0psecret", "${API_TOKEN}")]);
        secrets.add(b"refused", "<data>", Scope::Outside);
        assert_eq!(secrets.redact(b"refused t0psecret"), &b"<data> ${API_TOKEN}"[..]);
        assert_eq!(secrets.redact_text("refused t0psecret"), "refused ${API_TOKEN}");
        let message = secrets.redact_message(b"refused: refused t0psecret", std::slice::from_ref(&(9..16)));
        assert_eq!(message, &b"refused: <data> ${API_TOKEN}"[..]);
        assert_eq!(secrets.redact_target(b"refused t0psecret"), &b"refused t0psecret"[..]);
    }

    #[test]
    fn only_the_longest_of_very_many_parts_are_searched_for() {
        let mut secrets = Secrets::default();
        let numbers = (10_000..20_000).map(|number| number.to_string().into_bytes());
        let parts = numbers.chain([b"hunter2".to_vec(), b"hunter2".to_vec(), b"abcd".to_vec()]);
        secrets.add_longest(parts.collect(), "<data>", Scope::Outside);
        assert_eq!(secrets.0.len(), MAX_PARTS);
        assert_eq!(secrets.redact(b"10000 hunter2 19999 abcd"), &b"<data> <data> 19999 abcd"[..]);
    }

    #[test]
    fn a_secret_that_was_cut_within_an_escape_is_replaced_too() {
        let secrets = secrets(&[("ab+cd/ef==", "${A}")]);
        for (text, redacted) in [
            ("ab%2Bcd%2Fef%3D%3D.", "${A}."),
            ("x=ab%2Bcd%", "x=${A}"),
            ("x=ab%2Bcd%2…", "x=${A}…"),
            ("x=ab\\u002b\\u00", "x=ab\\u002b\\u00"),
            ("x=ab\\u002bcd\\u00", "x=${A}"),
            ("ab&#43;cd&#x…", "${A}…"),
            ("%61b%2bcd%zz", "%61b%2bcd%zz"),
            ("%", "%"),
        ] {
            assert_eq!(secrets.redact_text(text), redacted, "{text}");
        }
    }

    #[test]
    fn names_that_suggest_a_secret() {
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
            "VPN_PASSCODE",
            "SECRET_VALUE",
            "Authorization",
            "x-api-key",
            "spring.datasource.password",
        ] {
            assert!(suggests_secret(name), "{name}");
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
            assert!(!suggests_secret(name), "{name}");
        }
    }
}
