//! The types of records that are looked up, and their data as dig prints it. RFC 1035, section 3.3;
//! AAAA is RFC 3596, SRV RFC 2782, CAA RFC 8659.

use std::net::IpAddr;

use super::reader::Reader;
use super::{IN, MOST_DATA};
use crate::text::decode;

/// A type of record.
#[derive(Debug)]
pub struct RecordType {
    /// The name that users and servers know it by.
    pub name: &'static str,
    /// Its number in a message.
    pub code: u16,
    /// What its data consists of.
    fields: &'static [Field],
}

/// A part of a record's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// An address of this many bytes.
    Address(u8),
    /// A number of this many bytes.
    Number(u8),
    /// A domain name.
    Name,
    /// A string.
    Tag,
    /// A string up to the end.
    Value,
    /// Strings up to the end.
    Strings,
}

const SHORT: Field = Field::Number(2);
const LONG: Field = Field::Number(4);

impl RecordType {
    /// An IPv4 address.
    pub const A: &RecordType = &RecordType { name: "A", code: 1, fields: &[Field::Address(4)] };
    /// An IPv6 address.
    pub const AAAA: &RecordType = &RecordType { name: "AAAA", code: 28, fields: &[Field::Address(16)] };
    /// An alias.
    pub const CNAME: &RecordType = &RecordType { name: "CNAME", code: 5, fields: &[Field::Name] };
    /// A name, such as that of an address.
    pub const PTR: &RecordType = &RecordType { name: "PTR", code: 12, fields: &[Field::Name] };
    /// All of them, in the order in which help lists them.
    pub const ALL: &[&RecordType] = &[
        RecordType::A,
        RecordType::AAAA,
        &RecordType { name: "TXT", code: 16, fields: &[Field::Strings] },
        &RecordType { name: "SRV", code: 33, fields: &[SHORT, SHORT, SHORT, Field::Name] },
        &RecordType { name: "MX", code: 15, fields: &[SHORT, Field::Name] },
        RecordType::CNAME,
        &RecordType { name: "NS", code: 2, fields: &[Field::Name] },
        &RecordType {
            name: "SOA",
            code: 6,
            fields: &[Field::Name, Field::Name, LONG, LONG, LONG, LONG, LONG],
        },
        RecordType::PTR,
        &RecordType { name: "CAA", code: 257, fields: &[Field::Number(1), Field::Tag, Field::Value] },
    ];
    /// Those that hold an address, in the order in which they are queried.
    pub const ADDRESSES: &[&RecordType] = &[RecordType::A, RecordType::AAAA];

    /// Returns the type of this name, in any case.
    pub fn named(name: &str) -> Option<&'static RecordType> {
        RecordType::ALL.iter().find(|kind| kind.name.eq_ignore_ascii_case(name)).copied()
    }

    /// Whether it is that of the name of an address.
    pub fn is_of_address(&self) -> bool {
        self.code == RecordType::PTR.code
    }

    /// Whether it holds an address.
    pub fn is_address(&self) -> bool {
        matches!(self.fields, [Field::Address(_)])
    }

    /// Returns its number followed by that of the class of the Internet, as in a message.
    pub(super) fn in_class(&self) -> usize {
        usize::from(self.code) << 16 | usize::from(IN)
    }

    /// Reads data of this type, all of what is left, and adds it to what was found; `None` if it is
    /// not of this type.
    // Not inlined, like the function below: in a large frame every access to a variable takes more
    // bytes.
    #[inline(never)]
    pub(super) fn read(&self, mut reader: Reader<'_>, found: &mut Found) -> Option<()> {
        let mut text = String::new();
        for field in self.fields {
            let part = match field {
                Field::Number(width) => reader.number(usize::from(*width))?.to_string(),
                Field::Name => reader.name()?.absolute(),
                Field::Tag => decode(reader.part(1)?.rest()),
                Field::Value => in_quotes(&decode(reader.rest())),
                Field::Strings => {
                    let mut strings = decode(reader.part(1)?.rest());
                    while !reader.is_at_end() {
                        strings += &decode(reader.part(1)?.rest());
                    }
                    in_quotes(&strings)
                }
                Field::Address(width) => {
                    let bytes = reader.take(usize::from(*width))?;
                    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
                    #[cfg(feature = "remote")]
                    if !found.addresses.contains(&address) {
                        found.addresses.push(address);
                    }
                    address.to_string()
                }
            };
            text += if text.is_empty() { "" } else { " " };
            text += &part;
        }
        if let Err(place) = found.texts.binary_search(&text)
            && found.texts.len() < MOST_DATA
        {
            found.texts.insert(place, text);
        }
        reader.is_at_end().then_some(())
    }

    /// Returns data of this type as it is in [`Found::texts`], from how a user writes it: as dig
    /// prints it, with or without the dot at the end of a name; the strings of a TXT record joined,
    /// with or without quotes. `None` if an address is expected and this is none.
    #[inline(never)]
    pub fn expected(&self, text: &str) -> Option<String> {
        Some(match self.fields.last()? {
            Field::Address(_) => text.parse::<IpAddr>().ok()?.to_string(),
            Field::Strings if text.starts_with('"') => {
                let (mut strings, mut is_inside) = (String::new(), false);
                let mut chars = text.chars();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => is_inside = !is_inside,
                        '\\' => strings.extend(chars.next()),
                        _ if is_inside => strings.push(c),
                        _ => {}
                    }
                }
                in_quotes(&strings)
            }
            Field::Strings => in_quotes(text),
            Field::Tag | Field::Value => text.to_owned(),
            Field::Name if !text.ends_with('.') => text.to_ascii_lowercase() + ".",
            Field::Name | Field::Number(_) => text.to_ascii_lowercase(),
        })
    }
}

fn in_quotes(text: &str) -> String {
    ["\"", text, "\""].concat()
}

/// The data of records, without repetitions. Servers vary the order of their answers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Each as dig prints it, sorted: its parts, separated by spaces; names in lower case, strings
    /// joined. See [`decode`].
    pub texts: Vec<String>,
    /// Whether the name is an alias, which was followed.
    pub is_alias: bool,
    /// The addresses, in the order of the server.
    #[cfg(feature = "remote")]
    pub addresses: Vec<IpAddr>,
}
