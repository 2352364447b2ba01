//! Going once through a text of which parts are masked.

use super::hidden;

/// Where in a text it is, and what was written of it.
///
/// Invariant: where it is and how far the text was written only ever grow, and what was written is written once; there is
/// no other way to set them than [`Cursor::step`] and [`Cursor::mask`].
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

    /// The byte that it is at; nothing at the end.
    pub fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// How far the text was written.
    pub fn done(&self) -> usize {
        self.done
    }

    pub fn step(&mut self) {
        self.at += 1;
    }

    /// Masks from here or from behind here up to an end ahead, and goes there. What lies behind is not taken; the answer is
    /// what was masked.
    pub fn mask(&mut self, (start, end): (usize, usize)) -> Option<&'a [u8]> {
        let start = start.max(self.done);
        if end <= self.at {
            return None;
        }
        let secret = self.text.get(start..end).filter(|secret| !secret.is_empty())?;
        self.out.extend_from_slice(self.text.get(self.done..start).unwrap_or_default());
        self.out.extend_from_slice(hidden(secret.len()).as_bytes());
        (self.at, self.done) = (end, end);
        Some(secret)
    }

    /// Writes what is left.
    pub fn finish(self) {
        self.out.extend_from_slice(self.text.get(self.done..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
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
