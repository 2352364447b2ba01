//! The commands, and the [`Action`] that the arguments request.
//!
//! A command is found by its name or by `argv[0]`. Only its own options and those that it shares
//! are read, so that the tree of all commands is never built. No clap type leaves this room or
//! `args`.

mod action;
#[cfg(not(feature = "inspect"))]
mod debug;
mod foreign;
#[cfg(feature = "inspect")]
mod habits;
mod help;
#[cfg(feature = "inspect")]
mod inspection;
#[cfg(feature = "inspect")]
mod letters;
#[cfg(all(feature = "tls", feature = "remote", feature = "inspect"))]
#[cfg(test)]
mod manual;
mod nearest;
mod page;
mod parse;
mod run;
mod sentence;
mod wrong;

use std::ffi::{OsStr, OsString};

pub use self::action::Action;
#[cfg(not(feature = "inspect"))]
pub use self::debug::debug_container;
pub use self::parse::parse;
use self::run::RUN;
use crate::args::{MISSING, UsageError, without_user_info};
use crate::check::{self, KINDS, Kind};
#[cfg(feature = "inspect")]
use crate::doctor;
use crate::inspect;
#[cfg(feature = "inspect")]
use crate::inspect::Command;
use crate::text::clip;

/// The commands besides the checks, by groups, in the order in which help lists them.
#[cfg(feature = "inspect")]
const GROUPS: [(&str, &[Command]); 3] = [
    ("Inspection", inspect::SHOWING),
    ("Diagnosis", doctor::COMMANDS),
    ("Copying in and out", inspect::COPYING),
];

/// Whether these arguments, which may be wrong, ask for JSON.
pub fn asks_for_json(mut argv: impl Iterator<Item = OsString>) -> bool {
    argv.any(|word| word == "--json")
}

fn find_kind(name: &OsStr) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| name == kind.name)
}

/// Precedes the line that runs a command of the full build.
#[cfg(not(feature = "inspect"))]
const INSTEAD: &str = "run it beside this container: ";

/// Whether this is the name of a command.
fn is_command(name: &OsStr) -> bool {
    #[cfg(feature = "inspect")]
    if find_inspection(name).is_some() {
        return true;
    }
    find_kind(name).is_some()
}

/// The error for an unknown command, with this advice or the command that was probably meant.
fn unknown_command(name: &OsStr, advice: Option<String>) -> UsageError {
    let bytes = name.as_encoded_bytes();
    let shown = clip(&without_user_info(bytes, false));
    if is_elsewhere(&shown) {
        #[cfg(not(feature = "inspect"))]
        if inspect::LOOKING.contains(&shown.as_str()) {
            return UsageError(format!("{shown}{MISSING}; {INSTEAD}{}", debug_container(&shown)));
        }
        return UsageError(shown + MISSING);
    }
    let is_target = || bytes.starts_with(b":") || bytes.windows(3).any(|three| three == b"://");
    let advice = foreign::command(bytes)
        .or(advice)
        .or_else(|| nearest::did_you_mean(&shown, &mut command_names(), ["'", "'"]))
        .or_else(|| is_target().then(|| "name a check first: porthole http URL".to_owned()))
        .unwrap_or_else(|| "see porthole --help".to_owned());
    UsageError(format!("unknown command '{shown}'; {advice}"))
}

/// The error for a word after `and`, `or` or `not` that is not a check, with the one that was
/// probably meant.
fn unknown_check(before: &str, name: &OsStr) -> UsageError {
    let bytes = name.as_encoded_bytes();
    let shown = clip(&without_user_info(bytes, false));
    if is_elsewhere(&shown) {
        return UsageError(shown + MISSING);
    }
    let example = if before == "not" { "not listen 8080" } else { "tcp :80 and tcp :81" };
    if name.is_empty() {
        return UsageError(format!("expected a check after '{before}', as in porthole {example}"));
    }
    if bytes.starts_with(b"-") {
        return UsageError(format!(
            "expected a check after '{before}', got '{shown}'; options follow its name"
        ));
    }
    if is_command(name) {
        return UsageError(format!("'{shown}' is no check, so it cannot follow '{before}'"));
    }
    let advice = nearest::did_you_mean(&shown, &mut KINDS.iter().map(|kind| kind.name), ["'", "'"])
        .unwrap_or_else(|| "see porthole --help".to_owned());
    UsageError(format!("unknown check '{shown}' after '{before}'; {advice}"))
}

/// The names of all commands.
fn command_names() -> impl Iterator<Item = &'static str> {
    let names = KINDS.iter().map(|kind| kind.name);
    #[cfg(feature = "inspect")]
    let names = names.chain(inspections().map(|command| command.name));
    names.chain(["help"])
}

/// Whether only another build has this command.
fn is_elsewhere(name: &str) -> bool {
    check::ELSEWHERE.contains(&name) || inspect::ELSEWHERE.contains(&name)
}

/// Whether only another build has this option, of any command.
fn is_option_elsewhere(word: &str) -> bool {
    let mut options = KINDS.iter().flat_map(|kind| kind.options).copied().flatten().chain(RUN);
    options.any(|option| option.is_elsewhere() && option.is_called(word))
}

/// Whether only a build with the inspections has this option.
#[cfg(not(feature = "inspect"))]
fn is_of_inspections(word: &str) -> bool {
    RUN.iter().any(|option| option.is_of_inspections() && option.is_called(word))
}

/// All commands besides the checks.
#[cfg(feature = "inspect")]
fn inspections() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().flat_map(|(_, commands)| *commands)
}

#[cfg(feature = "inspect")]
fn find_inspection(name: &OsStr) -> Option<&'static Command> {
    inspections().find(|command| name == command.name)
}
