//! Finds the matches in a line: of those that begin first the longest, as POSIX defines.
//!
//! An automaton that only finds where the first match ends does not tell where it starts, so another
//! one reads backwards from there. A third one reads on from the start to find the longest match.

use std::borrow::Cow;
use std::ops::Range;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input};
use regex_lite::Regex;

use super::automaton::{LineAutomaton, MatchAutomata};

/// A search for the matches in lines.
#[derive(Debug)]
pub struct MatchSearch<'a> {
    lite: &'a Regex,
    /// The same as automata; `None` if they do not cover it.
    automata: Option<Automata<'a>>,
}

/// The automata and their states that have been computed.
#[derive(Debug)]
struct Automata<'a> {
    ends: &'a LineAutomaton,
    others: MatchAutomata,
    caches: [Cache; 3],
}

impl<'a> MatchSearch<'a> {
    pub(super) fn new(lite: &'a Regex, ends: Option<&'a LineAutomaton>, any_case: bool) -> Self {
        let automata = ends.and_then(|ends| {
            let others = MatchAutomata::new(lite.as_str(), any_case)?;
            let caches = [&ends.dfa, &others.starts, &others.longest].map(DFA::create_cache);
            Some(Automata { ends, others, caches })
        });
        MatchSearch { lite, automata }
    }

    /// Calls `visit` with each match in a line, without its newline, that is not empty, from left to
    /// right. If the automata do not cover the expression, a match need not be the longest.
    pub fn each(&mut self, line: &[u8], visit: &mut dyn FnMut(Range<usize>)) {
        let text = String::from_utf8_lossy(line);
        let is_replaced = matches!(text, Cow::Owned(_));
        let mut from = 0;
        while let Some(found) = self.next(&text, from) {
            if found.is_empty() {
                let next = text.get(found.end..).and_then(|rest| rest.chars().next());
                let Some(next) = next else { return };
                from = found.end + next.len_utf8();
                continue;
            }
            from = found.end;
            let found = if is_replaced { raw(line, found.start)..raw(line, found.end) } else { found };
            visit(found);
        }
    }

    /// Finds the first match that starts at this offset of a text or after it.
    fn next(&mut self, text: &str, from: usize) -> Option<Range<usize>> {
        match self.automata.as_mut().map(|automata| automata.next(text.as_bytes(), from)) {
            Some(Ok(found)) => found,
            Some(Err(_)) | None => self.lite.find_at(text, from).map(|found| found.range()),
        }
    }
}

impl Automata<'_> {
    fn next(&mut self, text: &[u8], from: usize) -> Result<Option<Range<usize>>, regex_automata::MatchError> {
        let [ends, starts, longest] = &mut self.caches;
        let input = Input::new(text).range(from..);
        let Some(end) = self.ends.dfa.try_search_fwd(ends, &input)? else { return Ok(None) };
        let before = Input::new(text).range(from..end.offset()).anchored(Anchored::Yes);
        let start = self.others.starts.try_search_rev(starts, &before)?;
        let start = start.map_or(from, |start| start.offset());
        let after = Input::new(text).range(start..).anchored(Anchored::Yes);
        let end =
            self.others.longest.try_search_fwd(longest, &after)?.map_or(end.offset(), |end| end.offset());
        Ok(Some(start..end))
    }
}

/// Returns the offset in a line of an offset in its text, in which U+FFFD replaces bytes that are
/// not UTF-8.
fn raw(line: &[u8], mut offset: usize) -> usize {
    let mut at = 0;
    for chunk in line.utf8_chunks() {
        if offset <= chunk.valid().len() {
            break;
        }
        at += chunk.valid().len() + chunk.invalid().len();
        offset -= chunk.valid().len();
        offset = offset.saturating_sub(char::REPLACEMENT_CHARACTER.len_utf8());
    }
    at + offset
}
