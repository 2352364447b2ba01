//! Divides the words of a command line into options, their values and operands. Everything that
//! looks at words before clap yields the values uses this reading. A test in [`super::read`]
//! compares it with clap's.
//!
//! The syntax is that of getopt_long(3) without abbreviations: `--name`, `--name=value`,
//! `--name value`, `-abc`, `-nvalue`, `-n value`, and `--` before words that are all operands.

use std::ffi::OsString;
use std::slice::Iter;
#[cfg(feature = "inspect")]
use std::slice::from_ref;

use super::Opt;

/// A part of a command line: a whole word, or one letter of a word such as `-qt`.
#[derive(Debug, Clone, Copy)]
pub enum Token<'a> {
    /// A word that is not an option: `-` is one, and so is every word after `--`.
    Operand(&'a [u8]),
    /// The first `--`.
    Separator,
    /// One of the options, and its value.
    Option(&'a Opt, Typed<'a>, Value<'a>),
    /// An option that is not one of them.
    Unknown(Typed<'a>),
}

/// An option as it was typed.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    /// The word; for a long option without its value.
    pub word: &'a [u8],
    /// The letter of a short option and the rest of the word; empty for a long option.
    pub letters: &'a [u8],
}

impl Typed<'_> {
    /// Whether it is `--name`, not a letter.
    pub fn is_long(&self) -> bool {
        self.letters.is_empty()
    }
}

/// The value of an option.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// It takes none, and none is given.
    None,
    /// The rest of its word, or the next word.
    Given(&'a [u8]),
    /// It takes one, and no word is left.
    Missing,
    /// It takes none, but one is given: `--json=1`.
    Surplus,
}

/// The tokens of some words.
#[derive(Debug)]
pub struct Words<'a> {
    options: &'a [&'a Opt],
    /// The words that no token has reached.
    unread: Iter<'a, OsString>,
    /// The word whose letters are being read.
    word: &'a [u8],
    /// The letters of it that are left, the current one included while it is read.
    letters: &'a [u8],
    /// Whether `--` has been read, so that only operands follow.
    only_operands: bool,
}

impl<'a> Words<'a> {
    /// The tokens of the words of a command with these options.
    pub fn new(options: &'a [&'a Opt], words: &'a [OsString]) -> Self {
        Words { options, unread: words.iter(), word: b"", letters: b"", only_operands: false }
    }

    /// The words that no token has reached.
    pub fn rest(&self) -> &'a [OsString] {
        self.unread.as_slice()
    }

    fn next_word(&mut self) -> Option<&'a [u8]> {
        self.unread.next().map(|word| word.as_encoded_bytes())
    }

    /// The value of an option that takes one.
    fn value(&mut self, attached: Option<&'a [u8]>) -> Value<'a> {
        attached.or_else(|| self.next_word()).map_or(Value::Missing, Value::Given)
    }

    /// The token of `--name` or `--name=value`.
    fn long(&mut self, word: &'a [u8]) -> Token<'a> {
        let (word, attached) = split_value(word);
        let typed = Typed { word, letters: b"" };
        let is_it =
            |option: &&&Opt| is_known(option) && word.strip_prefix(b"--") == Some(option.name.as_bytes());
        let Some(option) = self.options.iter().find(is_it) else {
            return Token::Unknown(typed);
        };
        let value = match attached {
            _ if option.takes_value() => self.value(attached),
            Some(_) => Value::Surplus,
            None => Value::None,
        };
        Token::Option(option, typed, value)
    }

    /// The token of the next letter.
    fn letter(&mut self, letter: u8, behind: &'a [u8]) -> Token<'a> {
        let typed = Typed { word: self.word, letters: self.letters };
        self.letters = behind;
        let Some(option) = with_letter(self.options, letter) else {
            return Token::Unknown(typed);
        };
        if !option.takes_value() {
            return Token::Option(option, typed, Value::None);
        }
        self.letters = b"";
        let value = self.value(Some(behind).filter(|value| !value.is_empty()));
        Token::Option(option, typed, value)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some((&letter, behind)) = self.letters.split_first() {
            return Some(self.letter(letter, behind));
        }
        let word = self.next_word()?;
        Some(match word {
            _ if self.only_operands => Token::Operand(word),
            b"--" => {
                self.only_operands = true;
                Token::Separator
            }
            [b'-', b'-', ..] => self.long(word),
            [b'-', letter, behind @ ..] => {
                self.word = word;
                self.letters = word.get(1..).unwrap_or_default();
                self.letter(*letter, behind)
            }
            _ => Token::Operand(word),
        })
    }
}

/// Whether it is an option of this build.
fn is_known(option: &Opt) -> bool {
    !option.is_operand() && !option.is_elsewhere()
}

/// The option with this short form.
pub fn with_letter<'a>(options: &[&'a Opt], letter: u8) -> Option<&'a Opt> {
    let is_it = |option: &&&Opt| is_known(option) && option.short == Some(char::from(letter));
    options.iter().find(is_it).copied()
}

