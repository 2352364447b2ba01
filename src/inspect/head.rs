//! `head PATH...`: the first lines of files. head(1).

use super::content::{COUNT, OPTIONS, Part, lines, plan};
use super::{Command, Habits, Properties};

pub(super) const COMMAND: Command = Command {
    name: "head",
    summary: "print the first lines of files",
    options: &[OPTIONS, COUNT],
    plan: |given| {
        let lines = lines(given)?;
        plan(given, Part::First(lines))
    },
    examples: r"porthole head -n 3 /etc/passwd
porthole head -p 7 /app/start.sh",
    properties: Properties {
        habits: Habits { number_is_lines: true, ..Habits::NONE },
        ..Properties::WATCHED
    },
};
