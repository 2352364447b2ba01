//! The checks of one run, which `and` separates.

use std::ffi::OsString;

use super::find_kind;
use crate::check::Kind;

/// Splits the words at each `and` that precedes the name of a check. Options are not read here:
/// before anything else `and` is an ordinary word, such as the value of `--contains`.
pub(super) fn split<'a>(first: &'static Kind, rest: &'a [OsString]) -> Vec<(&'static Kind, &'a [OsString])> {
    let mut parts = Vec::new();
    let mut kind = first;
    let mut rest = rest;
    loop {
        let next = rest.windows(2).enumerate().find_map(|(at, pair)| match pair {
            [and, name] if and == "and" => find_kind(name).map(|kind| (at, kind)),
            _ => None,
        });
        let Some((at, next)) = next else {
            parts.push((kind, rest));
            return parts;
        };
        parts.push((kind, rest.get(..at).unwrap_or_default()));
        rest = rest.get(at + 2..).unwrap_or_default();
        kind = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::KINDS;

    fn names(words: &[&str]) -> Vec<(&'static str, usize)> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        split(&KINDS[0], &words).into_iter().map(|(kind, rest)| (kind.name, rest.len())).collect()
    }

    #[test]
    fn and_separates_only_before_a_check() {
        assert_eq!(names(&[":80"]), [("http", 1)]);
        assert_eq!(
            names(&[":80", "and", "tcp", ":81", "-q", "and", "unix", "/x"]),
            [("http", 1), ("tcp", 2), ("unix", 1)]
        );
        assert_eq!(names(&[":80", "--contains", "and", "--contains", "tcp"]), [("http", 5)]);
        assert_eq!(names(&[":80", "and"]), [("http", 2)]);
        assert_eq!(names(&["and", "tcp"]), [("http", 0), ("tcp", 0)]);
    }
}
