//! `grep TEXT PATH...`: the lines of files that contain a text. grep(1).
//!
//! Memory use is constant: a line longer than [`MAX_LINE`] is searched in parts, which is reported.

mod files;
mod pattern;
mod print;
mod text;

use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use self::files::Run;
use self::pattern::{Bounds, Pattern};
use self::print::Printer;
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand, operands, option, refused};
use crate::error::Error;
use crate::report::Answer;
use crate::units;

/// The longest line that is searched as a whole, in bytes.
const MAX_LINE: usize = 1 << 20;
/// What the options for context expect.
const LINES: &str = "a number of lines";

pub(super) const COMMAND: Command = Command {
    name: "grep",
    summary: "print the lines of files that contain a text",
    options: &[&[
        operand("TEXT", "what to look for"),
        operands("PATH", "the files; - is stdin"),
        flag("recursive", "search directories, links not followed").short('r'),
        flag("ignore-case", "ignore the case of ASCII letters").short('i'),
        flag("extended-regexp", r"TEXT is a regular expression; \b, \w and [[:upper:]] are for ASCII only")
            .short('E'),
        flag("word-regexp", "match only whole words (of ASCII letters, digits and _)").short('w'),
        flag("line-regexp", "match only whole lines").short('x'),
        flag("invert-match", "select the lines that do not match").short('v'),
        flag("line-number", "print the number of each line").short('n'),
        flag("count", "print only the number of selected lines of each file").short('c'),
        flag("only-matching", "print only the matches, each on its own line").short('o'),
        option("after-context", "N", "also print N lines after each selected line").short('A'),
        option("before-context", "N", "also print N lines before each selected line").short('B'),
        option("context", "N", "also print N lines before and after each selected line").short('C'),
        flag("files-with-matches", "print only the names of files with selected lines").short('l'),
        flag("with-filename", "print the file's name with each line (default for several files)"),
        flag("no-filename", "do not print the file's name"),
        flag("quiet", "print nothing: the exit status tells whether any line is selected").short('q'),
        refused("regexp", "give TEXT without it; for several, use -E 'one|two'").short('e'),
    ]],
    plan,
    examples: r"porthole grep -rn upstream /etc/nginx
porthole grep -p 7 -iE -C 2 'error|fatal' /var/log/app.log",
    properties: Properties {
        habits: Habits {
            letters: "FhH",
            letter_synonyms: &[(b'h', "--no-filename"), (b'H', "--with-filename")],
            number_is: Some('C'),
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, not a state")]
struct Grep {
    pattern: Pattern,
    paths: Vec<PathBuf>,
    recursive: bool,
    inverted: bool,
    line_numbers: bool,
    /// Whether to print how many lines are selected instead of the lines.
    counts: bool,
    only_names: bool,
    only_matches: bool,
    /// How many lines before and after a selected one are printed; `None` if context was not asked
    /// for at all, so that nothing separates lines that are not adjacent.
    context: Option<(u64, u64)>,
    /// Whether to print the file's name with each line; `None` for the default.
    names: Option<bool>,
    quiet: bool,
    /// Whether `-i` was given and the text has letters outside ASCII, to which it does not apply.
    has_other_letters: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let text = given.words("TEXT").pop().unwrap_or_default().into_vec();
    if text.contains(&b'\n') {
        return Err(given.wrong("TEXT", "expected a text of one line"));
    }
    let any_case = given.has("ignore-case");
    let has_other_letters = any_case && !text.is_ascii();
    let bounds = match (given.has("line-regexp"), given.has("word-regexp")) {
        (true, _) => Bounds::Line,
        (false, true) => Bounds::Word,
        (false, false) => Bounds::None,
    };
    let pattern = if given.has("extended-regexp") {
        let text = String::from_utf8(text).map_err(|_| given.wrong("TEXT", "expected UTF-8 text"))?;
        Pattern::expression(&text, any_case, bounds).map_err(|why| given.unusable("TEXT", &why))?
    } else {
        Pattern::text(&text, any_case, bounds)
    };
    let mut lines = |name| given.parsed(name, LINES, |text| units::number(text, u64::MAX).ok_or(LINES));
    let (before, after, both) = (lines("before-context")?, lines("after-context")?, lines("context")?);
    let context = (before.or(both), after.or(both));
    let quiet = given.has("quiet");
    Ok(Box::new(Grep {
        pattern,
        paths: given.paths("PATH"),
        recursive: given.has("recursive"),
        inverted: given.has("invert-match"),
        line_numbers: given.has("line-number"),
        counts: given.has("count") && !given.has("files-with-matches") && !quiet,
        only_names: given.has("files-with-matches"),
        only_matches: given.has("only-matching"),
        context: (context != (None, None))
            .then(|| (context.0.unwrap_or_default(), context.1.unwrap_or_default())),
        names: if given.has("no-filename") {
            Some(false)
        } else {
            given.has("with-filename").then_some(true)
        },
        quiet,
        has_other_letters,
    }))
}

impl Inspect for Grep {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list(if self.counts { "files" } else { "matches" });
        if self.has_other_letters {
            answer.info("-i applies to ASCII letters only: the case of other letters in TEXT matters");
        }
        let names = self.names.unwrap_or(self.recursive || self.paths.len() > 1);
        let mut run = Run::new(self, Printer::new(self, names, answer));
        for path in &self.paths {
            if run.is_over() {
                break;
            }
            run.path(&root, path);
        }
        let found = run.found;
        if self.quiet && found {
            // "Exit immediately with zero status if any match is found, even if an error was
            // detected", grep(1).
            answer.disregard_errors();
        }
        Ok(found)
    }
}
