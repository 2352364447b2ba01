//! An answer kept in memory as a part of a larger document, limited in size and in time.
//!
//! Invariant: whatever is put in and whenever it is taken out, the result is one JSON object within
//! the size limit. Long entries may take half of the room; further ones are left out, so that they
//! cannot displace all the others. The answer is shared between threads, because the thread that
//! fills it may hang in the kernel. The thread that waits then takes what is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::answer::MAX_ERRORS;
use crate::deadline::Deadline;
use crate::outcome::Fact;

/// The room reserved for keys, brackets, commas and the last error, in bytes.
const FRAME: usize = 256;
/// An entry is long if it takes more than this fraction of the room: a thirty-second.
const LONG_DIVISOR: usize = 32;
/// The fraction of the whole that errors may take: an eighth.
const ERRORS_DIVISOR: usize = 8;

/// An answer kept in memory.
#[derive(Debug, Clone)]
pub struct Kept(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    deadline: Deadline,
    /// The first members of the object as JSON, if it gets no others.
    head: String,
    /// The members of the object as JSON; a list is still open at its end.
    body: String,
    in_list: bool,
    /// As JSON, separated by commas.
    errors: String,
    error_count: usize,
    /// The remaining room for the body and for the errors, in bytes.
    room: usize,
    error_room: usize,
    /// The length above which an entry is long, and the remaining room for long ones, in bytes.
    long: usize,
    long_room: usize,
    /// Whether anything is missing.
    cut: bool,
    over: bool,
}

impl Kept {
    /// Returns an empty answer with room for `budget` bytes, to be filled until the deadline.
    pub fn new(budget: usize, deadline: Deadline) -> Self {
        let room = budget.saturating_sub(FRAME);
        let error_room = room / ERRORS_DIVISOR;
        let room = room - error_room;
        Kept(Arc::new(Mutex::new(State {
            deadline,
            head: String::new(),
            body: String::new(),
            in_list: false,
            errors: String::new(),
            error_count: 0,
            room,
            error_room,
            long: room / LONG_DIVISOR,
            long_room: room / 2,
            cut: false,
            over: false,
        })))
    }

