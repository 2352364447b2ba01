//! The forms in which a server may repeat a value: as it is, or with the escapes of a URL, a form,
//! JSON or HTML.

use crate::text::ELLIPSIS;

/// The first bytes of escapes.
pub(super) const MARKS: &[u8] = b"\\%&+";
/// Characters that have a name in HTML. Every character also has a number.
const NAMED: [(&[u8], char); 5] =
    [(b"lt", '<'), (b"gt", '>'), (b"amp", '&'), (b"quot", '"'), (b"apos", '\'')];
/// The most bytes between the `&` and the `;` of a character reference: `#x10ffff`.
const LONGEST: usize = 8;

/// Returns how many bytes at the beginning of the text represent the value, and how many bytes of
/// the value these are. Case is ignored, as servers write host names in lower case.
///
/// A value such as `100%` may contain the first byte of an escape. It is then tried both as `100%`
/// and as `100%25`.
pub(super) fn written(text: &[u8], value: &[u8]) -> (usize, usize) {
    let mut most = walk(text, value, None);
    for &mark in MARKS {
        if most.1 > 0 && most.1 < value.len() && value.contains(&mark) {
            most = most.max(walk(text, value, Some(mark)));
        }
    }
    most
}

/// Like [`written`]. Anything that begins with `escaped` and may be an escape is one. There is no
/// backtracking.
fn walk(text: &[u8], value: &[u8], escaped: Option<u8>) -> (usize, usize) {
    let (mut rest, mut wanted) = (text, value);
    while let (Some((byte, after)), Some((first, others))) = (rest.split_first(), wanted.split_first()) {
        let is_same = byte.eq_ignore_ascii_case(first);
        let found = if MARKS.contains(byte) && (escaped == Some(*byte) || !is_same) {
            // A backslash in front of the whole value is not part of it: `\hunter2`.
            escape(rest, wanted, wanted.len() < value.len())
        } else {
            None
        };
        (rest, wanted) = match found {
            Some((taken, matched)) => {
                (rest.get(taken..).unwrap_or_default(), wanted.get(matched..).unwrap_or_default())
            }
            None if is_same => (after, others),
            None => break,
        };
    }
    (text.len() - rest.len(), value.len() - wanted.len())
}

/// Returns the length of the escape at the beginning of the text and how many of the wanted bytes
/// it represents; `None` if it represents something else.
fn escape(text: &[u8], wanted: &[u8], is_within: bool) -> Option<(usize, usize)> {
    let first = *wanted.first()?;
    match *text {
        [b'+', ..] => (first == b' ').then_some((1, 1)),
        [b'%', high, low, ..] => {
            let byte = digits(&[high, low], 16).and_then(|byte| u8::try_from(byte).ok())?;
            byte.eq_ignore_ascii_case(&first).then_some((3, 1))
        }
        [b'&', ref after @ ..] => {
            let length = after.iter().take(LONGEST + 1).position(|&b| b == b';')?;
            let name = after.get(..length)?;
            let known = NAMED.iter().find(|(known, _)| *known == name).map(|&(_, character)| character);
            let character = known.or_else(|| {
                char::from_u32(match name {
                    [b'#', b'x' | b'X', number @ ..] => digits(number, 16)?,
                    [b'#', number @ ..] => digits(number, 10)?,
                    _ => return None,
                })
            })?;
            Some((length + 2, begins(wanted, character)?))
        }
        [b'\\', sign, ..] => numbered(text, wanted).or_else(|| {
            let named = [(b'n', b'\n'), (b'r', b'\r'), (b't', b'\t'), (b'b', 8), (b'f', 12)];
            let is_it = named.contains(&(sign, first)) || is_within && sign == first;
            is_it.then_some((2, 1))
        }),
        _ => None,
    }
}

/// Like [`escape`], for `\u0041`. Characters beyond the basic multilingual plane are two UTF-16
/// code units.
fn numbered(text: &[u8], wanted: &[u8]) -> Option<(usize, usize)> {
    let units = [unit(text)?, text.get(6..).and_then(unit).unwrap_or_default()];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((6 * character.len_utf16(), begins(wanted, character)?))
}

/// Returns the UTF-16 code unit that `\u0041` represents.
fn unit(text: &[u8]) -> Option<u16> {
    digits(text.strip_prefix(b"\\u")?.get(..4)?, 16).and_then(|unit| u16::try_from(unit).ok())
}

