//! Makes text from outside harmless for a terminal and a log.
//!
//! Invariant: every string that is chosen by a server, a process or a file goes through [`escape`]
//! (text) or [`push_json_string`] (JSON) before it is printed. C0, DEL and C1 control characters
//! (ECMA-48), the backslash, and the format characters that reorder or hide text (Unicode Standard,
//! 23.2 and UAX #9) are escaped.
//!
//! A message is a `String`, but what it repeats may not be UTF-8: a file name, an argument.
//! [`decode`] turns each byte that is not part of a character into a code point that represents it,
//! and [`encode`] restores the byte when the message is printed, like surrogateescape (PEP 383). A
//! Rust string cannot contain lone surrogates, so the last 128 code points, which are for private
//! use, are used instead.

mod decoded;
mod foreign;

use std::fmt::Write as _;
use std::ops::Range;

use self::decoded::push_hex;
pub use self::decoded::{Shown, decode, encode, spelled_out};
pub use self::foreign::{mark_foreign, parts};

/// Marks the end of text that was cut: U+2026, three bytes.
pub const ELLIPSIS: &str = "…";
/// The most bytes of an argument or of received data that a message repeats.
const REPEATED: usize = 100;
/// The most items that [`list`] shows.
const LISTED: usize = 8;

/// Returns the bytes as text that does not control a terminal: `\n`, `\x1b`, `\u{202e}`, `\\`.
/// Bytes that are not UTF-8 are written as `\xNN`.
pub fn escape(bytes: &[u8]) -> String {
    escape_within(bytes, usize::MAX)
}

/// Returns whether all bytes are printable ASCII, so that nothing needs an escape. This holds for
/// nearly everything that is printed.
pub fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().all(|&b| matches!(b, b' '..=b'~') && b != b'\\');
    };
    // Eight at a time. The last eight may overlap those before them.
    bytes.as_chunks().0.iter().chain([last]).all(|chunk| is_plain_word(u64::from_ne_bytes(*chunk)))
}

/// [`is_plain`] for eight bytes: an operation sets the highest bit of a byte that needs an escape.
/// It may set that of the byte above too, which changes nothing.
fn is_plain_word(word: u64) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let is_control = word.wrapping_sub(EACH * u64::from(b' '));
    let is_delete = word.wrapping_add(EACH);
    let is_backslash = (word ^ (EACH * u64::from(b'\\'))).wrapping_sub(EACH);
    (word | is_control | is_delete | is_backslash) & (EACH << 7) == 0
}

/// Like [`escape`], but cut to at most `max` bytes. Text that was cut ends in `…`. No escape is cut
/// in half.
pub fn escape_within(bytes: &[u8], max: usize) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= max && is_plain(bytes) => text.to_owned(),
        _ => escaped(bytes, max, 0..bytes.len()),
    }
}

/// Like [`escape_within`], but with spaces at the ends as `\x20`, so that they are visible.
pub fn escape_exactly(bytes: &[u8], max: usize) -> String {
    let is_space = |byte: &u8| *byte == b' ';
    let start = bytes.iter().take_while(|byte| is_space(byte)).count();
    let end = bytes.len() - bytes.iter().rev().take_while(|byte| is_space(byte)).count();
    if start == 0 && end == bytes.len() { escape_within(bytes, max) } else { escaped(bytes, max, start..end) }
}

/// Escapes the bytes, including spaces outside of this range.
fn escaped(bytes: &[u8], max: usize, inner: Range<usize>) -> String {
    let mut out = String::new();
    // The longest length so far that leaves room for the ellipsis.
    let mut fits = 0;
    let mut piece = String::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().chars().map(Ok);
        let invalid = chunk.invalid().iter().copied().map(Err);
        for unit in valid.chain(invalid) {
            piece.clear();
            match unit {
                Ok(' ') if !inner.contains(&at) => push_hex(&mut piece, u32::from(' ')),
                Ok(c) => push_escaped(&mut piece, c),
                Err(byte) => push_hex(&mut piece, u32::from(byte)),
            }
            at += unit.map_or(1, char::len_utf8);
            if out.len() + piece.len() > max {
                out.truncate(fits);
                out.push_str(ELLIPSIS);
                return out;
            }
            out.push_str(&piece);
            if out.len() + ELLIPSIS.len() <= max {
                fits = out.len();
            }
        }
    }
    out
}

