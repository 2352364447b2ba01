//! What comes from outside, made harmless for a terminal and a log.
//!
//! Invariant: every string that a server, a process or a file chose goes through [`escape`] (text) or
//! [`push_json_string`] (JSON) before it is printed. C0, DEL and C1 control characters (ECMA-48), the
//! backslash, and the format characters that reorder or hide text (Unicode Standard, 23.2 and UAX #9)
//! are spelled out.
//!
//! A message is a `String`, and what it repeats need not be UTF-8: a file name, an argument. [`decode`] carries each byte that
//! is part of no character as a code point of its own, and [`encode`] gives it back where the message is printed, as
//! surrogateescape does (PEP 383). Rust has no lone surrogates, so the last 128 code points stand in, which are for private
//! use.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// What stands where text was cut: U+2026, three bytes.
pub const ELLIPSIS: &str = "…";
/// The most that a message repeats of what was given or came, in bytes.
const REPEATED: usize = 100;
/// The most items that [`list`] names.
const LISTED: usize = 8;

/// The bytes as text in which nothing acts on a terminal: `\n`, `\x1b`, `\u{202e}`, `\\`.
/// Bytes that are not UTF-8 are written as `\xNN`.
pub fn escape(bytes: &[u8]) -> String {
    escape_within(bytes, usize::MAX)
}

/// The code point that carries the byte 0x80; those behind it carry the other bytes that begin or are no character.
const CARRIED: u32 = 0x0010_ff80;

/// Between these two the backslash stays what it is: there it is part of a regular expression, in which what [`escape`] makes
/// of a control character means that character. Neither is printed.
const VERBATIM: [char; 2] = ['\u{10ff7e}', '\u{10ff7f}'];

/// The text for a message, its backslashes to be printed as they were typed.
pub fn verbatim(text: &str) -> String {
    let [start, end] = VERBATIM;
    format!("{start}{text}{end}")
}

/// The bytes as text for a message: see above. Not escaped: the report does that.
pub fn decode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        // All of them are 0x80 or more.
        let carry = |&byte: &u8| char::from_u32(CARRIED + (u32::from(byte) & 0x7f));
        out.extend(chunk.invalid().iter().filter_map(carry));
    }
    out
}

