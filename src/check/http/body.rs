//! What may be asserted of a response body.

use std::sync::Arc;

use regex_lite::Regex;
use serde_json::value::RawValue;

use crate::args::{Given, Text, UsageError};
use crate::bytes::find;
use crate::deadline::{Deadline, Passed};
use crate::text::{clip, foreign, quoted};
use crate::threads::bounded;
use crate::units::{self, show_size};

/// What of the body is kept beyond need before it is let go, in bytes.
const SLACK: usize = 8 << 10;

/// One assertion.
#[derive(Debug)]
pub(super) enum Assertion {
    /// `--contains`.
    Contains(Text),
    /// `--matches`, and as it is shown.
    Matches(Regex, String),
    /// `--field`: a JSON Pointer (RFC 6901), and the value there if one is wanted.
    Field(Text, Option<Text>),
}

/// The assertions that what came of a body so far does not settle.
pub(super) struct Open<'a> {
    assertions: Vec<&'a Assertion>,
    /// These and those that are settled.
    all: &'a Arc<[Assertion]>,
    /// The end of what came, as far as a text may still begin in it.
    window: Vec<u8>,
    /// How much that is at most: the longest of the texts, less one.
    reach: usize,
}

impl<'a> Open<'a> {
    pub(super) fn new(assertions: &'a Arc<[Assertion]>) -> Self {
        let texts = assertions.iter().map(|assertion| match assertion {
            Assertion::Contains(text) => text.value.len().saturating_sub(1),
            _ => 0,
        });
        let reach = texts.max().unwrap_or_default();
        Open { assertions: assertions.iter().collect(), all: assertions, window: Vec::new(), reach }
    }

    /// Whether one is left that can only be decided when all of the body is there.
    pub(super) fn need_all(&self) -> bool {
        self.assertions.iter().any(|assertion| !matches!(assertion, Assertion::Contains(_)))
    }

    /// Whether one of them, settled or not, is an expression.
    pub(super) fn has_expression(&self) -> bool {
        self.all.iter().any(|assertion| matches!(assertion, Assertion::Matches(..)))
    }

    /// Whether none is left, now that this piece of the body is there too. Each byte is looked at once, however
    /// small the pieces are.
    pub(super) fn is_settled_by(&mut self, piece: &[u8]) -> bool {
        let before = self.window.len();
        self.window.extend_from_slice(piece);
        let window = &self.window;
        self.assertions.retain(|assertion| match assertion {
            Assertion::Contains(text) => {
                let text = text.value.as_bytes();
                let from = before.saturating_sub(text.len().saturating_sub(1));
                find(window.get(from..).unwrap_or_default(), text).is_none()
            }
            // A match may depend on what follows (`ok$`), and half of a JSON document is none.
            Assertion::Matches(..) | Assertion::Field(..) => true,
        });
        let done = self.window.len().saturating_sub(self.reach);
        if done > self.reach + SLACK {
            self.window.drain(..done);
        }
        self.assertions.is_empty()
    }

    /// What was expected by the first that does not hold of this body, now that no more of it comes. Of a body that
    /// goes on, `cut_at` is how much of it was read. An expression is matched only until the deadline.
    pub(super) fn miss(
        &self,
        body: Vec<u8>,
        cut_at: Option<usize>,
        deadline: Deadline,
    ) -> Result<Option<String>, Passed> {
        if !self.need_all() {
            // The body is not all there, and what is left was not in it.
            return Ok(self.assertions.iter().find_map(|assertion| assertion.miss(b"", cut_at)));
        }
        let all = Arc::clone(self.all);
        let work = move || all.iter().find_map(|assertion| assertion.miss(&body, cut_at));
        if !self.has_expression() {
            return Ok(work());
        }
        // As the files that are read like that, so that it is in the binary once.
        bounded(deadline, Box::new(move || work().map_or(Ok(Vec::<u8>::new()), Err))).map(Result::err)
    }
}

/// From one that was given to an assertion.
type Make = fn(&Given<'_>, Text) -> Result<Assertion, UsageError>;

/// The assertions that were given, those that are the quickest to look at first.
pub(super) fn plan(given: &mut Given<'_>) -> Result<Vec<Assertion>, UsageError> {
    let kinds: [(&str, Make); 3] =
        [("contains", |_, text| Ok(Assertion::Contains(text))), ("matches", matches), ("field", field)];
    let mut assertions = Vec::new();
    for (name, assertion) in kinds {
        for text in given.texts(name)? {
            assertions.push(assertion(given, text)?);
        }
    }
    Ok(assertions)
}

fn matches(given: &Given<'_>, text: Text) -> Result<Assertion, UsageError> {
    Ok(Assertion::Matches(given.expression("matches", &text.value, false)?, text.shown))
}

fn field(given: &Given<'_>, text: Text) -> Result<Assertion, UsageError> {
    let Text { value, shown } = text;
    let (pointer, wanted) = parts(&value);
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(given.wrong("field", "expected a JSON Pointer such as /status, or /status=UP"));
    }
    let (shown_pointer, shown_wanted) = parts(&shown);
    let text_of = |value: &str, shown: &str| Text { value: value.to_owned(), shown: shown.to_owned() };
    // Where the sign itself is part of a secret, its expression stands for both.
    let wanted = wanted.map(|wanted| text_of(wanted, shown_wanted.unwrap_or(shown_pointer)));
    Ok(Assertion::Field(text_of(pointer, shown_pointer), wanted))
}