/// Like [`escape`], for the content of a file. Newlines and tabs are kept, and so are backslashes
/// in a line without any other escape. Each line begins with `indent`.
pub fn escape_lines(bytes: &[u8], indent: &str) -> String {
    let mut out = String::new();
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        out.push_str(indent);
        let start = out.len();
        if push_line(&mut out, line, false) && line.contains(&b'\\') {
            out.truncate(start);
            push_line(&mut out, line, true);
        }
    }
    out
}

/// Appends one line and returns whether anything other than backslashes was escaped. Backslashes
/// are escaped if `backslashes` is set.
fn push_line(out: &mut String, line: &[u8], backslashes: bool) -> bool {
    let mut is_any = false;
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            if matches!(c, '\n' | '\t') || (c == '\\' && !backslashes) {
                out.push(c);
            } else {
                is_any |= c.is_control() || is_harmful(c);
                push_escaped(out, c);
            }
        }
        for &byte in chunk.invalid() {
            is_any = true;
            push_hex(out, u32::from(byte));
        }
    }
    is_any
}

/// Returns how many bytes at the end are the beginning of an incomplete character.
#[cfg(feature = "inspect")]
pub fn incomplete(bytes: &[u8]) -> usize {
    for (after, &byte) in bytes.iter().rev().take(3).enumerate() {
        let present = after + 1;
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if length > present { present } else { 0 };
    }
    0
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0' => out.push_str("\\0"),
        '\u{1}'..='\u{1f}' | '\u{7f}' => push_hex(out, u32::from(c)),
        c if is_harmful(c) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Joins the items with commas. Of many, only the first few are shown.
pub fn list(items: &[String]) -> String {
    let list = items.get(..LISTED).unwrap_or(items).join(", ");
    let more = items.len().saturating_sub(LISTED);
    if more > 0 { format!("{list} and {more} more") } else { list }
}

/// Returns the text in quotes, cut to the length that a verdict repeats. It is not escaped: the
/// report does that.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", clip(text.as_bytes()))
}

/// Returns the bytes as text for a message ([`decode`]), cut to the length that a message repeats.
/// Text that was cut ends in `…`.
pub fn clip(bytes: &[u8]) -> String {
    let mut text = decode(bytes);
    if text.len() > REPEATED {
        text.truncate(text.floor_char_boundary(REPEATED));
        text.push_str(ELLIPSIS);
    }
    text
}

