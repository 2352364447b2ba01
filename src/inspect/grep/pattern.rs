//! What to search for: a text, or a regular expression with texts that its matches contain.

use super::MAX_LINE;
use super::text::Text;
use crate::expression::{LineExpression, LineSearch, Lines};

/// How many bytes two parts of a long line overlap in a search for an expression.
const OVERLAP: usize = 4 << 10;
/// How many bytes are first searched for several texts.
const FIRST_WINDOW: usize = 1 << 10;
/// The most texts that are searched for before an expression: each takes a pass of its own.
const MAX_TEXTS: usize = 6;
/// How many lines with a text are looked at before it is decided whether looking for texts pays.
const TRIAL: usize = 64;
/// How far apart, in bytes, these lines are on average if it pays.
const MIN_DISTANCE: usize = 512;

/// What to search for.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Each matching line contains one of these, if there are any.
    texts: Vec<Text>,
    /// The expression that it also has to match.
    expression: Option<LineExpression>,
}

impl Pattern {
    /// Searches for this text. With `any_case` the case of ASCII letters is ignored.
    pub(super) fn text(text: &[u8], any_case: bool) -> Self {
        Pattern { texts: vec![Text::new(text, any_case)], expression: None }
    }

    /// Searches for this expression. `any_case` is whether it ignores the case of ASCII letters.
    pub(super) fn expression(expression: LineExpression, any_case: bool) -> Self {
        let mut texts = Vec::new();
        if expression.literals().len() <= MAX_TEXTS {
            texts.extend(expression.literals().iter().map(|text| Text::new(text, any_case)));
        }
        Pattern { texts, expression: Some(expression) }
    }

    /// Whether a hole in a file, which reads as NULs, cannot contain a match. An expression may
    /// match NULs.
    pub(super) fn needs_more_than_nuls(&self) -> bool {
        self.expression.is_none() && !self.texts.iter().any(Text::has_nul)
    }

    /// Returns how many bytes of a part of a long line are searched again with the next part.
    pub(super) fn overlap(&self) -> usize {
        match self.texts.as_slice() {
            [text] if self.expression.is_none() => text.len().saturating_sub(1).min(MAX_LINE / 2),
            _ => OVERLAP,
        }
    }

    /// Begins a search.
    pub(super) fn search(&self) -> Search<'_> {
        Search {
            texts: &self.texts,
            expression: self.expression.as_ref().map(LineExpression::search),
            candidates: 0,
            searched: 0,
        }
    }
}

/// A search for a pattern.
pub(super) struct Search<'a> {
    /// The texts to look for first; none if that is not worth it.
    texts: &'a [Text],
    expression: Option<LineSearch<'a>>,
    /// How many lines had one of the texts.
    candidates: usize,
    /// How many bytes were searched for them.
    searched: usize,
}

impl Search<'_> {
    /// Finds the next matching line, and returns where it starts and ends.
    pub(super) fn next(&mut self, lines: &mut Lines<'_>) -> Option<(usize, usize)> {
        while lines.from < lines.bytes.len() {
            if self.texts.is_empty() {
                return self.expression.as_mut()?.next(lines);
            }
            let Some(at) = first(self.texts, lines.rest()) else {
                lines.from = lines.bytes.len();
                break;
            };
            let before = lines.from;
            let (start, end) = lines.take(before + at);
            let Some(expression) = &mut self.expression else { return Some((start, end)) };
            self.candidates += 1;
            self.searched = self.searched.saturating_add(end - before);
            if self.candidates >= TRIAL && self.searched / self.candidates < MIN_DISTANCE {
                self.texts = &[];
            }
            if expression.is_match(lines.bytes.get(start..end).unwrap_or_default()) {
                return Some((start, end));
            }
        }
        None
    }
}

/// Finds the first of the texts.
fn first(texts: &[Text], block: &[u8]) -> Option<usize> {
    if let [text] = texts {
        return text.find(block);
    }
    let longest = texts.iter().map(Text::len).max().unwrap_or_default();
    let mut window = FIRST_WINDOW;
    loop {
        // Not the whole block: it would be searched for a rare text again at each occurrence of a
        // frequent one.
        let part = block.get(..window).unwrap_or(block);
        let first = texts.iter().filter_map(|text| text.find(part)).min();
        let is_all = part.len() == block.len();
        // A text that begins earlier may end after the part.
        if is_all || first.is_some_and(|first| first + longest <= part.len()) {
            return first;
        }
        window = window.saturating_mul(4);
    }
}
