//! Letters of options without a dash, as tar(1) accepts them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::slice::from_ref;

use crate::args::{Opt, Token, Typed, Words, takes_next, with_letter};

/// Returns the words with a dash before letters of options. The first word may be such letters
/// without a dash: in `cfC - DIR` the values follow in the order of the letters. tar(1) keeps
/// permissions with `p`. Here it always does, so `p` is an option only if a number follows, the
/// process ID.
pub(super) fn with_dashes(options: &[&Opt], words: &[OsString]) -> Vec<OsString> {
    if !options.iter().any(|option| option.is_behind_letters()) {
        return words.to_vec();
    }
    let mut rest = words.iter();
    let mut out = Vec::new();
    // A word that begins otherwise is a path, and an error reports what is missing before it.
    if let Some(first) = words.first().map(|word| word.as_encoded_bytes())
        && first.first().is_some_and(|&letter| with_letter(options, letter).is_some())
    {
        rest.next();
        for &letter in first.iter().filter(|&&letter| letter != b'p') {
            match with_letter(options, letter) {
                // By its name: its letter may also be that of an option common to all inspections.
                Some(option) if option.is_refused() => out.push(format!("--{}", option.name).into()),
                found => {
                    out.push(OsString::from_vec(vec![b'-', letter]));
                    if found.is_some_and(Opt::takes_value) {
                        out.extend(rest.next().cloned());
                    }
                }
            }
        }
    }
    while let Some(word) = rest.next() {
        // Only paths follow, whatever they begin with.
        if word == "--" {
            out.push(word.clone());
            break;
        }
        let word = cluster(options, word).filter(|_| words.len() > 1).unwrap_or_else(|| word.clone());
        let has_value = takes_next(options, &word);
        out.push(word);
        if has_value {
            out.extend(rest.next().cloned());
        }
    }
    out.extend(rest.cloned());
    out
}

/// Returns the replacement for letters after a dash, if tar's meaning differs from ours.
fn cluster(options: &[&Opt], word: &OsString) -> Option<OsString> {
    Words::new(options, from_ref(word)).find_map(|token| match token {
        Token::Option(option, typed, _) if option.is_refused() && !typed.is_long() => {
            Some(format!("--{}", option.name).into())
        }
        Token::Option(option, Typed { word, letters: [b'p', letters @ ..] }, _)
            if option.takes_value() && letters.first().is_some_and(u8::is_ascii_alphabetic) =>
        {
            let before = word.get(..word.len() - letters.len() - 1)?;
            Some(OsString::from_vec([before, letters].concat()))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::page::Page;
    use std::ffi::OsStr;

    #[test]
    fn letters_without_a_dash() {
        let words = |words: &[&str]| -> Vec<OsString> { words.iter().map(OsString::from).collect() };
        let dashed = |name: &str, given: &[&str]| {
            let page = Page::named(OsStr::new(name)).unwrap();
            with_dashes(&page.all_options().collect::<Vec<_>>(), &words(given))
        };
        for (given, expected) in [
            (&["cf", "-", "x"][..], &["-c", "-f", "-", "x"][..]),
            (&["cfC", "-", "/d", "cf"], &["-c", "-f", "-", "-C", "/d", "cf"]),
            (&["vCcf", "/d", "-"], &["-v", "-C", "/d", "-c", "-f", "-"]),
            (&["xf"], &["--extract", "-f"]),
            (&["cq", "x"], &["-c", "-q", "x"]),
            (&["/c", "x"], &["/c", "x"]),
            (&["-cf", "-", "cf"], &["-cf", "-", "cf"]),
            (&["cpf", "-", "x"], &["-c", "-f", "-", "x"]),
            (&["-cpf", "-", "-p7"], &["-cf", "-", "-p7"]),
            (&["chf", "-", "x"], &["-c", "--dereference", "-f", "-", "x"]),
            (&["-chf", "-", "x"], &["--dereference", "-", "x"]),
            (&["cf", "-", "-h", "x"], &["-c", "-f", "-", "--dereference", "x"]),
            (
                &["-cf", "-", "-C", "-h", "-f", "--", "-h"],
                &["-cf", "-", "-C", "-h", "-f", "--", "--dereference"],
            ),
            (&["cf", "-", "--", "-x", "-z"], &["-c", "-f", "-", "--", "-x", "-z"]),
            (&["-cf", "-", "-h", "--", "-h"], &["-cf", "-", "--dereference", "--", "-h"]),
            (&["-h"], &["-h"]),
            (&["-c", "--help"], &["-c", "--help"]),
            (&[], &[]),
        ] {
            assert_eq!(dashed("tar", given), words(expected), "{given:?}");
        }
        assert_eq!(dashed("ls", &["R", "x"]), words(&["R", "x"]));
    }
}
