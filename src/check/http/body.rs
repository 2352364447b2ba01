//! What may be asserted of a response body.

use std::fmt;

use regex_lite::Regex;
use serde_core::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::cli::{Given, Text, UsageError};
use crate::expand::find;
use crate::text::{clip, quoted};
use crate::units::{self, show_size};

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
    seen: usize,
}

impl<'a> Open<'a> {
    pub(super) fn new(assertions: &'a [Assertion]) -> Self {
        Open { assertions: assertions.iter().collect(), seen: 0 }
    }

    /// Whether none is left, now that this much of the body is there.
    pub(super) fn is_settled_by(&mut self, beginning: &[u8]) -> bool {
        let seen = std::mem::replace(&mut self.seen, beginning.len());
        self.assertions.retain(|assertion| !assertion.is_settled_by(beginning, seen));
        self.assertions.is_empty()
    }
}

/// What was seen of a body.
pub(super) enum Seen<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// As much as may be read, and there is more.
    Cut(&'a [u8]),
}

pub(super) fn plan(given: &mut Given<'_>) -> Result<Vec<Assertion>, UsageError> {
    let mut assertions = Vec::new();
    for text in given.texts("contains")? {
        assertions.push(Assertion::Contains(text));
    }
    for text in given.texts("matches")? {
        let regex = Regex::new(&text.value)
            .map_err(|e| given.wrong("matches", &format!("not a regular expression: {e}")))?;
        assertions.push(Assertion::Matches(regex, text.shown));
    }
    for text in given.texts("field")? {
        let (pointer, wanted) = parts(&text.value);
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(given.wrong("field", "expected a JSON Pointer such as /status, or /status=UP"));
        }
        let (shown_pointer, shown_wanted) = parts(&text.shown);
        let text_of = |value: &str, shown: &str| Text { value: value.to_owned(), shown: shown.to_owned() };
        // Where the sign itself is part of a secret, its expression stands for both.
        let wanted = wanted.map(|wanted| text_of(wanted, shown_wanted.unwrap_or(shown_pointer)));
        assertions.push(Assertion::Field(text_of(pointer, shown_pointer), wanted));
    }
    Ok(assertions)
}

/// `POINTER=VALUE` as its parts.
fn parts(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(pointer, value)| (pointer, Some(value)))
}

impl Assertion {
    /// Whether what came since `seen` bytes of this beginning is enough to say that it holds. Each byte is
    /// looked at once, however small the pieces are in which the body comes.
    fn is_settled_by(&self, beginning: &[u8], seen: usize) -> bool {
        match self {
            Assertion::Contains(text) => {
                let text = text.value.as_bytes();
                let from = seen.saturating_sub(text.len().saturating_sub(1));
                find(beginning.get(from..).unwrap_or_default(), text).is_some()
            }
            // A match may depend on what follows (`ok$`), and half of a JSON document is none.
            Assertion::Matches(..) | Assertion::Field(..) => false,
        }
    }
}

/// What was expected by the first of the assertions that does not hold.
pub(super) fn first_miss(assertions: &[Assertion], seen: &Seen<'_>) -> Option<String> {
    let (body, limit) = match seen {
        Seen::Whole(body) => (*body, String::new()),
        Seen::Cut(body) => {
            (*body, format!(" within the first {} (--max-body)", show_size(body.len() as u64)))
        }
    };
    let cut = !limit.is_empty();
    let text = String::from_utf8_lossy(body);
    assertions.iter().find_map(|assertion| match assertion {
        Assertion::Contains(wanted) if find(body, wanted.value.as_bytes()).is_some() => None,
        Assertion::Contains(wanted) => Some(format!("the body to contain {}{limit}", quoted(&wanted.shown))),
        Assertion::Matches(regex, shown) => {
            // Where more follows, a match up to the very end may be none: `ok$`.
            let holds = regex.find(&text).is_some_and(|found| !cut || found.end() < text.len());
            if holds { None } else { Some(format!("the body to match {}{limit}", quoted(shown))) }
        }
        Assertion::Field(..) if cut => Some(format!("a JSON body{limit}")),
        Assertion::Field(pointer, wanted) => match serde_json::from_slice::<&RawValue>(body) {
            Err(error) => Some(format!("a JSON body ({error})")),
            Ok(document) => field_miss(document, pointer, wanted.as_ref()),
        },
    })
}

