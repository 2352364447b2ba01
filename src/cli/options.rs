//! Operands and options as the commands define them: what help shows, and what clap is told of.
//!
//! The definitions are constants. clap gets those alone that the words in front of it mention, so that neither
//! time nor memory goes into the others; that an option is unknown, or that one is wrong, shows all the same.

use std::ffi::OsString;
#[cfg(feature = "inspect")]
use std::os::unix::ffi::OsStringExt as _;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use super::{MISSING, Page, foreign, is_elsewhere, nearest, options_of, unknown_check, without_user_info};
use crate::text::{clip, decode};

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

/// What is wrong with some words.
pub(super) struct Wrong {
    /// In words.
    pub what: String,
    /// Whether they say what to do, too.
    pub is_whole: bool,
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Wrong { what, is_whole: false }
    }
}

impl Wrong {
    /// With what to do about it, where that is known.
    fn advised(what: String, advice: Option<String>) -> Self {
        match advice {
            Some(advice) => Wrong { what: format!("{what}; {advice}"), is_whole: true },
            None => what.into(),
        }
    }
}

/// What is wrong with these words of a command, which clap has refused.
pub(super) fn wrong(command: &str, options: &[&Opt], words: &[OsString]) -> Wrong {
    let mut seen: Vec<&str> = Vec::new();
    let mut swallowed = None;
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
                None => return unexpected(command, word, words.next(), options),
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
                return unknown(command, name, letters, options);
            };
            let label = option.name;
            if option.is_refused() {
                return format!("--{label}: {}", option.help).into();
            }
            if matches!(option.takes, Takes::Help | Takes::Version) && !value {
                let is_help = option.takes == Takes::Help;
                let shown = if long.is_some() { clip(name) } else { first(letters) };
                let prints = if is_help { "help" } else { "the version" };
                let what = format!("{shown} prints {prints} and cannot be used with other arguments");
                return Wrong::advised(what, foreign::host(command).filter(|_| is_help));
            }
            if option.takes != Takes::Each && seen.contains(&label) {
                return format!("--{label} is given twice").into();
            }
            seen.push(label);
            letters = letters.get(1..).unwrap_or_default();
            let has_value = if long.is_some() { value } else { !letters.is_empty() };
            if option.takes_value() {
                let value = if has_value { Some(letters) } else { words.next() };
                let Some(value) = value else {
                    return format!("--{label} needs a value").into();
                };
                if long.is_none() && swallowed.is_none() {
                    swallowed = foreign::value(command, label, value);
                }
                break;
            }
            if value {
                return format!("--{label} takes no value").into();
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
        Some(operand) => {
            Wrong::advised(format!("{} is missing", operand.name), swallowed.map(ToOwned::to_owned))
        }
        None => "the arguments cannot be read".to_owned().into(),
    }
}

/// What is wrong with a word that is one operand too many; `next` is the word behind it.
fn unexpected(command: &str, word: &[u8], next: Option<&[u8]>, options: &[&Opt]) -> Wrong {
    if let (b"and", Some(name)) = (word, next) {
        return Wrong { what: unknown_check(name), is_whole: true };
    }
    let has_target = || options.iter().any(|option| option.is_operand() && option.name == "TARGET");
    let advice = foreign::argument(command, word).or_else(|| {
        let is_port = word.iter().all(u8::is_ascii_digit) && has_target();
        is_port.then(|| "write host and port as one word: HOST:PORT".to_owned())
    });
    Wrong::advised(format!("unexpected argument '{}'", clip(&without_user_info(word, false))), advice)
}

/// What is wrong with an option that there is not: the whole word without its value, or the first of these letters of it.
fn unknown(command: &str, word: &[u8], letters: &[u8], options: &[&Opt]) -> Wrong {
    let is_long = word.starts_with(b"--");
    if !is_long && let Some((shown, advice)) = one_dash(command, word, options) {
        return Wrong::advised(format!("unknown option {shown}"), Some(advice));
    }
    let shown = if is_long { clip(word) } else { first(letters) };
    if is_elsewhere(&shown) {
        return Wrong { what: shown + MISSING, is_whole: true };
    }
    let advice = foreign::argument(command, shown.as_bytes()).or_else(|| {
        let named = options.iter().filter(|option| !option.is_operand() && !option.is_refused());
        let mut near = named.map(|option| option.name);
        nearest::did_you_mean(shown.strip_prefix("--")?, &mut near, ["--", ""])
    });
    Wrong::advised(format!("unknown option {shown}"), advice)
}

/// A word such as `-addr=:80` or `-timeout`, as programs in Go have them, without its value, and what to do about it.
fn one_dash(command: &str, word: &[u8], options: &[&Opt]) -> Option<(String, String)> {
    let name = word.strip_prefix(b"-").filter(|name| name.len() > 1 && !name.starts_with(b"-"))?;
    let name = name.split(|&b| b == b'=').next()?;
    let whole = [b"-", name].concat();
    let advice = foreign::argument(command, &whole).or_else(|| {
        let is_ours = |option: &&&Opt| !option.is_operand() && option.name.as_bytes() == name;
        options.iter().find(is_ours).map(|option| format!("did you mean --{}?", option.name))
    })?;
    Some((clip(&whole), advice))
}

/// What to do about the first of these words that has one dash where two are meant.
pub(super) fn with_one_dash(page: &Page, words: &[OsString]) -> Option<String> {
    let options: Vec<&Opt> = options_of(Some(page)).collect();
    words.iter().find_map(|word| Some(one_dash(page.name, word.as_encoded_bytes(), &options)?.1))
}

/// The option that the first of these letters is: `-x`.
fn first(letters: &[u8]) -> String {
    let length = letters.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let letter = letters.get(..length.map_or(1, char::len_utf8)).unwrap_or_default();
    format!("-{}", decode(letter))
}
