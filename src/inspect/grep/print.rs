//! Prints the lines that are selected, and the lines around them.

use std::os::unix::ffi::OsStrExt as _;

use memchr::{memchr, memrchr};

use super::pattern::Matches;
use super::{Grep, MAX_LINE};
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::escape;
use crate::view::input::Input;

/// The position in a file.
pub(super) struct Position<'a> {
    path: &'a [u8],
    /// Its name in text: `(standard input)`, as with grep(1).
    name: &'a [u8],
    /// The number of the next line, if lines are counted.
    pub(super) line: u64,
    /// How many lines have been selected.
    pub(super) count: u64,
    pub(super) is_binary: bool,
}

impl<'a> Position<'a> {
    /// The start of a file.
    pub(super) fn new(input: &Input<'a>) -> Self {
        let path = input.path.as_os_str().as_bytes();
        let name = if input.is_stdin() { b"(standard input)" } else { path };
        Position { path, name, line: 1, count: 0, is_binary: false }
    }
}

/// Which line a text is of.
#[derive(Debug, Clone, Copy)]
struct Line {
    number: u64,
    /// Whether it is printed because of another line.
    is_context: bool,
}

/// Prints lines.
pub(super) struct Printer<'a> {
    grep: &'a Grep,
    /// Where they are printed.
    pub(super) answer: &'a mut Answer,
    /// Whether to print the file's name with each line.
    names: bool,
    /// Finds the matches in a line, for `-o`.
    matches: Option<Matches<'a>>,
    /// How many lines before and after a selected one are printed.
    before: u64,
    after: u64,
    /// The lines that are printed if the next one is selected, and their number.
    held: Vec<u8>,
    held_lines: u64,
    /// How many of the next lines are printed, whatever they are.
    due: u64,
    /// Whether a line was left out since the last one that was printed.
    has_gap: bool,
    has_printed: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(grep: &'a Grep, names: bool, answer: &'a mut Answer) -> Self {
        let prints = !(grep.counts || grep.only_names || grep.quiet);
        let (before, after) = grep.context.filter(|_| prints).unwrap_or_default();
        Printer {
            grep,
            answer,
            names,
            matches: (prints && grep.only_matches).then(|| grep.pattern.matches()),
            before,
            after,
            held: Vec::new(),
            held_lines: 0,
            due: 0,
            has_gap: true,
            has_printed: false,
        }
    }

    /// Begins a file.
    pub(super) fn begin(&mut self) {
        self.drop_held();
        (self.due, self.has_gap) = (0, true);
    }

    /// Ends a file.
    pub(super) fn end(&mut self, file: &Position<'_>) {
        if !self.grep.counts {
            return;
        }
        if self.answer.is_json() {
            let entries = vec![("path", Fact::Bytes(file.path.to_vec())), ("count", Fact::Count(file.count))];
            return self.answer.item("files", &Fact::Object(entries));
        }
        self.prefix(file, None, ":");
        self.answer.content(format!("{}\n", file.count).as_bytes());
    }

    /// Passes lines that are not selected: prints those that follow a selected one as context, and
    /// holds those that may come before one. Returns the lines that `file.line` does not count yet.
    pub(super) fn pass<'l>(&mut self, lines: &'l [u8], file: &mut Position<'_>) -> &'l [u8] {
        if self.before == 0 && self.after == 0 {
            self.has_gap |= !lines.is_empty();
            return lines;
        }
        let mut rest = lines;
        while self.due > 0 && !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            self.context(rest.get(..end).unwrap_or_default(), file, file.line);
            rest = rest.get(end + 1..).unwrap_or_default();
            file.line += 1;
            self.due -= 1;
        }
        self.hold(rest);
        rest
    }

    /// Keeps the last lines, as many as are printed before a selected one, but at most 1 MiB.
    fn hold(&mut self, lines: &[u8]) {
        let (mut start, mut count) = (lines.len(), 0);
        while start > 0 && count < self.before {
            let before = lines.get(..start - 1).unwrap_or_default();
            start = memrchr(b'\n', before).map_or(0, |at| at + 1);
            count += 1;
        }
        if start > 0 {
            self.drop_held();
            self.has_gap = true;
        }
        self.held.extend_from_slice(lines.get(start..).unwrap_or_default());
        self.held_lines += count;
        let mut end = 0;
        while self.held_lines > self.before || self.held.len() - end > MAX_LINE {
            let rest = self.held.get(end..).unwrap_or_default();
            end += memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            self.held_lines = self.held_lines.saturating_sub(1);
            self.has_gap = true;
        }
        self.held.drain(..end);
    }

    /// Passes a line that is not selected and too long to be held.
    pub(super) fn leave_out(&mut self, file: &mut Position<'_>) {
        self.drop_held();
        self.has_gap = true;
        self.due = self.due.saturating_sub(1);
        file.line += 1;
    }

    fn drop_held(&mut self) {
        self.held.clear();
        self.held_lines = 0;
    }

    /// Prints a selected line of the file, and returns whether the search of the file is over.
    pub(super) fn print(&mut self, line: &[u8], file: &Position<'_>) -> bool {
        let is_binary = file.is_binary || memchr(0, line).is_some();
        if is_binary || self.grep.only_names {
            self.name(line, file, is_binary);
            return true;
        }
        if self.grep.context.is_some() {
            self.before(file);
        }
        self.selected(line, file);
        self.due = self.after;
        (self.has_gap, self.has_printed) = (false, true);
        false
    }

    /// Prints that a file has selected lines, of which this is the first.
    fn name(&mut self, line: &[u8], file: &Position<'_>, is_binary: bool) {
        if !self.answer.is_json() {
            return if self.grep.only_names {
                self.answer.line(file.name);
            } else {
                self.answer.line(&[b"Binary file ", file.name, b" matches"].concat());
            };
        }
        if !is_binary {
            return self.item(line, file, Line { number: file.line, is_context: false });
        }
        let entries = vec![("path", Fact::Bytes(file.path.to_vec())), ("binary", Fact::Bool(true))];
        self.answer.item("matches", &Fact::Object(entries));
    }

    /// Prints what comes before a selected line: a separator and lines as context.
    fn before(&mut self, file: &Position<'_>) {
        if self.has_gap && self.has_printed && !self.answer.is_json() {
            self.answer.content(b"--\n");
        }
        let held = std::mem::take(&mut self.held);
        let first = file.line.saturating_sub(self.held_lines);
        for (number, line) in (first..).zip(held.split_inclusive(|&byte| byte == b'\n')) {
            self.context(line.strip_suffix(b"\n").unwrap_or(line), file, number);
        }
        self.held = held;
        self.drop_held();
    }

    /// Prints a line as context.
    fn context(&mut self, line: &[u8], file: &Position<'_>, number: u64) {
        let at = Line { number, is_context: true };
        if !self.grep.only_matches {
            self.text(line, file, at);
        } else if self.grep.inverted {
            // With -v, the lines that match are the context.
            self.matches(line, line.len(), file, at);
        }
    }

    /// Prints a selected line, or the matches in it.
    fn selected(&mut self, line: &[u8], file: &Position<'_>) {
        let at = Line { number: file.line, is_context: false };
        if !self.grep.only_matches {
            self.text(line, file, at);
        } else if !self.grep.inverted {
            self.matches(line, line.len(), file, at);
        }
    }

    /// Whether the matches in a selected line are printed, not the line.
    pub(super) fn prints_matches(&self) -> bool {
        self.matches.is_some() && !self.grep.inverted
    }

    /// Prints the matches in a part of a selected line that begin before this offset. Returns where
    /// the last one ends.
    pub(super) fn part(&mut self, part: &[u8], limit: usize, file: &Position<'_>) -> usize {
        self.matches(part, limit, file, Line { number: file.line, is_context: false })
    }

    fn matches(&mut self, line: &[u8], limit: usize, file: &Position<'_>, at: Line) -> usize {
        let mut end = 0;
        // It is put back below.
        if let Some(mut matches) = self.matches.take() {
            matches.each(line, &mut |found| {
                if found.start < limit {
                    end = found.end;
                    self.text(line.get(found).unwrap_or_default(), file, at);
                }
            });
            self.matches = Some(matches);
        }
        end
    }

    /// Prints a line or a match.
    fn text(&mut self, text: &[u8], file: &Position<'_>, at: Line) {
        if self.answer.is_json() {
            return self.item(text, file, at);
        }
        if self.names || self.grep.line_numbers {
            self.prefix(file, Some(at.number), if at.is_context { "-" } else { ":" });
        }
        self.answer.text(text);
        self.answer.content(b"\n");
    }

    fn item(&mut self, text: &[u8], file: &Position<'_>, at: Line) {
        let mut entries = vec![
            ("path", Fact::Bytes(file.path.to_vec())),
            ("line", Fact::Count(at.number)),
            ("text", Fact::Bytes(text.to_vec())),
        ];
        if at.is_context {
            entries.push(("context", Fact::Bool(true)));
        }
        self.answer.item("matches", &Fact::Object(entries));
    }

    /// Prints what precedes a line: the file's name and the line's number.
    fn prefix(&mut self, file: &Position<'_>, number: Option<u64>, separator: &str) {
        if self.names {
            let mut name = escape(file.name);
            name.push_str(separator);
            self.answer.content(name.as_bytes());
        }
        if let Some(number) = number.filter(|_| self.grep.line_numbers) {
            self.answer.content(format!("{number}{separator}").as_bytes());
        }
    }
}