    /// Returns a deadline after half of the remaining time, at most `limit`, for gathering data
    /// before anything is put in.
    pub fn within(&self, limit: Duration) -> Deadline {
        let left = self.state().deadline.remaining().unwrap_or_default();
        Deadline::after(limit.min(left / 2))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the answer accepts nothing more, because there is no room or the deadline
    /// has passed.
    pub fn is_over(&self) -> bool {
        let mut state = self.state();
        if !state.over && state.deadline.remaining().is_err() {
            (state.over, state.cut) = (true, true);
        }
        state.over
    }

    /// Returns how many entries of this size, in bytes, there is room for.
    pub fn room_for(&self, size: usize) -> usize {
        self.state().room / size.max(1)
    }

    /// Sets the first members.
    pub fn begin(&self, members: Vec<(&'static str, Fact)>) {
        let mut state = self.state();
        state.head = members_of(members);
        state.room = state.room.saturating_sub(state.head.len());
    }

    /// Begins the list of this name.
    pub fn list(&self, list: &str) {
        let mut state = self.state();
        if !state.over && state.body.is_empty() {
            state.in_list = true;
            let comma = if state.head.is_empty() { "" } else { ", " };
            state.body = format!("{}{comma}\"{list}\": [", state.head);
        }
    }

    /// Appends one entry to the list.
    pub fn item(&self, item: &Fact) {
        if self.is_over() {
            return;
        }
        let mut text = String::new();
        item.push_json(&mut text);
        self.state().push(&text);
    }

    /// Puts in the whole document, if it is not a list.
    pub fn document(&self, entries: Vec<(&'static str, Fact)>) {
        let members = members_of(entries);
        let mut state = self.state();
        if members.len() > state.room {
            (state.over, state.cut) = (true, true);
        } else if !state.over {
            let head = std::mem::take(&mut state.head);
            let comma = if head.is_empty() { "" } else { ", " };
            state.body = [&head, comma, &members].concat();
        }
    }

    /// Appends an error or a warning.
    pub fn error(&self, message: &str) {
        let mut text = String::new();
        Fact::Text(message.to_owned()).push_json(&mut text);
        let mut state = self.state();
        if state.error_count >= MAX_ERRORS || text.len() + 2 > state.error_room {
            state.cut = true;
            return;
        }
        state.error_room -= text.len() + 2;
        state.push_error(&text);
    }

    /// Returns what is there as one JSON object. `gave_up` says briefly why there is not more.
    /// Anything that arrives later is ignored.
    pub fn end(&self, gave_up: Option<String>) -> String {
        let mut state = self.state();
        state.over = true;
        if let Some(why) = gave_up {
            let mut text = String::new();
            Fact::Text(why).push_json(&mut text);
            state.push_error(&text);
            state.cut = true;
        }
        let mut members = Vec::new();
        if state.body.is_empty() {
            members.extend((!state.head.is_empty()).then(|| state.head.clone()));
        } else {
            let mut body = std::mem::take(&mut state.body);
            body.push_str(if state.in_list { "]" } else { "" });
            members.push(body);
        }
        members.push(format!("\"errors\": [{}]", std::mem::take(&mut state.errors)));
        if state.cut {
            members.push("\"cut\": true".to_owned());
        }
        format!("{{{}}}", members.join(", "))
    }
}

/// Returns these members of an object as JSON, without the braces.
fn members_of(entries: Vec<(&'static str, Fact)>) -> String {
    let mut text = String::new();
    Fact::Object(entries).push_json(&mut text);
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    inside.unwrap_or_default().to_owned()
}

impl State {
    fn push(&mut self, item: &str) {
        let needed = item.len() + 2;
        let is_long = needed > self.long;
        if self.over || needed > self.room || is_long && needed > self.long_room {
            // Shorter entries may follow a long one.
            self.over |= !is_long;
            self.cut = true;
            return;
        }
        self.long_room -= if is_long { needed } else { 0 };
        self.room -= needed;
        self.body.push_str(if self.body.ends_with('[') { "" } else { ", " });
        self.body.push_str(item);
    }

    fn push_error(&mut self, error: &str) {
        self.error_count += 1;
        self.errors.push_str(if self.errors.is_empty() { "" } else { ", " });
        self.errors.push_str(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(budget: usize) -> Kept {
        Kept::new(budget, Deadline::after(Duration::from_mins(1)))
    }

    /// An answer whose list has begun.
    fn list(budget: usize) -> Kept {
        let kept = kept(budget);
        kept.list("entries");
        kept
    }

    fn text(text: &str) -> Fact {
        Fact::Bytes(text.into())
    }

    #[test]
    fn a_list_with_errors() {
        let kept = kept(4096);
        assert_eq!(kept.end(None), r#"{"errors": []}"#);
        let kept = self::kept(4096);
        kept.list("a");
        kept.item(&text("["));
        kept.item(&text("x\n"));
        kept.error("no \"b\"");
        kept.error("no c");
        assert!(!kept.is_over());
        let end = r#"{"a": ["[", "x\n"], "errors": ["no \"b\"", "no c", "gave up"], "cut": true}"#;
        assert_eq!(kept.end(Some("gave up".to_owned())), end);
        // The thread that fills it may finish too late.
        assert!(kept.is_over());
        kept.item(&text("late"));
    }

    #[test]
    fn one_entry_more_than_there_is_room_for_is_refused() {
        let (kept, entry) = (list(4096), text(&"x".repeat(98)));
        let room = kept.room_for(100);
        for _ in 0..room / 2 {
            kept.item(&entry);
        }
        assert!(room > 10 && !kept.is_over());
        for _ in room / 2..=room {
            kept.item(&entry);
        }
        assert!(kept.is_over());
    }

    #[test]
    fn a_document_is_whole_or_absent() {
        let entries = |length: usize| vec![("a", Fact::Count(1)), ("b", text(&"x".repeat(length)))];
        let kept = kept(1024);
        kept.error("y");
        kept.document(entries(2));
        assert_eq!(kept.end(None), r#"{"a": 1, "b": "xx", "errors": ["y"]}"#);
        let kept = self::kept(1024);
        kept.error("y");
        kept.document(entries(1024));
        assert!(kept.is_over());
        assert_eq!(kept.end(None), r#"{"errors": ["y"], "cut": true}"#);
    }

    #[test]
    fn a_cut_answer_is_valid_json_within_its_limit() {
        let words = ["", "\u{1}", "[", "\u{e0041}\u{e0041}", "\\\"", "plain words, some of them", "é"];
        for budget in (FRAME..3000).step_by(7) {
            let kept = list(budget);
            for (at, word) in words.iter().cycle().take(400).enumerate() {
                kept.item(&text(&word.repeat(at % 23)));
                kept.error(&word.repeat(at % 17));
            }
            let end = kept.end(Some("no answer within 4.9 s".to_owned()));
            assert!(end.len() <= budget, "{} of {budget}", end.len());
            let read: serde_json::Value = serde_json::from_str(&end).unwrap();
            assert_eq!(read["cut"], true, "{budget}");
            assert_eq!(read["errors"].as_array().unwrap().last().unwrap(), "no answer within 4.9 s");
        }
    }

    #[test]
    fn a_long_entry_does_not_displace_the_others() {
        let kept = list(4096);
        let long = "x".repeat(1500);
        for entry in ["a", &long, "b", &long, "c"] {
            kept.item(&text(entry));
        }
        assert!(!kept.is_over());
        assert_eq!(
            kept.end(None),
            format!(r#"{{"entries": ["a", "{long}", "b", "c"], "errors": [], "cut": true}}"#)
        );
    }

    #[test]
    fn the_deadline_ends_an_answer() {
        let kept = Kept::new(4096, Deadline::after(Duration::ZERO));
        kept.list("entries");
        kept.item(&text("a"));
        assert!(kept.is_over());
        assert_eq!(kept.end(None), r#"{"entries": [], "errors": [], "cut": true}"#);
    }
}
