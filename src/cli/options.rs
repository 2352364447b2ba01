//! Operands and options as the commands define them: what help shows, and what clap is told of.
//!
//! The definitions are constants. clap gets those alone that the words in front of it mention, so that neither
//! time nor memory goes into the others; that an option is unknown, or that one is wrong, shows all the same.

use std::ffi::OsString;
#[cfg(feature = "inspect")]
use std::os::unix::ffi::OsStringExt as _;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use super::{MISSING, is_elsewhere};
use crate::text::clip;

/// An operand or option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// `timeout` for `--timeout`, in capitals for an operand.
    pub name: &'static str,
    /// `t` for `-t`.
    pub short: Option<char>,
    /// What its value is called; empty for an option without one.
    pub value: &'static str,
    /// One line for the help text.
    pub help: &'static str,
    takes: Takes,
}

/// What an option does with what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// It is an operand, that has to be there or not, and may be several words.
    Operand { required: bool, many: bool },
    /// One value.
    One,
    /// A value each time it is given.
    Each,
    /// Nothing.
    Nothing,
    /// Nothing, for all that is wanted is help.
    Help,
    /// Nothing, for all that is wanted is the version.
    Version,
    /// Nothing, for it is refused.
    #[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "no check has one"))]
    Refused,
}

/// An option with one value.
pub const fn option(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, short: None, value, help, takes: Takes::One }
}

/// An option with a value that may be given several times.
pub const fn option_list(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Each, ..option(name, value, help) }
}

/// An option without a value.
pub const fn flag(name: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Nothing, ..option(name, "", help) }
}

/// What stands without an option in front; it has to be given.
pub const fn operand(name: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Operand { required: true, many: false }, ..option(name, name, help) }
}

/// What stands without an option in front, one or more.
#[cfg(feature = "inspect")]
pub const fn operands(name: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Operand { required: true, many: true }, ..option(name, name, help) }
}

/// The same, behind letters of options that may do without a dash, as those of tar(1) do: `usage` is `cf - PATH`.
#[cfg(feature = "inspect")]
pub const fn operands_behind_letters(usage: &'static str, name: &'static str, help: &'static str) -> Opt {
    Opt { value: usage, ..operands(name, help) }
}

/// An option that other programs of the command's name have, and why it is refused here. Help does not list it.
#[cfg(feature = "inspect")]
pub const fn refused(name: &'static str, why: &'static str) -> Opt {
    Opt { takes: Takes::Refused, ..option(name, "", why) }
}

/// `--help`, `-h`
pub(super) const HELP: Opt = Opt { takes: Takes::Help, ..flag("help", "this text") }.short('h');
/// `--version`, `-V`
pub(super) const VERSION: Opt =
    Opt { takes: Takes::Version, ..flag("version", "version, features and target") }.short('V');

impl Opt {
    /// With this short form.
    pub const fn short(self, short: char) -> Opt {
        Opt { short: Some(short), ..self }
    }

    /// Without its short form, where that is one of these letters.
    pub(super) fn unless_short(self, letters: &str) -> Opt {
        Opt { short: self.short.filter(|&short| !letters.contains(short)), ..self }
    }

    /// Not needed, for an operand.
    pub const fn optional(self) -> Opt {
        let many = matches!(self.takes, Takes::Operand { many: true, .. });
        Opt { takes: Takes::Operand { required: false, many }, ..self }
    }

    /// Whether it is an operand.
    pub fn is_operand(&self) -> bool {
        matches!(self.takes, Takes::Operand { .. })
    }

    /// An operand as help shows it: `TARGET`, `[NAME]`, `PATH...`.
    pub(super) fn placeholder(&self) -> String {
        let dots = if self.is_many() { "..." } else { "" };
        match self.takes {
            Takes::Operand { required: false, .. } => format!("[{}{dots}]", self.value),
            _ => format!("{}{dots}", self.value),
        }
    }

    /// Whether it is one that is refused.
    pub(super) fn is_refused(&self) -> bool {
        self.takes == Takes::Refused
    }

    fn is_many(&self) -> bool {
        matches!(self.takes, Takes::Operand { many: true, .. })
    }

    /// Whether it is an option with a value.
    pub fn takes_value(&self) -> bool {
        matches!(self.takes, Takes::One | Takes::Each)
    }

    /// Whether this is `--name`, or `-s`, or `-xs`, where what follows the last is its value.
    pub(super) fn ends(&self, word: &[u8]) -> bool {
        match word {
            [b'-', b'-', long @ ..] => self.name.as_bytes() == long,
            [b'-', .., last] => self.short == Some(char::from(*last)),
            _ => false,
        }
    }

