//! From arguments to an [`Action`]: commands, options of a run, `and`, names by `argv[0]`.
//!
//! clap parses one command at a time, each with its own options and those of a run, so that the tree of
//! all commands is never built. What was given is then read through [`Given`], which expands and validates
//! it; no clap type leaves this room.

mod foreign;
mod given;
#[cfg(feature = "inspect")]
mod habits;
mod help;
mod nearest;
mod options;
mod run;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use clap::{ArgMatches, Command};

use self::given::without_user_info;
pub use self::given::{Given, Text};
#[cfg(feature = "inspect")]
pub use self::help::Build;
pub use self::options::{Opt, flag, operand, option, option_list};
#[cfg(feature = "inspect")]
pub use self::options::{operands, operands_behind_letters, refused};
use self::run::{RUN, TIMEOUT, run_options};
use crate::check::{KINDS, Kind, Plan};
use crate::deadline::Deadline;
#[cfg(feature = "inspect")]
use crate::expand::System;
use crate::expand::Values;
#[cfg(feature = "inspect")]
use crate::inspect::{self, Inspect, Inspection};
use crate::outcome::Conclusion;
use crate::secrets::Secrets;
use crate::text::clip;

/// The most checks of one run: each has its thread and its buffers.
const MOST_CHECKS: usize = 50;

/// What is said of a command or option, or of TLS, that another build has.
pub const MISSING: &str = " is not in this build; the full build of porthole has it";
/// The commands and options of which that is said.
const ELSEWHERE: &[&[&str]] = &[
    #[cfg(not(feature = "tls"))]
    &[
        "tls",
        "--tls",
        "-k",
        "--insecure",
        "--ca-file",
        "--server-name",
        "--client-cert",
        "--client-key",
        "--min-days",
    ],
    #[cfg(not(feature = "remote"))]
    &["dns", "--remote"],
    #[cfg(not(feature = "inspect"))]
    &[
        "--explain",
        "ps",
        "env",
        "ls",
        "stat",
        "cat",
        "head",
        "tail",
        "find",
        "grep",
        "hexdump",
        "sha256sum",
        "df",
        "mounts",
        "access",
        "ss",
        "lsof",
        "id",
        "limits",
        "doctor",
        "report",
        "install",
        "tar",
    ],
];

/// What the arguments ask for.
#[derive(Debug)]
pub enum Action {
    /// To make checks.
    Check(Plan),
    /// To look at something.
    #[cfg(feature = "inspect")]
    Inspect(Inspection),
    /// To print this text.
    Print(String, Conclusion),
}

/// Wrong usage: which argument, what was expected, what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the arguments ask for; `argv[0]` is the name of the program. No error shows what a secret expanded to.
pub fn parse(argv: Vec<OsString>, values: &dyn Values) -> Result<Action, UsageError> {
    let mut secrets = Secrets::default();
    action(argv, values, &mut secrets).map_err(|wrong| UsageError(secrets.redact_text(&wrong.0)))
}

fn action(argv: Vec<OsString>, values: &dyn Values, secrets: &mut Secrets) -> Result<Action, UsageError> {
    let mut words = argv.into_iter();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default();
    let mut words: Vec<OsString> = words.collect();
    if is_command(program) {
        words.insert(0, program.to_owned());
    }
    if words.is_empty() {
        return Ok(Action::Print(help::short(), Conclusion::Bad));
    }
    if let Some(text) = only_help(&words)? {
        return Ok(Action::Print(text, Conclusion::Good));
    }
    // Options of a run may stand in front of the command; behind it they mean the same.
    let at = command_at(&words);
    let leading = words.get(..at.min(words.len())).unwrap_or_default();
    if !leading.is_empty() {
        // What is wrong there is for the check to say, if there is one.
        if at >= words.len() {
            read(None, leading)?;
        }
    }
    if at >= words.len() {
        return Err(UsageError("no command is given; see porthole --help".to_owned()));
    }
    let name = words.remove(at);
    if name == "help" {
        return Err(UsageError("help: expected one command, as in porthole help http".to_owned()));
    }
    #[cfg(feature = "inspect")]
    if let Some(command) = find_inspection(&name) {
        return inspection(command, &words, values);
    }
    let kind = known(&name)?;
    let parts = split(kind, &words);
    if parts.len() > MOST_CHECKS {
        let message = format!("{} checks are given; one run makes at most {MOST_CHECKS}", parts.len());
        return Err(UsageError(message));
    }
    let mut given_run = Vec::new();
    for &(kind, arguments) in &parts {
        given_run.push(read(Some(&Page::of(kind)), arguments)?);
    }
    // What is wrong with them is said last: by then all secrets are known.
    let options = run_options(&given_run, values).map_err(|wrong| {
        // `-tls` and `-timeout` are `-t` with a value.
        match parts.iter().find_map(|(kind, words)| options::with_one_dash(&Page::of(kind), words)) {
            Some(advice) => UsageError(format!("{wrong}; {advice}")),
            None => wrong,
        }
    });
    let deadline = Deadline::after(options.as_ref().map_or(TIMEOUT, |options| options.timeout));
    let mut checks = Vec::new();
    for ((kind, _), matches) in parts.iter().zip(&given_run) {
        let mut given = Given::new(kind.name, matches, Some(values), deadline, secrets);
        checks.push((kind.name, (kind.plan)(&mut given)?));
    }
    let options = options?;
    Ok(Action::Check(Plan { options, checks, secrets: std::mem::take(secrets) }))
}

