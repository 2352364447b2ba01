//! What to search for: a text, or a regular expression with texts that its matches contain.

use memchr::{memchr, memchr2, memrchr};
use regex_lite::Regex;

use super::MAX_LINE;
use super::literal::{rarity_of, required};

/// How many bytes two parts of a long line overlap in a search for an expression.
const OVERLAP: usize = 4 << 10;
/// How many bytes are first searched for several texts.
const FIRST_WINDOW: usize = 1 << 10;

/// What to search for.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Each matching line contains one of these, if there are any.
    texts: Vec<Text>,
    /// The expression that it also has to match.
    expression: Option<Regex>,
}

impl Pattern {
    /// Searches for this text. With `any_case` the case of ASCII letters is ignored.
    pub(super) fn text(text: Vec<u8>, any_case: bool) -> Self {
        Pattern { texts: vec![Text::new(text, any_case)], expression: None }
    }

    /// Searches for this expression, which was compiled from `text`. Both ignore case for ASCII
    /// only.
    pub(super) fn expression(expression: Regex, text: &str, any_case: bool) -> Self {
        let required = required(text).unwrap_or_default();
        let texts = required.into_iter().map(|text| Text::new(text, any_case)).collect();
        Pattern { texts, expression: Some(expression) }
    }

    /// Whether a hole in a file, which reads as NULs, cannot contain a match. An expression may
    /// match NULs.
    pub(super) fn needs_more_than_nuls(&self) -> bool {
        let reads_as_nuls = |text: &Text| memchr(0, &text.wanted).is_some();
        self.expression.is_none() && !self.texts.iter().any(reads_as_nuls)
    }

    /// Finds the next matching line, from the start of a line on, and returns where it starts and
    /// ends.
    pub(super) fn find(&self, block: &[u8], from: usize) -> Option<(usize, usize)> {
        let mut from = from;
        let end_of = |at: usize| {
            block.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(block.len(), |length| at + length)
        };
        while from < block.len() {
            let (mut start, mut at) = (from, from);
            if !self.texts.is_empty() {
                at += self.next(block.get(from..)?)?;
                let newline = block.get(from..at).and_then(|before| memrchr(b'\n', before));
                start = newline.map_or(from, |newline| from + newline + 1);
            }
            let end = end_of(at);
            let line = block.get(start..end)?;
            if self.expression.as_ref().is_none_or(|regex| regex.is_match(&String::from_utf8_lossy(line))) {
                return Some((start, end));
            }
            from = end + 1;
        }
        None
    }

    /// Returns how many bytes of a part of a long line are searched again with the next part.
    pub(super) fn overlap(&self) -> usize {
        match self.texts.as_slice() {
            [text] if self.expression.is_none() => text.wanted.len().saturating_sub(1).min(MAX_LINE / 2),
            _ => OVERLAP,
        }
    }

    /// Finds the first of the texts.
    fn next(&self, block: &[u8]) -> Option<usize> {
        if let [text] = self.texts.as_slice() {
            return text.find(block);
        }
        let longest = self.texts.iter().map(|text| text.wanted.len()).max().unwrap_or_default();
        let mut window = FIRST_WINDOW;
        loop {
            // Not the whole block: it would be searched for a rare text again at each occurrence of
            // a frequent one.
            let part = block.get(..window).unwrap_or(block);
            let first = self.texts.iter().filter_map(|text| text.find(part)).min();
            let is_all = part.len() == block.len();
            // A text that begins earlier may end after the part.
            if is_all || first.is_some_and(|first| first + longest <= part.len()) {
                return first;
            }
            window = window.saturating_mul(4);
        }
    }
}

/// A text, and the byte in it that is searched for first.
#[derive(Debug)]
struct Text {
    wanted: Vec<u8>,
    any_case: bool,
    /// The index of that byte.
    at: usize,
    /// The byte in both cases.
    bytes: [u8; 2],
}

impl Text {
    fn new(text: Vec<u8>, any_case: bool) -> Self {
        let both = |byte: u8| {
            if any_case { [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] } else { [byte; 2] }
        };
        let rarest =
            text.iter().enumerate().max_by_key(|&(_, &byte)| both(byte).map(rarity_of).into_iter().min());
        let (at, &byte) = rarest.unwrap_or((0, &0));
        Text { any_case, at, bytes: both(byte), wanted: text }
    }

    fn find(&self, block: &[u8]) -> Option<usize> {
        let length = self.wanted.len();
        if length == 0 {
            return Some(0);
        }
        let [a, b] = self.bytes;
        let mut from = 0;
        loop {
            let rest = block.get(from + self.at..)?;
            from += if a == b { memchr(a, rest) } else { memchr2(a, b, rest) }?;
            let there = block.get(from..from + length)?;
            if there == self.wanted || self.any_case && there.eq_ignore_ascii_case(&self.wanted) {
                return Some(from);
            }
            from += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_as_by_a_naive_search() {
        let block = b"The quick brown fox\njumps OVER the lazy dog\0\xff\xc3 xx xxy";
        for any_case in [false, true] {
            for start in 0..block.len() {
                for end in start..=block.len() {
                    let text = &block[start..end];
                    let same = |window: &[u8]| {
                        if any_case { window.eq_ignore_ascii_case(text) } else { window == text }
                    };
                    let first = block.windows(text.len().max(1)).position(|w| text.is_empty() || same(w));
                    assert_eq!(Text::new(text.to_vec(), any_case).find(block), first, "{text:?}");
                }
            }
            for text in [&b"zz"[..], b"xxz", b"y\n", b"THE Q"] {
                let found = Text::new(text.to_vec(), any_case).find(block);
                assert_eq!(found.is_some(), any_case && text == b"THE Q", "{text:?}");
            }
        }
    }
}
