//! What the name of an option says about its value. Many options say how secrets are handled, so
//! the list of harmless words is longer here than for variables.

use super::letters::Letters;
use super::rules::{FILES, HARMLESS, Hint, LAST_WORDS, LOOKALIKES, PARTS, PLAIN, WORDS};
use super::words::trimmed;
use crate::bytes::find;
use crate::secrets::{SECRET_WORDS, suggests_secret};

/// The letters of the words without which a name says nothing.
const COUNTING: [&[Letters]; 4] = [
    &Letters::of_each::<{ WORDS.len() }>(WORDS),
    &Letters::of_each::<{ PARTS.len() }>(PARTS),
    &Letters::of_each::<{ SECRET_WORDS.len() }>(SECRET_WORDS),
    &LAST_LETTERS,
];
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const LAST_LETTERS: [Letters; LAST_WORDS.len()] = {
    let (mut letters, mut at) = ([Letters::of(b""); LAST_WORDS.len()], 0);
    while at < LAST_WORDS.len() {
        letters[at] = Letters::of(LAST_WORDS[at].0.as_bytes());
        at += 1;
    }
    letters
};

/// Returns what a name says about its value.
pub(super) fn hint_of(name: &[u8]) -> Hint {
    // No word in the tables is shorter, and a text may contain very many one-letter names.
    if name.len() < 2 {
        return Hint::Plain;
    }
    let letters = Letters::of(name);
    if !COUNTING.iter().any(|words| letters.may_have(words)) {
        return Hint::Plain;
    }
    let name = name.to_ascii_uppercase();
    // The words that count, each after a dash, and the same words without the dashes.
    let (mut words, mut letters, mut last) = (Vec::new(), Vec::new(), &[][..]);
    let (mut is_secret, mut is_limit) = (false, false);
    for word in name.split(|byte| !byte.is_ascii_alphanumeric()) {
        if word.is_empty() || is_one_of(LOOKALIKES, word) {
            continue;
        }
        is_secret |= is_one_of(WORDS, word);
        is_limit |= word == b"MAX";
        words.push(b'-');
        words.extend_from_slice(word);
        letters.extend_from_slice(word);
        last = word;
    }
    is_secret |= PARTS.iter().any(|known| find(&letters, known.as_bytes()).is_some())
        || std::str::from_utf8(&words).is_ok_and(suggests_secret);
    if is_one_of(HARMLESS, last) {
        Hint::Plain
    } else if !is_secret {
        LAST_WORDS.iter().find(|(word, _)| word.as_bytes() == last).map_or(Hint::Plain, |(_, next)| *next)
    } else if is_limit || last == b"TOKENS" {
        Hint::Limit
    } else if FILES.iter().any(|word| last.ends_with(word.as_bytes())) {
        Hint::Key
    } else {
        Hint::Secret
    }
}

/// Returns whether only the last word of a name can say that its value is a secret.
pub(super) fn is_weak(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
    LAST_WORDS.iter().any(|(word, _)| word.as_bytes().eq_ignore_ascii_case(last))
}

fn is_one_of(words: &[&str], word: &[u8]) -> bool {
    words.iter().any(|known| known.as_bytes() == word)
}

/// Returns whether a value is not a secret, whatever its name says.
pub(super) fn is_plain(next: Hint, value: &[u8]) -> bool {
    let value = trimmed(value);
    let are_digits = |value: &[u8]| value.iter().all(u8::is_ascii_digit);
    match next {
        Hint::Secret | Hint::Key | Hint::Limit | Hint::Session if is_one_of(PLAIN, value) => true,
        Hint::Key => is_path(value),
        Hint::Limit => are_digits(value.strip_prefix(b"-").unwrap_or(value)),
        // dbus-daemon --session --address=unix:
        Hint::Session => value.starts_with(b"-"),
        // `?code=404`
        Hint::Code => value.len() <= 3 && are_digits(value),
        _ => false,
    }
}

/// Returns whether this is the path of a file at least one directory below the root. With capitals
/// it could equally be a key in base64.
fn is_path(value: &[u8]) -> bool {
    let is_name_byte =
        |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let Some(path) = value.strip_prefix(b"/") else { return false };
    let mut parts = path.split(|&b| b == b'/');
    path.contains(&b'/') && parts.all(|part| !part.is_empty() && part.iter().all(is_name_byte))
}
