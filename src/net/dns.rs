//! DNS messages: builds questions, reads answers. RFC 1035, section 4.
//!
//! Invariant: these are pure functions of bytes, and their work is bounded whatever the bytes are.
//! A compression pointer leads only backwards, a name has at most 255 bytes, and the number of
//! links in a chain of aliases is limited.

mod reader;
mod record;

use std::fmt::Write as _;
use std::net::IpAddr;

use self::reader::Reader;
pub use self::record::{Found, RecordType};

/// The class of the Internet.
const IN: u16 = 1;

/// The length of a message's header, in bytes: RFC 1035, section 4.1.1.
const HEADER: usize = 12;
/// The most bytes of a name in a message: RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 255;
/// The most pointers that one name follows: it never has more than 127 labels.
const MOST_POINTERS: u32 = 127;
/// The most aliases that are followed one to the next if they are not in order.
const MOST_ALIASES: u32 = 16;

/// The most data of a reply that is kept: a long message may expand to many times its length.
const MOST_DATA: usize = 1024;

/// What is wrong with a reply that ends too soon, or whose contents are invalid.
const MALFORMED: &str = "a malformed reply";

/// No error.
pub const NOERROR: usize = 0;
/// The server could not answer.
pub const SERVFAIL: usize = 2;
/// The name does not exist.
pub const NXDOMAIN: usize = 3;

/// Returns the meaning of a reply without data: its error code, or that the name has none of the
/// type that was `wanted`. RFC 1035, section 4.1.1; RFC 2308, section 2.2.
pub fn code_words(code: usize, is_alias: bool, wanted: &str) -> String {
    let name = match code {
        NOERROR => {
            let alias = if is_alias { "only an alias, " } else { "" };
            return [alias, "no ", wanted, " record: NODATA"].concat();
        }
        1 => "FORMERR",
        SERVFAIL => "SERVFAIL",
        NXDOMAIN => "no such name: NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => return format!("error code {code}"),
    };
    name.to_owned()
}

/// A domain name as in a message: each label after its length, the root's at the end; ASCII in
/// lower case, as names are compared (RFC 4343).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// Parses `db.example`, with or without a trailing dot; `None` if that is not a name.
    pub fn parse(text: &str) -> Option<Name> {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        // The root is only a dot.
        if text != "." {
            for label in text.strip_suffix('.').unwrap_or(text).split('.') {
                bytes.push(u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?);
                bytes.extend_from_slice(label.as_bytes());
            }
        }
        bytes.push(0);
        // The lengths of labels are less than any letter.
        bytes.make_ascii_lowercase();
        (bytes.len() <= LONGEST_NAME).then_some(Name(bytes))
    }

    /// Returns the name below which the names of an address are: RFC 1035, section 3.5; RFC 3596,
    /// section 2.5.
    // Not inlined, like the functions below: in a large frame every access to a variable takes more
    // bytes.
    #[inline(never)]
    pub fn reverse(address: IpAddr) -> String {
        let mut name = String::new();
        // Writing to a String cannot fail.
        match address {
            IpAddr::V4(address) => {
                for octet in address.octets().iter().rev() {
                    let _ = write!(name, "{octet}.");
                }
                name + "in-addr.arpa."
            }
            IpAddr::V6(address) => {
                for octet in address.octets().iter().rev() {
                    let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
                }
                name + "ip6.arpa."
            }
        }
    }

    /// Returns the name with a dot at its end, as dig prints it. In a label, a byte with a meaning
    /// in a zone file has a backslash before it, and one that is not printable is a backslash and
    /// three digits: RFC 1035, section 5.1.
    #[inline(never)]
    pub fn absolute(&self) -> String {
        let mut text = String::new();
        let mut rest = self.0.as_slice();
        while let Some((&length, tail)) = rest.split_first()
            && let Some((label, tail)) = tail.split_at_checked(usize::from(length))
            && !label.is_empty()
        {
            for &byte in label {
                match byte {
                    // Writing to a String cannot fail.
                    ..=b' ' | 0x7f.. => drop(write!(text, "\\{byte:03}")),
                    b'"' | b'$' | b'(' | b')' | b'.' | b';' | b'@' | b'\\' => text.push('\\'),
                    _ => {}
                }
                if byte.is_ascii_graphic() {
                    text.push(char::from(byte));
                }
            }
            text.push('.');
            rest = tail;
        }
        if text.is_empty() { ".".to_owned() } else { text }
    }

    /// Returns the name without a dot at its end, unless it is the root.
    #[cfg(any(feature = "remote", test))]
    pub fn shown(&self) -> String {
        let mut text = self.absolute();
        if text.len() > 1 {
            text.pop();
        }
        text
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
    pub kind: &'static RecordType,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The error code.
    pub code: usize,
    /// Whether it does not fit a datagram; over TCP it would.
    pub is_truncated: bool,
    /// The data of the queried type, if there is no error.
    pub found: Found,
}

