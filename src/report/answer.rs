//! The answer of an inspection, printed as it arrives: lines, tables, bytes or one JSON document.
//! Alternatively, that document is [kept](Kept) as a part of another.
//!
//! A reader that closes the pipe (`porthole ls / | head -1`) is not an error. Nothing more is
//! printed, and [`Answer::is_over`] tells the command that it may stop.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::fcntl::{SpliceFFlags, splice};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Kept;
use super::output::Output;
use super::wrap::wrapped;
use crate::deadline::Deadline;
use crate::error::describe;
use crate::outcome::{Conclusion, Fact};
use crate::sys::{terminal_size, terminal_width};
use crate::table::{Mark, Table};
use crate::text::{decode, encode, escape, escape_lines, is_plain};

/// The most errors and warnings that a JSON document repeats.
pub(super) const MAX_ERRORS: usize = 100;

/// Whether a write is in progress, and whether anything has been written to stdout.
static WRITING: AtomicBool = AtomicBool::new(false);
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// Does something that may wait for the reader of the output.
fn writing<T>(act: impl FnOnce() -> T) -> T {
    WRITING.store(true, Ordering::Relaxed);
    let done = act();
    WRITING.store(false, Ordering::Relaxed);
    done
}

/// Returns whether an answer is waiting for its reader.
pub fn is_writing() -> bool {
    WRITING.load(Ordering::Relaxed)
}

/// Returns whether a part of an answer has been printed.
pub fn has_written() -> bool {
    WRITTEN.load(Ordering::Relaxed)
}

/// Where an inspection's answer goes.
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other, not one state")]
pub struct Answer {
    command: &'static str,
    destination: Destination,
    json: bool,
    terminal: bool,
    colour: bool,
    over: bool,
    failed: bool,
    /// How many items the JSON list has so far; `None` before it begins.
    items: Option<usize>,
    /// Whether the JSON document is printed, or its list has begun.
    begun: bool,
    errors: Vec<String>,
    /// What the JSON document is about.
    subject: Option<Subject>,
    /// The first line, as long as nothing is written.
    heading: String,
}

/// The process that an answer is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its pid.
    pub pid: u32,
    /// Its name; `None` if that cannot be read.
    pub name: Option<Vec<u8>>,
}

impl Subject {
    /// `pid 7 (service)`, as message text (see [`crate::text`])
    pub fn shown(&self) -> String {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(" ({})", decode(name)));
        format!("pid {}{name}", self.pid)
    }
}

/// The destination of an [`Answer`].
enum Destination {
    Stdout(Output),
    /// In memory, as JSON.
    Kept(Kept),
}

impl Answer {
    /// Returns an answer of this command. `colour` is whether the environment allows colours.
    pub fn new(command: &'static str, json: bool, colour: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let destination = Destination::Stdout(Output::new());
        Answer { terminal, colour: colour && terminal, ..Answer::at(destination, command, json) }
    }

    /// Returns a JSON answer that is kept in memory, including its errors and warnings.
    pub fn kept(destination: Kept) -> Self {
        Answer::at(Destination::Kept(destination), "", true)
    }

    fn at(destination: Destination, command: &'static str, json: bool) -> Self {
        Answer {
            command,
            destination,
            json,
            terminal: false,
            colour: false,
            over: false,
            failed: false,
            items: None,
            begun: false,
            errors: Vec::new(),
            subject: None,
            heading: String::new(),
        }
    }

    /// Sets the process that the JSON document is about.
    pub fn set_subject(&mut self, subject: Option<Subject>) {
        self.subject = subject;
        if let Destination::Kept(kept) = &self.destination {
            kept.begin(self.subject());
        }
    }

    /// Sets a first line of message text, which is written as soon as anything else is.
    pub fn set_heading(&mut self, heading: &str) {
        self.heading = escape(&encode(heading)) + "\n";
    }

    /// The first members of the JSON document.
    fn subject(&self) -> Vec<(&'static str, Fact)> {
        let pid = self.subject.as_ref().map(|subject| u64::from(subject.pid));
        let name = self.subject.as_ref().and_then(|subject| subject.name.clone());
        vec![("pid", pid.into()), ("process", name.map_or(Fact::Null, Fact::Bytes))]
    }

    /// Returns whether the answer is JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Returns whether the answer is kept as a part of another one.
    pub fn is_kept(&self) -> bool {
        matches!(self.destination, Destination::Kept(_))
    }

    /// Returns whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns whether the reader has gone, or there is no room for more.
    pub fn is_over(&self) -> bool {
        match &self.destination {
            Destination::Stdout(_) => self.over,
            Destination::Kept(kept) => kept.is_over(),
        }
    }

