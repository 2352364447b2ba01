//! Reads the words of a command: a walk over its [`Words`] finds what is wrong with them, then clap
//! yields the values.
//!
//! clap knows only the operands and the options that are given, so that the others cost neither
//! time nor memory.

use std::ffi::{OsStr, OsString};

use clap::builder::ValueParser;
#[cfg(test)]
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};

use super::words::{Token, Typed, Value, Words};
use super::{Opt, Takes};

/// What is wrong with the words of a command.
#[derive(Debug, Clone, Copy)]
pub enum Fault<'a> {
    /// There is no such option.
    Unknown(Typed<'a>),
    /// The command refuses this option.
    Refused(&'a Opt),
    /// Help or the version is requested along with something else. The words are those after it.
    NotAlone(&'a Opt, Typed<'a>, &'a [OsString]),
    /// The option may be given once.
    Repeated(&'a Opt),
    /// The option takes a value.
    MissingValue(&'a Opt),
    /// The option takes no value.
    SurplusValue(&'a Opt),
    /// The operand has to be given.
    MissingOperand(&'a Opt),
    /// The command takes no further operand. The words are those after it.
    SurplusOperand(&'a [u8], &'a [OsString]),
    /// clap refuses the words. Tests verify that it accepts all words without another fault.
    Unreadable,
}

/// What was given to a command.
#[derive(Debug)]
pub struct Matches {
    /// The operands and options in the order in which they were given, each with its value if it
    /// takes one.
    given: Vec<(&'static str, Option<OsString>)>,
}

impl Matches {
    /// Whether this operand or option was given.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(known, _)| *known == name)
    }

    /// The one of these options that was given last.
    #[cfg(feature = "inspect")]
    pub fn last_of(&self, names: &[&str]) -> Option<&'static str> {
        self.given.iter().map(|(name, _)| *name).rfind(|name| names.contains(name))
    }

    /// The value of this operand or option, if it was given.
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        self.values(name).next()
    }

    /// The values of this operand or option, in the order in which they were given.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &OsStr> {
        self.given.iter().filter_map(move |(known, value)| value.as_deref().filter(|_| *known == name))
    }

    /// The values of these options in the order in which they were given, each with its name.
    pub fn in_order<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = (&'static str, &'a OsStr)> {
        let is_wanted = |name: &&str| names.contains(name);
        self.given.iter().filter_map(move |(name, value)| {
            let value = value.as_deref().filter(|_| is_wanted(name));
            value.map(|value| (*name, value))
        })
    }
}

/// Reads the words of a command with these options.
pub fn read<'a>(options: &'a [&'a Opt], words: &'a [OsString]) -> Result<Matches, Fault<'a>> {
    let names = checked(options, words)?;
    let is_needed = |option: &&&Opt| option.is_operand() || names.contains(&option.name);
    let command = Command::new("")
        .no_binary_name(true)
        .disable_help_flag(true)
        .args(options.iter().filter(is_needed).map(|option| arg(option)));
    let values = command.try_get_matches_from(words).map_err(|_| Fault::Unreadable)?;
    let mut given = Vec::new();
    let mut all = Vec::new();
    for name in names {
        let known = all.iter().position(|(known, _)| *known == name);
        let at = known.unwrap_or_else(|| {
            all.push((name, values.try_get_many::<OsString>(name).ok().flatten()));
            all.len() - 1
        });
        let value = all.get_mut(at).and_then(|(_, values)| values.as_mut()?.next());
        given.push((name, value.cloned()));
    }
    Ok(Matches { given })
}

/// Returns the names of the operands and options that are given, or the first fault.
fn checked<'a>(options: &'a [&'a Opt], words: &'a [OsString]) -> Result<Vec<&'static str>, Fault<'a>> {
    let mut given: Vec<&'static str> = Vec::new();
    let mut tokens = Words::new(options, words);
    while let Some(token) = tokens.next() {
        match token {
            Token::Separator => {}
            Token::Unknown(typed) => return Err(Fault::Unknown(typed)),
            Token::Operand(word) => {
                let is_free = |option: &&&Opt| {
                    option.is_operand() && (option.is_many() || !given.contains(&option.name))
                };
                let operand = options.iter().find(is_free);
                given.push(operand.ok_or(Fault::SurplusOperand(word, tokens.rest()))?.name);
            }
            Token::Option(option, typed, value) => {
                if option.is_refused() {
                    return Err(Fault::Refused(option));
                }
                let is_exclusive = matches!(option.takes, Takes::Help | Takes::Version);
                if is_exclusive && !matches!(value, Value::Surplus) {
                    return Err(Fault::NotAlone(option, typed, tokens.rest()));
                }
                if option.takes != Takes::Each && given.contains(&option.name) {
                    return Err(Fault::Repeated(option));
                }
                match value {
                    Value::None | Value::Given(_) => given.push(option.name),
                    Value::Missing => return Err(Fault::MissingValue(option)),
                    Value::Surplus => return Err(Fault::SurplusValue(option)),
                }
            }
        }
    }
    let is_missing = |option: &&&Opt| option.is_required() && !given.contains(&option.name);
    match options.iter().find(is_missing) {
        Some(operand) => Err(Fault::MissingOperand(operand)),
        None => Ok(given),
    }
}

/// The definition of an operand or option for clap, which is not told that an operand is required:
/// then it is there.
fn arg(option: &Opt) -> Arg {
    let arg = Arg::new(option.name).value_parser(ValueParser::os_string());
    match option.takes {
        Takes::Operand { many, .. } => {
            return if many { arg.num_args(1..).action(ArgAction::Append) } else { arg };
        }
        Takes::One => arg.allow_hyphen_values(true),
        Takes::Each => arg.allow_hyphen_values(true).action(ArgAction::Append),
        Takes::Nothing | Takes::Help | Takes::Version | Takes::Refused => {
            Arg::new(option.name).action(ArgAction::SetTrue)
        }
    }
    .long(option.name)
    .short(option.short)
}

/// For tests: the definitions of all these options for clap.
#[cfg(test)]
pub fn told(options: &[&Opt]) -> Vec<Arg> {
    let is_told = |option: &&&Opt| !option.is_refused() && !option.is_elsewhere();
    let with_required = |option: &&Opt| arg(option).required(option.is_required());
    options.iter().filter(is_told).map(with_required).collect()
}

/// For tests: panics unless clap, with the definitions of all options, and [`read`] agree about
/// these words, and the values are those of the tokens. Returns whether the words are accepted.
#[cfg(test)]
pub fn assert_agrees_with_clap(options: &[&Opt], words: &[OsString]) -> bool {
    let is_plain = |option: &&&Opt| !matches!(option.takes, Takes::Help | Takes::Version);
    let plain: Vec<&Opt> = options.iter().filter(is_plain).copied().collect();
    let whole = Command::new("").no_binary_name(true).disable_help_flag(true).args(told(&plain));
    let by_clap = whole.try_get_matches_from(words).ok();
    let by_us = read(options, words);
    assert!(!matches!(by_us, Err(Fault::Unreadable)), "{words:?}");
    assert_eq!(by_us.is_ok(), by_clap.is_some(), "{words:?}: {:?}", by_us.err());
    let (Ok(by_us), Some(by_clap)) = (by_us, by_clap) else { return false };
    for option in plain {
        let is_known = by_clap.try_contains_id(option.name).is_ok();
        let is_given = is_known && by_clap.value_source(option.name) == Some(ValueSource::CommandLine);
        assert_eq!(by_us.has(option.name), is_given, "{words:?}: {}", option.name);
        let values: Vec<&[u8]> = by_us.values(option.name).map(OsStr::as_encoded_bytes).collect();
        let by_clap = by_clap.try_get_many::<OsString>(option.name).ok().flatten().unwrap_or_default();
        let by_clap: Vec<&[u8]> = by_clap.map(|value| value.as_encoded_bytes()).collect();
        assert_eq!(values, by_clap, "{words:?}: {}", option.name);
        let by_tokens: Vec<&[u8]> = Words::new(options, words)
            .filter_map(|token| match token {
                Token::Option(found, typed, Value::Given(value)) if found.name == option.name => {
                    // Unlike getopt_long(3), clap takes `-t=2s` as `-t2s`.
                    let is_attached = !typed.is_long() && typed.letters.len() > 1;
                    Some(value.strip_prefix(b"=").filter(|_| is_attached).unwrap_or(value))
                }
                _ => None,
            })
            .collect();
        if option.takes_value() {
            assert_eq!(by_tokens, values, "{words:?}: {}", option.name);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{HELP, flag, operand, option, option_list};

    #[cfg(feature = "inspect")]
    use crate::args::{operands, refused};

    /// Passes on every command line of at most three of the words.
    fn lines(words: &[&'static str], each: &mut dyn FnMut(&[OsString])) {
        fn extended(line: &mut Vec<OsString>, words: &[&'static str], each: &mut dyn FnMut(&[OsString])) {
            each(line);
            if line.len() == 3 {
                return;
            }
            for word in words {
                line.push(word.into());
                extended(line, words, each);
                line.pop();
            }
        }
        extended(&mut Vec::new(), words, each);
    }

    #[test]
    fn clap_agrees_about_every_command_line() {
        let own = [
            option("timeout", "DUR", "").short('t'),
            option_list("header", "TEXT", "").short('H'),
            flag("quiet", "").short('q'),
            HELP,
        ];
        let mut accepted = 0;
        for operands in [
            &[][..],
            &[operand("TARGET", "")],
            &[operand("TARGET", "").optional()],
            #[cfg(feature = "inspect")]
            &[operand("TEXT", ""), operands("PATH", "")],
            #[cfg(feature = "inspect")]
            &[operands("PATH", "").optional(), refused("follow", "").short('f')],
        ] {
            let options: Vec<&Opt> = operands.iter().chain(&own).collect();
            let words = [
                "x",
                "-",
                "--",
                "",
                "-q",
                "-t",
                "-t2",
                "-t=",
                "-qt",
                "-qH",
                "-q=",
                "--quiet=",
                "--timeout",
                "--timeout=",
                "--header",
                "-h",
                "-f",
                "--TARGET",
            ];
            lines(&words, &mut |line| accepted += usize::from(assert_agrees_with_clap(&options, line)));
        }
        assert!(accepted > 1000, "{accepted}");
    }

    #[test]
    fn faults() {
        let options = [
            operand("TARGET", ""),
            option("timeout", "DUR", "").short('t'),
            option_list("header", "TEXT", "").short('H'),
            flag("quiet", "").short('q'),
            HELP,
        ];
        let options: Vec<&Opt> = options.iter().collect();
        for (line, expected) in [
            ("x -H a -H b -qt1", "none"),
            ("", "MissingOperand TARGET"),
            ("-q", "MissingOperand TARGET"),
            ("x y z", "SurplusOperand y 1"),
            ("-- x -q", "SurplusOperand -q 0"),
            ("x -t", "MissingValue timeout"),
            ("x -t 1 -t", "Repeated timeout"),
            ("-qq", "Repeated quiet"),
            ("--quiet=1", "SurplusValue quiet"),
            ("--help=1", "SurplusValue help"),
            ("x -h y", "NotAlone help 1"),
            ("x --nope -q -q", "Unknown --nope"),
            ("-qz", "Unknown -qz"),
        ] {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let text = |bytes: &[u8]| crate::text::decode(bytes);
            let fault = match checked(&options, &words) {
                Ok(_) => "none".to_owned(),
                Err(Fault::Unknown(typed)) => format!("Unknown {}", text(typed.word)),
                Err(Fault::Refused(option)) => format!("Refused {}", option.name),
                Err(Fault::NotAlone(option, _, rest)) => format!("NotAlone {} {}", option.name, rest.len()),
                Err(Fault::Repeated(option)) => format!("Repeated {}", option.name),
                Err(Fault::MissingValue(option)) => format!("MissingValue {}", option.name),
                Err(Fault::SurplusValue(option)) => format!("SurplusValue {}", option.name),
                Err(Fault::MissingOperand(option)) => format!("MissingOperand {}", option.name),
                Err(Fault::SurplusOperand(word, rest)) => {
                    format!("SurplusOperand {} {}", text(word), rest.len())
                }
                Err(Fault::Unreadable) => "Unreadable".to_owned(),
            };
            assert_eq!(fault, expected, "{line}");
        }
    }
}
