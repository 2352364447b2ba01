//! Passwords after user names: in URLs, in `NAME:PASSWORD@HOST`, and in the values of login
//! options.

use std::ops::Range;

use super::rules::{HEAD, Hint, SOCKETS, TOKEN, TOKEN_SCHEMES};
use super::tokens::is_token;
use super::words::{Within, is_space, range, word_at, word_end};

/// Passwords after user names outside of URLs. Each word is searched once, however many colons it
/// has, so that a process cannot slow down a command that lists it.
#[derive(Debug, Default)]
pub(super) struct Logins {
    /// How far the text was searched.
    seen: usize,
    /// Where the colon of `NAME:PASSWORD@HOST` may be; ends at the `@`.
    colons: Range<usize>,
    /// Whether any `NAME:PASSWORD` is a login.
    are_read: bool,
}

impl Logins {
    /// Prepares to search a text, in which any `NAME:PASSWORD` may be a login.
    pub fn new(are_read: bool) -> Self {
        Logins { are_read, ..Logins::default() }
    }

    /// Returns the password after the colon at `at`, in a word that begins at `word`, inside
    /// `quote`. It is the password of `NAME:PASSWORD@HOST` without a scheme, or of `NAME:PASSWORD`
    /// if every such pair is a login.
    pub fn password(
        &mut self,
        text: &[u8],
        word: usize,
        at: usize,
        quote: Option<u8>,
    ) -> Option<(usize, usize)> {
        if let Some(found) = oracle(text, at) {
            return Some(found);
        }
        if at >= self.seen {
            self.look(word_at(text, at), at);
        }
        let is_named = text.get(word..at)?.last().is_some_and(u8::is_ascii_alphanumeric);
        if !is_named {
            None
        } else if self.colons.contains(&at) {
            range(at + 1, self.colons.end)
        } else {
            let within = quote.map_or(Within::Nothing, Within::Quote);
            self.are_read.then(|| word_end(text, at + 1, within)).and_then(|end| range(at + 1, end))
        }
    }

    /// Searches the rest of a word. The rest begins at `start`.
    fn look(&mut self, word: &[u8], start: usize) {
        self.seen = start + word.len();
        let end = word.iter().rposition(|&b| b == b'@').unwrap_or_default();
        let (before, after) = word.split_at(end);
        // A login may follow a slash but contains none; `@sha256:` is the digest of an image.
        let from = before.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        self.colons = if after.starts_with(b"@sha") { 0..0 } else { start + from..start + end };
    }
}

/// Returns the password of the login that begins at `start`: `NAME:PASSWORD`, Samba's
/// `NAME%PASSWORD`, lftp's `NAME,PASSWORD` or curl's `FILE:PASSWORD`, but not `UID:GID`. The
/// password ends with the word of a shell command, or with the argument if `within` is `None`.
pub(super) fn password(
    text: &[u8],
    start: usize,
    within: Option<Within>,
    next: Hint,
) -> Option<(usize, usize)> {
    let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let rest = text.get(start..)?;
    let name = if within.is_none() { rest } else { word_at(rest, 0) };
    let is_end = |b: &u8| match next {
        Hint::Comma => *b == b',',
        Hint::Certificate => *b == b':',
        _ => matches!(b, b':' | b'%'),
    };
    let length = name.iter().position(is_end)?;
    let (name, from) = (rest.get(..length)?, start + length + 1);
    if next == Hint::Comma && name.contains(&b':') {
        return None;
    }
    // `date -u +%Y`
    if rest.get(length) == Some(&b'%') && (name.is_empty() || name.starts_with(b"+")) {
        return None;
    }
    if matches!(next, Hint::User | Hint::Owner) && is_address(name, rest.get(length + 1..)?) {
        return None;
    }
    // The rule for `://` finds the password of a URL.
    if matches!(next, Hint::User | Hint::Owner) && rest.get(length..)?.starts_with(b"://") {
        return None;
    }
    // Looks that far ahead only because it then masks the range.
    let end = within.map_or(text.len(), |within| word_end(text, start, within).max(from));
    let value = text.get(from..end)?;
    let is_group = next == Hint::Owner && name == value;
    if is_group || (is_number(name) && is_number(value)) { None } else { range(from, end) }
}

/// Returns whether this is a path, a socket address (`127.0.0.1:53`) or an address of socat
/// (`TCP-LISTEN:80`) rather than a login.
fn is_address(name: &[u8], after: &[u8]) -> bool {
    let is_port = after.first().is_some_and(u8::is_ascii_digit);
    let is_ip = name.contains(&b'.') && name.iter().all(|&b| b.is_ascii_digit() || b == b'.');
    let is_socat = SOCKETS.iter().any(|end| name.ends_with(end.as_bytes()));
    name.starts_with(b"/") || (is_port && is_ip) || is_socat
}

/// Returns the password of `jdbc:oracle:thin:NAME/PASSWORD@HOST`, whose last colon is at `at`.
fn oracle(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let before = text.get(..at)?;
    if !(before.ends_with(b"oracle:thin") || before.ends_with(b"oracle:oci")) {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let (from, end) = after_slash(word_at(rest.get(..HEAD).unwrap_or(rest), 0))?;
    range(at + 1 + from, at + 1 + end?)
}

/// Returns where the password of `NAME/PASSWORD` or `NAME/PASSWORD@DATABASE` begins in a word, and
/// where it ends unless it ends with the word.
pub(super) fn after_slash(word: &[u8]) -> Option<(usize, Option<usize>)> {
    let end = word.iter().rposition(|&b| b == b'@');
    let slash = word.get(..end.unwrap_or(word.len()))?.iter().position(|&b| b == b'/')?;
    // The rules for names cover anything else.
    let is_named = word.get(..slash).is_some_and(|name| !name.iter().any(|b| b"=:".contains(b)));
    is_named.then_some((slash + 1, end))
}

/// Returns the password of a URL whose authority begins at `start`, or the token that it has
/// instead of a user name and password.
pub(super) fn user_info(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let word = text.get(start..)?;
    // Another URL or white space ends this one.
    let is_end = |rest: &[u8]| rest.first().is_some_and(|&b| is_space(b)) || rest.starts_with(b"://");
    let end = (0..word.len()).find(|&at| word.get(at..).is_some_and(is_end)).unwrap_or(word.len());
    let word = word.get(..end)?;
    let authority = word.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(word.len());
    let authority = word.get(..authority)?;
    let colon = authority.iter().position(|&b| b == b':');
    let at = authority.iter().rposition(|&b| b == b'@').or_else(|| {
        // Not a port, but a password with a slash that should have been written %2F.
        let port = authority.get(colon? + 1..)?;
        word.iter().rposition(|&b| b == b'@').filter(|_| !port.iter().all(u8::is_ascii_digit))
    })?;
    if let Some(colon) = colon.filter(|&colon| colon < at) {
        return range(start + colon + 1, start + at);
    }
    let before = text.get(..start)?;
    let is_of = |scheme: &&str| {
        let from = before.len().checked_sub(scheme.len());
        from.and_then(|from| before.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let is_secret = at >= TOKEN || TOKEN_SCHEMES.iter().any(is_of) && is_token(word.get(..at)?);
    is_secret.then_some((start, start + at))
}
