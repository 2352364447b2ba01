//! From `argv` to an [`Action`]: the command's name, the options of a run before it, help.

use std::ffi::OsString;
use std::path::Path;

use super::action::Action;
use super::foreign::advice;
use super::page::Page;
use super::run::{RUN, TIMEOUT, run_options};
#[cfg(feature = "inspect")]
use super::{find_inspection, inspection::inspection};
use super::{find_kind, help, is_command, run, sentence, unknown_check, unknown_command, wrong};
use crate::args::{Given, Opt, Token, UsageError, Words};
use crate::check::{Kind, Plan, Term};
use crate::deadline::Deadline;
use crate::expand::Values;
use crate::outcome::Conclusion;
use crate::secrets::Secrets;

/// The limit of checks in one run: each has its own thread and buffers.
const MAX_CHECKS: usize = 50;

/// Parses the arguments; `argv[0]` is the name of the program. No error shows what a secret
/// expanded to.
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
    // Options of a run may precede the command, with the same meaning. If there is a command, it
    // reports what is wrong with them.
    let Some(at) = command_at(&words) else {
        run::only(&words)?;
        return Err(UsageError("no command given; see porthole --help".to_owned()));
    };
    let nots = sentence::count_nots(words.get(at..).unwrap_or_default());
    if nots > 0 {
        return negated(words, at, nots, values, secrets);
    }
    let name = words.remove(at);
    if name == "help" {
        return Err(UsageError("help: expected one command, as in porthole help http".to_owned()));
    }
    #[cfg(feature = "inspect")]
    if let Some(command) = find_inspection(&name) {
        return inspection(command, &words, values);
    }
    let Some(kind) = find_kind(&name) else {
        // `-timeout 5s http`: the word that would be the value.
        let leading = words.get(..at).unwrap_or_default();
        let advice = wrong::with_one_dash("", &RUN.iter().collect::<Vec<_>>(), leading);
        return Err(unknown_command(&name, advice));
    };
    checks((kind, false), &words, values, secrets)
}

/// Plans a run whose first check is negated: so many words `not`, of which the first is at this
/// index, precede its name.
fn negated(
    mut words: Vec<OsString>,
    at: usize,
    nots: usize,
    values: &dyn Values,
    secrets: &mut Secrets,
) -> Result<Action, UsageError> {
    words.drain(at..at + nots);
    let name = if at < words.len() { words.remove(at) } else { OsString::new() };
    let kind = find_kind(&name).ok_or_else(|| unknown_check("not", &name))?;
    checks((kind, sentence::one_not(nots)?), &words, values, secrets)
}

/// Plans a run of checks. The words are all but the name of the first one, which may be negated.
fn checks(
    first: (&'static Kind, bool),
    words: &[OsString],
    values: &dyn Values,
    secrets: &mut Secrets,
) -> Result<Action, UsageError> {
    let parts = sentence::split(first, words)?;
    if parts.len() > MAX_CHECKS {
        let message = format!("{} checks given; the limit for one run is {MAX_CHECKS}", parts.len());
        return Err(UsageError(message));
    }
    let mut given_run = Vec::new();
    for &(kind, _, arguments) in &parts {
        given_run.push(Page::of(kind).read(arguments)?);
    }
    // An error in them is returned last, once all secrets are known.
    let options = run_options(&given_run, values).map_err(|wrong| {
        // `-tls` and `-timeout` are read as `-t` with a value.
        match parts.iter().find_map(|(kind, _, words)| one_dash(&Page::of(kind), words)) {
            Some(advice) => UsageError(format!("{wrong}; {advice}")),
            None => wrong,
        }
    });
    let deadline = Deadline::after(options.as_ref().map_or(TIMEOUT, |options| options.timeout));
    let mut checks = Vec::new();
    for ((kind, place, _), matches) in parts.iter().zip(&given_run) {
        let mut given = Given::new(kind.name, matches, Some(values), deadline, secrets, advice);
        checks.push(Term { name: kind.name, place: *place, check: (kind.plan)(&mut given)? });
    }
    let options = options?;
    Ok(Action::Check(Plan { options, checks, secrets: std::mem::take(secrets) }))
}

/// The index of the command's name: the first word that is neither an option of a run nor its
/// value. A `-` is not a name: it may be the value of an unknown option, which is the mistake.
fn command_at(words: &[OsString]) -> Option<usize> {
    let options: Vec<&Opt> = RUN.iter().collect();
    let mut tokens = Words::new(&options, words);
    tokens.find(|token| matches!(token, Token::Operand(word) if *word != b"-"))?;
    words.len().checked_sub(tokens.rest().len() + 1)
}

/// Returns the help or the version, if nothing else is requested: `--help`, `http --help`,
/// `--help http`, `help http`. With anything else such a word is wrong usage: a probe carried over
/// from `pg_isready -h HOST` must not exit with 0.
fn only_help(words: &[OsString]) -> Result<Option<String>, UsageError> {
    let is_help = |word: &OsString| word == "-h" || word == "--help";
    let is_version = |word: &OsString| word == "-V" || word == "--version";
    Ok(match words {
        [word] if is_help(word) || word == "help" => Some(help::long()),
        [word] if is_version(word) => Some(help::version()),
        [help, word] if help == "help" && (is_help(word) || word == "help") => Some(help::long()),
        [help, name] if help == "help" => {
            Some(help::of(&Page::named(name).ok_or_else(|| unknown_command(name, None))?))
        }
        // `ls -h` and `df -h` do not request help.
        #[cfg(feature = "inspect")]
        [name, word] if word == "-h" && Page::named(name).is_some_and(|page| page.is_habit('h')) => None,
        [name, word] | [word, name] if is_help(word) => Page::named(name).as_ref().map(help::of),
        [name, word] | [word, name] if is_version(word) => is_command(name).then(help::version),
        _ => None,
    })
}

/// Returns what to do about a word of this command with one dash in place of two.
fn one_dash(page: &Page, words: &[OsString]) -> Option<String> {
    let options: Vec<&Opt> = page.all_options().collect();
    wrong::with_one_dash(page.name, &options, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_follows_options_of_a_run() {
        for (words, at) in [
            (&["http", "-q"][..], Some(0)),
            (&["-q", "http"], Some(1)),
            (&["-t", "2s", "--json", "http"], Some(3)),
            (&["--timeout=2s", "http"], Some(1)),
            (&["--timeout", "http", "tcp"], Some(2)),
            (&["-qt", "1s", "http"], Some(2)),
            (&["-t2s", "http"], Some(1)),
            (&["-tt", "http"], Some(1)),
            (&["-x", "http"], Some(1)),
            (&["--", "http"], Some(1)),
            (&["-x"], None),
            (&["-t"], None),
            (&["-t", "--help", "http"], Some(2)),
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(command_at(&words), at, "{words:?}");
        }
    }
}
