//! The messages of name servers. A reply is only accepted with the number of the question. What it says
//! of records, that there are some, or none, or no such name, is only accepted as an answer to that
//! question, and is the same each time. Names are printed as they are parsed.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::net::dns::{Found, NOERROR, NXDOMAIN, Name, Question, RecordType, is_reply};
use porthole::text::escape;
use support::is_printable;

const TYPES: &[&str] = &["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "CAA"];

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, id, bytes) = input;
    let mut message = bytes.to_vec();
    let name = Name::parse("db.example").expect("a name");
    let kind = RecordType::named(TYPES[usize::from(kind) % TYPES.len()]).unwrap_or(RecordType::ADDRESSES[0]);
    let question = Question { id, name: &name, kind };
    // The fuzzer chooses the records, their number and the error code; it could hardly guess the question.
    if id & 1 == 1
        && let Some((&first, records)) = message.split_first()
    {
        let asked = question.message();
        let header = [asked[0], asked[1], 0x81, 0x80 | first >> 4, 0, 1, 0, first & 0xf, 0, 0, 0, 0];
        message = [&header[..], &asked[12..], records].concat();
    }
    let reply = question.reply(&message);
    assert_eq!(reply, question.reply(&message));
    if let Ok(reply) = reply {
        assert!(is_reply(&message));
        assert_eq!(message[..2], id.to_be_bytes());
        assert!(reply.code < 16);
        let other = Name::parse("dc.example").expect("a name");
        let asks_other = Question { id, name: &other, kind }.reply(&message);
        // A server that did not understand the question leaves it out, and has an error code.
        let is_about_records = matches!(reply.code, NOERROR | NXDOMAIN);
        assert!(asks_other.is_err() || !is_about_records, "one answer to two questions");
        assert!(reply.code == NOERROR || reply.found == Found::default(), "an error with records");
        for text in &reply.found.texts {
            is_printable(&escape(text.as_bytes()));
        }
        assert!(Question { id: id ^ 1, name: &name, kind }.reply(&message).is_err());
    }
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b".-_".contains(b);
    if bytes.iter().all(is_plain)
        && let Ok(text) = std::str::from_utf8(bytes)
        && let Some(name) = Name::parse(text)
    {
        assert_eq!(Name::parse(&name.absolute()), Some(name.clone()), "{text:?}");
    }
});
