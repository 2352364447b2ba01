//! Letters of options without a dash, as tar(1) takes them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::slice::from_ref;

use crate::args::{Opt, Token, Typed, Words, takes_next, with_letter};

/// The words, of which the first may be letters of options without a dash, as tar(1) takes them: `cfC - DIR`. The values
/// follow in the order of the letters. With `p` tar keeps permissions, as this one always does: only a number behind it
/// makes it that of a process.
pub(super) fn with_dashes(options: &[&Opt], words: &[OsString]) -> Vec<OsString> {
    if !options.iter().any(|option| option.is_behind_letters()) {
        return words.to_vec();
    }
    let mut rest = words.iter();
    let mut out = Vec::new();
    // A word that begins in another way is a path, and what is missing in front of it is said.
    if let Some(first) = words.first().map(|word| word.as_encoded_bytes())
        && first.first().is_some_and(|&letter| with_letter(options, letter).is_some())
    {
        rest.next();
        for &letter in first.iter().filter(|&&letter| letter != b'p') {
            match with_letter(options, letter) {
                // Its letter may be that of an option of ours.
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
        // Behind it there are paths alone, whatever they begin with.
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

/// What stands for these letters behind a dash, where tar's are others than ours.
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
