//! A value in a JSON document: RFC 8259, found by a JSON Pointer: RFC 6901.
//!
//! Values stay text, so that numbers are compared as they are written. `serde_json` finds where
//! each value ends, without recursion. It could also decode the strings, but that costs 11 KB of
//! the smallest binary; comparing them in place costs next to nothing.

use serde_json::value::RawValue;

use crate::units;

/// Returns the value at this JSON Pointer, as it is written.
pub fn value_at<'a>(document: &'a RawValue, pointer: &str) -> Option<&'a str> {
    let mut value = document.get();
    for token in pointer.split('/').skip(1) {
        value = member(value, &unescaped(token))?;
    }
    Some(value)
}

/// Whether the value is `text`: a string is compared decoded, anything else as it is written.
pub fn is_equal(value: &str, text: &str) -> bool {
    is_string(value, text).unwrap_or(value == text)
}

/// Resolves the escapes in a token of a JSON Pointer: `~1` is a slash, and `~0` a tilde. RFC 6901,
/// section 4.
fn unescaped(token: &str) -> String {
    let mut parts = token.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let slash = part.strip_prefix('1');
        name.push(if slash.is_some() { '/' } else { '~' });
        name.push_str(slash.or(part.strip_prefix('0')).unwrap_or(part));
    }
    name
}

/// Returns the member of an object with this name, or the element of an array at this index. Of
/// several members with the same name, the last one counts.
fn member<'a>(value: &'a str, token: &str) -> Option<&'a str> {
    let in_object = value.starts_with('{');
    if !in_object && !value.starts_with('[') {
        return None;
    }
    // RFC 6901, section 4: digits without a leading zero.
    let wanted = units::number(token, u64::MAX).filter(|_| token == "0" || !token.starts_with('0'));
    let mut found = None;
    let mut index = 0;
    let mut rest = value;
    while let Some((mut item, behind)) = next(rest) {
        rest = behind;
        let is_it = if in_object {
            let is_it = is_string(item, token)?;
            (item, rest) = next(behind)?;
            is_it
        } else {
            Some(index) == wanted
        };
        if is_it {
            found = Some(item);
        }
        index += 1;
    }
    found
}

/// Returns the value after the bracket, comma or colon that this JSON begins with, and the rest;
/// `None` if no value is left.
fn next(json: &str) -> Option<(&str, &str)> {
    let json = json.trim_ascii_start().get(1..)?;
    let mut values = serde_json::Deserializer::from_slice(json.as_bytes()).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value.get(), json.get(values.byte_offset()..)?))
}

/// Whether this JSON string is `text`; `None` if it is not a string. RFC 8259, section 7: numeric
/// escapes are UTF-16 units.
fn is_string(json: &str, text: &str) -> Option<bool> {
    let mut chars = json.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut wanted = text.encode_utf16();
    while let Some(mut c) = chars.next() {
        if c == '\\' {
            c = match chars.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (digits, rest) = chars.as_str().split_at_checked(4)?;
                    chars = rest.chars();
                    if wanted.next() != Some(u16::from_str_radix(digits, 16).ok()?) {
                        return Some(false);
                    }
                    continue;
                }
                plain => plain,
            };
        }
        if !c.encode_utf16(&mut [0; 2]).iter().all(|&unit| wanted.next() == Some(unit)) {
            return Some(false);
        }
    }
    Some(wanted.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        for (json, text) in [
            (r#""""#, ""),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9 é \ud83d\uDE00😀""#, "é é 😀😀"),
        ] {
            assert_eq!(is_string(json, text), Some(true), "{json}");
            assert_eq!(is_string(json, &format!("{text}x")), Some(false), "{json}");
        }
        for (json, text) in
            [(r#""ab""#, "a"), (r#""\ud83d""#, "\u{fffd}"), (r#""\n""#, "n"), (r#""n""#, "\n")]
        {
            assert_eq!(is_string(json, text), Some(false), "{json}");
        }
        assert_eq!((is_string("1", "1"), is_string("null", "null")), (None, None));
    }

    #[test]
    fn tokens() {
        let tokens = ["", "~0~1", "~01", "~~1", "~2~"];
        assert_eq!(tokens.map(unescaped), ["", "~/", "~1", "~/", "~2~"]);
    }
}
