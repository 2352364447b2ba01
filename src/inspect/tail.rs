//! `tail PATH...`: the last lines of files. tail(1).

use super::Command;
use super::content::{COUNT, OPTIONS, Part, lines, plan};

pub(super) const COMMAND: Command = Command {
    name: "tail",
    summary: "print the last lines of files",
    options: &[OPTIONS, COUNT],
    plan: |given| {
        let lines = lines(given)?;
        plan(given, Part::Last(lines))
    },
    examples: r"porthole tail -n 50 /var/log/app.log
porthole tail -p 7 /var/log/app.log",
};
