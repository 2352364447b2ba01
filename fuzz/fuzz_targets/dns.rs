//! The messages of name servers. An answer is only accepted to the question that was put, with its
//! number; and the data of an answer is the same each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::net::dns::{Name, Question, RecordType, is_reply};

const TYPES: &[&str] = &["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "CAA"];

fuzz_target!(|input: (u8, u16, Vec<u8>)| {
    let (kind, id, mut message) = input;
    let name = Name::parse("db.example").expect("a name");
    let kind = RecordType::named(TYPES[usize::from(kind) % TYPES.len()]).unwrap_or(RecordType::ADDRESSES[0]);
    let question = Question { id, name: &name, kind };
    // The fuzzer chooses the records; it could hardly guess the question.
    if id & 1 == 1 {
        let asked = question.message();
        let counts = message.first().map_or(1, |count| count % 8);
        let header = [asked[0], asked[1], 0x81, 0x80, 0, 1, 0, counts, 0, 0, 0, 0];
        message = [&header[..], &asked[12..], &message].concat();
    }
    let reply = question.reply(&message);
    assert_eq!(reply, question.reply(&message));
    if let Ok(reply) = reply {
        assert!(is_reply(&message));
        assert_eq!(message[..2], id.to_be_bytes());
        assert!(reply.code < 16);
        let other = Name::parse("dc.example").expect("a name");
        let asks_other = Question { id, name: &other, kind }.reply(&message);
        assert!(asks_other.is_err() || reply.code != 0, "one answer to two questions");
        assert!(Question { id: id ^ 1, name: &name, kind }.reply(&message).is_err());
    }
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b".-_".contains(b);
    if message.iter().all(is_plain)
        && let Ok(text) = std::str::from_utf8(&message)
        && let Some(name) = Name::parse(text)
    {
        assert_eq!(Name::parse(&name.absolute()), Some(name.clone()), "{text:?}");
    }
});
