//! The sentence of a run: checks with `and`, `or` and `not`.
//!
//! `not` binds tighter than `and`, `and` tighter than `or`. Options are not read here: each of the
//! three is one only before the name of a check, and an ordinary word before anything else, such as
//! the value of `--contains`.

use std::ffi::OsString;

use super::find_kind;
use crate::args::UsageError;
use crate::check::{Kind, Place};

/// A check of the sentence: its kind, its place, and the words that follow its name.
pub(super) type Part<'a> = (&'static Kind, Place, &'a [OsString]);

/// Splits the words after the name of the first check, which `not` may precede.
pub(super) fn split<'a>(
    first: (&'static Kind, bool),
    rest: &'a [OsString],
) -> Result<Vec<Part<'a>>, UsageError> {
    let mut parts = Vec::new();
    let (mut kind, is_not) = first;
    let mut place = Place { is_not, alternative: 0 };
    let mut rest = rest;
    loop {
        let next = (0..rest.len()).find_map(|at| Some((at, joined(rest.get(at..)?)?)));
        let Some((at, next)) = next else {
            parts.push((kind, place, rest));
            return Ok(parts);
        };
        parts.push((kind, place, rest.get(..at).unwrap_or_default()));
        let Next { is_or, nots, kind: found } = next;
        let behind = at + nots + 2;
        rest = rest.get(behind..).unwrap_or_default();
        kind = found;
        place = Place { is_not: one_not(nots)?, alternative: place.alternative + usize::from(is_or) };
    }
}

/// What `and` or `or` leads to.
struct Next {
    is_or: bool,
    /// How often `not` precedes the check.
    nots: usize,
    kind: &'static Kind,
}

/// Returns what the words lead to, if they begin with `and` or `or` before a check.
fn joined(words: &[OsString]) -> Option<Next> {
    let (first, rest) = words.split_first()?;
    let is_or = first == "or";
    if !is_or && first != "and" {
        return None;
    }
    let nots = count_nots(rest);
    Some(Next { is_or, nots, kind: find_kind(rest.get(nots)?)? })
}

/// Returns how many words `not` the words begin with.
pub(super) fn count_nots(words: &[OsString]) -> usize {
    words.iter().take_while(|&word| word == "not").count()
}

/// Returns whether a check that so many words `not` precede is negated. It may be only once.
pub(super) fn one_not(nots: usize) -> Result<bool, UsageError> {
    match nots {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(UsageError("'not not' is not a sentence; write 'not' once, or leave it out".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::KINDS;

    /// Returns each check as `alternative:name words`, with a `!` if it is negated.
    fn parts(words: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let shown = |(kind, place, rest): &Part<'_>| {
            let not = if place.is_not { "!" } else { "" };
            format!("{}:{not}{} {}", place.alternative, kind.name, rest.len())
        };
        split((&KINDS[0], false), &words).unwrap().iter().map(shown).collect()
    }

    #[test]
    fn the_words_join_only_before_a_check() {
        assert_eq!(parts(&[":80"]), ["0:http 1"]);
        assert_eq!(
            parts(&[":80", "and", "tcp", ":81", "-q", "or", "unix", "/x"]),
            ["0:http 1", "0:tcp 2", "1:unix 1"]
        );
        assert_eq!(
            parts(&["x", "or", "not", "tcp", "y", "and", "not", "unix", "z", "or", "http", "a"]),
            ["0:http 1", "1:!tcp 1", "1:!unix 1", "2:http 1"]
        );
        for words in [
            &[":80", "--contains", "and", "--contains", "tcp"][..],
            &[":80", "--contains", "or", "x", "not", "y"],
            &[":80", "not", "tcp", "or", "not"],
            &[":80", "and"],
            &[":80", "or", "not", "x"],
        ] {
            assert_eq!(parts(words), [format!("0:http {}", words.len())]);
        }
        assert_eq!(parts(&["and", "tcp"]), ["0:http 0", "0:tcp 0"]);
    }

    #[test]
    fn a_check_is_negated_at_most_once() {
        let words: Vec<OsString> = ["x", "and", "not", "not", "tcp"].iter().map(OsString::from).collect();
        assert!(split((&KINDS[0], false), &words).is_err());
        assert_eq!((one_not(0), one_not(1)), (Ok(false), Ok(true)));
    }
}
