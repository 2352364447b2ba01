//! Secrets that are recognised by their own form, whatever is around them.

use super::forms::{
    Alphabet, BOT, HOOKS, MARKS, Mark, PRIVATE_KEYS, RANDOM_SEGMENT, SHORTEST_MARKED, WEBHOOKS,
};
use super::rules::{BEARER, HEAD, SCHEMES};
use super::words::{is_name_byte, is_quote, is_space, range, word_at};
use crate::bytes::find;

/// Returns the token that begins at `start`, if it begins with one of the known prefixes.
pub(super) fn marked(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = text.get(start..)?;
    // Most words are too short.
    if !rest.get(..SHORTEST_MARKED)?.iter().all(|&b| is_name_byte(b)) {
        return None;
    }
    let mark = MARKS.iter().find(|mark| mark.fits(rest))?;
    let length = rest.iter().take_while(|&&b| mark.may_have(b)).count();
    Some((start, start + length))
}

impl Mark {
    fn fits(&self, text: &[u8]) -> bool {
        let least = text.strip_prefix(self.begins.as_bytes()).and_then(|after| after.get(..self.least));
        least.is_some_and(|least| match self.alphabet {
            Alphabet::Name | Alphabet::Padded => least.iter().all(|&b| self.may_have(b)),
            Alphabet::Mixed => {
                least.iter().all(|&b| is_name_byte(b))
                    && least.iter().any(u8::is_ascii_digit)
                    && least.iter().any(u8::is_ascii_uppercase)
            }
            Alphabet::Letters => least.iter().all(u8::is_ascii_alphanumeric),
            Alphabet::Capitals => least.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
            Alphabet::Hex => least.iter().all(u8::is_ascii_hexdigit),
        })
    }

    /// Returns whether this byte may be part of the token.
    fn may_have(&self, byte: u8) -> bool {
        is_name_byte(byte) || (self.alphabet == Alphabet::Padded && byte == b'=')
    }
}

/// Returns the secret part of a Telegram bot token, `123456:ABC-DEF`, optionally after `bot`, whose
/// colon is at `at`.
pub(super) fn bot(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let (before, after) = text.split_at_checked(at)?;
    let digits = before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let is_of_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_token = digits >= BOT.0 && after.get(1..=BOT.1)?.iter().all(is_of_token);
    is_token.then(|| (at + 1, at + 1 + after.iter().skip(1).take_while(|b| is_of_token(b)).count()))
}

/// Returns the secret part of the webhook URL whose host begins at `start`.
pub(super) fn webhook(text: &[u8], start: usize) -> Option<(usize, usize)> {
    // Searches only the host and the beginning of the path, up to the next URL.
    let rest = text.get(start..)?;
    let is_of_address = |b: &&u8| !is_space(**b) && !is_quote(**b);
    let is_of_path = |b: &&u8| is_of_address(b) && !matches!(b, b'?' | b'#');
    let head = rest.get(..HEAD).unwrap_or(rest);
    let head = head.get(..head.iter().take_while(is_of_path).count())?;
    let head = head.get(..find(head, b"://").unwrap_or(head.len()))?;
    let after = |hook: &&str| Some(find(head, hook.as_bytes())? + hook.len());
    let known = WEBHOOKS.iter().find_map(&after);
    let hook = known.or_else(|| {
        let hook = HOOKS.iter().find_map(after)?;
        head.get(hook..)?.split(|&b| b == b'/').any(looks_random).then_some(hook)
    })?;
    let length = rest.get(hook..)?.iter().take_while(is_of_address).count();
    range(start + hook, start + hook + length)
}

/// Returns whether a segment of a path looks random, unlike a name.
fn looks_random(part: &[u8]) -> bool {
    part.len() >= RANDOM_SEGMENT.0 && part.iter().filter(|b| b.is_ascii_digit()).count() >= RANDOM_SEGMENT.1
}

/// Returns whether this may be a token rather than a word of a natural language.
pub(super) fn is_token(word: &[u8]) -> bool {
    let quoted = |quote: &[u8]| word.strip_prefix(quote)?.strip_suffix(quote);
    let word = quoted(b"\"").or_else(|| quoted(b"'")).unwrap_or(word);
    let (mut length, mut is_odd) = (0, false);
    for &byte in word {
        if !(is_name_byte(byte) || matches!(byte, b'+' | b'/' | b'=' | b'~')) {
            return false;
        }
        is_odd |= byte.is_ascii_digit() || byte == b'=' || (length > 0 && byte.is_ascii_uppercase());
        length += 1;
    }
    length >= 8 && is_odd
}

/// Returns whether this is a scheme that precedes a token in a header.
pub(super) fn is_scheme(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// Returns whether every word after it is a token.
pub(super) fn is_bearer(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(BEARER.as_bytes())
}

/// Returns the token of an argument that consists of a scheme and one word.
pub(super) fn lone_token(argument: &[u8]) -> Option<(usize, usize)> {
    let scheme = word_at(argument, 0);
    let start = scheme.len() + 1;
    let token = word_at(argument, start);
    let is_lone = token.len() >= 8 && start + token.len() == argument.len();
    (is_lone && is_scheme(scheme)).then_some((start, argument.len()))
}

/// Returns the private key after the end of its first line. The `P` of that end is at `at`.
pub(super) fn private_key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    let begin = PRIVATE_KEYS.iter().find(|begin| rest.starts_with(begin.as_bytes()))?;
    range(at + begin.len(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_token() {
        let shortest = MARKS.iter().map(|mark| mark.begins.len() + mark.least).min();
        assert_eq!(shortest, Some(SHORTEST_MARKED));
    }
}
