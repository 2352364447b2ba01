//! `tail PATH...`: the last lines of files. tail(1).

use super::{Command, Habits, Properties};
use crate::args::refused;
use crate::view::content::{COUNT, Content, OPTIONS, end};

pub(super) const COMMAND: Command = Command {
    name: "tail",
    summary: "print the last lines of files",
    options: &[
        OPTIONS,
        COUNT,
        &[refused("follow", "porthole commands always end: run it again to see what was added").short('f')],
    ],
    plan: |given| {
        let part = end(given)?;
        Ok(Box::new(Content::given(given, part)?))
    },
    examples: r"porthole tail -n 50 /var/log/app.log
porthole tail -p 7 /var/log/app.log",
    properties: Properties {
        habits: Habits { number_is: Some('n'), ..Habits::NONE },
        ..Properties::WATCHED
    },
};