/// `POINTER=VALUE` as its parts.
fn parts(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(pointer, value)| (pointer, Some(value)))
}

impl Assertion {
    /// What was expected, where it does not hold.
    fn miss(&self, body: &[u8], cut_at: Option<usize>) -> Option<String> {
        let limit =
            cut_at.map(|length| format!(" within the first {} (--max-body)", show_size(length as u64)));
        let cut = limit.is_some();
        let limit = limit.unwrap_or_default();
        let (wanted, holds) = match self {
            Assertion::Contains(wanted) => {
                let holds = find(body, wanted.value.as_bytes()).is_some();
                (format!("contain {}", foreign(&quoted(&wanted.shown))), holds)
            }
            Assertion::Matches(regex, shown) => {
                let text = String::from_utf8_lossy(body);
                let is_match = |found: regex_lite::Match<'_>| {
                    // Where more follows, a match up to the very end may be none: `ok$`.
                    let is_decided = !cut || found.end() < text.len();
                    // Behind the last newline no other line begins.
                    is_decided && (found.start() < text.len() || !text.ends_with('\n'))
                };
                (format!("match {}", foreign(&quoted(shown))), regex.find_iter(&text).any(is_match))
            }
            Assertion::Field(..) if cut => return Some(format!("a JSON body{limit}")),
            Assertion::Field(pointer, wanted) => {
                return match serde_json::from_slice::<&RawValue>(body) {
                    Err(error) => Some(format!("a JSON body ({})", foreign(&error.to_string()))),
                    Ok(document) => field_miss(document, pointer, wanted.as_ref()),
                };
            }
        };
        if holds { None } else { Some(format!("the body to {wanted}{limit}")) }
    }
}

fn field_miss(document: &RawValue, pointer: &Text, wanted: Option<&Text>) -> Option<String> {
    let place = if pointer.value.is_empty() { "the whole body".to_owned() } else { foreign(&pointer.shown) };
    let mut value = Some(document.get());
    for token in pointer.value.split('/').skip(1) {
        value = value.and_then(|value| member(value, &name(token)));
    }
    let Some(value) = value else {
        return Some(match wanted {
            Some(wanted) => {
                let wanted = foreign(&quoted(&wanted.shown));
                format!("{place} to be {wanted} in the JSON body, which has no such field")
            }
            None => format!("{place} in the JSON body"),
        });
    };
    let wanted = wanted?;
    // A number, true, false, null, or what an array or object looks like in the body.
    if says(value, &wanted.value).unwrap_or(value == wanted.value) {
        return None;
    }
    let found = foreign(&clip(value.as_bytes()));
    Some(format!("{place} to be {}, not {found}", foreign(&quoted(&wanted.shown))))
}

/// What a token of a JSON Pointer stands for: `~1` is a slash, and `~0` the tilde. RFC 6901, section 4.
fn name(token: &str) -> String {
    let mut parts = token.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let slash = part.strip_prefix('1');
        name.push(if slash.is_some() { '/' } else { '~' });
        name.push_str(slash.or(part.strip_prefix('0')).unwrap_or(part));
    }
    name
}

/// What an object has under this name, or an array at this index; of several like members the last counts.
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
            let is_it = says(item, token)?;
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

/// The value behind the bracket, comma or colon at the beginning of this JSON, and what follows it; nothing where
/// none is left.
fn next(json: &str) -> Option<(&str, &str)> {
    let json = json.trim_ascii_start().get(1..)?;
    let mut values = serde_json::Deserializer::from_slice(json.as_bytes()).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value.get(), json.get(values.byte_offset()..)?))
}

