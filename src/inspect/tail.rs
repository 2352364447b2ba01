//! `tail PATH...`: the last lines of files. tail(1).

use super::Command;
use super::content::{COUNT, OPTIONS, Part, lines, plan};
use crate::cli::refused;

pub(super) const COMMAND: Command = Command {
    name: "tail",
    summary: "print the last lines of files",
    options: &[
        OPTIONS,
        COUNT,
        &[refused("follow", "every command ends here: call it again for what has come since").short('f')],
    ],
    plan: |given| {
        let lines = lines(given)?;
        plan(given, Part::Last(lines))
    },
    examples: r"porthole tail -n 50 /var/log/app.log
porthole tail -p 7 /var/log/app.log",
};
