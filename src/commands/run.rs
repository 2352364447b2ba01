//! The options of a run: their definitions and their values.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::wrong;
use crate::args::{Feature, HELP, Matches, Opt, UsageError, VERSION, flag, option, read};
use crate::check::RunOptions;
use crate::expand::Values;
use crate::net::local::Reach;
use crate::report::Style;
use crate::text::clip;
use crate::units;

/// The variable that replaces a missing `--timeout`.
const TIMEOUT_VARIABLE: &str = "PORTHOLE_TIMEOUT";
/// The default of `--timeout`.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// The default of `--every`.
const EVERY: Duration = Duration::from_millis(500);

/// The options of a run. Each may be given once, anywhere.
pub(super) const RUN: &[Opt] = &[
    option("timeout", "DUR", "time limit for one attempt (2s, or PORTHOLE_TIMEOUT)").short('t'),
    option("wait", "DUR", "retry until healthy, for at most DUR"),
    option("every", "DUR", "pause between two attempts (500ms)"),
    flag("remote", "allow connections to other machines, and DNS").needs(Feature::REMOTE),
    flag("explain", "if unhealthy, also print what may explain it: who listens where")
        .needs(Feature::INSPECT),
    flag("log", "if unhealthy, also write a line to the container's log (PORTHOLE_LOG=1)"),
    flag("json", "print the result as JSON"),
    flag("quiet", "print nothing when healthy").short('q'),
    flag("verbose", "also print the time of each phase").short('v'),
    HELP,
    VERSION,
];

/// Returns the values of the options of a run, of which each may be given to one check only.
pub(super) fn run_options(given: &[Matches], values: &dyn Values) -> Result<RunOptions, UsageError> {
    let source = |name: &str| -> Result<Option<&Matches>, UsageError> {
        let mut sources = given.iter().filter(|matches| matches.has(name));
        match (sources.next(), sources.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(UsageError(format!("--{name} is given twice; it applies to the whole run"))),
        }
    };
    let duration = |name: &str| -> Result<Option<Duration>, UsageError> {
        let text = source(name)?.and_then(|matches| matches.value(name));
        text.map(|text| parse_duration(&format!("--{name}"), text)).transpose()
    };
    let is_set = |name: &str| source(name).map(|found| found.is_some());
    let timeout = match duration("timeout")? {
        Some(timeout) => timeout,
        None => match values.variable(TIMEOUT_VARIABLE).filter(|text| !text.is_empty()) {
            Some(text) => parse_duration(TIMEOUT_VARIABLE, &text)?,
            None => TIMEOUT,
        },
    };
    let style = Style { json: is_set("json")?, quiet: is_set("quiet")?, verbose: is_set("verbose")? };
    if style.quiet && style.verbose {
        return Err(UsageError("--quiet and --verbose cannot be used together".to_owned()));
    }
    #[cfg(feature = "remote")]
    let reach = if is_set("remote")? { Reach::Anywhere } else { Reach::Local };
    #[cfg(not(feature = "remote"))]
    let reach = Reach::Local;
    #[cfg(feature = "inspect")]
    let explain = is_set("explain")?;
    let log = is_set("log")?;
    let wait = duration("wait")?;
    let every = duration("every")?;
    if every.is_some() && wait.is_none() {
        return Err(UsageError("--every needs --wait: it is the pause between two attempts".to_owned()));
    }
    Ok(RunOptions {
        timeout,
        wait,
        every: every.unwrap_or(EVERY),
        reach,
        #[cfg(feature = "inspect")]
        explain,
        log,
        style,
    })
}

fn parse_duration(name: &str, text: &OsStr) -> Result<Duration, UsageError> {
    text.to_str().ok_or(units::DURATION).and_then(units::duration).map_err(|expected| {
        let shown = clip(text.as_encoded_bytes());
        UsageError(format!("{name}: expected {expected}, got '{shown}'"))
    })
}

/// Returns what is wrong with options of a run that no command follows.
pub(super) fn only(words: &[OsString]) -> Result<(), UsageError> {
    let options: Vec<&Opt> = RUN.iter().collect();
    read(&options, words).map(drop).map_err(|fault| wrong::error("", &options, words, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_tells_the_defaults() {
        for (name, default) in [("timeout", TIMEOUT), ("every", EVERY)] {
            let help = RUN.iter().find(|option| option.name == name).unwrap().help;
            let words: Vec<&str> = help.split(['(', ')', ',']).collect();
            assert!(words.iter().any(|word| units::duration(word) == Ok(default)), "{help}");
        }
    }
}
