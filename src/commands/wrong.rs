//! Error messages for faults in the words of a command, with what to do about them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::{find_kind, foreign, is_option_elsewhere, nearest, unknown_check};
use crate::args::{
    Fault, MISSING, Opt, Takes, Token, Typed, UsageError, Value, Words, split_value, with_letter,
    without_user_info,
};
use crate::text::{clip, decode};

/// The error for a fault in the words of a command; its name is empty if only options of a run are
/// given.
pub(super) fn error(command: &str, options: &[&Opt], words: &[OsString], fault: Fault<'_>) -> UsageError {
    let message = message(command, options, words, fault);
    let (colon, space) = if command.is_empty() { ("", "") } else { (": ", " ") };
    let mut text = [command, colon, &message.text].concat();
    if !message.has_advice {
        text += "; ";
        text += &with_one_dash(command, options, words)
            .unwrap_or_else(|| ["see porthole ", command, space, "--help"].concat());
    }
    UsageError(text)
}

/// A message about a fault.
struct Message {
    /// The message.
    pub text: String,
    /// Whether it also says what to do.
    pub has_advice: bool,
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Message { text, has_advice: false }
    }
}

impl Message {
    /// The message with what to do, if that is known.
    fn with_advice(text: String, advice: Option<String>) -> Self {
        match advice {
            Some(advice) => Message { text: format!("{text}; {advice}"), has_advice: true },
            None => text.into(),
        }
    }
}

/// The message about a fault.
fn message(command: &str, options: &[&Opt], words: &[OsString], fault: Fault<'_>) -> Message {
    match fault {
        Fault::Unknown(typed) => unknown(command, typed, options),
        Fault::Refused(option) => format!("--{}: {}", option.name, option.help).into(),
        Fault::NotAlone(option, typed, rest) => not_alone(command, option, typed, rest, options),
        Fault::Repeated(option) => format!("--{} is given twice", option.name).into(),
        Fault::MissingValue(option) => format!("--{} needs a value", option.name).into(),
        Fault::SurplusValue(option) => format!("--{} takes no value", option.name).into(),
        Fault::SurplusOperand(word, rest) => unexpected(command, word, rest, words, options),
        Fault::MissingOperand(operand) => format!("{} is missing", operand.name).into(),
        Fault::Unreadable => "the arguments cannot be read".to_owned().into(),
    }
}

/// The message about help or the version along with other words; `rest` follow it.
fn not_alone(command: &str, option: &Opt, typed: Typed<'_>, rest: &[OsString], options: &[&Opt]) -> Message {
    let is_help = option.takes == Takes::Help;
    let prints = if is_help { "help" } else { "the version" };
    let text = format!("{} prints {prints} and cannot be used with other arguments", shown(typed));
    // `-hlocalhost`, `-h localhost`: what follows the letter is a host, unless it is letters of
    // ours.
    let may_be_host = match typed.letters {
        [] => false,
        [_] => rest.first().is_some_and(|next| !next.as_encoded_bytes().starts_with(b"-")),
        [_, attached @ ..] => !attached.iter().all(|&letter| with_letter(options, letter).is_some()),
    };
    let advice = foreign::argument(command, b"--host");
    Message::with_advice(text, advice.filter(|_| is_help && may_be_host))
}

