//! The answer of an inspection, printed as it comes: lines, tables, bytes, or one JSON document.
//!
//! A reader that goes away (`porthole ls / | head -1`) is no error: what would still be printed is not, and
//! [`Answer::is_over`] tells the command that it may stop.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use crate::net::words;
use crate::outcome::{Conclusion, Fact};
use crate::sys::terminal_width;
use crate::table::{Mark, Table};
use crate::text::{escape, escape_lines, is_plain};

/// How much is gathered before it is written, in bytes.
const BUFFER: usize = 32 << 10;
/// The most complaints that a JSON document repeats.
const MOST_ERRORS: usize = 100;

/// Where an inspection's answer goes.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub struct Answer {
    command: &'static str,
    out: BufWriter<Stdout>,
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

impl Answer {
    /// An answer of this command; `colour` is whether the environment allows any.
    pub fn new(command: &'static str, json: bool, colour: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Answer {
            command,
            out: BufWriter::with_capacity(BUFFER, io::stdout()),
            json,
            terminal,
            colour: colour && terminal,
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

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether there is nobody left to answer.
    pub fn is_over(&self) -> bool {
        self.over
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

    /// Lines of a file within an answer of ours, escaped: the pipe that `docker exec` reads ends at a terminal too.
    pub fn text(&mut self, bytes: &[u8]) {
        if is_plain(bytes) {
            self.write(bytes);
        } else {
            self.write(escape_lines(bytes).as_bytes());
        }
    }

    /// One line that begins with a word that stands out; the rest is raw text, escaped here.
    pub fn marked(&mut self, word: &str, mark: Mark, rest: &str) {
        let (begin, end) = mark.codes(self.colour);
        self.write([begin, word, end].concat().as_bytes());
        self.line(rest.as_bytes());
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
        self.list(list);
        let mut text = if self.items == Some(0) { String::new() } else { ", ".to_owned() };
        self.items = Some(self.items.unwrap_or_default() + 1);
        item.push_json(&mut text);
        self.write(text.as_bytes());
    }

    /// Begins the JSON document's list of this name, which may stay empty.
    pub fn list(&mut self, list: &str) {
        if self.json && self.items.is_none() {
            self.begun = true;
            self.items = Some(0);
            self.write(format!("{{\"{list}\": [").as_bytes());
        }
    }

    /// The whole JSON document, where it is no list.
    pub fn document(&mut self, entries: Vec<(&'static str, Fact)>) {
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

    /// Says on stderr what could not be answered; the exit status will be 1.
    pub fn complain(&mut self, message: &str) {
        self.failed = true;
        self.lack(message);
    }

    /// As [`Answer::complain`], of what may be missing without that being a failure.
    pub fn lack(&mut self, message: &str) {
        self.note(message);
        if self.json && self.errors.len() < MOST_ERRORS {
            self.errors.push(message.to_owned());
        }
    }

    /// Says something on stderr that is no failure.
    pub fn note(&mut self, message: &str) {
        // In the order in which it came about.
        self.flush();
        super::error(&format!("{}: {message}", self.command));
    }

    /// Tells on stderr how it goes: one line of raw text, escaped here.
    pub fn progress(text: &[u8]) {
        super::to_stderr(format!("{}\n", escape(text)).as_bytes());
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
        self.put(|out| out.write_all(bytes));
    }

    fn flush(&mut self) {
        self.put(Write::flush);
    }

    /// Ends the answer where it cannot be written: in silence if the reader left, otherwise as a failure.
    fn put(&mut self, act: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) {
        if self.over {
            return;
        }
        let Err(error) = act(&mut self.out) else {
            return;
        };
        self.over = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = true;
            super::error(&format!("{}: standard output: {}", self.command, words(&error)));
        }
    }
}