fn field_miss(document: &RawValue, pointer: &Text, wanted: Option<&Text>) -> Option<String> {
    let place = if pointer.value.is_empty() { "the whole body" } else { &pointer.shown };
    let mut value = Some(document);
    for token in pointer.value.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        value = value.and_then(|value| member(value, &token));
    }
    let Some(value) = value else {
        return Some(match wanted {
            Some(wanted) => {
                format!("{place} to be {} in the JSON body, which has no such field", quoted(&wanted.shown))
            }
            None => format!("{place} in the JSON body"),
        });
    };
    let wanted = wanted?;
    let holds = match serde_json::from_slice::<String>(value.get().as_bytes()) {
        Ok(text) => text == wanted.value,
        // A number, true, false, null, or what an array or object looks like in the body.
        Err(_) => value.get() == wanted.value,
    };
    if holds {
        return None;
    }
    let found = clip(value.get().as_bytes());
    Some(format!("{place} to be {}, not {found}", quoted(&wanted.shown)))
}

/// What an object has under this name, or an array at this index; of several like members the last counts.
fn member<'a>(value: &'a RawValue, token: &str) -> Option<&'a RawValue> {
    let member = Member { token, in_object: value.get().starts_with('{') };
    member.deserialize(&mut serde_json::Deserializer::from_slice(value.get().as_bytes())).ok().flatten()
}

/// Finds one member without keeping the others. It asks for the one type it needs: to take any would link
/// the parser of numbers, 4 KiB, for values that are only passed over.
struct Member<'t> {
    token: &'t str,
    in_object: bool,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.in_object { deserializer.deserialize_map(self) } else { deserializer.deserialize_seq(self) }
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.token {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        // RFC 6901, section 4: digits without a leading zero.
        let wanted =
            units::number(self.token, u64::MAX).filter(|_| self.token == "0" || !self.token.starts_with('0'));
        let mut found = None;
        let mut index = 0;
        while let Some(value) = list.next_element()? {
            if Some(index) == wanted {
                found = Some(value);
            }
            index += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miss(assertion: Assertion, seen: &Seen<'_>) -> String {
        first_miss(&[assertion], seen).unwrap_or_default()
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
        let body = Seen::Whole(b"status: ready\n");
        assert_eq!(miss(contains("ready"), &body), "");
        assert_eq!(miss(contains("Ready"), &body), "the body to contain \"Ready\"");
        assert_eq!(miss(regex("^status: r.*y$"), &Seen::Whole(b"status: ready")), "");
        assert_eq!(miss(regex("^r"), &body), "the body to match \"^r\"");
        assert_eq!(miss(contains("x"), &Seen::Whole(b"\xffx")), "");
    }

    #[test]
    fn json_fields() {
        let body = Seen::Whole(
            br#"{"status":"UP","n":1,"ok":true,"none":null,"a":[{"b/c":"d"}],"s":"1","t~u":{"":1,"":2}}"#,
        );
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
            assert_eq!(miss(field(pointer, value), &body), "", "{pointer}");
        }
        assert_eq!(miss(field("/status", Some("DOWN")), &body), "/status to be \"DOWN\", not \"UP\"");
        assert_eq!(miss(field("/x", None), &body), "/x in the JSON body");
        assert!(miss(field("/x", Some("1")), &body).contains("no such field"));
        assert!(miss(field("/n", Some("1x")), &body).contains("not 1"));
        for pointer in ["/a/1", "/a/00", "/a/-", "/a/b", "/n/0", "/status/x", "/"] {
            assert!(miss(field(pointer, None), &body).contains("in the JSON body"), "{pointer}");
        }
        assert!(miss(field("/n", None), &Seen::Whole(b"<html>")).starts_with("a JSON body (expected value"));
    }

    #[test]
    fn a_text_is_found_however_the_body_comes() {
        let assertions = [contains("ready"), contains("y")];
        let body = b"almost ready";
        for step in 1..body.len() {
            let mut open = Open::new(&assertions);
            let settled: Vec<bool> = (0..=body.len() / step + 1)
                .map(|n| open.is_settled_by(&body[..(n * step).min(body.len())]))
                .collect();
            assert_eq!((settled.first(), settled.last()), (Some(&false), Some(&true)), "{step}");
        }
        assert!(!Open::new(&[regex("a")]).is_settled_by(b"a"));
    }

    #[test]
    fn what_a_cut_body_cannot_say_does_not_hold() {
        let body = Seen::Cut(b"ok");
        assert_eq!(
            miss(regex("ok$"), &body),
            "the body to match \"ok$\" within the first 2 bytes (--max-body)"
        );
        assert_eq!(miss(regex("o"), &body), "");
        assert_eq!(
            miss(field("", None), &Seen::Cut(b"1")),
            "a JSON body within the first 1 byte (--max-body)"
        );
        assert_eq!(miss(contains("k"), &body), "");
    }
}
