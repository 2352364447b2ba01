//! What command lines and environments may hold that is not for everybody's eyes, masked as `<24 bytes>`.
//!
//! It is a guess by names: the value of an option, a variable or a header whose name tells of a secret, what follows
//! such an option, and the password in a URL. Where in doubt it is masked; `--reveal-all` shows it.

use std::ops::Range;

use crate::expand::{find, is_telling};

/// A user without a password in a URL is masked from this length on: then it is a token.
const TOKEN: usize = 20;

/// How tokens begin that say what they are: of GitHub, GitLab, Slack, Stripe, npm, Vault, OpenAI, Anthropic, SendGrid, Docker,
/// and a JSON Web Token (RFC 7519).
const MARKED: [&str; 19] = [
    "sk-proj-",
    "sk-ant-",
    "SG.",
    "dckr_pat_",
    "xapp-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "rk_live_",
    "npm_",
    "hvs.",
    "eyJ",
];
/// How far into an address it is looked for what it is, in bytes.
const HEAD: usize = 256;
/// Addresses whose rest is all that it takes to use them.
const WEBHOOKS: [&str; 2] = ["hooks.slack.com/services/", "/api/webhooks/"];

/// What stands in place of so many bytes.
pub fn hidden(count: usize) -> String {
    if count == 1 { "<1 byte>".to_owned() } else { format!("<{count} bytes>") }
}

/// What an argument says of the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Plain,
    /// It is a secret.
    Secret,
    /// It is `NAME:PASSWORD`.
    Login,
}

/// Programs with a letter of their own for a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Program {
    #[default]
    Other,
    /// Its options have the password behind this letter, in the same word.
    Attached(u8),
    /// In the same word, or it is the next one.
    Either(u8),
}

/// Masks the arguments of one command line, which are to be given in their order.
#[derive(Debug, Default)]
pub struct Masked {
    next: Next,
    program: Program,
}

impl Masked {
    /// Appends the argument, what is secret in it masked.
    pub fn push(&mut self, out: &mut Vec<u8>, argument: &[u8]) {
        match std::mem::take(&mut self.next) {
            Next::Secret if !is_option(argument) => return mask(out, argument),
            Next::Login => {
                if let Some(range) = password(argument, 0) {
                    return splice(out, argument, range);
                }
            }
            _ => {}
        }
        let part = |from: usize, to: usize| argument.get(from..to).unwrap_or_default();
        // Up to where it is in `out`, and where the word begins that `at` is in.
        let (mut done, mut word, mut at) = (0, 0, 0);
        let mut logins = Logins::default();
        while let Some(&byte) = argument.get(at) {
            if at == word
                && let Some((start, end)) = self.word(argument, at)
            {
                out.extend_from_slice(part(done, start));
                mask(out, part(start, end));
                (done, at) = (end, end);
                continue;
            }
            let range = match byte {
                b':' if part(at, at + 3) == b"://" => {
                    user_info(argument, at + 3).or_else(|| webhook(argument, at + 3))
                }
                b'=' | b':' => value(argument, at)
                    .or_else(|| logins.password(argument, word, at))
                    .or_else(|| marked(argument, at + 1)),
                b' ' | b'\t' | b'\n' => {
                    let start = at + 1;
                    let flag = part(word, at);
                    word = start;
                    match self.next_of(flag) {
                        Next::Secret if !is_option(word_at(argument, start)) => {
                            Some((start, value_end(argument, start, b"")))
                        }
                        Next::Login => password(word_at(argument, start), start),
                        _ => None,
                    }
                }
                _ => None,
            };
            match range {
                Some((start, end)) if start < end => {
                    out.extend_from_slice(part(done, start));
                    mask(out, part(start, end));
                    (done, at) = (end, end);
                }
                _ => at += 1,
            }
        }
        out.extend_from_slice(part(done, argument.len()));
        self.next = self.next_of(part(word.max(done), argument.len()));
    }

    /// What is secret of the word that begins there, by itself or for the program that it is given to.
    fn word(&mut self, argument: &[u8], start: usize) -> Option<(usize, usize)> {
        let word = word_at(argument, start);
        let name = word.rsplit(|&b| b == b'/').next().unwrap_or_default();
        if let Some(program) = program(name) {
            self.program = program;
            return None;
        }
        if let ([b'-', letter, _, ..], Program::Attached(own) | Program::Either(own)) = (word, self.program)
            && *letter == own
        {
            // The whole argument, unless it is one word of a command for a shell.
            let end = if start == 0 { argument.len() } else { start + word.len() };
            return Some((start + 2, end));
        }
        marked(argument, start)
    }

