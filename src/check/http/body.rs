//! The assertions about a response body.

use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::json;
use crate::args::{Given, Text, UsageError};
use crate::bytes::find;
use crate::deadline::{Deadline, Passed};
use crate::expression::Expression;
use crate::text::{clip, mark_foreign, quoted};
use crate::threads::bounded;
use crate::units::show_size;

/// How much of the body is kept longer than necessary before it is dropped, in bytes.
const SLACK: usize = 8 << 10;

/// One assertion.
#[derive(Debug)]
pub(super) enum Assertion {
    /// `--contains`.
    Contains(Text),
    /// `--not-contains`.
    Lacks(Text),
    /// `--matches`, and the expression as it is shown.
    Matches(Expression, String),
    /// `--field`: a JSON Pointer (RFC 6901), and the expected value, if any.
    Field(Text, Option<Text>),
}

/// The assertions that the body received so far does not satisfy.
pub(super) struct Pending<'a> {
    assertions: Vec<&'a Assertion>,
    /// A text that the body contains, but must not.
    unwanted: Option<&'a Text>,
    /// All assertions, satisfied ones included.
    all: &'a Arc<[Assertion]>,
    /// The end of the received body, in which a text may still begin.
    window: Vec<u8>,
    /// The maximum length of that: the longest text less one byte.
    overlap: usize,
}

impl<'a> Pending<'a> {
    pub(super) fn new(assertions: &'a Arc<[Assertion]>) -> Self {
        let texts = assertions.iter().map(|assertion| match assertion {
            Assertion::Contains(text) | Assertion::Lacks(text) => text.value.len().saturating_sub(1),
            _ => 0,
        });
        let overlap = texts.max().unwrap_or_default();
        let pending = assertions.iter().collect();
        Pending { assertions: pending, unwanted: None, all: assertions, window: Vec::new(), overlap }
    }

    /// Whether a pending assertion requires that the whole body is kept.
    pub(super) fn needs_whole_body(&self) -> bool {
        self.assertions.iter().any(|assertion| assertion.keeps_body())
    }

    /// Whether the body contains what it must not.
    pub(super) fn is_refuted(&self) -> bool {
        self.unwanted.is_some()
    }

    /// Whether any assertion, satisfied or not, is an expression.
    pub(super) fn has_expression(&self) -> bool {
        self.all.iter().any(|assertion| matches!(assertion, Assertion::Matches(..)))
    }

    /// Adds a piece of the body. Returns whether all assertions are satisfied, or one is refuted.
    /// Each byte is examined only once, however small the pieces are.
    pub(super) fn is_settled_by(&mut self, piece: &[u8]) -> bool {
        let before = self.window.len();
        self.window.extend_from_slice(piece);
        let window = &self.window;
        let is_absent = |text: &Text| {
            let text = text.value.as_bytes();
            let from = before.saturating_sub(text.len().saturating_sub(1));
            find(window.get(from..).unwrap_or_default(), text).is_none()
        };
        let unwanted = &mut self.unwanted;
        self.assertions.retain(|assertion| match assertion {
            Assertion::Contains(text) => is_absent(text),
            Assertion::Lacks(text) => {
                if !is_absent(text) {
                    unwanted.get_or_insert(text);
                }
                true
            }
            // A match may depend on what follows (`ok$`), and part of a JSON document is not one.
            Assertion::Matches(..) | Assertion::Field(..) => true,
        });
        let done = self.window.len().saturating_sub(self.overlap);
        if done > self.overlap + SLACK {
            self.window.drain(..done);
        }
        self.assertions.is_empty() || self.is_refuted()
    }

