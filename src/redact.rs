//! What command lines and environments may hold that is not for everybody's eyes, masked as `<24 bytes>`.
//!
//! It is a guess by names: the value of an option, a variable or a header whose name tells of a secret, what follows
//! such an option, and the password in a URL. Where in doubt it is masked; `--reveal-all` shows it.

mod login;
mod mounted;
mod name;
mod programs;
mod value;

use crate::bytes::find;

use login::{Logins, password, user_info};
pub use mounted::mounted;
use name::{is_plain, tells};
use programs::Programs;
use value::{Place, shell_end, value};

/// A user without a password in a URL is masked from this length on: then it is a token.
const TOKEN: usize = 20;

/// How tokens begin that say what they are: of GitHub, GitLab, Slack, Stripe, npm, Vault, OpenAI, Anthropic, SendGrid, Docker,
/// a JSON Web Token (RFC 7519), and key ids of AWS.
const MARKED: [&str; 21] = [
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
    "AKIA",
    "ASIA",
];
/// What stands in front of a token in a header: schemes of RFC 7235 and others.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "negotiate", "apikey"];
/// How a private key begins in PEM (RFC 7468), and one of OpenPGP (RFC 9580).
const KEYS: [&str; 2] = ["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"];

/// How keys of OpenAI begin that say no more of what they are, and the least that follows, in letters and digits.
const SHORT_MARK: (&str, usize) = ("sk-", 32);
/// The least digits and characters on both sides of the colon of a Telegram bot's token. They have 35.
const BOT: (usize, usize) = (6, 30);
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
    /// It is one, or the path of a file with one.
    Key,
    /// It is one, or how much there may be of something.
    Limit,
    /// It is one if it looks like a token.
    Token,
    /// It is `NAME:PASSWORD`, or `NAME%PASSWORD`.
    Login,
    /// It is one of these, or a URL.
    User,
    /// It is `NAME,PASSWORD`.
    Comma,
    /// All that follow may be.
    Rest,
    /// It is a command for a shell.
    Command,
}

/// Masks the arguments of one command line, which are to be given in their order.
#[derive(Debug, Default)]
pub struct Masked {
    next: Next,
    programs: Programs,
}

impl Masked {
    /// Appends the argument, what is secret in it masked.
    pub fn push(&mut self, out: &mut Vec<u8>, argument: &[u8]) {
        let next = std::mem::take(&mut self.next);
        let is_whole = match next {
            Next::Secret | Next::Key | Next::Limit | Next::Rest => {
                !is_option(argument) && !is_plain(next, argument)
            }
            Next::Token => is_token(argument),
            _ => false,
        };
        if is_whole {
            // `Authorization:`, `Bearer`, and what follows.
            let goes_on = matches!(next, Next::Token | Next::Rest) || is_scheme(argument);
            self.next = if goes_on { next } else { Next::Plain };
            return mask(out, argument);
        }
        let first = match next {
            Next::Login | Next::User | Next::Comma => password(argument, 0, true, next),
            _ => lone_token(argument),
        };
        if let Some(range) = first {
            return splice(out, argument, range);
        }
        let part = |from: usize, to: usize| argument.get(from..to).unwrap_or_default();
        // Up to where it is in `out`, and where the word begins that `at` is in.
        let (mut done, mut at) = (0, 0);
        let mut place = Place { word: 0, quote: None, is_command: next == Next::Command };
        let mut logins = Logins::default();
        while let Some(&byte) = argument.get(at) {
            let range = if at == place.word { self.word(argument, at) } else { None };
            let is_start = at == done || !part(at - 1, at).iter().all(|&b| is_of_name(b));
            let range = range.or_else(|| if is_start { marked(argument, at) } else { None });
            let range = range.or_else(|| match byte {
                b':' if part(at, at + 3) == b"://" => {
                    user_info(argument, at + 3).or_else(|| webhook(argument, at + 3))
                }
                b'=' | b':' => {
                    let value = value(argument, at, place);
                    let value = value.or_else(|| logins.password(argument, place.word, at));
                    value.or_else(|| bot(argument, at))
                }
                b'P' => private_key(argument, at),
                byte if is_space(&byte) => {
                    let flag = part(place.word.max(done), at);
                    place.word = at + 1;
                    self.behind(flag, argument, at + 1)
                }
                _ => None,
            });
            match range {
                Some((start, end)) if done <= start && start < end && at < end => {
                    out.extend_from_slice(part(done, start));
                    mask(out, part(start, end));
                    (done, at) = (end, end);
                }
                _ => {
                    let is_escaped = part(at.wrapping_sub(1), at) == b"\\";
                    place.quote = match (place.quote, byte) {
                        (None, b'"' | b'\'') if !is_escaped => Some(byte),
                        (Some(quote), _) if quote == byte && !(is_escaped && quote == b'"') => None,
                        (quote, _) => quote,
                    };
                    at += 1;
                }
            }
        }
        out.extend_from_slice(part(done, argument.len()));
        self.next = match next {
            Next::Rest => next,
            _ => self.next_of(part(place.word.max(done), argument.len())),
        };
    }

    /// What is secret of the word that begins there, for the program that it is given to.
    fn word(&mut self, argument: &[u8], start: usize) -> Option<(usize, usize)> {
        let word = word_at(argument, start);
        self.programs.note(word);
        let (next, at) = self.programs.option(word).filter(|&(_, at)| at < word.len())?;
        // The whole argument, unless it is one word of a command for a shell.
        match next {
            Next::Login | Next::Comma => password(argument, start + at, start == 0, next),
            _ if start == 0 => Some((at, argument.len())),
            _ => Some((start + at, shell_end(argument, start + at))),
        }
    }

