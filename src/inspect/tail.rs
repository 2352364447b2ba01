//! `tail PATH...`: the last lines of files. tail(1).

use super::content::{COUNT, OPTIONS, Part, lines, plan};
use super::{Command, Habits, Properties};
use crate::args::refused;

pub(super) const COMMAND: Command = Command {
    name: "tail",
    summary: "print the last lines of files",
    options: &[
        OPTIONS,
        COUNT,
        &[refused("follow", "porthole commands always end: run it again to see what was added").short('f')],
    ],
    plan: |given| {
        let lines = lines(given)?;
        plan(given, Part::Last(lines))
    },
    examples: r"porthole tail -n 50 /var/log/app.log
porthole tail -p 7 /var/log/app.log",
    properties: Properties {
        habits: Habits { number_is_lines: true, ..Habits::NONE },
        ..Properties::WATCHED
    },
};