    /// Returns what the first unmet assertion expects of the body, after the last piece was added.
    /// If the body is longer than what was read, `cut_at` is how much was read. Matching an
    /// expression ends at the deadline.
    pub(super) fn unmet(
        &self,
        body: Vec<u8>,
        cut_at: Option<usize>,
        deadline: Deadline,
    ) -> Result<Option<String>, Passed> {
        if let Some(text) = self.unwanted {
            return Ok(Some(format!("the body not to contain {}", mark_foreign(&quoted(&text.shown)))));
        }
        if !self.needs_whole_body() {
            // The body was not kept, but the pending texts are not in it.
            return Ok(self.assertions.iter().find_map(|assertion| assertion.unmet(b"", cut_at)));
        }
        let all = Arc::clone(self.all);
        let work = move || all.iter().find_map(|assertion| assertion.unmet(&body, cut_at));
        if !self.has_expression() {
            return Ok(work());
        }
        // The same type as for reading files, so that the binary contains `bounded` once.
        bounded(deadline, Box::new(move || work().map_or(Ok(Vec::<u8>::new()), Err))).map(Result::err)
    }
}

pub(super) fn matches(given: &Given<'_>, text: Text) -> Result<Assertion, UsageError> {
    let expression = Expression::new(&text.value).map_err(|why| given.unusable("matches", &why))?;
    Ok(Assertion::Matches(expression, text.shown))
}

pub(super) fn field(given: &Given<'_>, text: Text) -> Result<Assertion, UsageError> {
    let Text { value, shown } = text;
    let (pointer, wanted) = parts(&value);
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(given.wrong("field", "expected a JSON Pointer such as /status, or /status=UP"));
    }
    let (shown_pointer, shown_wanted) = parts(&shown);
    let text_of = |value: &str, shown: &str| Text { value: value.to_owned(), shown: shown.to_owned() };
    // If the `=` itself is part of a secret, the `${…}` replaces both parts.
    let wanted = wanted.map(|wanted| text_of(wanted, shown_wanted.unwrap_or(shown_pointer)));
    Ok(Assertion::Field(text_of(pointer, shown_pointer), wanted))
}

/// Splits `POINTER=VALUE`.
fn parts(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(pointer, value)| (pointer, Some(value)))
}

impl Assertion {
    /// Whether it requires that the whole body is kept.
    pub(super) fn keeps_body(&self) -> bool {
        matches!(self, Assertion::Matches(..) | Assertion::Field(..))
    }

    /// Returns what was expected if the assertion does not hold. A text that must not be there was
    /// not found: see [`Pending::is_settled_by`].
    fn unmet(&self, body: &[u8], cut_at: Option<usize>) -> Option<String> {
        let limit =
            cut_at.map(|length| format!(" within the first {} (--max-body)", show_size(length as u64)));
        let cut = limit.is_some();
        let limit = limit.unwrap_or_default();
        let (wanted, holds) = match self {
            Assertion::Contains(wanted) => {
                let holds = find(body, wanted.value.as_bytes()).is_some();
                (format!("contain {}", mark_foreign(&quoted(&wanted.shown))), holds)
            }
            Assertion::Matches(expression, shown) => {
                let text = String::from_utf8_lossy(body);
                let is_match = |found: Range<usize>| {
                    // If the body is longer, a match up to the very end may be wrong: `ok$`.
                    let is_decided = !cut || found.end < text.len();
                    // No line begins after the last newline.
                    is_decided && (found.start < text.len() || !text.ends_with('\n'))
                };
                let holds = expression.any_match(&text, &is_match);
                (format!("match {}", mark_foreign(&quoted(shown))), holds)
            }
            Assertion::Lacks(_) => return cut.then(|| format!("the end of the body{limit}")),
            Assertion::Field(..) if cut => return Some(format!("a JSON body{limit}")),
            Assertion::Field(pointer, wanted) => {
                return match serde_json::from_slice::<&RawValue>(body) {
                    Err(error) => Some(format!("a JSON body ({})", mark_foreign(&error.to_string()))),
                    Ok(document) => field_unmet(document, pointer, wanted.as_ref()),
                };
            }
        };
        if holds { None } else { Some(format!("the body to {wanted}{limit}")) }
    }
}