/// Whether this JSON string says `text`; nothing where it is no string. RFC 8259, section 7: what is escaped by
/// its number is UTF-16.
fn says(json: &str, text: &str) -> Option<bool> {
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
    use crate::text::without_marks;

    fn miss(assertion: Assertion, body: &[u8], cut_at: Option<usize>) -> String {
        let deadline = Deadline::after(std::time::Duration::from_mins(1));
        let assertions = Arc::from([assertion]);
        let mut open = Open::new(&assertions);
        if open.is_settled_by(body) {
            return String::new();
        }
        without_marks(&open.miss(body.to_vec(), cut_at, deadline).unwrap().unwrap_or_default())
    }

    fn whole(assertion: Assertion, body: &[u8]) -> String {
        miss(assertion, body, None)
    }

    fn regex(text: &str) -> Assertion {
        Assertion::Matches(Regex::new(text).unwrap(), text.to_owned())
    }

    fn plain(text: &str) -> Text {
        Text { value: text.to_owned(), shown: text.to_owned() }
    }

    fn contains(text: &str) -> Assertion {
        Assertion::Contains(plain(text))
    }

    fn field(pointer: &str, value: Option<&str>) -> Assertion {
        Assertion::Field(plain(pointer), value.map(plain))
    }

    #[test]
    fn text() {
        let body = b"status: ready\n";
        assert_eq!(whole(contains("ready"), body), "");
        assert_eq!(whole(contains("Ready"), body), "the body to contain \"Ready\"");
        assert_eq!(whole(regex("^status: r.*y$"), b"status: ready"), "");
        assert_eq!(whole(regex("^r"), body), "the body to match \"^r\"");
        assert_eq!(whole(contains("x"), b"\xffx"), "");
    }

    #[test]
    fn json_fields() {
        let body =
            br#"{"status":"UP","n":1,"ok":true,"none":null,"a":[{"b/c":"d"}],"s":"1","t~u":{"":1,"":2}}"#;
        for (pointer, value) in [
            ("/status", Some("UP")),
            ("/status", None),
            ("/n", Some("1")),
            ("/s", Some("1")),
            ("/ok", Some("true")),
            ("/none", None),
            ("/none", Some("null")),
            ("/a/0/b~1c", Some("d")),
            ("/a/0", Some("{\"b/c\":\"d\"}")),
            ("/a/0", None),
            ("/t~0u/", Some("2")),
            ("", None),
        ] {
            assert_eq!(whole(field(pointer, value), body), "", "{pointer}");
        }
        assert_eq!(whole(field("/status", Some("DOWN")), body), "/status to be \"DOWN\", not \"UP\"");
        assert_eq!(whole(field("/x", None), body), "/x in the JSON body");
        assert!(whole(field("/x", Some("1")), body).contains("no such field"));
        assert!(whole(field("/n", Some("1x")), body).contains("not 1"));
        for pointer in ["/a/1", "/a/00", "/a/-", "/a/b", "/n/0", "/status/x", "/"] {
            assert!(whole(field(pointer, None), body).contains("in the JSON body"), "{pointer}");
        }
        assert!(whole(field("/n", None), b"<html>").starts_with("a JSON body (expected value"));
    }

    #[test]
    fn json_strings_and_tokens() {
        for (json, text) in [
            (r#""""#, ""),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9 é \ud83d\uDE00😀""#, "é é 😀😀"),
        ] {
            assert_eq!(says(json, text), Some(true), "{json}");
            assert_eq!(says(json, &format!("{text}x")), Some(false), "{json}");
        }
        for (json, text) in
            [(r#""ab""#, "a"), (r#""\ud83d""#, "\u{fffd}"), (r#""\n""#, "n"), (r#""n""#, "\n")]
        {
            assert_eq!(says(json, text), Some(false), "{json}");
        }
        assert_eq!((says("1", "1"), says("null", "null")), (None, None));
        let tokens = ["", "~0~1", "~01", "~~1", "~2~"];
        assert_eq!(tokens.map(name), ["", "~/", "~1", "~/", "~2~"]);
        let body = br#" { "n" : 1 , "\u006e" : [ 2 , "]" , {} ] , "e":[] } "#;
        assert_eq!(whole(field("/n/1", Some("]")), body), "");
        assert_eq!(whole(field("/n/2", Some("{}")), body), "");
        for pointer in ["/n/3", "/e/0", "/n/2/x", "/n/1/0"] {
            assert!(whole(field(pointer, None), body).contains("in the JSON body"), "{pointer}");
        }
    }

    #[test]
    fn a_text_is_found_however_the_body_comes() {
        let assertions = Arc::from([contains("ready"), contains("y")]);
        let body = b"almost ready";
        for step in 1..body.len() {
            let mut open = Open::new(&assertions);
            let settled: Vec<bool> = body.chunks(step).map(|piece| open.is_settled_by(piece)).collect();
            assert_eq!((settled.first(), settled.last()), (Some(&false), Some(&true)), "{step}");
        }
        // Nor does it matter how much came before, of which little is kept.
        let mut open = Open::new(&assertions);
        for _ in 0..100 {
            assert!(!open.is_settled_by(&[b'x'; 4096]));
            assert!(open.window.len() <= SLACK + 4096, "{}", open.window.len());
        }
        assert!(!open.is_settled_by(b"rea") && open.is_settled_by(b"dy"));
        assert!(!Open::new(&Arc::from([regex("a")])).is_settled_by(b"a"));
    }

    #[test]
    fn what_a_cut_body_cannot_say_does_not_hold() {
        let body = b"ok";
        assert_eq!(
            miss(regex("ok$"), body, Some(2)),
            "the body to match \"ok$\" within the first 2 bytes (--max-body)"
        );
        assert_eq!(miss(regex("o"), body, Some(2)), "");
        assert_eq!(miss(field("", None), b"1", Some(1)), "a JSON body within the first 1 byte (--max-body)");
        assert_eq!(miss(contains("k"), body, Some(2)), "");
    }
}
