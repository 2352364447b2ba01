//! What to search for: a text, or a regular expression with texts that its matches contain.

use std::ops::Range;

use super::MAX_LINE;
use super::text::Text;
use crate::expression::{LineExpression, LineSearch, Lines, MatchSearch, Unusable};

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

/// What a match has to be, besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Nothing else.
    None,
    /// A whole word: no letter, digit or underscore is before or after it.
    Word,
    /// The whole line.
    Line,
}

/// What to search for.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Each matching line contains one of these, if there are any.
    texts: Vec<Text>,
    /// The expression that it also has to match.
    expression: Option<LineExpression>,
    /// The bounds of a text; those of an expression are part of it.
    bounds: Bounds,
}

impl Pattern {
    /// Searches for this text. With `any_case` the case of ASCII letters is ignored.
    pub(super) fn text(text: &[u8], any_case: bool, bounds: Bounds) -> Self {
        Pattern { texts: vec![Text::new(text, any_case)], expression: None, bounds }
    }

    /// Searches for this expression. With `any_case` the case of ASCII letters is ignored.
    pub(super) fn expression(pattern: &str, any_case: bool, bounds: Bounds) -> Result<Self, Unusable> {
        let mut expression = LineExpression::new(pattern, any_case)?;
        let mut texts = Vec::new();
        if expression.literals().len() <= MAX_TEXTS {
            texts.extend(expression.literals().iter().map(|text| Text::new(text, any_case)));
        }
        match bounds {
            Bounds::None => {}
            Bounds::Word => {
                let whole = format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}");
                expression = LineExpression::new(&whole, any_case)?;
            }
            Bounds::Line => expression = LineExpression::new(&format!("^(?:{pattern})$"), any_case)?,
        }
        Ok(Pattern { texts, expression: Some(expression), bounds: Bounds::None })
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
            bounds: self.bounds,
            candidates: 0,
            searched: 0,
        }
    }

    /// Begins a search for the matches in lines.
    pub(super) fn matches(&self) -> Matches<'_> {
        let expression = self.expression.as_ref().map(LineExpression::matches);
        Matches { texts: &self.texts, expression, bounds: self.bounds }
    }
}

/// A search for a pattern.
pub(super) struct Search<'a> {
    /// The texts to look for first; none if that is not worth it.
    texts: &'a [Text],
    expression: Option<LineSearch<'a>>,
    /// The bounds of a text.
    bounds: Bounds,
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
            let line = lines.bytes.get(start..end).unwrap_or_default();
            let Some(expression) = &mut self.expression else {
                if self.bounds == Bounds::None || next_in(self.texts, line, 0, self.bounds).is_some() {
                    return Some((start, end));
                }
                continue;
            };
            self.candidates += 1;
            self.searched = self.searched.saturating_add(end - before);
            if self.candidates >= TRIAL && self.searched / self.candidates < MIN_DISTANCE {
                self.texts = &[];
            }
            if expression.is_match(line) {
                return Some((start, end));
            }
        }
        None
    }
}

/// A search for the matches in lines.
pub(super) struct Matches<'a> {
    texts: &'a [Text],
    expression: Option<MatchSearch<'a>>,
    bounds: Bounds,
}

impl Matches<'_> {
    /// Calls `visit` with each match in a line that is not empty, from left to right. Of those that
    /// begin at the same place it is the longest, as in POSIX.
    pub(super) fn each(&mut self, line: &[u8], visit: &mut dyn FnMut(Range<usize>)) {
        if let Some(expression) = &mut self.expression {
            return expression.each(line, visit);
        }
        let mut from = 0;
        while let Some(found) = next_in(self.texts, line, from, self.bounds).filter(|found| !found.is_empty())
        {
            from = found.end;
            visit(found);
        }
    }
}

/// Finds the first of the texts with these bounds in a line, from an offset on.
fn next_in(texts: &[Text], line: &[u8], mut from: usize, bounds: Bounds) -> Option<Range<usize>> {
    let text = texts.first()?;
    let is_word = |at: Option<usize>| {
        at.and_then(|at| line.get(at)).is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    loop {
        let start = from + text.find(line.get(from..)?)?;
        let end = start + text.len();
        let is_bounded = match bounds {
            Bounds::None => true,
            Bounds::Word => !is_word(start.checked_sub(1)) && !is_word(Some(end)),
            Bounds::Line => start == 0 && end == line.len(),
        };
        if is_bounded {
            return Some(start..end);
        }
        if bounds == Bounds::Line && text.len() != line.len() {
            return None;
        }
        from = start + 1;
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