/// Whether the value of this word is the next word: `--timeout`, `-t`, `-qt`.
#[cfg(feature = "inspect")]
pub fn takes_next(options: &[&Opt], word: &OsString) -> bool {
    Words::new(options, from_ref(word)).any(|token| matches!(token, Token::Option(_, _, Value::Missing)))
}

/// Splits a word at its first `=`.
pub fn split_value(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    match word.iter().position(|&b| b == b'=') {
        Some(at) => (word.get(..at).unwrap_or(word), word.get(at + 1..)),
        None => (word, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{HELP, flag, operand, option, option_list};
    use crate::text::decode;

    /// A token in short: the option's name, with `=value`, `!` for a missing and `+` for a surplus
    /// value.
    fn shown(token: Token<'_>) -> String {
        match token {
            Token::Operand(word) => format!("operand {}", decode(word)),
            Token::Separator => "--".to_owned(),
            Token::Option(option, _, Value::None) => option.name.to_owned(),
            Token::Option(option, _, Value::Given(value)) => format!("{}={}", option.name, decode(value)),
            Token::Option(option, _, Value::Missing) => format!("{}!", option.name),
            Token::Option(option, _, Value::Surplus) => format!("{}+", option.name),
            Token::Unknown(typed) if typed.is_long() => format!("unknown {}", decode(typed.word)),
            Token::Unknown(typed) => format!("unknown {} in {}", decode(typed.letters), decode(typed.word)),
        }
    }

    #[test]
    fn tokens() {
        let options = [
            operand("TARGET", ""),
            option("timeout", "DUR", "").short('t'),
            option_list("header", "TEXT", "").short('H'),
            flag("quiet", "").short('q'),
            flag("verbose", "").short('v'),
            HELP,
        ];
        let options: Vec<&Opt> = options.iter().collect();
        for (words, expected) in [
            (&[][..], &[][..]),
            (&["x", "-", ""], &["operand x", "operand -", "operand "]),
            (&["--quiet", "x"], &["quiet", "operand x"]),
            (&["--quiet=1", "--help="], &["quiet+", "help+"]),
            (&["--timeout", "2s", "-q"], &["timeout=2s", "quiet"]),
            (&["--timeout=2s", "--timeout=", "--timeout==2"], &["timeout=2s", "timeout=", "timeout==2"]),
            (&["-t2s", "-t", "2s", "-t=2s"], &["timeout=2s", "timeout=2s", "timeout==2s"]),
            (&["-qvt2s", "x"], &["quiet", "verbose", "timeout=2s", "operand x"]),
            (&["-qt", "2s", "x"], &["quiet", "timeout=2s", "operand x"]),
            (&["-tq", "x"], &["timeout=q", "operand x"]),
            (&["-t"], &["timeout!"]),
            (&["-qt"], &["quiet", "timeout!"]),
            (&["--header"], &["header!"]),
            (&["-t", "--help", "--timeout", "--", "-H", "-"], &["timeout=--help", "timeout=--", "header=-"]),
            (&["--", "-q", "--", "x"], &["--", "operand -q", "operand --", "operand x"]),
            (&["-qxv"], &["quiet", "unknown xv in -qxv", "verbose"]),
            (
                &["--quie", "--TARGET", "--quiets=1"],
                &["unknown --quie", "unknown --TARGET", "unknown --quiets"],
            ),
            (&["-T", "-5"], &["unknown T in -T", "unknown 5 in -5"]),
            (&["-xt", "2s"], &["unknown xt in -xt", "timeout=2s"]),
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(Words::new(&options, &words).map(shown).collect::<Vec<_>>(), expected, "{words:?}");
        }
    }

    #[test]
    fn the_rest_is_not_read_yet() {
        let options = [option("timeout", "DUR", "").short('t')];
        let options: Vec<&Opt> = options.iter().collect();
        let words = ["-t", "2s", "x", "y"].map(OsString::from);
        let mut tokens = Words::new(&options, &words);
        let mut left = Vec::new();
        while tokens.next().is_some() {
            left.push(tokens.rest().len());
        }
        assert_eq!(left, [2, 1, 0]);
    }

    #[cfg(feature = "inspect")]
    #[test]
    fn words_whose_value_is_the_next_word() {
        let options = [option("timeout", "DUR", "").short('t'), flag("quiet", "").short('q')];
        let options: Vec<&Opt> = options.iter().collect();
        for (word, expected) in [
            ("--timeout", true),
            ("-t", true),
            ("-qt", true),
            ("-xt", true),
            ("--timeout=", false),
            ("-t2", false),
            ("-tt", false),
            ("-q", false),
            ("--", false),
            ("t", false),
        ] {
            assert_eq!(takes_next(&options, &word.into()), expected, "{word}");
        }
    }
}
