//! Reading the parts of a DNS message. RFC 1035, section 4.1.

use super::{LONGEST_NAME, MOST_POINTERS, Name};

/// A position in a message.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The message from its beginning, for the pointers, up to where reading ends.
    message: &'a [u8],
    /// The offset of what is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at this offset of a message.
    pub fn new(message: &'a [u8], at: usize) -> Self {
        Reader { message, at }
    }

    /// Takes this many bytes.
    // This and the two below are called from everywhere: inlined, they would make the code larger.
    #[inline(never)]
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    /// Takes everything up to the end.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.message.get(self.at..).unwrap_or_default();
        self.at = self.message.len();
        rest
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.message.len()
    }

    /// Reads a number of this many bytes, at most four.
    #[inline(never)]
    pub fn number(&mut self, width: usize) -> Option<usize> {
        Some(self.take(width)?.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }

    /// Reads bytes after their number, which takes up this many bytes. Returns a reader of them.
    #[inline(never)]
    pub fn part(&mut self, width: usize) -> Option<Reader<'a>> {
        let length = self.number(width)?;
        let at = self.at;
        self.take(length)?;
        Some(Reader { message: self.message.get(..self.at)?, at })
    }

    /// Reads a name: labels, up to the root's or to a pointer to where the rest is. RFC 1035,
    /// section 4.1.4.
    pub fn name(&mut self) -> Option<Name> {
        let mut bytes = Vec::new();
        let mut reader = *self;
        // Where the part of the name that is being read begins.
        let mut start = reader.at;
        let mut pointers = 0;
        loop {
            let here = reader.at;
            let length = reader.number(1)?;
            let pointer = if length < 0xc0 {
                // The two other kinds of labels are obsolete: RFC 6891, section 5.
                reader.take(Some(length).filter(|&length| length < 0x40)?)?;
                None
            } else {
                Some((length & 0x3f) << 8 | reader.number(1)?)
            };
            if pointers == 0 {
                self.at = reader.at;
            }
            if let Some(pointer) = pointer {
                pointers += 1;
                // Only "a prior occurrence": any other pointer leads round and round.
                if pointer >= start || pointers > MOST_POINTERS {
                    return None;
                }
                (start, reader.at) = (pointer, pointer);
                continue;
            }
            bytes.extend_from_slice(reader.message.get(here..reader.at)?);
            if bytes.len() > LONGEST_NAME {
                return None;
            }
            if length == 0 {
                // The lengths of labels are less than any letter.
                bytes.make_ascii_lowercase();
                return Some(Name(bytes));
            }
        }
    }
}
