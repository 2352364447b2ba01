//! Letters of options without a dash, as tar(1) takes them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::args::Opt;

/// The words, of which the first may be letters of options without a dash, as tar(1) takes them: `cfC - DIR`. The values
/// follow in the order of the letters. With `p` tar keeps permissions, as this one always does: only a number behind it
/// makes it that of a process.
pub(super) fn with_dashes(options: &[&Opt], words: &[OsString]) -> Vec<OsString> {
    let with_letter =
        |letter: u8| options.iter().find(move |option| option.short == Some(char::from(letter)));
    let takes_letters = options.iter().any(|option| option.is_operand() && option.value != option.name);
    let mut rest = words.iter().cloned();
    let mut out = Vec::new();
    // A word that begins in another way is a path, and what is missing in front of it is said.
    if takes_letters
        && let Some(first) = words.first().map(|word| word.as_encoded_bytes())
        && first.first().is_some_and(|&letter| with_letter(letter).is_some())
    {
        rest.next();
        for &letter in first.iter().filter(|&&letter| letter != b'p') {
            match with_letter(letter) {
                // Its letter may be that of an option of ours.
                Some(option) if option.is_refused() => out.push(format!("--{}", option.name).into()),
                found => {
                    out.push(OsString::from_vec(vec![b'-', letter]));
                    if found.is_some_and(|option| option.takes_value()) {
                        out.extend(rest.next());
                    }
                }
            }
        }
    }
    while let Some(word) = rest.next() {
        // Behind it there are paths alone, whatever they begin with.
        if word == "--" {
            out.push(word);
            out.extend(rest);
            break;
        }
        let has_value =
            options.iter().any(|option| option.takes_value() && option.ends(word.as_encoded_bytes()));
        out.push(
            match word.as_encoded_bytes() {
                [b'-', letters @ ..] if takes_letters && words.len() > 1 => cluster(letters, &with_letter),
                _ => None,
            }
            .unwrap_or(word),
        );
        if takes_letters && has_value {
            out.extend(rest.next());
        }
    }
    out
}

/// What stands for these letters behind a dash, where tar's are others than ours.
fn cluster<'a>(letters: &[u8], with_letter: &dyn Fn(u8) -> Option<&'a &'a Opt>) -> Option<OsString> {
    let found = |letter: u8| with_letter(letter).filter(|_| letters.first() != Some(&b'-'));
    let keeps =
        letters.windows(2).position(|pair| matches!(pair, [b'p', next] if next.is_ascii_alphabetic()));
    let end = letters.iter().position(|&letter| found(letter).is_some_and(|option| option.takes_value()));
    let flags = letters.get(..end.unwrap_or(letters.len()))?;
    if let Some(option) = flags.iter().filter_map(|&letter| found(letter)).find(|option| option.is_refused())
    {
        return Some(format!("--{}", option.name).into());
    }
    let at = keeps.filter(|&at| Some(at) == end)?;
    Some(OsString::from_vec([b"-", letters.get(..at)?, letters.get(at + 1..)?].concat()))
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
