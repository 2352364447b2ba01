//! `mongodb TARGET`: a MongoDB server, or one that speaks its protocol, is a writable primary or a
//! secondary.
//!
//! `OP_MSG`: <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>; documents:
//! <https://bsonspec.org/spec.html>; the command:
//! <https://www.mongodb.com/docs/manual/reference/command/hello/>. It is sent by its old name,
//! `isMaster`, like the first command of every driver, because servers before 4.4 do not know
//! `hello`. No server requires a login for it.
//!
//! A member of a replica set that is neither primary nor secondary is starting up, recovering or
//! removed; an arbiter has no data. A server that is shutting down answers with an error.
//!
//! The check ends by closing the connection, as drivers do.

use super::Kind;
use super::foreign::SERVER;
use super::server::{self, Failure, Protocol, Talk};
use crate::outcome::{Fact, Finding};
use crate::text::clip;

/// The header: the length, the number of the message, that of the message it answers, `OP_MSG`.
/// Then no flags, and one section with the document `{isMaster: 1, $db: "admin"}`.
const IS_MASTER: &[u8] = b"\x37\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\
    \x22\0\0\0\x10isMaster\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
/// What follows the length and the number of an answer: the number of ours, and `OP_MSG`.
const TO_OURS: &[u8] = b"\x01\0\0\0\xdd\x07\0\0";
/// Where the document begins: after the header, the flags and the kind of the section.
const DOCUMENT: usize = 21;
/// The error of a server with the parameter `requireApiVersion`. Servers before 5.0 do not know
/// `apiVersion`, so the check does not send it.
const API_VERSION_REQUIRED: usize = 498_870;

static PROTOCOL: Protocol = Protocol::plain("mongodb", handshake);

pub(super) const KIND: Kind = Kind {
    name: "mongodb",
    summary: "a MongoDB server is a writable primary or a secondary",
    options: server::OPTIONS,
    plan: |given| server::plan(given, &PROTOCOL),
    examples: "porthole mongodb :27017",
    foreign: SERVER,
};

fn handshake(talk: &mut Talk<'_>) -> Result<Finding, Failure> {
    talk.send(IS_MASTER);
    let answer = talk.receive("the answer to isMaster", |received| {
        let is_foreign = received.get(8..16).is_some_and(|header| header != TO_OURS);
        let length = number(received).unwrap_or_default().max(DOCUMENT);
        if is_foreign { None } else { Some(length) }
    })?;
    answer.get(DOCUMENT..).and_then(verdict).ok_or(Failure::Foreign)
}

/// Returns what the document of an answer means; `None` if it is not one.
fn verdict(document: &[u8]) -> Option<Finding> {
    field(document, "ok")?;
    let is_ok = is_true(document, "ok");
    let (is_up, words) = if !is_ok {
        let is_refusal = field(document, "code").and_then(number) == Some(API_VERSION_REQUIRED);
        (is_refusal, if is_refusal { "up, refuses this client" } else { "isMaster failed" })
    } else if text(document, "msg") == b"isdbgrid" {
        (true, "mongos")
    } else if is_true(document, "ismaster") {
        (true, if text(document, "setName").is_empty() { "standalone" } else { "primary" })
    } else if is_true(document, "secondary") {
        (true, "secondary")
    } else {
        (false, if is_true(document, "arbiterOnly") { "arbiter" } else { "neither primary nor secondary" })
    };
    let mut finding = if is_up { Finding::healthy(words) } else { Finding::unhealthy(words) };
    let mut add = |before, name, fact| {
        let text = text(document, name);
        if !text.is_empty() {
            finding.found.push_str(before);
            finding.found.push_str(&clip(text));
            finding.push(fact, Fact::Bytes(text.to_vec()));
        }
    };
    add(" of ", "setName", "set");
    add(": ", "errmsg", "error");
    add(": ", "info", "info");
    let mut count = |name, fact| {
        if let Some(number) = field(document, name).and_then(number) {
            finding.push(fact, Fact::Count(number as u64));
        }
    };
    count("code", "code");
    count("maxWireVersion", "max_wire_version");
    if is_ok {
        finding.push("role", Fact::Text(words.to_owned()));
    }
    Some(finding)
}

/// Returns the little-endian number of 32 bits that these bytes begin with.
fn number(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.first_chunk()?)).ok()
}

/// Whether the field of this name is a number other than zero, or true.
fn is_true(document: &[u8], name: &str) -> bool {
    field(document, name).is_some_and(|value| value.iter().any(|&byte| byte != 0))
}

/// Returns the text of the field of this name, without the zero at its end; empty if there is none.
fn text<'a>(document: &'a [u8], name: &str) -> &'a [u8] {
    let text = field(document, name).and_then(|value| value.get(4..)?.split_last());
    text.map(|(_, text)| text).unwrap_or_default()
}

