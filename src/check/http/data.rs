//! The values in the body of a request: those of a form, and the strings and numbers of JSON, which a server may repeat one by
//! one.

use crate::net::url::percent_decoded;

/// Values that say nothing.
const PLAIN: [&[u8]; 3] = [b"true", b"false", b"null"];

/// Each value as it is written, and as it is meant where that is something else.
pub(super) fn values(body: &str) -> Vec<Vec<u8>> {
    let text = body.trim_ascii();
    let mut values = if text.starts_with(['{', '[', '"']) { of_json(text) } else { of_form(text) };
    values.retain(|value| !PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(value)));
    values
}

/// Those of `a=b&c=d` (the URL Standard, application/x-www-form-urlencoded).
fn of_form(text: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for (_, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        values.push(value.into());
        if value.contains(['%', '+']) {
            values.push(percent_decoded(&value.replace('+', " ")));
        }
    }
    values
}

/// The strings, but for names, and numbers of a JSON text (RFC 8259), or of what looks like one.
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

/// What stands in front of the quote that closes a string, and behind it.
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

/// A string without its escapes; one that is unknown stays.
fn unescaped(string: &[u8]) -> Vec<u8> {
    let quoted = [b"\"", string, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).map_or_else(|_| string.to_vec(), String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_body_holds() {
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
