//! The values in a request body, which may be secret and which a server may repeat one by one: the
//! values of a form, the strings and numbers of JSON.

use crate::net::url::percent_decoded;

/// Values that are not secrets.
const PLAIN: [&[u8]; 3] = [b"true", b"false", b"null"];

/// Returns each value as it is written, and also decoded if that differs.
#[inline(never)]
pub(super) fn values(body: &str) -> Vec<Vec<u8>> {
    let text = body.trim_ascii();
    let mut values = if text.starts_with(['{', '[', '"']) { of_json(text) } else { of_form(text) };
    values.retain(|value| !PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(value)));
    values
}

/// Returns the values of `a=b&c=d` (URL Standard, application/x-www-form-urlencoded).
fn of_form(text: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for (_, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        values.push(value.into());
        if value.contains(['%', '+']) {
            values.push(percent_decoded(value.replace('+', " ").as_bytes()));
        }
    }
    values
}

/// Returns the strings and numbers of a JSON text (RFC 8259), without names. The text may be
/// invalid.
fn of_json(text: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first == b'"' {
            let (string, behind) = string(behind);
            rest = behind;
            if behind.trim_ascii_start().first() != Some(&b':') {
                values.push(string.to_vec());
                if string.contains(&b'\\') {
                    values.push(unescaped(string));
                }
            }
        } else if first == b'-' || first.is_ascii_digit() {
            let length =
                behind.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
            let (digits, behind) = behind.split_at(length);
            rest = behind;
            values.push([&[first], digits].concat());
        }
    }
    values
}

/// Splits the text at the closing quote of the string that it begins in; the quote is dropped.
fn string(text: &[u8]) -> (&[u8], &[u8]) {
    let mut is_escaped = false;
    let end = text.iter().position(|&byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    });
    let (string, behind) = text.split_at(end.unwrap_or(text.len()));
    (string, behind.get(1..).unwrap_or_default())
}

/// Resolves the escapes of a string (RFC 8259, section 7). Unknown escapes remain.
fn unescaped(string: &[u8]) -> Vec<u8> {
    let (mut units, mut rest) = (Vec::new(), string);
    let mut out = Vec::with_capacity(string.len());
    loop {
        // Characters outside the basic plane are two UTF-16 units.
        if let Some((unit, behind)) = numbered(rest) {
            units.push(unit);
            rest = behind;
            continue;
        }
        out.extend_from_slice(String::from_utf16_lossy(&std::mem::take(&mut units)).as_bytes());
        let Some((&byte, behind)) = rest.split_first() else { return out };
        let meant = behind.first().filter(|_| byte == b'\\').and_then(|&sign| {
            let named = [(b'b', 8), (b'f', 12), (b'n', b'\n'), (b'r', b'\r'), (b't', b'\t')];
            let found = named.iter().find(|(known, _)| *known == sign).map(|&(_, meant)| meant);
            found.or(Some(sign).filter(|sign| b"\"\\/".contains(sign)))
        });
        out.push(meant.unwrap_or(byte));
        rest = behind.get(usize::from(meant.is_some())..).unwrap_or_default();
    }
}

/// Parses an escape such as `\u0041` at the beginning: its UTF-16 unit, and the rest of the text.
fn numbered(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, behind) = text.strip_prefix(b"\\u")?.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    Some((u16::from_str_radix(digits, 16).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_body() {
        for (body, found) in [
            ("user=u&password=hunter2", &["u", "hunter2"][..]),
            ("a=x%26y+z&b=true&c&d=&e=f=g", &["x%26y+z", "x&y z", "", "f=g"]),
            (
                r#"{"user": "me", "password" : "a\"b\u0041", "n": [1234, -1.5e3], "t": true, "x": null}"#,
                &["me", r#"a\"b\u0041"#, "a\"bA", "1234", "-1.5e3"],
            ),
            (r#"["a",{"b":{"c":["d"]}}]"#, &["a", "d"]),
            (r#""hunter2""#, &["hunter2"]),
            (r#"{"a":"b"#, &["b"]),
            (r#"{"a":"\q"}"#, &[r"\q", r"\q"]),
            (r#""\u00e9\ud83d\ude00\n\/\u12""#, &[r"\u00e9\ud83d\ude00\n\/\u12", "é😀\n/\\u12"]),
            (r#"{"a":"FALSE"}"#, &[]),
            ("PING", &[]),
            ("", &[]),
        ] {
            let values = values(body);
            let values: Vec<_> = values.iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
            assert_eq!(values, found, "{body}");
        }
    }
}