    /// Returns how many entries of at least this size, in bytes, the JSON document's list has room
    /// for. To gather one more is enough for the document to say that it is cut.
    pub fn room_for(&self, size: usize) -> usize {
        match &self.destination {
            Destination::Stdout(_) => usize::MAX,
            Destination::Kept(kept) => kept.room_for(size),
        }
    }

    /// Returns the deadline for gathering what the answer needs: `limit` from now, or sooner if the
    /// answer is due sooner.
    pub fn within(&self, limit: Duration) -> Deadline {
        match &self.destination {
            Destination::Stdout(_) => Deadline::after(limit),
            Destination::Kept(kept) => kept.within(limit),
        }
    }

    /// Writes one line of raw text, escaped.
    pub fn line(&mut self, text: &[u8]) {
        // A fast path: an answer may consist of a hundred thousand file names.
        if is_plain(text)
            && let Destination::Stdout(out) = &mut self.destination
            && !self.over
            && self.heading.is_empty()
            && out.hold(&[text, b"\n"])
        {
            return;
        }
        self.write(escape(text).as_bytes());
        self.write(b"\n");
    }

    /// Writes one line of message text (see [`crate::text`]), escaped; on a terminal as many as it
    /// takes, broken between words.
    pub fn sentence(&mut self, text: &str) {
        self.paragraph(0, text);
    }

    /// Writes message text, of which the first line follows so many characters.
    fn paragraph(&mut self, begun: usize, text: &str) {
        let text = escape(&encode(text));
        let width = if self.terminal { terminal_width() } else { None };
        let text = match width {
            Some(width) => wrapped(&text, begun, width),
            None => text,
        };
        self.write(text.as_bytes());
        self.write(b"\n");
    }

    /// Writes lines of a file within an answer, always escaped: the pipe that `docker exec` reads
    /// may lead to a terminal too.
    pub fn text(&mut self, bytes: &[u8]) {
        if is_plain(bytes) {
            self.write(bytes);
        } else {
            self.write(escape_lines(bytes, "").as_bytes());
        }
    }

    /// Writes one line that begins with a highlighted word. The rest is message text and is
    /// escaped.
    pub fn marked(&mut self, word: &str, mark: Mark, rest: &str) {
        let (begin, end) = mark.codes(self.colour);
        self.write([begin, word, end].concat().as_bytes());
        self.paragraph(word.chars().count(), rest);
    }

    /// Writes the content of a file: the bytes as they are, or escaped lines if stdout is a
    /// terminal.
    pub fn content(&mut self, bytes: &[u8]) {
        if self.terminal {
            let text = escape_lines(bytes, "");
            self.write(text.as_bytes());
        } else {
            self.write(bytes);
        }
    }

    /// Writes bytes that are not text as they are, for a command that does not write to a terminal.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// Moves at most `most` bytes of a file from this offset on to stdout, if that is a pipe:
    /// splice(2), which copies nothing. Returns their number, 0 at the end of the file; `None` if
    /// that is not possible, and [`Answer::bytes`] has to do.
    pub fn splice(&mut self, file: &File, at: u64, most: usize) -> Option<usize> {
        self.flush();
        if self.over {
            return None;
        }
        let stdout = io::stdout();
        let mut pipe = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
        writing(|| poll(&mut pipe, PollTimeout::NONE)).ok()?;
        // From here on only the file may have to be waited for, not the reader of the pipe.
        let mut from = at.try_into().ok()?;
        let moved =
            splice(file, Some(&mut from), &stdout, None, most, SpliceFFlags::SPLICE_F_NONBLOCK).ok()?;
        WRITTEN.fetch_or(moved > 0, Ordering::Relaxed);
        Some(moved)
    }

    /// Writes a table, fitted to the width of the terminal.
    pub fn table(&mut self, table: &Table) {
        let width = if self.terminal { terminal_width() } else { None };
        let colour = self.colour;
        table.lines(width, colour, &mut |line| self.write(line.as_bytes()));
    }

    /// Draws tables on the terminal in place of what was drawn before: the lines that it has room
    /// for, and no wider.
    pub fn draw(&mut self, tables: &[Table]) {
        let (columns, (_, rows)) = (terminal_width(), terminal_size().unwrap_or_default());
        let colour = self.colour;
        // Home, then "erase in line" after each line and "erase in page" after the last (ECMA-48).
        let mut text = "\x1b[H".to_owned();
        let mut count = 0;
        for table in tables {
            table.lines(columns, colour, &mut |line| {
                if rows == 0 || count < rows {
                    text.push_str(if count > 0 { "\n" } else { "" });
                    text.push_str(line.trim_end_matches('\n'));
                    text.push_str("\x1b[K");
                }
                count += 1;
            });
        }
        text.push_str("\x1b[J");
        self.write(text.as_bytes());
        self.flush();
    }