    /// What is secret of what follows this word, from `start` on.
    fn behind(&self, word: &[u8], argument: &[u8], start: usize) -> Option<(usize, usize)> {
        let next = self.next_of(word);
        if matches!(next, Next::Plain | Next::Command) {
            return None;
        }
        let rest = argument.get(start..)?;
        let start = start + rest.iter().take_while(|b| is_space(b)).count();
        let follows = word_at(argument, start);
        match next {
            Next::Login | Next::User | Next::Comma => password(argument, start, false, next),
            Next::Token if !is_token(follows) => None,
            _ if is_plain(next, follows) => None,
            // Whatever looks like an option is none where nothing follows that could be its value.
            _ if is_option(follows) && start + follows.len() < argument.len() => None,
            Next::Rest => Some((start, argument.len())),
            _ => Some((start, shell_end(argument, start))),
        }
    }

    /// What this word says of the one behind it.
    fn next_of(&self, word: &[u8]) -> Next {
        match (self.programs.option(word), next_of(word)) {
            // `-secret` has a `c` in it as well.
            (Some((Next::Command, _)), next) if next != Next::Plain => next,
            (Some((next, at)), _) if at == word.len() => next,
            (_, next) => next,
        }
    }
}

/// Whether the value of a variable that is harmless by its name holds a secret all the same.
pub fn has_secret(value: &[u8]) -> bool {
    let mut out = Vec::new();
    Masked::default().push(&mut out, value);
    out != value
}

/// The token that begins there, if it says by its beginning that it is one.
fn marked(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = text.get(start..)?;
    let least = if let Some(mark) = MARKED.iter().find(|mark| rest.starts_with(mark.as_bytes())) {
        mark.len() + TOKEN - 4
    } else {
        let (mark, least) = SHORT_MARK;
        let behind = rest.strip_prefix(mark.as_bytes())?;
        behind.get(..least)?.iter().all(u8::is_ascii_alphanumeric).then_some(mark.len() + least)?
    };
    let length = rest.iter().take_while(|&&b| is_of_name(b)).count();
    (length >= least).then_some((start, start + length))
}

/// The secret part of a Telegram bot's token, `123456:ABC-DEF` with or without `bot` in front, whose colon is at `at`.
fn bot(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let (before, behind) = text.split_at_checked(at)?;
    let digits = before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let is_of_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_token = digits >= BOT.0 && behind.get(1..=BOT.1)?.iter().all(is_of_token);
    is_token.then(|| (at + 1, at + 1 + behind.iter().skip(1).take_while(|b| is_of_token(b)).count()))
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
        [b'-', b'-', name @ ..] => name.iter().all(|b| b.is_ascii_lowercase() || *b == b'-'),
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Whether this may be a token, and not a word of a language.
fn is_token(word: &[u8]) -> bool {
    let quoted = |quote: &[u8]| word.strip_prefix(quote)?.strip_suffix(quote);
    let word = quoted(b"\"").or_else(|| quoted(b"'")).unwrap_or(word);
    let (mut length, mut is_odd) = (0, false);
    for &byte in word {
        if !(is_of_name(byte) || matches!(byte, b'+' | b'/' | b'=' | b'~')) {
            return false;
        }
        is_odd |= byte.is_ascii_digit() || byte == b'=' || (length > 0 && byte.is_ascii_uppercase());
        length += 1;
    }
    length >= 8 && is_odd
}

fn is_scheme(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// The token of an argument that has a scheme and one word in it.
fn lone_token(argument: &[u8]) -> Option<(usize, usize)> {
    let scheme = word_at(argument, 0);
    let start = scheme.len() + 1;
    let token = word_at(argument, start);
    let is_lone = token.len() >= 8 && start + token.len() == argument.len();
    (is_lone && is_scheme(scheme)).then_some((start, argument.len()))
}

/// What of a private key follows the `P` that is there.
fn private_key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    let begin = KEYS.iter().find(|begin| rest.starts_with(begin.as_bytes()))?;
    Some((at + begin.len(), text.len()))
}

/// What this word says of the one behind it, whatever the program.
fn next_of(word: &[u8]) -> Next {
    match word {
        b"-u" | b"--user" | b"--proxy-user" | b"--login" => Next::User,
        // Of consul, nomad and serf; others have an option of this name that is followed by anything.
        b"-encrypt" | b"--encrypt" => Next::Token,
        [b'-', name @ ..] if name.iter().all(|&b| is_of_name(b)) => tells(name),
        // `--header=Authorization:`
        [name @ .., b':'] => tells(name.rsplit(|&b| !is_of_name(b)).next().unwrap_or_default()),
        _ if word.eq_ignore_ascii_case(b"bearer") => Next::Secret,
        _ if is_scheme(word) => Next::Token,
        _ => Next::Plain,
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The word that begins there.
fn word_at(text: &[u8], start: usize) -> &[u8] {
    let rest = text.get(start..).unwrap_or_default();
    rest.split(is_space).next().unwrap_or_default()
}

/// What stands between words: white space as isspace(3) has it in the C locale, the vertical tab among it, by which programs
/// split what they read.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests;