/// Where the command's name stands: the first word that is neither an option nor the value of one.
fn command_at(words: &[OsString]) -> usize {
    let takes_value = |word: &[u8]| RUN.iter().any(|option| option.takes_value() && option.ends(word));
    let mut at = 0;
    while let Some(word) = words.get(at).map(|word| word.as_encoded_bytes())
        && word.starts_with(b"-")
    {
        at += if takes_value(word) { 2 } else { 1 };
    }
    at
}

/// The help or the version, where nothing else is asked for: `--help`, `http --help`, `--help http`, `help http`. Beside
/// anything else such a word is wrong usage: whoever means `pg_isready -h HOST` must not have 0 for it.
fn only_help(words: &[OsString]) -> Result<Option<String>, UsageError> {
    let is_help = |word: &OsString| word == "-h" || word == "--help";
    let is_version = |word: &OsString| word == "-V" || word == "--version";
    Ok(match words {
        [word] if is_help(word) || word == "help" => Some(help::long()),
        [word] if is_version(word) => Some(help::version()),
        [help, word] if help == "help" && is_help(word) => Some(help::long()),
        [help, name] if help == "help" => {
            Some(help::of(&Page::named(name).ok_or_else(|| unknown_command(name))?))
        }
        // `ls -h` and `df -h` are no call for help.
        [name, word] if word == "-h" && habitual_letters(name).contains('h') => None,
        [name, word] | [word, name] if is_help(word) => Page::named(name).as_ref().map(help::of),
        [name, word] | [word, name] if is_version(word) => is_command(name).then(help::version),
        _ => None,
    })
}

/// The letters that change nothing for this command.
#[cfg(feature = "inspect")]
fn habitual_letters(command: &OsStr) -> &'static str {
    command.to_str().map_or("", habits::letters)
}

/// No inspection, no habits.
#[cfg(not(feature = "inspect"))]
const fn habitual_letters(_command: &OsStr) -> &'static str {
    ""
}

/// The checks that `and` separates: only in front of a check's name is it more than a word.
fn split<'a>(first: &'static Kind, rest: &'a [OsString]) -> Vec<(&'static Kind, &'a [OsString])> {
    let mut parts = Vec::new();
    let mut kind = first;
    let mut rest = rest;
    loop {
        let next = rest.windows(2).enumerate().find_map(|(at, pair)| match pair {
            [and, name] if and == "and" => find_kind(name).map(|kind| (at, kind)),
            _ => None,
        });
        let Some((at, next)) = next else {
            parts.push((kind, rest));
            return parts;
        };
        parts.push((kind, rest.get(..at).unwrap_or_default()));
        rest = rest.get(at + 2..).unwrap_or_default();
        kind = next;
    }
}

fn find_kind(name: &OsStr) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| name == kind.name)
}

/// Whether this is the name of a command.
fn is_command(name: &OsStr) -> bool {
    #[cfg(feature = "inspect")]
    if find_inspection(name).is_some() {
        return true;
    }
    find_kind(name).is_some()
}

fn known(name: &OsStr) -> Result<&'static Kind, UsageError> {
    find_kind(name).ok_or_else(|| unknown_command(name))
}

/// The error for a word in place of a command, with the one that was meant.
fn unknown_command(name: &OsStr) -> UsageError {
    let bytes = name.as_encoded_bytes();
    let shown = clip(&without_user_info(bytes, false));
    if is_elsewhere(&shown) {
        return UsageError(shown + MISSING);
    }
    let is_target = || bytes.starts_with(b":") || bytes.windows(3).any(|three| three == b"://");
    let advice = foreign::command(bytes)
        .or_else(|| nearest::did_you_mean(&shown, &mut command_names(), ["'", "'"]))
        .or_else(|| is_target().then(|| "name a check first: porthole http URL".to_owned()))
        .unwrap_or_else(|| "see porthole --help".to_owned());
    UsageError(format!("unknown command '{shown}'; {advice}"))
}

