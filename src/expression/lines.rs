//! Finds the lines that match an expression. Each line is a text of its own, but many are searched
//! at once.

use memchr::{memchr, memrchr};
use regex_automata::Input;
use regex_automata::hybrid::dfa::Cache;

use super::automaton::Automaton;
use super::{Expression, Unusable, compile};

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
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = memchr(b'\n', rest).map_or(self.bytes.len(), |length| at + length);
        self.from = end + 1;
        (start, end)
    }

    fn start_of(&self, at: usize) -> usize {
        let before = self.bytes.get(self.from..at).unwrap_or_default();
        memrchr(b'\n', before).map_or(self.from, |newline| self.from + newline + 1)
    }
}

/// A search for the lines that match an expression.
#[derive(Debug)]
pub struct LineSearch<'a> {
    expression: &'a Expression,
    /// The states of the automaton that have been computed; `None` if there is no automaton.
    pub(super) cache: Option<Cache>,
}

impl Expression {
    /// Compiles an expression that is searched for in lines. With `any_case` the case of ASCII
    /// letters is ignored.
    pub fn for_lines(pattern: &str, any_case: bool) -> Result<Self, Unusable> {
        let lite = compile(pattern, any_case)?;
        Ok(Expression { automaton: Automaton::for_lines(pattern, any_case), lite })
    }

    /// Texts of which every match contains one, in the case of the expression; empty if there are
    /// none.
    pub fn literals(&self) -> &[Vec<u8>] {
        self.automaton.as_ref().map_or(&[], |automaton| automaton.literals.as_slice())
    }

    /// Begins a search.
    pub fn line_search(&self) -> LineSearch<'_> {
        let cache = self.automaton.as_ref().map(|automaton| automaton.ends().create_cache());
        LineSearch { expression: self, cache }
    }
}

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
                    Some(Some(at)) => return Some(lines.take(at)),
                    Some(None) => lines.from = lines.valid,
                    None => lines.valid = lines.from,
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
            Some(found) => found.is_some(),
            None => self.expression.lite.is_match(&text),
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

    /// Searches UTF-8 text from an offset on, and returns where the first match to end ends.
    /// `None` if there is no automaton.
    fn end_of_match(&mut self, text: &[u8], from: usize) -> Option<Option<usize>> {
        let (automaton, cache) = (self.expression.automaton.as_ref()?, self.cache.as_mut()?);
        let input = Input::new(text).range(from..).earliest(true);
        // It only fails if it is configured to give up.
        let found = automaton.ends().try_search_fwd(cache, &input).ok();
        if found.is_none() {
            self.cache = None;
        }
        found.map(|found| found.map(|end| end.offset()))
    }
}
