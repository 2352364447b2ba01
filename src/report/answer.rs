//! The answer of an inspection, printed as it comes: lines, tables, bytes, or one JSON document; or that document
//! [kept](Kept) as a part of another.
//!
//! A reader that goes away (`porthole ls / | head -1`) is no error: what would still be printed is not, and
//! [`Answer::is_over`] tells the command that it may stop.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Kept;
use crate::deadline::Deadline;
use crate::error::describe;
use crate::outcome::{Conclusion, Fact};
use crate::sys::terminal_width;
use crate::table::{Mark, Table};
use crate::text::{encode, escape, escape_lines, is_plain};

/// How much is gathered before it is written, in bytes.
const BUFFER: usize = 32 << 10;
/// The most complaints that a JSON document repeats.
pub(super) const MOST_ERRORS: usize = 100;

/// Whether something is being written, and whether some of it has gone to stdout.
static WRITING: AtomicBool = AtomicBool::new(false);
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// Does what may wait for whoever reads it.
fn writing<T>(act: impl FnOnce() -> T) -> T {
    WRITING.store(true, Ordering::Relaxed);
    let done = act();
    WRITING.store(false, Ordering::Relaxed);
    done
}

/// Whether an answer waits for whoever reads it.
pub fn is_writing() -> bool {
    WRITING.load(Ordering::Relaxed)
}

/// Whether a part of an answer has been printed.
pub fn has_written() -> bool {
    WRITTEN.load(Ordering::Relaxed)
}

/// Where an inspection's answer goes.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub struct Answer {
    command: &'static str,
    place: Place,
    json: bool,
    terminal: bool,
    colour: bool,
    over: bool,
    failed: bool,
    /// How many items the JSON list has so far; nothing before it begins.
    items: Option<usize>,
    /// Whether the JSON document is printed, or its list has begun.
    begun: bool,
    errors: Vec<String>,
}

/// See [`Answer`].
enum Place {
    Stdout(BufWriter<Stdout>),
    /// In memory; it is JSON then.
    Kept(Kept),
}

impl Answer {
    /// An answer of this command; `colour` is whether the environment allows any.
    pub fn new(command: &'static str, json: bool, colour: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let place = Place::Stdout(BufWriter::with_capacity(BUFFER, io::stdout()));
        Answer { terminal, colour: colour && terminal, ..Answer::at(place, command, json) }
    }

    /// An answer as JSON that is kept there, what it complains of included.
    pub fn kept(place: Kept) -> Self {
        Answer::at(Place::Kept(place), "", true)
    }

    fn at(place: Place, command: &'static str, json: bool) -> Self {
        Answer {
            command,
            place,
            json,
            terminal: false,
            colour: false,
            over: false,
            failed: false,
            items: None,
            begun: false,
            errors: Vec::new(),
        }
    }

    /// Whether it is to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether it is kept as a part of another answer.
    pub fn is_kept(&self) -> bool {
        matches!(self.place, Place::Kept(_))
    }

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether there is nobody left to answer, or no room for more.
    pub fn is_over(&self) -> bool {
        match &self.place {
            Place::Stdout(_) => self.over,
            Place::Kept(kept) => kept.is_over(),
        }
    }

    /// By when all is to be known that is asked for the answer: so far away, or sooner where the answer has to be there.
    pub fn within(&self, limit: Duration) -> Deadline {
        match &self.place {
            Place::Stdout(_) => Deadline::after(limit),
            Place::Kept(kept) => kept.within(limit),
        }
    }

    /// One line of raw text, escaped here.
    pub fn line(&mut self, text: &[u8]) {
        if is_plain(text) {
            // A hundred thousand file names for one.
            self.write(text);
        } else {
            self.write(escape(text).as_bytes());
        }
        self.write(b"\n");
    }

    /// One line of text as messages have it, escaped here.
    pub fn sentence(&mut self, text: &str) {
        self.line(&encode(text));
    }

    /// Lines of a file within an answer of ours, escaped: the pipe that `docker exec` reads ends at a terminal too.
    pub fn text(&mut self, bytes: &[u8]) {
        if is_plain(bytes) {
            self.write(bytes);
        } else {
            self.write(escape_lines(bytes).as_bytes());
        }
    }

    /// One line that begins with a word that stands out; the rest is text as messages have it, escaped here.
    pub fn marked(&mut self, word: &str, mark: Mark, rest: &str) {
        let (begin, end) = mark.codes(self.colour);
        self.write([begin, word, end].concat().as_bytes());
        self.sentence(rest);
    }