    /// What this word says of the one behind it.
    fn next_of(&self, word: &[u8]) -> Next {
        match (word, self.program) {
            (&[b'-', letter], Program::Either(own)) if letter == own => Next::Secret,
            _ => next_of(word),
        }
    }
}

/// Whether the value of a variable that is harmless by its name holds a secret all the same.
pub fn has_secret(value: &[u8]) -> bool {
    let mut out = Vec::new();
    Masked::default().push(&mut out, value);
    out != value
}

/// What is known of a program of this name.
fn program(name: &[u8]) -> Option<Program> {
    match name {
        b"sshpass" => Some(Program::Either(b'p')),
        b"redis-cli" => Some(Program::Either(b'a')),
        _ if name.starts_with(b"mysql") || name.starts_with(b"mariadb") => Some(Program::Attached(b'p')),
        _ => None,
    }
}

/// The token that begins there, if it says by its beginning that it is one.
fn marked(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = text.get(start..)?;
    let mark = MARKED.iter().find(|mark| rest.starts_with(mark.as_bytes()))?;
    let length = rest.iter().take_while(|&&b| is_of_name(b)).count();
    (length >= mark.len() + TOKEN - 4).then_some((start, start + length))
}

/// What is secret of the address that begins there, behind its scheme.
fn webhook(text: &[u8], start: usize) -> Option<(usize, usize)> {
    // Only what may be a host and the beginning of a path is looked through.
    let head = text.get(start..)?;
    let head = word_at(head.get(..HEAD).unwrap_or(head), 0);
    let hook = WEBHOOKS.iter().find_map(|hook| Some(find(head, hook.as_bytes())? + hook.len()))?;
    Some((start + hook, start + hook + word_at(text, start + hook).len()))
}

fn mask(out: &mut Vec<u8>, secret: &[u8]) {
    if !secret.is_empty() {
        out.extend_from_slice(hidden(secret.len()).as_bytes());
    }
}

fn splice(out: &mut Vec<u8>, text: &[u8], (start, end): (usize, usize)) {
    out.extend_from_slice(text.get(..start).unwrap_or_default());
    mask(out, text.get(start..end).unwrap_or_default());
    out.extend_from_slice(text.get(end..).unwrap_or_default());
}

