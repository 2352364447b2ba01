//! Bytes that may not be UTF-8 as text of a message, and back.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The code point that represents the byte 0x80. The code points after it represent the bytes up to
/// 0xff.
const CARRIED: u32 = 0x0010_ff80;

/// Returns the bytes as text for a message; see the module. The text is not escaped: the report
/// does that.
pub fn decode(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        // All of these bytes are 0x80 or more.
        let carry = |&byte: &u8| char::from_u32(CARRIED + (u32::from(byte) & 0x7f));
        out.extend(chunk.invalid().iter().filter_map(carry));
    }
    out
}

/// Returns the bytes that [`decode`] turned into this text.
pub fn encode(text: &str) -> Cow<'_, [u8]> {
    if !may_carry(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::new();
    for c in text.chars() {
        match carried(c) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// Returns whether the text may contain characters that represent bytes or mark foreign parts: in
/// UTF-8 they begin with this byte, as all characters of plane 16 do.
pub(super) fn may_carry(text: &str) -> bool {
    text.as_bytes().contains(&0xf4)
}

/// Returns the byte that this character represents, if any.
fn carried(c: char) -> Option<u8> {
    u32::from(c).checked_sub(CARRIED).and_then(|low| u8::try_from(low).ok()).map(|low| low | 0x80)
}

/// Returns the text for JSON. Bytes that are not part of a character become `\xNN`.
pub fn spelled_out(text: &str) -> Cow<'_, str> {
    if !may_carry(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars() {
        match carried(c) {
            Some(byte) => push_hex(&mut out, u32::from(byte)),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text for a message from a path.
pub trait Shown {
    /// Returns the path as [`decode`] does.
    fn shown(&self) -> String;
}

impl Shown for Path {
    fn shown(&self) -> String {
        decode(self.as_os_str().as_bytes())
    }
}

pub(super) fn push_hex(out: &mut String, value: u32) {
    let _ = write!(out, "\\x{value:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_survive_in_a_message() {
        let all: Vec<u8> = (0..=255).collect();
        for (bytes, shown) in [
            (&b"plain"[..], "plain"),
            (b"\xff", r"\xff"),
            (b"a\x80b\xc3", r"a\x80b\xc3"),
            ("é\u{202e}".as_bytes(), "é\u{202e}"),
            (b"\xed\xa0\x80", r"\xed\xa0\x80"),
            (b"", ""),
        ] {
            let text = decode(bytes);
            assert_eq!((&*encode(&text), &*spelled_out(&text)), (bytes, shown));
            // Decoded text stays the same.
            assert_eq!(decode(text.as_bytes()), text);
        }
        assert_eq!(encode(&decode(&all)), all);
        assert_eq!(Path::new(std::ffi::OsStr::from_bytes(b"/a\xfe")).shown(), decode(b"/a\xfe"));
    }
}