    /// What a file holds: the bytes as they are, or on a terminal its lines, escaped.
    pub fn content(&mut self, bytes: &[u8]) {
        if self.terminal {
            let text = escape_lines(bytes);
            self.write(text.as_bytes());
        } else {
            self.write(bytes);
        }
    }

    /// Bytes that are no text, as they are, for a command that does not write to a terminal.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// A table, as wide as the terminal is.
    pub fn table(&mut self, table: &Table) {
        let width = if self.terminal { terminal_width() } else { None };
        let colour = self.colour;
        table.lines(width, colour, &mut |line| self.write(line.as_bytes()));
    }

    /// One entry of the JSON document's list of this name.
    pub fn item(&mut self, list: &str, item: &Fact) {
        if let Place::Kept(kept) = &self.place {
            return kept.item(list, item);
        }
        self.list(list);
        let mut text = if self.items == Some(0) { String::new() } else { ", ".to_owned() };
        self.items = Some(self.items.unwrap_or_default() + 1);
        item.push_json(&mut text);
        self.write(text.as_bytes());
    }

    /// Begins the JSON document's list of this name, which may stay empty.
    pub fn list(&mut self, list: &str) {
        if let Place::Kept(kept) = &self.place {
            return kept.list(list);
        }
        if self.json && self.items.is_none() {
            self.begun = true;
            self.items = Some(0);
            self.write(format!("{{\"{list}\": [").as_bytes());
        }
    }

    /// The whole JSON document, where it is no list.
    pub fn document(&mut self, entries: Vec<(&'static str, Fact)>) {
        if let Place::Kept(kept) = &self.place {
            return kept.document(entries);
        }
        self.begun = true;
        let mut entries = entries;
        if !self.errors.is_empty() {
            entries.push(("errors", self.errors()));
        }
        let mut text = String::new();
        Fact::Object(entries).push_json(&mut text);
        text.push('\n');
        self.write(text.as_bytes());
    }

    /// Says on stderr what could not be answered, or where the answer is kept, there; the exit status will be 1.
    pub fn complain(&mut self, message: impl Display) {
        self.failed = true;
        self.lack(&message.to_string());
    }

    /// What could not be answered no longer matters: the exit status follows from what was found. An answer that could not
    /// be written stays a failure.
    pub fn settle(&mut self) {
        self.failed &= self.over;
    }

    /// As [`Answer::complain`], of what may be missing without that being a failure.
    pub fn lack(&mut self, message: &str) {
        self.note(message);
        let is_printed = matches!(self.place, Place::Stdout(_));
        if is_printed && self.json && self.errors.len() < MOST_ERRORS {
            self.errors.push(message.to_owned());
        }
    }

    /// Says something on stderr, or in the answer that is kept, that is no failure.
    pub fn note(&mut self, message: &str) {
        if let Place::Kept(kept) = &self.place {
            return kept.error(message);
        }
        // In the order in which it came about.
        self.flush();
        writing(|| super::error(&format!("{}: {message}", self.command)));
    }

    /// Tells on stderr how it goes: one line of raw text, escaped here.
    pub fn progress(text: &[u8]) {
        writing(|| super::to_stderr(format!("{}\n", escape(text)).as_bytes()));
    }

    /// The end of the answer; `found` is whether what was asked for is there.
    pub fn finish(mut self, found: bool) -> Conclusion {
        if self.json && !self.begun {
            // A program that asked for a document gets one, also where there is nothing but the reason.
            self.document(Vec::new());
        }
        if self.items.is_some() {
            let mut end = "]".to_owned();
            if !self.errors.is_empty() {
                end.push_str(", \"errors\": ");
                self.errors().push_json(&mut end);
            }
            end.push_str("}\n");
            self.write(end.as_bytes());
        }
        self.flush();
        if found && !self.failed { Conclusion::Good } else { Conclusion::Bad }
    }

    fn errors(&self) -> Fact {
        Fact::List(self.errors.iter().cloned().map(Fact::Text).collect())
    }

    fn write(&mut self, bytes: &[u8]) {
        self.put(bytes.len(), |out| out.write_all(bytes));
    }

    pub fn flush(&mut self) {
        self.put(0, Write::flush);
    }

    /// Writes so many bytes more. Ends the answer where it cannot be written: in silence if the reader left, otherwise as a failure.
    fn put(&mut self, more: usize, act: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) {
        if self.over {
            return;
        }
        let Place::Stdout(out) = &mut self.place else {
            return;
        };
        let held = out.buffer().len();
        let done = writing(|| act(out));
        if out.buffer().len() < held + more {
            WRITTEN.store(true, Ordering::Relaxed);
        }
        let Err(error) = done else {
            return;
        };
        self.over = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = true;
            super::error(&format!("{}: standard output: {}", self.command, describe(&error)));
        }
    }
}
