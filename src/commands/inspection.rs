//! The arguments of an inspection.

use std::ffi::OsString;

use super::action::Action;
use super::foreign::advice;
use super::habits::without_habits;
use super::letters::with_dashes;
use super::page::Page;
use super::run::TIMEOUT;
use crate::args::{Given, Opt, UsageError};
use crate::deadline::Deadline;
use crate::expand::Values;
use crate::inspect::Command;
use crate::inspection::{Inspection, Selected};
use crate::procfs::process::parse_pid;
use crate::secrets::Secrets;

/// Makes an inspection from its arguments, in which `${…}` is not expanded.
pub(super) fn inspection(
    command: &'static Command,
    words: &[OsString],
    values: &dyn Values,
) -> Result<Action, UsageError> {
    let page = Page::inspection(command);
    let options: Vec<&Opt> = page.all_options().collect();
    let habits = &command.properties.habits;
    let words = with_dashes(&options, &without_habits(habits, &options, words));
    let matches = page.read(&words)?;
    let mut secrets = Secrets::default();
    let mut given = Given::new(command.name, &matches, None, Deadline::after(TIMEOUT), &mut secrets, advice);
    for option in page.common {
        if let Some(why) = command.properties.lacks(option.name)
            && given.has(option.name)
        {
            return Err(given.wrong(option.name, &format!("cannot be used with this command: {why}")));
        }
    }
    let expected = "a process ID from 1 to 4194304, or self";
    let parse = |text: &str| match text {
        "self" => Ok(Selected::Own),
        pid => parse_pid(pid.as_bytes()).map(Selected::Pid).ok_or(expected),
    };
    let selected = given.parsed("pid", expected, parse)?.unwrap_or(Selected::Default);
    let proc = given.words("proc").pop().unwrap_or_else(|| crate::procfs::ROOT.into());
    let json = given.has("json");
    // https://no-color.org
    let colour = values.variable("NO_COLOR").is_none_or(|value| value.is_empty());
    let inspect = (command.plan)(&mut given)?;
    Ok(Action::Inspect(Inspection {
        name: command.name,
        is_watched: command.properties.is_watched,
        inspect,
        scope: command.properties.scope,
        selected,
        proc: proc.into(),
        json,
        colour,
    }))
}
