//! DNS messages: builds questions, reads answers. RFC 1035, section 4; AAAA records are RFC 3596.
//!
//! Invariant: these are pure functions of bytes, and their work is bounded whatever the bytes are.
//! A compression pointer leads only backwards, a name has at most 255 bytes, and the number of
//! links in a chain of aliases is limited.

mod reader;

use std::fmt;
use std::net::IpAddr;

use self::reader::Reader;

/// The type of a record that holds an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
}

impl AddressType {
    /// Both, in the order in which they are queried.
    pub const ALL: [AddressType; 2] = [AddressType::A, AddressType::Aaaa];

    /// The name that users and servers know it by.
    pub fn name(self) -> &'static str {
        match self {
            AddressType::A => "A",
            AddressType::Aaaa => "AAAA",
        }
    }

    /// The other one.
    pub fn other(self) -> AddressType {
        match self {
            AddressType::A => AddressType::Aaaa,
            AddressType::Aaaa => AddressType::A,
        }
    }

    /// Its number in a message.
    fn code(self) -> u16 {
        match self {
            AddressType::A => 1,
            AddressType::Aaaa => 28,
        }
    }
}

/// The type of an alias.
const CNAME: u16 = 5;
/// The class of the Internet.
const IN: u16 = 1;

/// The most bytes of a name in a message: RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 255;
/// The most pointers that one name follows: it never has more than 127 labels.
const MOST_POINTERS: u32 = 127;
/// The most aliases that are followed one to the next if they are not in order.
const MOST_ALIASES: u32 = 16;

/// No error.
const NOERROR: u8 = 0;
/// The server could not answer.
pub const SERVFAIL: u8 = 2;
/// The name does not exist.
pub const NXDOMAIN: u8 = 3;

/// Returns the name of an error code: RFC 1035, section 4.1.1.
pub fn code_words(code: u8) -> String {
    match code {
        1 => "FORMERR".to_owned(),
        SERVFAIL => "SERVFAIL".to_owned(),
        NXDOMAIN => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        _ => format!("error code {code}"),
    }
}

/// A domain name as in a message: each label after its length, the root's at the end; ASCII in
/// lower case, as names are compared (RFC 4343).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// Parses `db.example`, with or without a trailing dot; `None` if that is not a name below the
    /// root.
    pub fn parse(text: &str) -> Option<Name> {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        for label in text.strip_suffix('.').unwrap_or(text).split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
            bytes.push(length);
            bytes.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        bytes.push(0);
        (bytes.len() <= LONGEST_NAME).then_some(Name(bytes))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        let mut dot = "";
        while let Some((&length, tail)) = rest.split_first()
            && let Some((label, tail)) = tail.split_at_checked(usize::from(length))
            && !label.is_empty()
        {
            f.write_str(dot)?;
            f.write_str(&String::from_utf8_lossy(label))?;
            dot = ".";
            rest = tail;
        }
        Ok(())
    }
}

/// A question about one name.
#[derive(Debug)]
pub struct Question<'a> {
    /// The number that the answer has to repeat.
    pub id: u16,
    /// The name.
    pub name: &'a Name,
    /// The type of record that is queried.
    pub kind: AddressType,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The name exists, and has these addresses of the queried type, or none.
    Addresses(Vec<IpAddr>),
    /// An error code other than 0.
    Code(u8),
    /// The answer does not fit a datagram; over TCP it would.
    Truncated,
}

