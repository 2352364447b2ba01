//! What is wrong with the words of a command that clap has refused, and what to do about it.

use std::ffi::OsString;

use super::{foreign, is_option_elsewhere, nearest, unknown_check};
use crate::args::{MISSING, Opt, Takes, UsageError, without_user_info};
use crate::text::{clip, decode};

/// The error for words of this command that clap has refused; of none, for options of a run alone.
pub(super) fn error(command: &str, options: &[&Opt], words: &[OsString]) -> UsageError {
    let wrong = wrong(command, options, words);
    let (colon, space) = if command.is_empty() { ("", "") } else { (": ", " ") };
    let mut message = [command, colon, &wrong.what].concat();
    if !wrong.is_whole {
        message += "; ";
        message += &with_one_dash(command, options, words)
            .unwrap_or_else(|| ["see porthole ", command, space, "--help"].concat());
    }
    UsageError(message)
}

/// What is wrong with some words.
struct Wrong {
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
fn wrong(command: &str, options: &[&Opt], words: &[OsString]) -> Wrong {
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
            let found = options.iter().filter(|option| !option.is_operand() && !option.is_elsewhere()).find(
                |option| match long {
                    Some(_) => option.ends(name),
                    None => option.short == letters.first().map(|&letter| char::from(letter)),
                },
            );
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
                // What follows the letter is a host unless it is letters of ours: `-hlocalhost`, `-h localhost`.
                let is_letter = |&b: &u8| options.iter().any(|option| option.short == Some(char::from(b)));
                let may_be_host = match letters.get(1..).unwrap_or_default() {
                    [] => words.next().is_some_and(|next| !next.starts_with(b"-")),
                    attached => !attached.iter().all(is_letter),
                };
                let advice = foreign::argument(command, b"--host");
                return Wrong::advised(what, advice.filter(|_| is_help && long.is_none() && may_be_host));
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
        Some(operand) => Wrong::advised(format!("{} is missing", operand.name), swallowed),
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
    if is_option_elsewhere(&shown) {
        return Wrong { what: shown + MISSING, is_whole: true };
    }
    let advice = foreign::argument(command, shown.as_bytes()).or_else(|| {
        let named = options
            .iter()
            .filter(|option| !option.is_operand() && !option.is_refused() && !option.is_elsewhere());
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
pub(super) fn with_one_dash(command: &str, options: &[&Opt], words: &[OsString]) -> Option<String> {
    words.iter().find_map(|word| Some(one_dash(command, word.as_encoded_bytes(), options)?.1))
}

/// The option that the first of these letters is: `-x`.
fn first(letters: &[u8]) -> String {
    let length = letters.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let letter = letters.get(..length.map_or(1, char::len_utf8)).unwrap_or_default();
    format!("-{}", decode(letter))
}
