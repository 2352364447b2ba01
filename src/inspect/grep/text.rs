//! Searching for a text, in its own case or in any case.

use memchr::memchr;
use memchr::memmem::Finder;

use crate::bytes::rarity;

/// A text to search for.
#[derive(Debug)]
pub(super) struct Text(Kind);

#[derive(Debug)]
enum Kind {
    Exact(Box<Finder<'static>>),
    AnyCase(AnyCase),
}

impl Text {
    /// With `any_case` the case of ASCII letters is ignored.
    pub(super) fn new(text: &[u8], any_case: bool) -> Self {
        Text(if any_case && text.iter().any(u8::is_ascii_alphabetic) {
            Kind::AnyCase(AnyCase::new(text))
        } else {
            Kind::Exact(Box::new(Finder::new(text).into_owned()))
        })
    }

    /// Returns where the text first occurs.
    pub(super) fn find(&self, block: &[u8]) -> Option<usize> {
        match &self.0 {
            Kind::Exact(text) => text.find(block),
            Kind::AnyCase(text) => text.find(block),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::Exact(text) => text.needle(),
            Kind::AnyCase(text) => &text.wanted,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn has_nul(&self) -> bool {
        memchr(0, self.bytes()).is_some()
    }
}

/// A text in any case. Its two rarest bytes are searched for first, at eight places at once: each
/// byte of a word is one place.
#[derive(Debug)]
struct AnyCase {
    wanted: Vec<u8>,
    rarest: [Byte; 2],
}

/// A byte of the text, repeated in each byte of a word.
#[derive(Debug, Clone, Copy)]
struct Byte {
    /// Its index in the text.
    at: usize,
    /// The bit that distinguishes the cases of a letter.
    case: u64,
    /// The byte, with that bit set.
    wanted: u64,
}

/// A word whose bytes are 1, or 0x80.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH_BITS: u64 = ONES << 7;

impl Byte {
    fn new(at: usize, byte: u8) -> Self {
        let case = if byte.is_ascii_alphabetic() { ONES * 0x20 } else { 0 };
        Byte { at, case, wanted: (ONES * u64::from(byte)) | case }
    }

    /// Returns a word whose bytes are 0 where those of `text` are this byte.
    fn differences(self, text: [u8; 8]) -> u64 {
        (u64::from_le_bytes(text) | self.case) ^ self.wanted
    }
}

impl AnyCase {
    fn new(text: &[u8]) -> Self {
        // A byte is as frequent as the more frequent one of its cases.
        let rarity = |byte: u8| rarity(byte.to_ascii_lowercase()).min(rarity(byte.to_ascii_uppercase()));
        let mut bytes: Vec<Byte> = text.iter().enumerate().map(|(at, &byte)| Byte::new(at, byte)).collect();
        bytes.sort_by_key(|byte| std::cmp::Reverse(text.get(byte.at).map(|&byte| rarity(byte))));
        let nth = |n| bytes.get(n).copied().unwrap_or(Byte::new(0, 0));
        // Of a single byte, both are the same.
        AnyCase { wanted: text.to_vec(), rarest: [nth(0), nth(1.min(text.len() - 1))] }
    }

    fn find(&self, block: &[u8]) -> Option<usize> {
        let [a, b] = self.rarest;
        // How many places there are.
        let count = (block.len() + 1).checked_sub(self.wanted.len())?;
        let (words_a, _) = block.get(a.at..a.at + count)?.as_chunks::<8>();
        let (words_b, _) = block.get(b.at..b.at + count)?.as_chunks::<8>();
        for (index, (text_a, text_b)) in words_a.iter().zip(words_b).enumerate() {
            let word = a.differences(*text_a) | b.differences(*text_b);
            // Whether a byte is 0. A byte of 1 above one of 0 is taken for another.
            let mut zeros = word.wrapping_sub(ONES) & !word & HIGH_BITS;
            while zeros != 0 {
                let at = index * 8 + zeros.trailing_zeros() as usize / 8;
                if self.is_at(block, at) {
                    return Some(at);
                }
                zeros &= zeros - 1;
            }
        }
        (words_a.len() * 8..count).find(|&at| self.is_at(block, at))
    }

    fn is_at(&self, block: &[u8], at: usize) -> bool {
        block.get(at..at + self.wanted.len()).is_some_and(|there| there.eq_ignore_ascii_case(&self.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_as_by_a_naive_search() {
        let block = b"The quick brown fox\njumps OVER the lazy dog\0\xff\xc3 xx xxy [{@` aAbB";
        for any_case in [false, true] {
            for start in 0..block.len() {
                for end in start..=block.len() {
                    let text = &block[start..end];
                    let same = |window: &[u8]| {
                        if any_case { window.eq_ignore_ascii_case(text) } else { window == text }
                    };
                    let first = block.windows(text.len().max(1)).position(|w| text.is_empty() || same(w));
                    assert_eq!(Text::new(text, any_case).find(block), first, "{text:?}");
                }
            }
            for text in [&b"zz"[..], b"xxz", b"y\n", b"THE Q", b"{[", b"`@"] {
                let found = Text::new(text, any_case).find(block);
                assert_eq!(found.is_some(), any_case && text == b"THE Q", "{text:?}");
            }
        }
        assert_eq!(Text::new(b"longer", true).find(b"long"), None);
        assert_eq!(Text::new(b"x", true).find(b""), None);
    }

    /// Every place in a word, beside bytes that look like the text to the search for bytes.
    #[test]
    fn a_text_in_any_case_at_every_place() {
        for text in [&b"a"[..], b"ab", b"a-b", b"abcdefghijk"] {
            for before in 0..40 {
                for filler in [b' ', b'a' ^ 1, b'b', 0, 0xff, b'-' ^ 0x20] {
                    let mut block = vec![filler; before];
                    block.extend(text.to_ascii_uppercase());
                    block.extend([filler; 3]);
                    let is_same = |window: &[u8]| window.eq_ignore_ascii_case(text);
                    let first = block.windows(text.len()).position(is_same);
                    assert_eq!(Text::new(text, true).find(&block), first, "{block:?}");
                }
            }
        }
    }
}