/// Returns whether this can be the reply of a name server: it has a header, QR is set (an answer),
/// and OPCODE is 0 (to a standard query).
pub fn is_reply(message: &[u8]) -> bool {
    message.len() >= HEADER && message.get(2).is_some_and(|flags| flags & 0xf8 == 0x80)
}

impl Question<'_> {
    /// Builds the message, with recursion desired.
    pub fn message(&self) -> Vec<u8> {
        // Flags: RD. One question, no records.
        let counts = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let [kind, class] = [self.kind.code, IN].map(u16::to_be_bytes);
        [&self.id.to_be_bytes(), &counts[..], &self.name.0, &kind, &class].concat()
    }

    /// Returns what this message replies. The error is why it does not answer the question.
    pub fn reply(&self, message: &[u8]) -> Result<Reply, &'static str> {
        if is_reply(message) { self.read(message) } else { Err("not a reply of a name server") }
    }

    /// Reads the reply of a name server.
    fn read(&self, message: &[u8]) -> Result<Reply, &'static str> {
        let mut reader = Reader::new(message, 0);
        let mut number = || reader.number(2).unwrap_or_default();
        let (id, flags, questions, answers) = (number(), number(), number(), number());
        let code = flags & 0xf;
        if id != usize::from(self.id) {
            return Err("a reply with another ID");
        }
        let mut reader = Reader::new(message, HEADER);
        // A server that did not understand the question may leave it out, but not one that says
        // whether the name exists.
        if questions > 0 || code == NOERROR || code == NXDOMAIN {
            let name = reader.name().ok_or(MALFORMED)?;
            let kind = reader.number(4).ok_or(MALFORMED)?;
            if questions != 1 || name != *self.name || kind != self.kind.in_class() {
                return Err("a reply to another question");
            }
        }
        let is_truncated = code == NOERROR && flags & 0x0200 != 0;
        let mut found = Found::default();
        if code == NOERROR && !is_truncated {
            self.find(reader, answers, &mut found).ok_or(MALFORMED)?;
        }
        Ok(Reply { code, is_truncated, found })
    }

    /// Finds the data among these records, following aliases to it; `None` if they are malformed.
    #[inline(never)]
    fn find(&self, records: Reader<'_>, count: usize, found: &mut Found) -> Option<()> {
        let mut name = self.name.clone();
        // Aliases are usually in order, so that the second pass finds all data.
        for _ in 0..MOST_ALIASES {
            let mut is_moved = false;
            let mut reader = records;
            for _ in 0..count {
                let is_of_name = reader.name()? == name;
                let kind = reader.number(4)?;
                // The time to live.
                reader.take(4)?;
                let mut data = reader.part(2)?;
                if is_of_name && kind == self.kind.in_class() {
                    self.kind.read(data, found)?;
                } else if is_of_name && kind == RecordType::CNAME.in_class() {
                    name = data.name()?;
                    is_moved = true;
                    found.is_alias = true;
                }
            }
            if !is_moved {
                break;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of dnsmasq 2.90 to A of www.example, with `--cname=www.example,web.example
    /// --host-record=web.example,10.0.0.5`.
    const ALIAS: &[u8] =
        b"\x12\x34\x85\x80\x00\x01\x00\x02\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x00\x00\x06\x03web\xc0\x10\
        \xc0\x29\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x05";

    const A: &RecordType = RecordType::A;
    const AAAA: &RecordType = RecordType::AAAA;

    fn question(name: &str, kind: &'static RecordType) -> Question<'static> {
        Question { id: 0x1234, name: Box::leak(Box::new(Name::parse(name).unwrap())), kind }
    }

    /// A question about the type of this name.
    fn question_of(kind: &str) -> Question<'static> {
        question("example.org", RecordType::named(kind).unwrap())
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
    fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &length, data].concat()
    }

    /// Builds the answer to a question about example.org, which is at offset 12 and org at 20, with
    /// this data in one record each.
    fn answer_with(question: &Question<'_>, data: &[&[u8]]) -> Vec<u8> {
        let records: Vec<Vec<u8>> =
            data.iter().map(|data| record(b"\xc0\x0c", question.kind.code, data)).collect();
        answer(question, 0x8180, &records.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The data of a reply without an error.
    fn texts(reply: Result<Reply, &'static str>) -> Vec<String> {
        match reply {
            Ok(Reply { code: NOERROR, is_truncated: false, found }) => found.texts,
            other => panic!("{other:?}"),
        }
    }

    /// The code of a reply with an error.
    fn code(reply: Result<Reply, &'static str>) -> usize {
        let reply = reply.unwrap();
        assert_eq!((reply.is_truncated, reply.found), (false, Found::default()));
        reply.code
    }

    #[test]
    fn names() {
        for (text, shown) in [
            ("db", "db"),
            ("DB.Example.", "db.example"),
            ("_a-1.b", "_a-1.b"),
            (".", "."),
            ("b\u{fc}.\\", r"b\195\188.\\"),
        ] {
            assert_eq!(Name::parse(text).unwrap().shown(), shown);
        }
        let longest = format!("{}{}", "abcdefghi.".repeat(25), "xyz");
        assert_eq!(Name::parse(&longest).unwrap().shown(), longest);
        for text in
            [String::new(), "..".into(), "a..b".into(), ".a".into(), "a".repeat(64), longest.clone() + "z"]
        {
            assert_eq!(Name::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_question_on_the_wire() {
        assert_eq!(
            question("db.Example", AAAA).message(),
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x07example\x00\x00\x1c\x00\x01"
        );
    }

    #[test]
    fn an_alias_is_followed() {
        assert_eq!(texts(question("WWW.example.", A).reply(ALIAS)), ["10.0.0.5"]);
    }

    #[test]
    fn aliases_out_of_order_and_in_a_ring() {
        let asked = question("a", A);
        let (b, c) = (b"\x01b\x00", b"\x01c\x00");
        let chain = [record(c, 1, &[10, 0, 0, 1]), record(b, 5, c), record(b"\x01a\x00", 5, b"\x01B\x00")];
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        assert_eq!(texts(asked.reply(&answer(&asked, 0x8180, &chain))), ["10.0.0.1"]);
        let ring = [record(b"\x01a\x00", 5, b), record(b, 5, b"\x01a\x00")];
        let ring: Vec<&[u8]> = ring.iter().map(Vec::as_slice).collect();
        assert!(texts(asked.reply(&answer(&asked, 0x8180, &ring))).is_empty());
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
        assert_eq!(texts(asked.reply(&message)), ["10.0.0.1"]);
        let asked = question("a", AAAA);
        let six = record(b"\xc0\x0c", 28, b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05");
        assert_eq!(texts(asked.reply(&answer(&asked, 0x8180, &[&six]))), ["fd00::5"]);
    }

    #[test]
    fn codes_and_truncation() {
        let asked = question("a", A);
        for wanted in [1, SERVFAIL, NXDOMAIN, 4, 5, 9, 15] {
            let flags = 0x8180 | u16::try_from(wanted).unwrap();
            assert_eq!(code(asked.reply(&answer(&asked, flags, &[]))), wanted);
            // What did not fit does not matter then, nor does what is there.
            assert_eq!(code(asked.reply(&answer(&asked, flags | 0x0200, &[b"\xff"]))), wanted);
        }
        let truncated = asked.reply(&answer(&asked, 0x8380, &[b"half a rec"])).unwrap();
        assert_eq!(truncated, Reply { code: NOERROR, is_truncated: true, found: Found::default() });
        assert!(texts(asked.reply(&answer(&asked, 0x8180, &[]))).is_empty());
        // FORMERR with only the header.
        let header = b"\x12\x34\x80\x01\0\0\0\0\0\0\0\0";
        assert_eq!(code(asked.reply(header)), 1);
        // A header alone does not tell which name has no records, or does not exist.
        for code in [NOERROR, NXDOMAIN] {
            let header = [0x12, 0x34, 0x80, u8::try_from(code).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(asked.reply(&header), Err(MALFORMED), "{code}");
        }
        assert_eq!(code_words(9, false, ""), "error code 9");
    }

    #[test]
    fn a_reply_to_another_question_is_ignored() {
        let asked = question("www.example", A);
        let changed = |at: usize, byte: u8| {
            let mut message = ALIAS.to_vec();
            message[at] = byte;
            asked.reply(&message)
        };
        assert_eq!(texts(asked.reply(ALIAS)), ["10.0.0.5"]);
        let foreign = "not a reply of a name server";
        for (at, byte, why) in [
            (1, 0x35, "a reply with another ID"),
            (2, 0x05, foreign),
            (2, 0x95, foreign),
            (5, 2, "a reply to another question"),
            (5, 0, "a reply to another question"),
            (13, b'x', "a reply to another question"),
            (26, 28, "a reply to another question"),
            (28, 3, "a reply to another question"),
            // A name without an end.
            (24, 63, MALFORMED),
        ] {
            assert_eq!(changed(at, byte), Err(why), "{byte} at {at}");
        }
        // In upper case it is the same question.
        assert!(changed(13, b'W').is_ok());
    }

    #[test]
    fn malformed_messages() {
        let asked = question("www.example", A);
        for length in 0..ALIAS.len() {
            let why = if length < HEADER { "not a reply of a name server" } else { MALFORMED };
            assert_eq!(asked.reply(&ALIAS[..length]), Err(why), "cut to {length}");
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
            assert_eq!(asked.reply(&message), Err(MALFORMED), "{what}");
        }
        for data in [&[][..], &[10, 0, 0], &[10, 0, 0, 1, 1]] {
            let message = answer(&asked, 0x8180, &[&record(b"\xc0\x0c", 1, data)]);
            assert_eq!(asked.reply(&message), Err(MALFORMED), "an address of {} bytes", data.len());
        }
        // A ring of two pointers: the second leads back to the label before the first.
        let message = answer(&asked, 0x8180, &[&record(b"\x01x\xc0\x13", 1, &[10, 0, 0, 1])]);
        assert_eq!(asked.reply(&message), Err(MALFORMED));
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
        assert!(texts(asked.reply(&message)).is_empty());
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    }

    /// Data of each type, and how dig prints it.
    const DATA: &[(&str, &[u8], &str)] = &[
        ("A", b"\x0a\0\0\x05", "10.0.0.5"),
        ("AAAA", b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05", "fd00::5"),
        ("TXT", b"\x06v=spf1\x05 -all", "\"v=spf1 -all\""),
        ("TXT", b"\0", "\"\""),
        ("SRV", b"\0\0\0\x05\x13\xc4\x03sip\xc0\x0c", "0 5 5060 sip.example.org."),
        ("MX", b"\0\x0a\x04Mail\xc0\x0c", "10 mail.example.org."),
        ("MX", b"\0\0\0", "0 ."),
        ("CNAME", b"\x03www\xc0\x14", "www.org."),
        ("NS", b"\xc0\x0c", "example.org."),
        (
            "SOA",
            b"\x02ns\xc0\x0c\x08john.doe\xc0\x0c\x78\xa4\x03\xf5\0\0\x0e\x10\0\0\x03\x84\xff\xff\xff\xff\0\0\0\0",
            r"ns.example.org. john\.doe.example.org. 2024014837 3600 900 4294967295 0",
        ),
        ("PTR", b"\x02db\x07example\0", "db.example."),
        ("CAA", b"\0\x05issueletsencrypt.org", "0 issue \"letsencrypt.org\""),
        ("CAA", b"\x80\x05iodef", "128 iodef \"\""),
    ];

    #[test]
    fn data_of_each_type() {
        for (kind, data, shown) in DATA {
            let asked = question_of(kind);
            assert_eq!(texts(asked.reply(&answer_with(&asked, &[data]))), [*shown], "{kind}");
        }
        for kind in RecordType::ALL {
            assert!(DATA.iter().any(|(name, ..)| *name == kind.name), "{}", kind.name);
        }
    }

    #[test]
    fn data_that_is_too_short_or_too_long() {
        for (kind, data, _) in DATA {
            let asked = question_of(kind);
            for length in 0..data.len() {
                // Strings and the value of a property may end earlier.
                let is_whole = matches!((*kind, length), ("TXT", 7) | ("CAA", 7..));
                let reply = asked.reply(&answer_with(&asked, &[&data[..length]]));
                assert_eq!(reply.is_ok(), is_whole, "{kind} cut to {length}: {reply:?}");
            }
            let has_end = !matches!(*kind, "CAA");
            let reply = asked.reply(&answer_with(&asked, &[&[data, &b"\x05"[..]].concat()]));
            assert_eq!(reply.is_err(), has_end, "{kind}: {reply:?}");
            // A name may not end in the next record.
            let message = answer_with(&asked, &[data, data]);
            for length in 0..message.len() {
                assert!(asked.reply(&message[..length]).is_err(), "{kind}: cut to {length}");
            }
            for at in 0..message.len() {
                for byte in 0..=255 {
                    let mut message = message.clone();
                    message[at] = byte;
                    let _ = asked.reply(&message);
                }
            }
        }
    }

    #[test]
    fn names_in_data_lead_backwards() {
        for kind in ["CNAME", "NS", "PTR", "MX", "SRV", "SOA"] {
            let asked = question_of(kind);
            let before: &[u8] = match kind {
                "MX" => b"\0\x0a",
                "SRV" => b"\0\0\0\0\0\0",
                "SOA" => b"\xc0\x0c",
                _ => b"",
            };
            // Where the data begins: after the question, and the record's 12 bytes.
            let at = asked.message().len() + 12 + before.len();
            let pointer = |to: usize| (0xc000 | u16::try_from(to).unwrap()).to_be_bytes();
            let after = if kind == "SOA" { &[0; 20][..] } else { b"" };
            for (what, name, is_fine) in [
                ("to the question", pointer(12).to_vec(), true),
                ("to itself", pointer(at).to_vec(), false),
                ("forwards", pointer(at + 2).to_vec(), false),
                ("past the end", pointer(0x3fff).to_vec(), false),
                ("to the label before it", [b"\x01x", &pointer(at)[..]].concat(), false),
            ] {
                let reply = asked.reply(&answer_with(&asked, &[&[before, &name, after].concat()]));
                assert_eq!(reply.is_ok(), is_fine, "{kind} {what}: {reply:?}");
            }
        }
    }

    #[test]
    fn data_is_sorted_and_not_repeated() {
        let asked = question_of("TXT");
        let message = answer_with(&asked, &[b"\x01b", b"\x01a", b"\x01b"]);
        assert_eq!(texts(asked.reply(&message)), ["\"a\"", "\"b\""]);
        // Bytes that are not UTF-8 are kept.
        let message = answer_with(&asked, &[b"\x03\xff\x1b\""]);
        let shown = texts(asked.reply(&message)).concat();
        assert_eq!(*crate::text::encode(&shown), *b"\"\xff\x1b\"\"");
        let many: Vec<[u8; 3]> = (0..=255_u8).flat_map(|a| (0..8).map(move |b| [2, a, b])).collect();
        let many: Vec<&[u8]> = many.iter().map(<[u8; 3]>::as_slice).collect();
        let mut message = answer_with(&asked, &many[..255]);
        assert_eq!(texts(asked.reply(&message)).len(), 255);
        for data in &many[255..] {
            message.extend(record(b"\xc0\x0c", 16, data));
        }
        message[6..8].copy_from_slice(&2048_u16.to_be_bytes());
        assert_eq!(texts(asked.reply(&message)).len(), MOST_DATA);
    }

    #[test]
    fn aliases_lead_to_data_of_every_type() {
        let alias = record(b"\xc0\x0c", 5, b"\x03www\xc0\x0c");
        for (kind, data, shown) in DATA {
            let asked = question_of(kind);
            // The alias's target is behind the owner, type, class, time and length.
            let target = 0xc000 | u16::try_from(asked.message().len() + 12).unwrap();
            let record = record(&target.to_be_bytes(), asked.kind.code, data);
            let found = texts(asked.reply(&answer(&asked, 0x8180, &[&alias, &record])));
            // The alias itself, if that was asked for.
            let shown = if *kind == "CNAME" { "www.example.org." } else { shown };
            assert_eq!(found, [shown], "{kind}");
        }
    }

    #[test]
    fn values_as_users_write_them() {
        for (kind, expected, shown) in [
            ("A", "10.0.0.5", Some("10.0.0.5")),
            ("AAAA", "FD00:0::5", Some("fd00::5")),
            ("A", "x", None),
            ("TXT", "v=spf1 -all", Some("\"v=spf1 -all\"")),
            ("TXT", "\"v=spf1 -all\"", Some("\"v=spf1 -all\"")),
            ("TXT", "\"v=spf1\" \" -all\"", Some("\"v=spf1 -all\"")),
            ("TXT", r#""a \"b\" \\c""#, Some(r#""a "b" \c""#)),
            ("TXT", "", Some("\"\"")),
            ("TXT", "a\"b", Some("\"a\"b\"")),
            ("SRV", "0 5 5060 sip.example.org", Some("0 5 5060 sip.example.org.")),
            ("MX", "10 Mail.example.org.", Some("10 mail.example.org.")),
            ("SOA", "NS.x. a.x. 1 2 3 4 5", Some("ns.x. a.x. 1 2 3 4 5")),
            ("CAA", "0 issue \"CA.example\"", Some("0 issue \"CA.example\"")),
        ] {
            let kind = RecordType::named(kind).unwrap();
            assert_eq!(kind.expected(expected).as_deref(), shown, "{expected}");
        }
        assert_eq!(RecordType::named("mx").unwrap().code, 15);
        for name in ["", "ANY", "MXX", "M"] {
            assert!(RecordType::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn names_of_addresses() {
        for (address, name) in [
            ("10.0.0.5", "5.0.0.10.in-addr.arpa."),
            ("255.254.1.0", "0.1.254.255.in-addr.arpa."),
            ("2001:db8::ab", "b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."),
        ] {
            assert_eq!(Name::reverse(address.parse().unwrap()), name);
        }
    }
}