/// `--name` or `-n`, and not a secret that begins like one.
fn is_option(word: &[u8]) -> bool {
    match word {
        [b'-', b'-', first, ..] => first.is_ascii_lowercase(),
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// What this word says of the one behind it.
fn next_of(word: &[u8]) -> Next {
    match word {
        b"-u" | b"--user" | b"--proxy-user" | b"--login" => Next::Login,
        [b'-', name @ ..] | [name @ .., b':'] if name.iter().all(|&b| is_of_name(b)) && tells(name) => {
            Next::Secret
        }
        _ => Next::Plain,
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether one of the words of a name says that it is of a secret, though it is too short to be looked for within others.
fn has_short_word(name: &[u8]) -> bool {
    let mut words = name.split(|byte| matches!(byte, b'-' | b'_' | b'.'));
    words.any(|word| {
        ["pin", "psk", "pw", "otp"].iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    })
}

fn tells(name: &[u8]) -> bool {
    has_short_word(name) || std::str::from_utf8(name).is_ok_and(is_telling)
}

/// The word that begins there.
fn word_at(text: &[u8], start: usize) -> &[u8] {
    let rest = text.get(start..).unwrap_or_default();
    rest.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// Where the value behind `at`, a `=` or `:`, begins and ends, if the name in front of it tells of a secret.
fn value(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let (before, behind) = text.split_at_checked(at)?;
    let is_quote = |byte: Option<&u8>| byte.filter(|byte| matches!(byte, b'"' | b'\'')).copied();
    // The name of a JSON object's entry has a quote on both sides.
    let entry = before.trim_ascii_end().split_last().filter(|&(last, _)| is_quote(Some(last)).is_some());
    // libpq's `password = x` has spaces on both sides.
    let padded = behind.starts_with(b"= ") && before.ends_with(b" ");
    let named = entry.map_or(if padded { before.trim_ascii_end() } else { before }, |(_, named)| named);
    let from = named.iter().rposition(|&b| !is_of_name(b)).map_or(0, |last| last + 1);
    let is_query = matches!(before.get(from.wrapping_sub(1)), Some(b'?' | b'&'));
    let name = named.get(from..)?;
    // The signature of Azure's shared access.
    let is_signature = is_query && name == b"sig";
    if !(is_signature || tells(name)) {
        return None;
    }
    let spaces = behind.get(1..)?.iter().take_while(|&&b| b == b' ').count();
    let start = at + 1 + spaces;
    let first = text.get(start)?;
    let is_colon = behind.first() == Some(&b':');
    if is_colon && spaces == 0 && (entry.is_some() || first.is_ascii_digit() || *first == b'/') {
        // A port or a path behind a host's name; JSON without spaces begins with a quote.
        return is_quote(Some(first)).map(|_| (start, value_end(text, start, b",}")));
    }
    if !is_colon && spaces > 0 {
        return padded.then(|| (start, value_end(text, start, b"")));
    }
    if is_quote(Some(first)).is_some() {
        return Some((start, value_end(text, start, b"")));
    }
    // The whole argument is one setting or header: so is all that follows.
    if from == 0 || named.get(..from)?.iter().all(|&b| b == b'-') {
        return Some((start, text.len()));
    }
    // `"Authorization: Bearer x"` within a command for a shell.
    if let Some(quote) = is_quote(named.get(from - 1))
        && entry.is_none()
    {
        let length = text.get(start..)?.iter().position(|&b| b == quote);
        return Some((start, length.map_or(text.len(), |length| start + length)));
    }
    Some((start, value_end(text, start, if is_colon { b",}" } else { b"&" })))
}

/// The end of a value that begins there: its closing quote, or a space or one of `ends`.
fn value_end(text: &[u8], start: usize, ends: &[u8]) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = match rest.first() {
        Some(&quote @ (b'"' | b'\'')) => {
            rest.get(1..).and_then(|text| closing(text, quote)).map(|length| length + 2)
        }
        _ => rest.iter().position(|b| b.is_ascii_whitespace() || ends.contains(b)),
    };
    length.map_or(text.len(), |length| start + length)
}

/// Where the quote closes; within double ones, in JSON and in a shell, a backslash takes the next byte.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == quote && !is_escaped;
        is_escaped = byte == b'\\' && quote == b'"' && !is_escaped;
        closes
    })
}

/// The passwords behind the names of users, outside of URLs. A word is looked through once, however many colons it
/// has: what a process calls itself is not to keep whoever lists it.
#[derive(Debug, Default)]
struct Logins {
    /// How far the text was looked through.
    seen: usize,
    /// Where a colon may stand that ends the `NAME` of `NAME:PASSWORD@HOST`, up to that `@`.
    colons: Range<usize>,
}

impl Logins {
    /// The password in the word that begins at `word` and has a `=` or `:` at `at`: that of `--user=NAME:PASSWORD` and
    /// `-uNAME:PASSWORD`, or of a `NAME:PASSWORD@HOST` without a scheme.
    fn password(&mut self, text: &[u8], word: usize, at: usize) -> Option<(usize, usize)> {
        let rest = |from| if word == 0 { text.get(from..).unwrap_or_default() } else { word_at(text, from) };
        let flag = text.get(word..at)?;
        if text.get(at) == Some(&b'=') {
            return (next_of(flag) == Next::Login).then(|| password(rest(at + 1), at + 1))?;
        }
        if let [b'-', b'u', _, ..] = flag {
            return password(rest(word + 2), word + 2);
        }
        if at >= self.seen {
            self.look(word_at(text, at), at);
        }
        let is_named = flag.last().is_some_and(u8::is_ascii_alphanumeric);
        (is_named && self.colons.contains(&at)).then_some((at + 1, self.colons.end))
    }

    /// Looks through the rest of a word, which begins at `start`.
    fn look(&mut self, word: &[u8], start: usize) {
        self.seen = start + word.len();
        let end = word.iter().rposition(|&b| b == b'@').unwrap_or_default();
        let (before, behind) = word.split_at(end);
        // What stands behind a slash may be a login, what has one in it is a path; an image is named with its digest.
        let from = before.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        self.colons = if behind.starts_with(b"@sha") { 0..0 } else { start + from..start + end };
    }
}

/// The password of `NAME:PASSWORD`, which is not `UID:GID`; `offset` is where that stands.
fn password(login: &[u8], offset: usize) -> Option<(usize, usize)> {
    let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let colon = login.iter().position(|&b| b == b':')?;
    let name = login.get(..colon)?;
    let secret = login.get(colon + 1..).filter(|secret| !(is_number(name) && is_number(secret)))?;
    Some((offset + colon + 1, offset + colon + 1 + secret.len()))
}

/// Where the password begins and ends, or the token, of a URL whose authority begins there.
fn user_info(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let word = text.get(start..)?;
    // Another URL ends it as a space does.
    let is_end = |rest: &[u8]| rest.first().is_some_and(u8::is_ascii_whitespace) || rest.starts_with(b"://");
    let end = (0..word.len()).find(|&at| word.get(at..).is_some_and(is_end)).unwrap_or(word.len());
    let word = word.get(..end)?;
    let authority = word.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(word.len());
    let authority = word.get(..authority)?;
    let colon = authority.iter().position(|&b| b == b':');
    let at = authority.iter().rposition(|&b| b == b'@').or_else(|| {
        // Not a port: a password with a slash in it, which ought to be written %2F.
        let port = authority.get(colon? + 1..)?;
        word.iter().rposition(|&b| b == b'@').filter(|_| !port.iter().all(u8::is_ascii_digit))
    })?;
    match colon.filter(|&colon| colon < at) {
        Some(colon) => Some((start + colon + 1, start + at)),
        None => (at >= TOKEN).then_some((start, start + at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(arguments: &[&str]) -> String {
        let (mut out, mut masked) = (Vec::new(), Masked::default());
        for argument in arguments {
            out.extend_from_slice(if out.is_empty() { b"" } else { b" " });
            masked.push(&mut out, argument.as_bytes());
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn secrets_are_masked() {
        for (arguments, shown) in [
            (&["app", "--password", "hunter2", "-v"][..], "app --password <7 bytes> -v"),
            (&["app", "-password", "-hunter2"], "app -password <8 bytes>"),
            (&["app", "--token=a b"], "app --token=<3 bytes>"),
            (&["app", "--api-key=x", "y"], "app --api-key=<1 byte> y"),
            (&["redis-server", "--requirepass", "a b"], "redis-server --requirepass <3 bytes>"),
            (&["java", "-Dspring.datasource.password=x=y"], "java -Dspring.datasource.password=<3 bytes>"),
            (&["env", "PGPASSWORD=a b", "app"], "env PGPASSWORD=<3 bytes> app"),
            (&["sh", "-c", "app --password hunter2 --x"], "sh -c app --password <7 bytes> --x"),
            (&["sh", "-c", "cd /; TOKEN='a b' app x"], "sh -c cd /; TOKEN=<5 bytes> app x"),
            (&["sh", "-c", "exec app --token"], "sh -c exec app --token"),
            (&["app --token", "x"], "app --token <1 byte>"),
            (&["curl", "-H", "Authorization: Bearer abc"], "curl -H Authorization: <10 bytes>"),
            (&["curl", "-HX-Api-Key:abc"], "curl -HX-Api-Key:<3 bytes>"),
            (
                &["sh", "-c", "curl -H 'X-Api-Key: a b' http://h/"],
                "sh -c curl -H 'X-Api-Key: <3 bytes>' http://h/",
            ),
            (&["curl", "-u", "me:pw", "http://h/"], "curl -u me:<2 bytes> http://h/"),
            (&["curl", "--user=me:a b", "-ume:pw"], "curl --user=me:<3 bytes> -ume:<2 bytes>"),
            (&["curl", "-u=me:pw", "-u", "me:123"], "curl -u=me:<2 bytes> -u me:<3 bytes>"),
            (&["app", "--dsn", "me:pw@tcp(db:3306)/x"], "app --dsn me:<2 bytes>@tcp(db:3306)/x"),
            (&["app", "--proxy=me:pw@h:80"], "app --proxy=me:<2 bytes>@h:80"),
            (&["app", r#"{"password" : "x\"y", "a":1}"#], r#"app {"password" : <6 bytes>, "a":1}"#),
            (&["sh", "-c", "curl --user me:pw h"], "sh -c curl --user me:<2 bytes> h"),
            (&["curl", "-d", r#"{"password":"x","a":1}"#], r#"curl -d {"password":<3 bytes>,"a":1}"#),
            (&["curl", "http://h/?token=abc&x=1"], "curl http://h/?token=<3 bytes>&x=1"),
            (&["app", "postgres://me:pw@db:5432/x"], "app postgres://me:<2 bytes>@db:5432/x"),
            (&["app", "redis://:pw@db,redis://:pw@d"], "app redis://:<2 bytes>@db,redis://:<2 bytes>@d"),
            (&["app", "--url=amqp://a:p/w@h@host/"], "app --url=amqp://a:<5 bytes>@host/"),
            (&["git", "https://ghp_0123456789abcdef@h/x"], "git https://<20 bytes>@h/x"),
            (
                &["/usr/bin/mysql", "-uroot", "-ppw d", "-P", "3306"],
                "/usr/bin/mysql -uroot -p<4 bytes> -P 3306",
            ),
            (&["sh", "-c", "mysqldump -ppw db"], "sh -c mysqldump -p<2 bytes> db"),
            (&["sshpass", "-p", "pw", "ssh", "h"], "sshpass -p <2 bytes> ssh h"),
            (&["redis-cli", "-a", "pw", "-p", "6379"], "redis-cli -a <2 bytes> -p 6379"),
            (
                &["app", "--pin", "1234", "--psk=ab", "-pw", "x"],
                "app --pin <4 bytes> --psk=<2 bytes> -pw <1 byte>",
            ),
            (
                &["app", "DB_PW=x", "spinner=1", "Password:", "x", "--login", "u:x"],
                "app DB_PW=<1 byte> spinner=1 Password: <1 byte> --login u:<1 byte>",
            ),
            (&["app", "sk-ant-0123456789abcdef0123"], "app <27 bytes>"),
            (&["curl", "http://h/x?a=1&sig=ab%3D&b=2"], "curl http://h/x?a=1&sig=<5 bytes>&b=2"),
            (
                &["app", "ghp_0123456789abcdef0123", "--x=glpat-0123456789abcdef"],
                "app <24 bytes> --x=<22 bytes>",
            ),
            (&["app", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"], "app <40 bytes>"),
            (&["psql", "host=db password = pw user=me"], "psql host=db password = <2 bytes> user=me"),
            (
                &["app", "https://hooks.slack.com/services/T0/B0/xyz"],
                "app https://hooks.slack.com/services/<9 bytes>",
            ),
        ] {
            assert_eq!(masked(arguments), shown);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for arguments in [
            &["nginx: master process", "-g", "daemon off;"][..],
            &["app", "--password-file", "/run/secrets/db", "--port", "80"],
            &["app", "--auth", "--bind", "-x"],
            &["app", "--token"],
            &["app", "--password=", "x"],
            &["app", "http://auth:8080/a@b", "auth:80", "ssh://git@host/x"],
            &["docker", "run", "--user", "1000:1000", "--user=1:1", "registry:5000/app:1.2@sha256:abc"],
            &["app", "KEYBOARD=us", "AUTH_URL=http://h/", "--sig=TERM", "--spin", "3", "eyJ", "npm_config_x"],
            &["ssh", "-p", "22", "-p22", "[", "x", "=", "y", "]"],
            &["redis-cli", "-p", "6379", "mysqld", "--port=1"],
            &["://", "=", ":", "", " ", "--", "-", "@", "a://@", "'\"=", "\"\":"],
        ] {
            assert_eq!(masked(arguments), arguments.join(" "));
        }
    }

    #[test]
    fn any_bytes_will_do() {
        let alphabet = b"=:/@ '\"-&a\xff";
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let mut text = b"key".to_vec();
            for _ in 0..state >> 20 & 15 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push(alphabet[(state >> 16) as usize % alphabet.len()]);
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut masked = Masked::default();
            let mut out = Vec::new();
            masked.push(&mut out, &text);
            masked.push(&mut out, &text);
            let _ = has_secret(&text);
        }
    }

    #[test]
    fn long_values_are_looked_through_once() {
        // Each of these took seconds when every colon looked through all that follows.
        let start = std::time::Instant::now();
        for text in ["a:", "a://", "a=", "a' "].map(|part| part.repeat(1 << 14)) {
            assert!(!has_secret(text.as_bytes()), "{}", &text[..2]);
            Masked::default().push(&mut Vec::new(), text.as_bytes());
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn urls_with_a_login() {
        for (value, has) in [
            ("postgres://me:pw@db", true),
            ("/bin:/usr/bin", false),
            ("http://h:80/", false),
            ("me:pw@tcp(db:3306)/x", true),
        ] {
            assert_eq!(has_secret(value.as_bytes()), has, "{value}");
        }
    }
}
