//! `tail PATH...`: the last lines of files, and with `-f` what is added to them. tail(1).

mod follow;
mod notices;

use self::follow::Follow;
use super::{Command, Habits, Inspect, Properties};
use crate::args::{Given, UsageError, flag};
use crate::view::content::{COUNT_OF_TAIL, Content, OPTIONS, end};
use crate::view::input::is_stdin;

pub(super) const COMMAND: Command = Command {
    name: "tail",
    summary: "print the last lines of files",
    options: &[
        OPTIONS,
        COUNT_OF_TAIL,
        &[flag("follow", "keep printing what is added, through log rotation too (also -F)").short('f')],
    ],
    plan,
    examples: r"porthole tail -n 50 /var/log/app.log
porthole tail -f -p 7 /var/log/app.log",
    properties: Properties {
        habits: Habits {
            number_is: Some('n'),
            letters: "F",
            letter_synonyms: &[(b'F', "--follow")],
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let part = end(given)?;
    let content = Content::given(given, part)?;
    if !given.has("follow") {
        return Ok(Box::new(content));
    }
    if given.has("json") {
        return Err(given.wrong("follow", "cannot be used together with --json: the document would not end"));
    }
    if content.paths.iter().any(|path| is_stdin(path)) {
        return Err(given.wrong("follow", "stdin has no name by which it could be followed"));
    }
    Ok(Box::new(Follow(content)))
}