/// The error for a word behind `and` that is no check, with the one that was meant.
fn unknown_check(name: &[u8]) -> String {
    let shown = clip(&without_user_info(name, false));
    if is_elsewhere(&shown) {
        return shown + MISSING;
    }
    let advice = nearest::did_you_mean(&shown, &mut KINDS.iter().map(|kind| kind.name), ["'", "'"])
        .unwrap_or_else(|| "see porthole --help".to_owned());
    format!("unknown check '{shown}' after 'and'; {advice}")
}

/// The name of every command.
fn command_names() -> impl Iterator<Item = &'static str> {
    let names = KINDS.iter().map(|kind| kind.name);
    #[cfg(feature = "inspect")]
    let names = names.chain(inspect::commands().map(|command| command.name));
    names.chain(["help"])
}

/// Whether another build has this command or option.
fn is_elsewhere(word: &str) -> bool {
    ELSEWHERE.iter().any(|words| words.contains(&word))
}

#[cfg(feature = "inspect")]
fn find_inspection(name: &OsStr) -> Option<&'static inspect::Command> {
    inspect::commands().find(|command| name == command.name)
}

/// The options of every inspection.
#[cfg(feature = "inspect")]
const INSPECTION: &[Opt] = &[
    option("pid", "PID", "look at what this process sees: its files, environment, sockets, limits")
        .short('p'),
    option("proc", "DIR", "read this proc mount (/proc)"),
    flag("json", "print the answer as JSON"),
    options::HELP,
    options::VERSION,
];

/// An inspection from its arguments, in which `${…}` stands for itself.
#[cfg(feature = "inspect")]
fn inspection(
    command: &'static inspect::Command,
    words: &[OsString],
    values: &dyn Values,
) -> Result<Action, UsageError> {
    let page = Page::inspection(command);
    let options: Vec<&Opt> = options_of(Some(&page)).collect();
    let words = options::with_dashes(&options, &habits::without(command.name, &options, words));
    let matches = read(Some(&page), &words)?;
    let mut secrets = Secrets::default();
    let mut given = Given::new(command.name, &matches, None, Deadline::after(TIMEOUT), &mut secrets);
    for option in page.common {
        if let Some(why) = inspect::without(command.name, option.name)
            && given.has(option.name)
        {
            return Err(given.wrong(option.name, &format!("cannot be used here: {why}")));
        }
    }
    let expected = "the number of a process, from 1 to 4194304";
    let parse_pid = |text: &str| crate::procfs::process::parse_pid(text.as_bytes()).ok_or(expected);
    let pid = given.parsed("pid", expected, parse_pid)?;
    let proc = given.words("proc").pop().unwrap_or_else(|| crate::procfs::ROOT.into());
    let json = given.has("json");
    // https://no-color.org
    let colour = values.variable("NO_COLOR").is_none_or(|value| value.is_empty());
    let inspect = (command.plan)(&mut given)?;
    Ok(Action::Inspect(Inspection { name: command.name, inspect, pid, proc: proc.into(), json, colour }))
}

/// What these words, with a space between, ask for of an inspection: for a command that is made of others.
#[cfg(feature = "inspect")]
pub fn inspect_of(words: &str) -> Result<Box<dyn Inspect>, UsageError> {
    let mut words = words.split(' ').map(OsString::from);
    let name = words.next().unwrap_or_default();
    let command = find_inspection(&name).ok_or_else(|| unknown_command(&name))?;
    match inspection(command, &words.collect::<Vec<_>>(), &System)? {
        Action::Inspect(inspection) => Ok(inspection.inspect),
        Action::Check(_) | Action::Print(..) => Err(unknown_command(&name)),
    }
}

/// A command as its help shows it and clap is told of it.
struct Page {
    name: &'static str,
    summary: &'static str,
    options: &'static [&'static [Opt]],
    /// Those that it shares with others.
    common: &'static [Opt],
    examples: &'static str,
}

impl Page {
    fn of(kind: &'static Kind) -> Self {
        let Kind { name, summary, options, examples, .. } = *kind;
        Page { name, summary, options, common: RUN, examples }
    }