/// Returns what `--field` expected if the assertion does not hold.
fn field_unmet(document: &RawValue, pointer: &Text, wanted: Option<&Text>) -> Option<String> {
    let place =
        if pointer.value.is_empty() { "the whole body".to_owned() } else { mark_foreign(&pointer.shown) };
    let Some(value) = json::value_at(document, &pointer.value) else {
        return Some(match wanted {
            Some(wanted) => {
                let wanted = mark_foreign(&quoted(&wanted.shown));
                format!("{place} to be {wanted} in the JSON body, which has no such field")
            }
            None => format!("{place} in the JSON body"),
        });
    };
    let wanted = wanted?;
    if json::is_equal(value, &wanted.value) {
        return None;
    }
    let found = mark_foreign(&clip(value.as_bytes()));
    Some(format!("{place} to be {}, not {found}", mark_foreign(&quoted(&wanted.shown))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parts;

    fn unmet(assertion: Assertion, body: &[u8], cut_at: Option<usize>) -> String {
        let deadline = Deadline::after(std::time::Duration::from_mins(1));
        let assertions = Arc::from([assertion]);
        let mut pending = Pending::new(&assertions);
        if pending.is_settled_by(body) {
            return String::new();
        }
        let unmet = pending.unmet(body.to_vec(), cut_at, deadline).unwrap().unwrap_or_default();
        String::from_utf8(parts(&unmet).0).unwrap()
    }

    fn whole(assertion: Assertion, body: &[u8]) -> String {
        unmet(assertion, body, None)
    }

    fn regex(text: &str) -> Assertion {
        Assertion::Matches(Expression::new(text).unwrap(), text.to_owned())
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
        // A large body takes another way.
        for body in [
            &b"\xff\nstatus: ok\n"[..],
            &[b"\xff\nstatus: ok\n".to_vec(), vec![b'-'; 2000], b"\n".to_vec()].concat(),
        ] {
            for pattern in ["^status: ok$", "ok\n-*", "^.\nstatus", r"\A.\n", r"\n\z", "(?s)^s.*-?\n"] {
                assert_eq!(whole(regex(pattern), body), "", "{pattern}");
            }
            for pattern in ["^$", "^ok", r"\Astatus", "status$", "(?-m)^status"] {
                assert_ne!(whole(regex(pattern), body), "", "{pattern}");
            }
        }
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
    fn json_fields_with_spaces_and_escapes() {
        let body = br#" { "n" : 1 , "\u006e" : [ 2 , "]" , {} ] , "e":[] } "#;
        assert_eq!(whole(field("/n/1", Some("]")), body), "");
        assert_eq!(whole(field("/n/2", Some("{}")), body), "");
        for pointer in ["/n/3", "/e/0", "/n/2/x", "/n/1/0"] {
            assert!(whole(field(pointer, None), body).contains("in the JSON body"), "{pointer}");
        }
    }

    #[test]
    fn a_text_is_found_across_pieces() {
        let assertions = Arc::from([contains("ready"), contains("y")]);
        let body = b"almost ready";
        for step in 1..body.len() {
            let mut pending = Pending::new(&assertions);
            let settled: Vec<bool> = body.chunks(step).map(|piece| pending.is_settled_by(piece)).collect();
            assert_eq!((settled.first(), settled.last()), (Some(&false), Some(&true)), "{step}");
        }
        // Also after much other text, of which little is kept.
        let mut pending = Pending::new(&assertions);
        for _ in 0..100 {
            assert!(!pending.is_settled_by(&[b'x'; 4096]));
            assert!(pending.window.len() <= SLACK + 4096, "{}", pending.window.len());
        }
        assert!(!pending.is_settled_by(b"rea") && pending.is_settled_by(b"dy"));
        assert!(!Pending::new(&Arc::from([regex("a")])).is_settled_by(b"a"));
    }

    #[test]
    fn assertions_about_a_cut_body() {
        let body = b"ok";
        assert_eq!(
            unmet(regex("ok$"), body, Some(2)),
            "the body to match \"ok$\" within the first 2 bytes (--max-body)"
        );
        assert_eq!(unmet(regex("o"), body, Some(2)), "");
        let large = [vec![b'-'; 2000], b"ok".to_vec()].concat();
        assert_ne!(unmet(regex("ok$"), &large, Some(2002)), "");
        assert_eq!(unmet(regex("-o"), &large, Some(2002)), "");
        assert_eq!(unmet(field("", None), b"1", Some(1)), "a JSON body within the first 1 byte (--max-body)");
        assert_eq!(unmet(contains("k"), body, Some(2)), "");
    }
}