/// Returns whether this character beyond ASCII controls a terminal or hides text: C1 controls,
/// bidirectional and zero-width format characters, line and paragraph separators, tags.
fn is_harmful(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Appends the text as a JSON string. DEL, C1, bidirectional and zero-width characters are `\uXXXX`
/// too (surrogate pairs beyond the basic plane, RFC 8259 section 7).
pub fn push_json_string(out: &mut String, text: &str) {
    // Nearly all strings are plain.
    if is_plain(text.as_bytes()) && !text.contains('"') {
        out.reserve(text.len() + 2);
        out.push('"');
        out.push_str(text);
        return out.push('"');
    }
    // A string can always be written as JSON.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    for c in quoted.chars() {
        if c == '\u{7f}' || is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_kept() {
        assert_eq!(escape("grün, 好, \"quoted\" it's".as_bytes()), "grün, 好, \"quoted\" it's");
    }

    #[test]
    fn plain_bytes_are_recognized_wherever_they_are() {
        for length in 1..=20 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    for around in [b' ', b'~', b'\\' + 1] {
                        let mut bytes = vec![around; length];
                        bytes[at] = byte;
                        let expected = (b' '..=b'~').contains(&byte) && byte != b'\\';
                        assert_eq!(is_plain(&bytes), expected, "{bytes:?}");
                    }
                }
            }
        }
        assert!(is_plain(b""));
    }

    #[test]
    fn terminal_control_is_escaped() {
        for (from, to) in [
            (&b"a\nb\r\t\0"[..], r"a\nb\r\t\0"),
            (b"\x1b[2J", r"\x1b[2J"),
            (b"\x7f", r"\x7f"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("\u{202e}gpj.exe".as_bytes(), r"\u{202e}gpj.exe"),
            ("a\u{200b}b\u{feff}".as_bytes(), r"a\u{200b}b\u{feff}"),
            ("\u{e0041}".as_bytes(), r"\u{e0041}"),
            (br"C:\x1b", r"C:\\x1b"),
            (b"ok\xff\xc3", r"ok\xff\xc3"),
        ] {
            assert_eq!(escape(from), to, "{from:?}");
        }
    }

    #[test]
    fn a_cut_is_marked_and_splits_no_character_or_escape() {
        assert_eq!(escape_within(b"abcdef", 6), "abcdef");
        assert_eq!(escape_within(b"abcdefg", 6), "abc…");
        assert_eq!(escape_within(b"\n\n\n\n", 7), r"\n\n…");
        assert_eq!(escape_within("ééééé".as_bytes(), 7), "éé…");
        for max in 3..40 {
            assert!(escape_within("a\u{1b}\u{202e}é\n".repeat(9).as_bytes(), max).len() <= max);
        }
    }

    #[test]
    fn spaces_at_the_ends_are_visible() {
        for (from, to) in [
            (&b" \x02\0\x05"[..], r"\x20\x02\0\x05"),
            (b"a b", "a b"),
            (b"  a  b ", r"\x20\x20a  b\x20"),
            (b"  ", r"\x20\x20"),
            (b" \n ", r"\x20\n\x20"),
            ("é ".as_bytes(), r"é\x20"),
            (b"\xff ", r"\xff\x20"),
            (b"", ""),
        ] {
            assert_eq!(escape_exactly(from, 100), to, "{from:?}");
        }
        assert_eq!(escape_exactly(b"      ", 8), r"\x20…");
    }

    #[test]
    fn escapes_in_a_line_are_unambiguous() {
        for (from, to) in [
            (&b"back\\slash\t\n"[..], "back\\slash\t\n"),
            (b"\\xff \xff", r"\\xff \xff"),
            (b"a\\b\n\x1b\\\t\nc\\\n", "a\\b\n\\x1b\\\\\t\nc\\\n"),
            ("\\\u{202e}".as_bytes(), r"\\\u{202e}"),
            ("é\\".as_bytes(), "é\\"),
            (b"", ""),
        ] {
            assert_eq!(escape_lines(from, ""), to, "{from:?}");
        }
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn incomplete_characters() {
        for (bytes, count) in [
            (&b""[..], 0),
            (b"a", 0),
            ("é".as_bytes(), 0),
            (b"a\xc3", 1),
            (b"a\xe2\x80", 2),
            ("\u{202e}".as_bytes(), 0),
            (b"a\xf0\x9f\x98", 3),
            (b"\xf0\x9f\x98\x80", 0),
            (b"\x80\x80\x80\x80", 0),
            (b"\xff", 0),
        ] {
            assert_eq!(incomplete(bytes), count, "{bytes:?}");
        }
    }

    #[test]
    fn json_is_harmless_on_a_terminal_and_parses_back() {
        for (text, json) in [
            ("a\"\\\n\u{7f}\u{9b}x\u{202e}\u{e0041}é", r#""a\"\\\n\u007f\u009bx\u202e\udb40\udc41é""#),
            ("plain", r#""plain""#),
            ("a \"b\"", r#""a \"b\"""#),
            ("", r#""""#),
        ] {
            let mut out = String::new();
            push_json_string(&mut out, text);
            assert_eq!(out, json);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn decoded_bytes_do_not_bypass_the_escape() {
        // Bytes that form a character only when joined.
        let hidden = "\u{10ffc2}\u{10ff9b}";
        assert_eq!(escape(&encode(hidden)), r"\u{9b}");
        assert_eq!(clip(&[0xff; 60]), decode(&[0xff; 25]) + "…");
    }

    #[test]
    fn a_long_expectation_is_cut() {
        assert_eq!(quoted(&"é".repeat(60)), format!("\"{}…\"", "é".repeat(50)));
        assert_eq!(quoted("a"), "\"a\"");
    }
}