    #[cfg(feature = "inspect")]
    fn inspection(command: &'static inspect::Command) -> Self {
        let inspect::Command { name, summary, options, examples, .. } = *command;
        Page { name, summary, options, common: INSPECTION, examples }
    }

    /// The help on this command; nothing where there is none of this name.
    fn named(name: &OsStr) -> Option<Self> {
        #[cfg(feature = "inspect")]
        if let Some(command) = find_inspection(name) {
            return Some(Page::inspection(command));
        }
        find_kind(name).map(Page::of)
    }
}

/// The options of a command and those that it shares, or those of a run alone.
fn options_of(page: Option<&Page>) -> impl Iterator<Item = &'static Opt> {
    let common = page.map_or(RUN, |page| page.common);
    page.into_iter().flat_map(|page| page.options).copied().flatten().chain(common)
}

/// Has clap read the words.
fn read(page: Option<&Page>, words: &[OsString]) -> Result<ArgMatches, UsageError> {
    let command = Command::new("")
        .no_binary_name(true)
        .disable_help_flag(true)
        // Ours stands in its place; clap insists on having one to show.
        .disable_version_flag(true)
        .version("")
        .args(options::args(options_of(page), words));
    command.try_get_matches_from(words).map_err(|_| {
        let name = page.map_or("", |page| page.name);
        let wrong = options::wrong(name, &options_of(page).collect::<Vec<_>>(), words);
        let (colon, space) = if name.is_empty() { ("", "") } else { (": ", " ") };
        let mut message = [name, colon, &wrong.what].concat();
        if !wrong.is_whole {
            message += "; ";
            message += &page
                .and_then(|page| options::with_one_dash(page, words))
                .unwrap_or_else(|| ["see porthole ", name, space, "--help"].concat());
        }
        UsageError(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<(&'static str, usize)> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        split(&KINDS[0], &words).into_iter().map(|(kind, rest)| (kind.name, rest.len())).collect()
    }

    #[test]
    fn and_separates_only_before_a_check() {
        assert_eq!(names(&[":80"]), [("http", 1)]);
        assert_eq!(
            names(&[":80", "and", "tcp", ":81", "-q", "and", "unix", "/x"]),
            [("http", 1), ("tcp", 2), ("unix", 1)]
        );
        assert_eq!(names(&[":80", "--contains", "and", "--contains", "tcp"]), [("http", 5)]);
        assert_eq!(names(&[":80", "and"]), [("http", 2)]);
        assert_eq!(names(&["and", "tcp"]), [("http", 0), ("tcp", 0)]);
    }

    #[test]
    fn the_command_stands_behind_options_of_a_run() {
        for (words, at) in [
            (&["http", "-q"][..], 0),
            (&["-q", "http"], 1),
            (&["-t", "2s", "--json", "http"], 3),
            (&["--timeout=2s", "http"], 1),
            (&["--timeout", "http", "tcp"], 2),
            (&["-qt", "1s", "http"], 2),
            (&["-t2s", "http"], 1),
            (&["-x"], 1),
            (&["-t"], 2),
            (&["-t", "--help", "http"], 2),
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(command_at(&words), at, "{words:?}");
        }
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn letters_without_a_dash() {
        let words = |words: &[&str]| -> Vec<OsString> { words.iter().map(OsString::from).collect() };
        let dashed = |name: &str, given: &[&str]| {
            let page = Page::named(OsStr::new(name)).unwrap();
            options::with_dashes(&options_of(Some(&page)).collect::<Vec<_>>(), &words(given))
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
            (&["-h"], &["-h"]),
            (&["-c", "--help"], &["-c", "--help"]),
            (&[], &[]),
        ] {
            assert_eq!(dashed("tar", given), words(expected), "{given:?}");
        }
        assert_eq!(dashed("ls", &["R", "x"]), words(&["R", "x"]));
    }

    #[test]
    fn the_definitions_are_sound() {
        let pages = KINDS.iter().map(Page::of);
        #[cfg(feature = "inspect")]
        let pages = pages.chain(inspect::commands().map(Page::inspection));
        for page in &pages.collect::<Vec<_>>() {
            let words: Vec<OsString> =
                options_of(Some(page)).map(|option| format!("--{}", option.name).into()).collect();
            let args = options::args(options_of(Some(page)), &words);
            let told = options_of(Some(page)).filter(|option| !option.is_refused());
            assert_eq!(args.len(), told.count(), "{}", page.name);
            let bare = Command::new(page.name).disable_help_flag(true).disable_version_flag(true);
            bare.version("").args(args).debug_assert();
        }
    }
}