/// Returns the value of the field of this name, if the document is valid that far. Documents within
/// the document are skipped.
fn field<'a>(document: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = document.get(4..)?;
    // Each turn takes at least the type and the end of the name.
    loop {
        let (kind, after) = rest.split_first()?;
        let end = after.iter().position(|&byte| byte == 0).filter(|_| *kind != 0)?;
        let (found, value) = after.split_at_checked(end)?;
        let value = value.get(1..)?;
        let length = match kind {
            // A string, a document, an array, binary data: the length precedes them, and counts
            // itself only in the second and third.
            2 => number(value)?.checked_add(4)?,
            3 | 4 => number(value)?,
            5 => number(value)?.checked_add(5)?,
            // A double, a date, a timestamp, a number of 64 bits.
            1 | 9 | 0x11 | 0x12 => 8,
            // An object ID, a truth value, null, a number of 32 and one of 128 bits.
            7 => 12,
            8 => 1,
            0x0a => 0,
            0x10 => 4,
            0x13 => 16,
            _ => return None,
        };
        let (value, next) = value.split_at_checked(length)?;
        if found == name.as_bytes() {
            return Some(value);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verdict;

    /// A document with these elements.
    fn document(elements: &[&[u8]]) -> Vec<u8> {
        let elements = elements.concat();
        let length = u32::try_from(elements.len() + 5).unwrap().to_le_bytes();
        [&length[..], &elements, b"\0"].concat()
    }

    const OK: &[u8] = b"\x01ok\0\0\0\0\0\0\0\xf0\x3f";
    const PRIMARY: &[u8] = b"\x08ismaster\0\x01";
    const SET: &[u8] = b"\x02setName\0\x04\0\0\0rs0\0";

    /// Each type of element.
    fn everything() -> Vec<u8> {
        let nested = document(&[b"\x10ok\0\0\0\0\0", b"\x02setName\0\x06\0\0\0wrong\0"]);
        document(&[
            &[&b"\x03topologyVersion\0"[..], &nested].concat(),
            &[&b"\x04hosts\0"[..], &nested].concat(),
            b"\x05hash\0\x03\0\0\0\0abc",
            b"\x07electionId\0abcdefghijkl",
            b"\x09localTime\0\0\0\0\0\0\0\0\0",
            b"\x0aempty\0",
            b"\x10maxWireVersion\0\x15\0\0\0",
            b"\x11operationTime\0\x01\0\0\0\0\0\0\0",
            b"\x12count\0\x01\0\0\0\0\0\0\0",
            b"\x13decimal\0aaaaaaaaaaaaaaaa",
            SET,
            PRIMARY,
            OK,
        ])
    }

    #[test]
    fn the_request_has_its_lengths() {
        assert_eq!(number(IS_MASTER), Some(IS_MASTER.len()));
        let document = IS_MASTER.get(DOCUMENT..).unwrap();
        assert_eq!(number(document), Some(document.len()));
        assert_eq!((is_true(document, "isMaster"), text(document, "$db")), (true, &b"admin"[..]));
    }

    #[test]
    fn fields_of_a_document() {
        let document = everything();
        assert_eq!(text(&document, "setName"), b"rs0");
        assert_eq!(field(&document, "maxWireVersion").and_then(number), Some(21));
        assert!(
            is_true(&document, "ok") && is_true(&document, "ismaster") && !is_true(&document, "secondary")
        );
        assert_eq!(field(&document, "empty"), Some(&b""[..]));
        // Cut off anywhere, it has the fields before that, but not the last one.
        for length in 0..document.len() - 1 {
            assert_eq!(field(&document[..length], "ok"), None, "{length}");
            assert!(verdict(&document[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn lengths_beyond_the_end() {
        for kind in [2, 3, 4, 5] {
            for length in [[0xff; 4], [0xff, 0xff, 0xff, 0x7f], [0x20, 0, 0, 0]] {
                let element = [&[kind][..], b"a\0", &length, b"\0"].concat();
                let document = document(&[&element, OK]);
                assert_eq!(field(&document, "a"), None);
                assert!(verdict(&document).is_none());
            }
        }
        // A length of zero, a type that is not known, a name without an end, a string without one.
        assert_eq!(field(&document(&[b"\x03a\0\0\0\0\0", OK]), "ok"), None);
        assert_eq!(field(&document(&[b"\x0ba\0b\0c\0", OK]), "ok"), None);
        assert_eq!(field(b"\x10\0\0\0\x10ok", "ok"), None);
        assert_eq!(text(&document(&[b"\x02a\0\0\0\0\0", OK]), "a"), b"");
    }

    #[test]
    fn what_an_answer_means() {
        let no = Verdict::Unhealthy;
        let yes = Verdict::Healthy;
        let failed: &[u8] = b"\x10ok\0\0\0\0\0";
        for (elements, expected, found) in [
            (&[PRIMARY, OK][..], yes, "standalone"),
            (&[PRIMARY, SET, OK], yes, "primary of rs0"),
            (&[PRIMARY, b"\x02msg\0\x09\0\0\0isdbgrid\0", OK], yes, "mongos"),
            (&[b"\x08secondary\0\x01", b"\x08hidden\0\x01", SET, OK], yes, "secondary of rs0"),
            (&[b"\x08arbiterOnly\0\x01", SET, OK], no, "arbiter of rs0"),
            (
                &[b"\x08ismaster\0\0", b"\x08secondary\0\0", SET, OK],
                no,
                "neither primary nor secondary of rs0",
            ),
            (&[b"\x02info\0\x03\0\0\0no\0", OK], no, "neither primary nor secondary: no"),
            // Other servers than MongoDB's own use other types of numbers.
            (&[PRIMARY, b"\x10ok\0\x01\0\0\0"], yes, "standalone"),
            (&[PRIMARY, failed], no, "isMaster failed"),
            (
                &[failed, b"\x02errmsg\0\x05\0\0\0down\0", b"\x10code\0\x5b\0\0\0"],
                no,
                "isMaster failed: down",
            ),
            (&[failed, b"\x10code\0\xb6\x9c\x07\0"], yes, "up, refuses this client"),
        ] {
            let finding = verdict(&document(elements)).unwrap();
            assert_eq!((finding.verdict, finding.found.as_str()), (expected, found));
        }
        for elements in [&[][..], &[PRIMARY], &[b"\x02OK\0\x01\0\0\0\0"]] {
            assert!(verdict(&document(elements)).is_none());
        }
    }
}
