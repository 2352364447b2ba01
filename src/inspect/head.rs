//! `head PATH...`: the first lines of files. head(1).

use super::{Command, Habits, Properties};
use crate::view::content::{COUNT, Content, OPTIONS, Part, lines};

pub(super) const COMMAND: Command = Command {
    name: "head",
    summary: "print the first lines of files",
    options: &[OPTIONS, COUNT],
    plan: |given| {
        let lines = lines(given)?;
        Ok(Box::new(Content::given(given, Part::First(lines))?))
    },
    examples: r"porthole head -n 3 /etc/passwd
porthole head -p 7 /app/start.sh",
    properties: Properties { habits: Habits { number_is: Some('n'), ..Habits::NONE }, ..Properties::WATCHED },
};
