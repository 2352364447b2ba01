//! The secrets that this process was given, which never leave it in print, and which names tell of one.

use crate::text::ELLIPSIS;

/// Ends of words of a variable's name that say that its value is a secret. `redact::rules` has more for
/// command lines.
const TELLING: &[&str] = &[
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
/// Last words of a name that say that it is none, whatever precedes.
const HARMLESS: &[&str] =
    &["PORT", "HOST", "HOSTNAME", "URL", "URI", "ADDR", "ADDRESS", "USER", "NAME", "FILE", "PATH", "DIR"];

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
    /// How many bytes at the beginning of the text have to go, where case does not count, nor a backslash in front (host names
    /// are in lower case, and JSON may write `\/`), and whether they are the whole secret.
    fn covers(&self, text: &[u8]) -> (usize, bool) {
        if text.starts_with(self.shown.as_bytes()) {
            return (self.shown.len(), true);
        }
        let (mut rest, mut count) = (text, 0);
        while let (Some((&byte, behind)), Some(wanted)) = (rest.split_first(), self.value.get(count)) {
            if byte.eq_ignore_ascii_case(wanted) {
                rest = behind;
            } else if count > 0 && byte == b'\\' && behind.first() == Some(wanted) {
                rest = behind.get(1..).unwrap_or_default();
            } else {
                break;
            }
            count += 1;
        }
        let whole = count == self.value.len();
        let cut = count >= SHORTEST && (rest.is_empty() || rest.starts_with(ELLIPSIS.as_bytes()));
        if whole || cut { (text.len() - rest.len(), whole) } else { (0, false) }
    }
}

/// Whether a variable, a header or an option of this name likely holds a secret: `PGPASSWORD`, `api-keys`, but not
/// `SECRET_FILE`.
pub fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = || name.as_bytes().split(|b| !b.is_ascii_alphanumeric());
    let is_harmless = |last: &[u8]| HARMLESS.iter().any(|word| word.as_bytes() == last);
    !words().next_back().is_some_and(is_harmless)
        && words().any(|part| TELLING.iter().any(|word| part.ends_with(word.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("is HUNTER2, Hunt…", "is ${A}, ${A}…"),
            (r"is hun\ter2, \hunter2 hunte\x", r"is ${A}, \${A} hunte\x"),
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
            "VPN_PASSCODE",
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
