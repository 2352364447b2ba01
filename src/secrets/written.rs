//! How a server may write what it repeats: as it is, or with the escapes of a URL or a form, of JSON, or of HTML.

use crate::text::ELLIPSIS;

/// Bytes that an escape begins with.
pub(super) const MARKS: &[u8] = b"\\%&+";
/// Characters that HTML names; all are known by their number, too.
const NAMED: [(&[u8], char); 5] =
    [(b"lt", '<'), (b"gt", '>'), (b"amp", '&'), (b"quot", '"'), (b"apos", '\'')];
/// The most bytes between the `&` and the `;` of a character: `#x10ffff`.
const LONGEST: usize = 8;

/// How many bytes at the beginning of the text write the value, and how many of the value these are. Case does not count
/// (host names are in lower case).
///
/// A value may hold what an escape begins with, `100%`: then it is tried both as `100%` and as `100%25`.
pub(super) fn written(text: &[u8], value: &[u8]) -> (usize, usize) {
    let mut most = walk(text, value, None);
    for &mark in MARKS {
        if most.1 > 0 && most.1 < value.len() && value.contains(&mark) {
            most = most.max(walk(text, value, Some(mark)));
        }
    }
    most
}

/// As [`written`]; what begins with `escaped` is an escape where it may be one. What was looked at is not looked at again.
fn walk(text: &[u8], value: &[u8], escaped: Option<u8>) -> (usize, usize) {
    let (mut rest, mut wanted) = (text, value);
    while let (Some((byte, behind)), Some((first, others))) = (rest.split_first(), wanted.split_first()) {
        let is_same = byte.eq_ignore_ascii_case(first);
        let found = if MARKS.contains(byte) && (escaped == Some(*byte) || !is_same) {
            // What stands in front of all of it stays: `\hunter2`.
            escape(rest, wanted, wanted.len() < value.len())
        } else {
            None
        };
        (rest, wanted) = match found {
            Some((taken, matched)) => {
                (rest.get(taken..).unwrap_or_default(), wanted.get(matched..).unwrap_or_default())
            }
            None if is_same => (behind, others),
            None => break,
        };
    }
    (text.len() - rest.len(), value.len() - wanted.len())
}

/// How many bytes the escape has that the text begins with, and how many of what is wanted it stands for; nothing where
/// that is something else.
fn escape(text: &[u8], wanted: &[u8], is_within: bool) -> Option<(usize, usize)> {
    let first = *wanted.first()?;
    match *text {
        [b'+', ..] => (first == b' ').then_some((1, 1)),
        [b'%', high, low, ..] => {
            let byte = digits(&[high, low], 16).and_then(|byte| u8::try_from(byte).ok())?;
            byte.eq_ignore_ascii_case(&first).then_some((3, 1))
        }
        [b'&', ref behind @ ..] => {
            let length = behind.iter().take(LONGEST + 1).position(|&b| b == b';')?;
            let name = behind.get(..length)?;
            let known = NAMED.iter().find(|(known, _)| *known == name).map(|&(_, meant)| meant);
            let meant = known.or_else(|| {
                char::from_u32(match name {
                    [b'#', b'x' | b'X', number @ ..] => digits(number, 16)?,
                    [b'#', number @ ..] => digits(number, 10)?,
                    _ => return None,
                })
            })?;
            Some((length + 2, begins(wanted, meant)?))
        }
        [b'\\', sign, ..] => numbered(text, wanted).or_else(|| {
            let named = [(b'n', b'\n'), (b'r', b'\r'), (b't', b'\t'), (b'b', 8), (b'f', 12)];
            let is_it = named.contains(&(sign, first)) || is_within && sign == first;
            is_it.then_some((2, 1))
        }),
        _ => None,
    }
}

/// As [`escape`], for `\u0041`. Characters beyond the basic plane are two units of UTF-16.
fn numbered(text: &[u8], wanted: &[u8]) -> Option<(usize, usize)> {
    let units = [unit(text)?, text.get(6..).and_then(unit).unwrap_or_default()];
    let meant = char::decode_utf16(units).next()?.ok()?;
    Some((6 * meant.len_utf16(), begins(wanted, meant)?))
}

/// The unit of UTF-16 that `\u0041` stands for.
fn unit(text: &[u8]) -> Option<u16> {
    digits(text.strip_prefix(b"\\u")?.get(..4)?, 16).and_then(|unit| u16::try_from(unit).ok())
}

/// The number that these digits write.
fn digits(text: &[u8], radix: u32) -> Option<u32> {
    // A sign is none.
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(text, radix).ok()
}

/// How many bytes this character is of what is wanted, if that begins with it.
fn begins(wanted: &[u8], meant: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let bytes = meant.encode_utf8(&mut buffer).as_bytes();
    wanted.get(..bytes.len()).filter(|front| front.eq_ignore_ascii_case(bytes)).map(<[u8]>::len)
}

/// Where the text ends here or was cut here, maybe within an escape: how many bytes of that there are.
pub(super) fn cut(text: &[u8]) -> Option<usize> {
    // The longest escape that is not whole: `\ud83d\ude0`.
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
            Some((first, behind)) => {
                are_hex(first)
                    && digits.len() < 10
                    && b"\\u".starts_with(behind.get(..behind.len().min(2)).unwrap_or_default())
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
    fn what_writes_a_value() {
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
    fn where_a_text_was_cut() {
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