/// Parses digits.
fn digits(text: &[u8], radix: u32) -> Option<u32> {
    // A sign is not a digit.
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(text, radix).ok()
}

/// Returns the length of this character in the wanted bytes, if they begin with it.
fn begins(wanted: &[u8], character: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let bytes = character.encode_utf8(&mut buffer).as_bytes();
    wanted.get(..bytes.len()).filter(|front| front.eq_ignore_ascii_case(bytes)).map(<[u8]>::len)
}

/// If the text ends or was cut here, possibly within an escape, returns how many bytes of that
/// escape there are.
pub(super) fn cut(text: &[u8]) -> Option<usize> {
    // The longest incomplete escape: `\ud83d\ude0`.
    let end = (0..12).find(|&at| {
        text.get(at..).is_none_or(|rest| rest.is_empty() || rest.starts_with(ELLIPSIS.as_bytes()))
    })?;
    let are_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let is_part = match text.get(..end)? {
        [] | [b'\\'] => true,
        [b'%', digits @ ..] => digits.len() < 2 && are_hex(digits),
        [b'&', name @ ..] => {
            name.len() <= LONGEST && name.iter().all(|&b| b == b'#' || b.is_ascii_alphanumeric())
        }
        [b'\\', b'u', digits @ ..] => match digits.split_at_checked(4) {
            None => are_hex(digits),
            // The first half of a pair.
            Some((first, after)) => {
                are_hex(first)
                    && digits.len() < 10
                    && b"\\u".starts_with(after.get(..after.len().min(2)).unwrap_or_default())
            }
        },
        _ => false,
    };
    is_part.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_value() {
        for (value, texts) in [
            (
                "ab+cd/ef==",
                &["ab+cd/ef==", "ab%2Bcd%2Fef%3D%3D", "ab%2bcd/ef%3d=", "AB&#43;cd&#x2F;ef=="][..],
            ),
            (
                "p@ss & <w>\"'",
                &[
                    "p%40ss+%26+<w>\"'",
                    "p@ss &amp; &lt;w&gt;&quot;&#39;",
                    "p@ss \\u0026 \\u003cw\\u003E\\\"'",
                    "p@ss%20&amp;%20&lt;w&gt;&#34;&apos;",
                ],
            ),
            (
                "é😀\n",
                &["\\u00e9\\ud83d\\ude00\\n", "%C3%A9%f0%9F%98%80%0A", "&#233;&#x1F600;&#10;", "é😀\\u000a"],
            ),
            (
                "100%25&amp;\\n",
                &["100%25&amp;\\n", "100%2525%26amp%3B%5Cn", "100%25&amp;amp;\\n", "100%25&amp;\\\\n"],
            ),
            ("\\u0041", &["\\u0041", "\\\\u0041"]),
        ] {
            for text in texts {
                assert_eq!(written(text.as_bytes(), value.as_bytes()), (text.len(), value.len()), "{text}");
            }
        }
        for (text, value, found) in [
            ("hunter3", "hunter2", (6, 6)),
            ("%", "x", (0, 0)),
            ("%zz%+1", "zz", (0, 0)),
            ("&lt", "<", (0, 0)),
            ("&#x110000;&#99999999999;", "x", (0, 0)),
            ("\\ud83d", "\u{1f600}", (0, 0)),
            ("\\ud83dx", "?", (0, 0)),
            ("\\hunter2", "hunter2", (0, 0)),
            ("", "x", (0, 0)),
        ] {
            assert_eq!(written(text.as_bytes(), value.as_bytes()), found, "{text}");
        }
    }

    #[test]
    fn cut_texts() {
        for (text, found) in [
            ("", Some(0)),
            ("…", Some(0)),
            ("%", Some(1)),
            ("%2…", Some(2)),
            ("\\", Some(1)),
            ("\\u00…x", Some(4)),
            ("\\ud83d\\ude0", Some(11)),
            ("&#x2", Some(4)),
            ("x", None),
            ("%2x", None),
            ("%41", None),
            ("\\u0041x", None),
            ("&amp;", None),
            ("a long text that goes on", None),
        ] {
            assert_eq!(cut(text.as_bytes()), found, "{text}");
        }
    }
}
