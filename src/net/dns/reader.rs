//! Reading the parts of a DNS message. RFC 1035, section 4.1.

use super::{IN, LONGEST_NAME, MOST_POINTERS, Name};

/// A resource record.
pub struct Record<'a> {
    /// The name that it belongs to.
    pub owner: Name,
    /// Its type; 0 if its class is not IN, as no such record is wanted.
    pub kind: u16,
    /// Where its data begins in the message.
    pub at: usize,
    /// Its data.
    pub data: &'a [u8],
}

/// A position in a message.
#[derive(Clone)]
pub struct Reader<'a> {
    /// The whole message, for the pointers.
    pub message: &'a [u8],
    /// The offset of what is read next.
    pub at: usize,
}

impl<'a> Reader<'a> {
    /// Takes this many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    /// Reads a number of 16 bits.
    pub fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Reads a name: labels, up to the root's or to a pointer to where the rest is. RFC 1035,
    /// section 4.1.4.
    pub fn name(&mut self) -> Option<Name> {
        let mut bytes = Vec::new();
        let mut reader = self.clone();
        let mut pointers = 0;
        loop {
            let here = reader.at;
            let length = *reader.take(1)?.first()?;
            match length >> 6 {
                0 => {
                    bytes.push(length);
                    bytes.extend(reader.take(usize::from(length))?.iter().map(u8::to_ascii_lowercase));
                    if bytes.len() > LONGEST_NAME {
                        return None;
                    }
                    if pointers == 0 {
                        self.at = reader.at;
                    }
                    if length == 0 {
                        return Some(Name(bytes));
                    }
                }
                3 => {
                    let low = *reader.take(1)?.first()?;
                    if pointers == 0 {
                        self.at = reader.at;
                    }
                    reader.at = usize::from(length & 0x3f) << 8 | usize::from(low);
                    pointers += 1;
                    // Only "a prior occurrence": a pointer forwards could lead round and round.
                    if reader.at >= here || pointers > MOST_POINTERS {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }

    /// Reads a resource record.
    pub fn record(&mut self) -> Option<Record<'a>> {
        let owner = self.name()?;
        let (kind, class) = (self.number()?, self.number()?);
        self.take(4)?;
        let length = self.number()?;
        let at = self.at;
        let data = self.take(usize::from(length))?;
        Some(Record { owner, kind: if class == IN { kind } else { 0 }, at, data })
    }
}