    /// Whether clap has to know of it to make sense of this word. It may be the value of another option.
    fn is_mentioned(&self, word: &[u8]) -> bool {
        match word {
            [b'-', b'-', long @ ..] => {
                let name = long.split(|&b| b == b'=').next().unwrap_or_default();
                self.name.as_bytes() == name
            }
            [b'-', letters @ ..] => self.short.is_some_and(|short| letters.contains(&(short as u8))),
            _ => false,
        }
    }

    fn arg(&self) -> Arg {
        let arg = Arg::new(self.name);
        let arg = match self.takes {
            Takes::Operand { required, many } => {
                let arg = arg.required(required).value_parser(ValueParser::os_string());
                return if many { arg.num_args(1..).action(ArgAction::Append) } else { arg };
            }
            Takes::One => arg.value_parser(ValueParser::os_string()).allow_hyphen_values(true),
            Takes::Each => {
                arg.value_parser(ValueParser::os_string()).allow_hyphen_values(true).action(ArgAction::Append)
            }
            Takes::Nothing => arg.action(ArgAction::SetTrue),
            // clap is not told of it, which makes it one that is wrong.
            Takes::Refused => arg,
            Takes::Help => arg.action(ArgAction::Help),
            Takes::Version => arg.action(ArgAction::Version),
        };
        arg.long(self.name).short(self.short)
    }
}

/// The definitions that clap needs for these words.
pub(super) fn args<'a>(options: impl Iterator<Item = &'a Opt>, words: &[OsString]) -> Vec<Arg> {
    let is_needed = |option: &Opt| {
        option.is_operand() || words.iter().any(|word| option.is_mentioned(word.as_encoded_bytes()))
    };
    options.filter(|option| !option.is_refused() && is_needed(option)).map(Opt::arg).collect()
}

/// The words, of which the first may be letters of options without a dash, as tar(1) takes them: `cfC - DIR`. The values
/// follow in the order of the letters. With `p` tar keeps permissions, as this one always does: only a number behind it
/// makes it that of a process.
#[cfg(feature = "inspect")]
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
    for word in rest {
        out.push(
            match word.as_encoded_bytes() {
                [b'-', letters @ ..] if takes_letters && words.len() > 1 => cluster(letters, &with_letter),
                _ => None,
            }
            .unwrap_or(word),
        );
    }
    out
}

/// What stands for these letters behind a dash, where tar's are others than ours.
#[cfg(feature = "inspect")]
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

/// What is wrong with these words, which clap has refused.
pub(super) fn wrong(options: &[&Opt], words: &[OsString]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut words = words.iter().map(|word| word.as_encoded_bytes());
    let mut only_operands = false;
    while let Some(word) = words.next() {
        if word == b"--" && !only_operands {
            only_operands = true;
            continue;
        }
        let mut letters: &[u8] = word.get(1..).unwrap_or_default();
        if only_operands || !word.starts_with(b"-") || letters.is_empty() {
            let is_free =
                |option: &&&Opt| option.is_operand() && (option.is_many() || !seen.contains(&option.name));
            match options.iter().find(is_free) {
                Some(operand) => seen.push(operand.name),
                None => return format!("unexpected argument '{}'", clip(word)),
            }
            continue;
        }
        let long = letters.strip_prefix(b"-");
        let (name, value) = match long.unwrap_or_default().iter().position(|&b| b == b'=') {
            Some(at) => (word.get(..at + 2).unwrap_or(word), true),
            None => (word, false),
        };
        // A word with one dash is several options, of which the last may have a value.
        loop {
            let found = options.iter().filter(|option| !option.is_operand()).find(|option| match long {
                Some(_) => option.ends(name),
                None => option.short == letters.first().map(|&letter| char::from(letter)),
            });
            let Some(option) = found else {
                let shown = if long.is_some() { clip(name) } else { format!("-{}", first_char(letters)) };
                return if is_elsewhere(&shown) {
                    shown + MISSING
                } else {
                    format!("unknown option {shown}")
                };
            };
            let label = option.name;
            if option.is_refused() {
                return format!("--{label}: {}", option.help);
            }
            if option.takes != Takes::Each && seen.contains(&label) {
                return format!("--{label} is given twice");
            }
            seen.push(label);
            letters = letters.get(1..).unwrap_or_default();
            let has_value = if long.is_some() { value } else { !letters.is_empty() };
            if option.takes_value() {
                if !has_value && words.next().is_none() {
                    return format!("--{label} needs a value");
                }
                break;
            }
            if value {
                return format!("--{label} takes no value");
            }
            if long.is_some() || letters.is_empty() {
                break;
            }
        }
    }
    let missing = |option: &&&Opt| {
        matches!(option.takes, Takes::Operand { required: true, .. }) && !seen.contains(&option.name)
    };
    match options.iter().find(missing) {
        Some(operand) => format!("{} is missing", operand.name),
        None => "the arguments cannot be read".to_owned(),
    }
}

fn first_char(bytes: &[u8]) -> char {
    String::from_utf8_lossy(bytes).chars().next().unwrap_or('?')
}
