//! Finds the lines that match an expression.

use memchr::{memchr, memrchr};
use regex_automata::Input;
use regex_automata::hybrid::dfa::Cache;
use regex_lite::Regex;

use super::automaton::LineAutomaton;
use super::lanes::{self, Seen};
use super::longest::MatchSearch;
use super::{Unusable, compile};

/// How many bytes after a match are searched in order, and no lines at once.
const REACH: usize = 1 << 10;
/// How many bytes are searched in order where that is not possible.
const WINDOW: usize = 16 << 10;

/// Lines of which the first ones may have been searched.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The lines. The last one may lack its newline.
    pub bytes: &'a [u8],
    /// Where the first line begins that was not searched.
    pub from: usize,
    /// Where the first line begins that may not be UTF-8.
    valid: usize,
}

impl<'a> Lines<'a> {
    /// Returns these lines, none of them searched.
    pub fn new(bytes: &'a [u8]) -> Self {
        Lines { bytes, from: 0, valid: 0 }
    }

    /// Returns those that were not searched.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }

    /// Takes the line around this offset, and all before it, as searched. Returns where it starts
    /// and ends.
    pub fn take(&mut self, at: usize) -> (usize, usize) {
        let start = self.start_of(at);
        let end = end_of_line(self.bytes, at);
        self.from = end + 1;
        (start, end)
    }

    fn start_of(&self, at: usize) -> usize {
        let before = self.bytes.get(self.from..at).unwrap_or_default();
        memrchr(b'\n', before).map_or(self.from, |newline| self.from + newline + 1)
    }
}

/// A compiled expression that is searched for in lines, each of which is a text of its own.
#[derive(Debug)]
pub struct LineExpression {
    lite: Regex,
    any_case: bool,
    /// The same as an automaton, if that covers it.
    pub(super) automaton: Option<LineAutomaton>,
}

impl LineExpression {
    /// Compiles an expression. With `any_case` the case of ASCII letters is ignored.
    pub fn new(pattern: &str, any_case: bool) -> Result<Self, Unusable> {
        let lite = compile(pattern, any_case)?;
        Ok(LineExpression { automaton: LineAutomaton::new(pattern, any_case), any_case, lite })
    }

    /// Texts of which every match contains one, in the case of the expression; empty if there are
    /// none.
    pub fn literals(&self) -> &[Vec<u8>] {
        self.automaton.as_ref().map_or(&[], |automaton| automaton.literals.as_slice())
    }

    /// Begins a search.
    pub fn search(&self) -> LineSearch<'_> {
        let cache = self.automaton.as_ref().map(|automaton| automaton.dfa.create_cache());
        LineSearch { expression: self, cache, reach: 0 }
    }

    /// Begins a search for the matches in lines.
    pub fn matches(&self) -> MatchSearch<'_> {
        MatchSearch::new(&self.lite, self.automaton.as_ref(), self.any_case)
    }
}

/// A search for the lines that match an expression.
#[derive(Debug)]
pub struct LineSearch<'a> {
    expression: &'a LineExpression,
    /// The states of the automaton that have been computed; `None` if there is no automaton.
    pub(super) cache: Option<Cache>,
    /// How many bytes are searched in order before lines are searched at once.
    reach: usize,
}

/// The expression has no automaton.
struct NoAutomaton;

impl LineSearch<'_> {
    /// Finds the next line that matches, and returns where it starts and ends.
    pub fn next(&mut self, lines: &mut Lines<'_>) -> Option<(usize, usize)> {
        while lines.from < lines.bytes.len() {
            self.validate(lines);
            if lines.from < lines.valid {
                let valid = lines.bytes.get(..lines.valid).unwrap_or_default();
                // No line begins after the last newline.
                let valid = valid.strip_suffix(b"\n").unwrap_or(valid);
                match self.end_of_match(valid, lines.from) {
                    Ok(Some(at)) => return Some(lines.take(at)),
                    Ok(None) => lines.from = lines.valid,
                    Err(NoAutomaton) => lines.valid = lines.from,
                }
            } else {
                let (start, end) = lines.take(lines.from);
                if self.is_match(lines.bytes.get(start..end).unwrap_or_default()) {
                    return Some((start, end));
                }
            }
        }
        None
    }

    /// Whether this line, without its newline, matches.
    pub fn is_match(&mut self, line: &[u8]) -> bool {
        let text = String::from_utf8_lossy(line);
        match self.end_of_match(text.as_bytes(), 0) {
            Ok(found) => found.is_some(),
            Err(NoAutomaton) => self.expression.lite.is_match(&text),
        }
    }

    /// Finds how many of the lines are UTF-8 and can be searched at once, if that is not known.
    fn validate(&self, lines: &mut Lines<'_>) {
        let Some(automaton) = self.expression.automaton.as_ref().filter(|_| self.cache.is_some()) else {
            return;
        };
        if !automaton.has_replacement {
            // Neither bytes that are not UTF-8 nor what replaces them are part of a match.
            lines.valid = lines.bytes.len();
        } else if lines.from >= lines.valid {
            lines.valid = match str::from_utf8(lines.rest()) {
                Ok(_) => lines.bytes.len(),
                Err(error) => lines.start_of(lines.from + error.valid_up_to()),
            };
        }
    }

    /// Searches lines of UTF-8 text from an offset on, and returns where the first match to end
    /// ends.
    fn end_of_match(&mut self, text: &[u8], from: usize) -> Result<Option<usize>, NoAutomaton> {
        let (Some(automaton), Some(cache)) = (&self.expression.automaton, &mut self.cache) else {
            return Err(NoAutomaton);
        };
        let (dfa, mut from) = (&automaton.dfa, from);
        loop {
            while self.reach == 0 {
                match lanes::search(dfa, cache, text, from) {
                    Seen::NoMatchBefore(line) => from = line,
                    Seen::Match(at) => self.reach = (at - from).max(1),
                    Seen::Nothing => self.reach = WINDOW,
                }
            }
            let end = end_of_line(text, from.saturating_add(self.reach));
            let input = Input::new(text).range(from..end).earliest(true);
            // It only fails if it is configured to give up.
            let Ok(found) = dfa.try_search_fwd(cache, &input) else {
                self.cache = None;
                return Err(NoAutomaton);
            };
            // Where there is one match there are often more: for a while, in order.
            self.reach = if found.is_some() { REACH } else { 0 };
            if found.is_some() || end == text.len() {
                return Ok(found.map(|end| end.offset()));
            }
            from = end + 1;
        }
    }
}

/// Returns where the line at this offset ends, without its newline.
fn end_of_line(text: &[u8], at: usize) -> usize {
    text.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(text.len(), |length| at + length)
}
