//! A single pass over a text in which parts are masked.

use super::forms::SHORTEST_MARKED;
use super::mask_of_length;
use super::words::is_name_byte;

/// The current position in a text and how far the text is written.
///
/// Invariant: both only grow, and each byte is written or masked once. [`Cursor::step`],
/// [`Cursor::skip_path`] and [`Cursor::mask`] are the only ways to change them.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    out: &'a mut Vec<u8>,
    text: &'a [u8],
    at: usize,
    done: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(out: &'a mut Vec<u8>, text: &'a [u8]) -> Self {
        Cursor { out, text, at: 0, done: 0 }
    }

    /// Returns the byte at the current position, or `None` at the end.
    pub fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns how far the text is written.
    pub fn done(&self) -> usize {
        self.done
    }

    pub fn step(&mut self) {
        self.at += 1;
    }

    /// Moves past the rest of a path, in which no rule begins: the bytes after one that may be part
    /// of a name too, and names after a slash that are too short for a token.
    pub fn skip_path(&mut self) {
        let before = self.at.checked_sub(1).and_then(|at| self.text.get(at));
        if !before.is_some_and(|&b| is_name_byte(b)) {
            return;
        }
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            // A P may begin the end of the first line of a private key.
            let length = rest.iter().take_while(|&&b| is_name_byte(b) && b != b'P').count();
            self.at += length;
            let [b'/', name @ ..] = rest.get(length..).unwrap_or_default() else { return };
            let next = name.iter().take(SHORTEST_MARKED).take_while(|&&b| is_name_byte(b)).count();
            if next == 0 || next == SHORTEST_MARKED || name.starts_with(b"P") {
                return;
            }
            self.at += 2;
        }
    }

    /// Masks a range that ends after the current position and moves to its end. Any other range is
    /// refused. The part of the range that is already written is left out. Returns the masked
    /// bytes.
    pub fn mask(&mut self, (start, end): (usize, usize)) -> Option<&'a [u8]> {
        let start = start.max(self.done);
        if end <= self.at {
            return None;
        }
        let secret = self.text.get(start..end).filter(|secret| !secret.is_empty())?;
        self.out.extend_from_slice(self.text.get(self.done..start).unwrap_or_default());
        self.out.extend_from_slice(mask_of_length(secret.len()).as_bytes());
        (self.at, self.done) = (end, end);
        Some(secret)
    }

    /// Writes the rest of the text.
    pub fn finish(self) {
        self.out.extend_from_slice(self.text.get(self.done..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_never_moves_back() {
        let mut out = Vec::new();
        let mut cursor = Cursor::new(&mut out, b"0123456789");
        cursor.step();
        for range in [(0, 1), (3, 3), (4, 3), (5, 11), (11, 12)] {
            assert_eq!(cursor.mask(range), None, "{range:?}");
        }
        assert_eq!(cursor.mask((2, 4)), Some(&b"23"[..]));
        assert_eq!((cursor.at(), cursor.byte()), (4, Some(b'4')));
        assert_eq!(cursor.mask((2, 4)), None);
        assert_eq!(cursor.mask((3, 6)), Some(&b"45"[..]));
        cursor.finish();
        assert_eq!(out, b"01<2 bytes><2 bytes>6789");
    }
}