    /// Writes one entry of the JSON document's list of this name.
    pub fn item(&mut self, list: &str, item: &Fact) {
        self.list(list);
        if let Destination::Kept(kept) = &self.destination {
            return kept.item(item);
        }
        let mut text = if self.items == Some(0) { String::new() } else { ", ".to_owned() };
        self.items = Some(self.items.unwrap_or_default() + 1);
        item.push_json(&mut text);
        self.write(text.as_bytes());
    }

    /// Begins the JSON document's list of this name, which may stay empty.
    pub fn list(&mut self, list: &str) {
        if let Destination::Kept(kept) = &self.destination {
            return kept.list(list);
        }
        if self.json && self.items.is_none() {
            self.begun = true;
            self.items = Some(0);
            let mut text = String::new();
            Fact::Object(self.subject()).push_json(&mut text);
            // The object continues with the list.
            text.truncate(text.len() - 1);
            self.write(format!("{text}, \"{list}\": [").as_bytes());
        }
    }

    /// Writes the whole JSON document, if it is not a list.
    pub fn document(&mut self, entries: Vec<(&'static str, Fact)>) {
        if let Destination::Kept(kept) = &self.destination {
            return kept.document(entries);
        }
        self.begun = true;
        let mut members = self.subject();
        members.extend(entries);
        members.push(("errors", self.errors()));
        let mut text = String::new();
        Fact::Object(members).push_json(&mut text);
        text.push('\n');
        self.write(text.as_bytes());
    }

    /// Reports what could not be answered on stderr, or in the answer if it is kept. The exit
    /// status will be 1.
    pub fn error(&mut self, message: impl Display) {
        self.failed = true;
        self.warn(&message.to_string());
    }

    /// Disregards earlier errors: the exit status depends on what was found. An answer that could
    /// not be written stays a failure.
    pub fn disregard_errors(&mut self) {
        self.failed &= self.over;
    }

    /// Like [`Answer::error`], but what is missing does not make the answer a failure.
    pub fn warn(&mut self, message: &str) {
        self.info(message);
        let is_printed = matches!(self.destination, Destination::Stdout(_));
        if is_printed && self.json && self.errors.len() < MAX_ERRORS {
            self.errors.push(message.to_owned());
        }
    }

    /// Reports something that is not a failure, on stderr or in the answer if it is kept.
    pub fn info(&mut self, message: &str) {
        if let Destination::Kept(kept) = &self.destination {
            return kept.error(message);
        }
        // Keeps the order of the two streams.
        self.flush();
        writing(|| super::error(&format!("{}: {message}", self.command)));
    }

    /// Reports progress on stderr: one line of raw text, escaped.
    pub fn progress(text: &[u8]) {
        writing(|| super::to_stderr(format!("{}\n", escape(text)).as_bytes()));
    }

    /// Ends the answer. `found` is whether the requested item exists.
    pub fn finish(mut self, found: bool) -> Conclusion {
        if self.json && !self.begun {
            // A program that requested a document gets one, even if it contains only the errors.
            self.document(Vec::new());
        }
        if self.items.is_some() {
            let mut end = "], \"errors\": ".to_owned();
            self.errors().push_json(&mut end);
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
        if !self.heading.is_empty() {
            let heading = std::mem::take(&mut self.heading);
            self.write(heading.as_bytes());
        }
        if let Destination::Stdout(out) = &mut self.destination
            && !self.over
            && !out.hold(&[bytes])
        {
            self.put(bytes);
        }
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) {
        if matches!(&self.destination, Destination::Stdout(out) if !out.is_empty()) {
            self.put(b"");
        }
    }

    /// Writes what is buffered, and these bytes. If that fails, the answer ends: silently if the
    /// reader closed the pipe, otherwise as a failure.
    fn put(&mut self, bytes: &[u8]) {
        let Destination::Stdout(out) = &mut self.destination else { return };
        if self.over {
            return;
        }
        WRITTEN.store(true, Ordering::Relaxed);
        let Err(error) = writing(|| out.write(bytes)) else { return };
        self.over = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = true;
            super::error(&format!("{}: standard output: {}", self.command, describe(&error)));
        }
    }
}