/// The bytes that this text was made of.
pub fn encode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(|c| carried(c).is_some()) {
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

/// The byte that this character carries, if any.
fn carried(c: char) -> Option<u8> {
    u32::from(c).checked_sub(CARRIED).and_then(|low| u8::try_from(low).ok()).map(|low| low | 0x80)
}

/// The text for JSON, in which a byte that is part of no character is `\xNN`.
pub fn spelled_out(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| carried(c).is_some() || VERBATIM.contains(&c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars().filter(|c| !VERBATIM.contains(c)) {
        match carried(c) {
            Some(byte) => push_hex(&mut out, u32::from(byte)),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A path in a message.
pub trait Shown {
    /// As [`decode`] has it.
    fn shown(&self) -> String;
}

impl Shown for Path {
    fn shown(&self) -> String {
        decode(self.as_os_str().as_bytes())
    }
}

/// Whether nothing in it is to be escaped, as in nearly all that is printed: printable ASCII.
pub fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| matches!(b, b' '..=b'~') && b != b'\\')
}

/// As [`escape`], cut to at most `max` bytes; where it was cut it ends in `…`. No escape is cut in half.
pub fn escape_within(bytes: &[u8], max: usize) -> String {
    if bytes.len() <= max && is_plain(bytes) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    escaped(bytes, max, 0..bytes.len())
}

/// As [`escape_within`], with spaces at the ends as `\x20`, so that nothing of it is lost to the eye.
pub fn escape_exactly(bytes: &[u8], max: usize) -> String {
    let is_space = |byte: &u8| *byte == b' ';
    let start = bytes.iter().take_while(|byte| is_space(byte)).count();
    let end = bytes.len() - bytes.iter().rev().take_while(|byte| is_space(byte)).count();
    if start == 0 && end == bytes.len() { escape_within(bytes, max) } else { escaped(bytes, max, start..end) }
}

/// The bytes escaped, and spaces outside of this range too.
fn escaped(bytes: &[u8], max: usize, inner: Range<usize>) -> String {
    let mut out = String::new();
    // The length up to which the ellipsis would still fit behind what is there.
    let mut fits = 0;
    let mut piece = String::new();
    let mut is_verbatim = false;
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().chars().map(Ok);
        let invalid = chunk.invalid().iter().copied().map(Err);
        for unit in valid.chain(invalid) {
            piece.clear();
            match unit {
                Ok(' ') if !inner.contains(&at) => push_hex(&mut piece, u32::from(' ')),
                Ok(c) if VERBATIM.contains(&c) => is_verbatim = VERBATIM.first() == Some(&c),
                Ok('\\') if is_verbatim => piece.push('\\'),
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

/// As [`escape`], for the content of a file: lines and tabs stay what they are, and so does the backslash in a line in which
/// nothing is escaped.
#[cfg(feature = "inspect")]
pub fn escape_lines(bytes: &[u8]) -> String {
    let mut out = String::new();
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let start = out.len();
        if push_line(&mut out, line, false) && line.contains(&b'\\') {
            out.truncate(start);
            push_line(&mut out, line, true);
        }
    }
    out
}

/// Appends one line, and says whether anything in it is escaped besides backslashes, which are if `backslashes`.
#[cfg(feature = "inspect")]
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

/// How many bytes at the end are the start of a character whose other bytes are not there.
#[cfg(feature = "inspect")]
pub fn incomplete(bytes: &[u8]) -> usize {
    for (behind, &byte) in bytes.iter().rev().take(3).enumerate() {
        let there = behind + 1;
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if length > there { there } else { 0 };
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

fn push_hex(out: &mut String, value: u32) {
    let _ = write!(out, "\\x{value:02x}");
}

/// The items with commas between, the first few of many.
pub fn list(mut items: Vec<String>) -> String {
    let more = items.len().saturating_sub(LISTED);
    items.truncate(LISTED);
    let list = items.join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}

/// The text in quotes, cut to what a verdict can repeat of it. Not escaped: the report does that.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", clip(text.as_bytes()))
}

/// The bytes as text for a message ([`decode`]), cut to what that can repeat of them: `…` stands where it was cut.
pub fn clip(bytes: &[u8]) -> String {
    let mut text = decode(bytes);
    if text.len() > REPEATED {
        text.truncate(text.floor_char_boundary(REPEATED));
        text.push_str(ELLIPSIS);
    }
    text
}

/// Whether this character beyond ASCII acts on a terminal or hides what is there: C1 controls,
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

/// Appends the text as a JSON string in which DEL, C1, bidirectional and zero-width characters are `\uXXXX`
/// too (surrogate pairs beyond the basic plane, RFC 8259 section 7).
pub fn push_json_string(out: &mut String, text: &str) {
    // A string is always valid JSON once quoted.
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
    fn plain_text_stays() {
        assert_eq!(escape("grün, 好, \"quoted\" it's".as_bytes()), "grün, 好, \"quoted\" it's");
    }

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out() {
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
    fn a_pattern_stays_as_typed() {
        let text = format!("a\\b {} c\\d", verbatim("\\A\u{1b}\\z"));
        assert_eq!(escape(text.as_bytes()), r"a\\b \A\x1b\z c\\d");
        assert_eq!(spelled_out(&text), "a\\b \\A\u{1b}\\z c\\d");
    }

    #[test]
    fn a_cut_is_marked_and_keeps_characters_and_escapes_whole() {
        assert_eq!(escape_within(b"abcdef", 6), "abcdef");
        assert_eq!(escape_within(b"abcdefg", 6), "abc…");
        assert_eq!(escape_within(b"\n\n\n\n", 7), r"\n\n…");
        assert_eq!(escape_within("ééééé".as_bytes(), 7), "éé…");
        for max in 3..40 {
            assert!(escape_within("a\u{1b}\u{202e}é\n".repeat(9).as_bytes(), max).len() <= max);
        }
    }

    #[test]
    fn spaces_at_the_ends_are_seen() {
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
    #[cfg(feature = "inspect")]
    fn what_is_escaped_in_a_line_is_told_from_what_it_has() {
        for (from, to) in [
            (&b"back\\slash\t\n"[..], "back\\slash\t\n"),
            (b"\\xff \xff", r"\\xff \xff"),
            (b"a\\b\n\x1b\\\t\nc\\\n", "a\\b\n\\x1b\\\\\t\nc\\\n"),
            ("\\\u{202e}".as_bytes(), r"\\\u{202e}"),
            ("é\\".as_bytes(), "é\\"),
            (b"", ""),
        ] {
            assert_eq!(escape_lines(from), to, "{from:?}");
        }
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn a_character_that_is_not_whole_is_known() {
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
    fn json_is_harmless_on_a_terminal_and_reads_back() {
        let text = "a\"\\\n\u{7f}\u{9b}x\u{202e}\u{e0041}é";
        let mut out = String::new();
        push_json_string(&mut out, text);
        assert_eq!(out, r#""a\"\\\n\u007f\u009bx\u202e\udb40\udc41é""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }

    #[test]
    fn bytes_that_are_not_utf8_come_through_a_message() {
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
            // What is decoded already stays as it is.
            assert_eq!(decode(text.as_bytes()), text);
        }
        assert_eq!(encode(&decode(&all)), all);
        assert_eq!(Path::new(std::ffi::OsStr::from_bytes(b"/a\xfe")).shown(), decode(b"/a\xfe"));
        // Bytes that make a character only together do not slip past the escape.
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
