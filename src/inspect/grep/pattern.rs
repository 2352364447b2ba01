//! What lines are looked for by: a text, or a regular expression with a text that it cannot do without.

use memchr::{memchr, memchr2, memrchr};
use regex_lite::Regex;

use super::LINE;
use super::literal::{rarity_of, required};

/// How far two parts of a longer line overlap, in bytes, where an expression is looked for.
const OVERLAP: usize = 4 << 10;
/// How far several texts are looked for at first, in bytes.
const NEAR: usize = 1 << 10;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Each line that matches has to contain one of these, if there are any.
    texts: Vec<Text>,
    /// What it has to match as well.
    expression: Option<Regex>,
}

impl Pattern {
    /// This text, without regard to the case of ASCII letters if so asked.
    pub(super) fn text(text: Vec<u8>, any_case: bool) -> Self {
        Pattern { texts: vec![Text::new(text, any_case)], expression: None }
    }

    /// This expression, which was made of `text`. Case makes no difference for ASCII alone, there as here.
    pub(super) fn expression(expression: Regex, text: &str, any_case: bool) -> Self {
        let required = required(text).unwrap_or_default();
        let texts = required.into_iter().map(|text| Text::new(text, any_case)).collect();
        Pattern { texts, expression: Some(expression) }
    }

    /// Whether nothing that is found stands in a hole of a file, which reads as NULs; an expression may match those.
    pub(super) fn needs_more_than_nuls(&self) -> bool {
        let reads_as_nuls = |text: &Text| memchr(0, &text.wanted).is_some();
        self.expression.is_none() && !self.texts.iter().any(reads_as_nuls)
    }

    /// Where in these lines the next one stands that matches, from the start of a line on.
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

    /// How much of a part has to be looked at again with the next.
    pub(super) fn overlap(&self) -> usize {
        match self.texts.as_slice() {
            [text] if self.expression.is_none() => text.wanted.len().saturating_sub(1).min(LINE / 2),
            _ => OVERLAP,
        }
    }

    /// Where the first of the texts stands.
    fn next(&self, block: &[u8]) -> Option<usize> {
        if let [text] = self.texts.as_slice() {
            return text.find(block);
        }
        let longest = self.texts.iter().map(|text| text.wanted.len()).max().unwrap_or_default();
        let mut window = NEAR;
        loop {
            // Not all of it for each: of one that is rare the whole would be looked through at each of one that is not.
            let part = block.get(..window).unwrap_or(block);
            let first = self.texts.iter().filter_map(|text| text.find(part)).min();
            let is_all = part.len() == block.len();
            // One that begins earlier may end behind the part.
            if is_all || first.is_some_and(|first| first + longest <= part.len()) {
                return first;
            }
            window = window.saturating_mul(4);
        }
    }
}

/// A text, and the one byte of it that is looked for first.
#[derive(Debug)]
struct Text {
    wanted: Vec<u8>,
    any_case: bool,
    /// Where that byte stands, and what it may be.
    at: usize,
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
    fn a_text_is_found_as_it_would_be_byte_by_byte() {
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