impl Question<'_> {
    /// Builds the message, with recursion desired.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(16 + LONGEST_NAME);
        message.extend(self.id.to_be_bytes());
        // Flags: RD. One question, no records.
        message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend(&self.name.0);
        message.extend(self.kind.code().to_be_bytes());
        message.extend(IN.to_be_bytes());
        message
    }

    /// Returns what this message replies; `None` if it does not answer this question or is
    /// malformed.
    pub fn reply(&self, message: &[u8]) -> Option<Reply> {
        let mut reader = Reader { message, at: 0 };
        let (id, flags) = (reader.number()?, reader.number()?);
        let (questions, answers) = (reader.number()?, reader.number()?);
        reader.take(4)?;
        // QR set: an answer; OPCODE 0: to a standard query.
        if id != self.id || flags & 0xf800 != 0x8000 {
            return None;
        }
        let code = (flags & 0xf) as u8;
        // A server that did not understand the question may leave it out.
        let is_ours = if questions == 0 {
            code != NOERROR
        } else {
            questions == 1
                && reader.name()? == *self.name
                && reader.number()? == self.kind.code()
                && reader.number()? == IN
        };
        if !is_ours {
            return None;
        }
        if code != NOERROR {
            return Some(Reply::Code(code));
        }
        if flags & 0x0200 != 0 {
            return Some(Reply::Truncated);
        }
        self.addresses(&reader, answers)
    }

    /// Returns the addresses among the answers, following aliases to them.
    fn addresses(&self, records: &Reader<'_>, count: u16) -> Option<Reply> {
        let mut name = self.name.clone();
        // Aliases are usually in order, so that the second pass finds no more.
        for _ in 0..MOST_ALIASES {
            let mut moved = false;
            let mut reader = records.clone();
            for _ in 0..count {
                let record = reader.record()?;
                if record.kind == CNAME && record.owner == name {
                    name = Reader { message: reader.message, at: record.at }.name()?;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        let mut addresses = Vec::new();
        let mut reader = records.clone();
        for _ in 0..count {
            let record = reader.record()?;
            if record.kind == self.kind.code() && record.owner == name {
                let address = match self.kind {
                    AddressType::A => IpAddr::from(<[u8; 4]>::try_from(record.data).ok()?),
                    AddressType::Aaaa => IpAddr::from(<[u8; 16]>::try_from(record.data).ok()?),
                };
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Some(Reply::Addresses(addresses))
    }
}

#[cfg(test)]
mod tests {
    use super::AddressType::{A, Aaaa};
    use super::*;

    /// The answer of dnsmasq 2.90 to A of www.example, with `--cname=www.example,web.example
    /// --host-record=web.example,10.0.0.5`.
    const ALIAS: &[u8] =
        b"\x12\x34\x85\x80\x00\x01\x00\x02\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x00\x00\x06\x03web\xc0\x10\
        \xc0\x29\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x05";

    fn question(name: &str, kind: AddressType) -> Question<'static> {
        Question { id: 0x1234, name: Box::leak(Box::new(Name::parse(name).unwrap())), kind }
    }

    /// Builds a message with these flags, the question, and these records.
    fn answer(question: &Question<'_>, flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut message = question.message();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[7] = u8::try_from(records.len()).unwrap();
        message.extend(records.concat());
        message
    }

    /// Builds a record with this owner, as bytes, and this data.
    fn record(owner: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
        let mut record = owner.to_vec();
        record.extend([0, kind, 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        record.extend(data);
        record
    }

    fn addresses(reply: Option<Reply>) -> Vec<String> {
        match reply {
            Some(Reply::Addresses(addresses)) => addresses.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names() {
        for (text, shown) in [("db", "db"), ("DB.Example.", "db.example"), ("_a-1.b", "_a-1.b")] {
            assert_eq!(Name::parse(text).unwrap().to_string(), shown);
        }
        let longest = format!("{}{}", "abcdefghi.".repeat(25), "xyz");
        assert_eq!(Name::parse(&longest).unwrap().to_string(), longest);
        for text in
            [String::new(), ".".into(), "a..b".into(), ".a".into(), "a".repeat(64), longest.clone() + "z"]
        {
            assert_eq!(Name::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_question_on_the_wire() {
        assert_eq!(
            question("db.Example", Aaaa).message(),
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x07example\x00\x00\x1c\x00\x01"
        );
    }

    #[test]
    fn an_alias_is_followed() {
        assert_eq!(addresses(question("WWW.example.", A).reply(ALIAS)), ["10.0.0.5"]);
    }

    #[test]
    fn aliases_out_of_order_and_in_a_ring() {
        let asked = question("a", A);
        let (b, c) = (b"\x01b\x00", b"\x01c\x00");
        let chain = [record(c, 1, &[10, 0, 0, 1]), record(b, 5, c), record(b"\x01a\x00", 5, b"\x01B\x00")];
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        assert_eq!(addresses(asked.reply(&answer(&asked, 0x8180, &chain))), ["10.0.0.1"]);
        let ring = [record(b"\x01a\x00", 5, b), record(b, 5, b"\x01a\x00")];
        let ring: Vec<&[u8]> = ring.iter().map(Vec::as_slice).collect();
        assert!(addresses(asked.reply(&answer(&asked, 0x8180, &ring))).is_empty());
    }

    #[test]
    fn addresses_of_other_names_types_and_classes_do_not_count() {
        let asked = question("a", A);
        let mut chaos = record(b"\xc0\x0c", 1, &[10, 0, 0, 3]);
        chaos[5] = 3;
        let own = record(b"\xc0\x0c", 1, &[10, 0, 0, 1]);
        let message = answer(
            &asked,
            0x8180,
            &[
                &record(b"\x01b\x00", 1, &[10, 0, 0, 2]),
                &chaos,
                &record(b"\xc0\x0c", 28, &[1; 16]),
                &own,
                &own,
            ],
        );
        assert_eq!(addresses(asked.reply(&message)), ["10.0.0.1"]);
        let asked = question("a", Aaaa);
        let six = record(b"\xc0\x0c", 28, b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05");
        assert_eq!(addresses(asked.reply(&answer(&asked, 0x8180, &[&six]))), ["fd00::5"]);
    }

    #[test]
    fn codes_and_truncation() {
        let asked = question("a", A);
        assert_eq!(asked.reply(&answer(&asked, 0x8183, &[])), Some(Reply::Code(NXDOMAIN)));
        assert_eq!(asked.reply(&answer(&asked, 0x8182, &[])), Some(Reply::Code(2)));
        assert_eq!(asked.reply(&answer(&asked, 0x8380, &[])), Some(Reply::Truncated));
        assert!(addresses(asked.reply(&answer(&asked, 0x8180, &[]))).is_empty());
        // FORMERR with only the header.
        let header = b"\x12\x34\x80\x01\0\0\0\0\0\0\0\0";
        assert_eq!(asked.reply(header), Some(Reply::Code(1)));
        assert_eq!(asked.reply(b"\x12\x34\x80\x00\0\0\0\0\0\0\0\0"), None);
    }

    #[test]
    fn a_reply_to_another_question_is_ignored() {
        let asked = question("www.example", A);
        let changed = |at: usize, byte: u8| {
            let mut message = ALIAS.to_vec();
            message[at] = byte;
            asked.reply(&message)
        };
        assert!(asked.reply(ALIAS).is_some());
        for (what, at, byte) in [
            ("another id", 1, 0x35),
            ("a question", 2, 0x05),
            ("another opcode", 2, 0x95),
            ("two questions", 5, 2),
            ("another name", 13, b'x'),
            ("another type", 26, 28),
            ("another class", 28, 3),
        ] {
            assert_eq!(changed(at, byte), None, "{what}");
        }
    }

    #[test]
    fn malformed_messages() {
        let asked = question("www.example", A);
        for length in 0..ALIAS.len() {
            assert_eq!(asked.reply(&ALIAS[..length]), None, "cut to {length}");
        }
        for at in 0..ALIAS.len() {
            for byte in 0..=255 {
                let mut message = ALIAS.to_vec();
                message[at] = byte;
                let _ = asked.reply(&message);
            }
        }
        let asked = question("a", A);
        for (what, owner) in [
            ("a pointer to itself", &b"\xc0\x13"[..]),
            ("a pointer forwards", b"\xc0\x20"),
            ("a pointer past the end", b"\xff\xff"),
            ("a reserved label", b"\x40a\x00"),
            ("a label past the end", b"\x3fa"),
        ] {
            let message = answer(&asked, 0x8180, &[&record(owner, 1, &[10, 0, 0, 1])]);
            assert_eq!(asked.reply(&message), None, "{what}");
        }
        for data in [&[][..], &[10, 0, 0], &[10, 0, 0, 1, 1]] {
            let message = answer(&asked, 0x8180, &[&record(b"\xc0\x0c", 1, data)]);
            assert_eq!(asked.reply(&message), None, "an address of {} bytes", data.len());
        }
        // A ring of two pointers: the second leads back to the label before the first.
        let message = answer(&asked, 0x8180, &[&record(b"\x01x\xc0\x13", 1, &[10, 0, 0, 1])]);
        assert_eq!(asked.reply(&message), None);
    }

    #[test]
    fn the_most_expensive_message_takes_bounded_time() {
        // As many records as fit, each with the longest name as its owner, behind a chain of
        // pointers.
        let asked = question("a", A);
        let name = [b"\x01x".repeat(126).as_slice(), b"\x00"].concat();
        let mut message = answer(&asked, 0x8180, &[&record(&name, 16, &[0; 200])]);
        let mut target = 19_u16;
        let chain = message.len() - 200;
        for at in (chain..message.len()).step_by(2) {
            message[at..at + 2].copy_from_slice(&(0xc000 | target).to_be_bytes());
            target = u16::try_from(at).unwrap();
        }
        let owner = (0xc000 | target).to_be_bytes();
        let mut count = 1_u16;
        while message.len() < 65_500 {
            message.extend(record(&owner, 1, &[]));
            count += 1;
        }
        message[6..8].copy_from_slice(&count.to_be_bytes());
        let start = std::time::Instant::now();
        assert!(addresses(asked.reply(&message)).is_empty());
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