/// The message about a surplus operand; `words` are all of the command, and `rest` those after it.
fn unexpected(
    command: &str,
    word: &[u8],
    rest: &[OsString],
    words: &[OsString],
    options: &[&Opt],
) -> Message {
    let joiner = ["and", "or", "not"].into_iter().find(|joiner| joiner.as_bytes() == word);
    if let Some(joiner) = joiner {
        // `and not NAME`.
        let (joiner, name) = match rest {
            [not, rest @ ..] if not == "not" => ("not", rest.first()),
            _ => (joiner, rest.first()),
        };
        let name = name.map(OsString::as_os_str).unwrap_or_default();
        let text = match find_kind(name) {
            // Without a word between two checks.
            Some(_) => "put and or or between two checks, as in tcp :80 and not tcp :81".to_owned(),
            None => unknown_check(joiner, name).0,
        };
        return Message { text, has_advice: true };
    }
    if find_kind(OsStr::from_bytes(word)).is_some() && !rest.is_empty() {
        let text = format!("unexpected argument '{}'", clip(word));
        return Message::with_advice(text, Some("put and or or between two checks".to_owned()));
    }
    let has_target = || options.iter().any(|option| option.is_target());
    let first = words.first().map(|first| first.as_encoded_bytes());
    let operand = |word| foreign::value(command, "", word);
    let advice = foreign::argument(command, word).or_else(|| operand(word)).or_else(|| operand(first?));
    let advice = advice.or_else(|| {
        let is_port = word.iter().all(u8::is_ascii_digit) && has_target();
        is_port.then(|| "write host and port as one word: HOST:PORT".to_owned())
    });
    Message::with_advice(format!("unexpected argument '{}'", clip(&without_user_info(word, false))), advice)
}

/// The message about an unknown option.
fn unknown(command: &str, typed: Typed<'_>, options: &[&Opt]) -> Message {
    if let Some((whole, advice)) = one_dash(command, typed, options) {
        return Message::with_advice(format!("unknown option {}", clip(whole)), Some(advice));
    }
    let shown = shown(typed);
    if is_option_elsewhere(&shown) {
        #[cfg(not(feature = "inspect"))]
        if super::is_of_inspections(&shown) {
            let text =
                format!("{shown}{MISSING}; or see porthole doctor: {}", super::debug_container("doctor"));
            return Message { text, has_advice: true };
        }
        return Message { text: shown + MISSING, has_advice: true };
    }
    let advice = foreign::argument(command, shown.as_bytes()).or_else(|| {
        let named = options
            .iter()
            .filter(|option| !option.is_operand() && !option.is_refused() && !option.is_elsewhere());
        let mut near = named.map(|option| option.name);
        nearest::did_you_mean(shown.strip_prefix("--")?, &mut near, ["--", ""])
    });
    Message::with_advice(format!("unknown option {shown}"), advice)
}

/// Returns a word such as `-addr=:80` or `-timeout`, which programs written in Go accept, without
/// its value, and what to do about it.
fn one_dash<'a>(command: &str, typed: Typed<'a>, options: &[&Opt]) -> Option<(&'a [u8], String)> {
    let (whole, _) = split_value(typed.word);
    let name = whole.strip_prefix(b"-").filter(|name| name.len() > 1 && !typed.is_long())?;
    let advice = foreign::argument(command, whole).or_else(|| {
        let is_ours = |option: &&&Opt| !option.is_operand() && option.name.as_bytes() == name;
        options.iter().find(is_ours).map(|option| format!("did you mean --{}?", option.name))
    })?;
    Some((whole, advice))
}

/// Returns what to do about the first of these words with one dash in place of two, or with a letter
/// that is another option in another program: `-s URL`, whose letter takes no value there.
pub(super) fn with_one_dash(command: &str, options: &[&Opt], words: &[OsString]) -> Option<String> {
    Words::new(options, words).find_map(|token| {
        let (Token::Option(_, typed, _) | Token::Unknown(typed)) = token else { return None };
        let advice = one_dash(command, typed, options).map(|(_, advice)| advice);
        match token {
            Token::Option(option, _, Value::Given(value)) if !typed.is_long() => {
                advice.or_else(|| foreign::value(command, option.name, value))
            }
            _ => advice,
        }
    })
}

/// The option as it was typed, without other letters or a value: `--name` or `-x`.
fn shown(typed: Typed<'_>) -> String {
    let letters = typed.letters;
    if typed.is_long() {
        return clip(typed.word);
    }
    let length = letters.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let letter = letters.get(..length.map_or(1, char::len_utf8)).unwrap_or_default();
    format!("-{}", decode(letter))
}
