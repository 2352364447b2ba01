//! HPACK: header blocks of HTTP/2. RFC 7541.
//!
//! The encoder only sends literals that are never indexed, so it has no state. The Huffman code is
//! that of httlib-huffman. The decoder's dynamic table has the default size, because a server may
//! use it before it has received our settings.

use httlib_huffman::table1::DECODE_TABLE;

/// Names and values, in the order in which they were received.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The Huffman code, read bit by bit. Appendix B.
const CODE: &[[Target; 2]] = &DECODE_TABLE;
/// Where a bit leads: to another row, or to a symbol.
type Target = (Option<u8>, Option<u16>, u8);
/// The default SETTINGS_HEADER_TABLE_SIZE. RFC 9113, 6.5.2.
const TABLE: usize = 4096;
/// The largest header list, counted as in RFC 9113, 6.5.2.
pub const LIST: usize = 32 << 10;
/// What an entry costs in addition to its name and value. Section 4.1.
const OVERHEAD: usize = 32;

/// The names of the static table, from index 1. Appendix A.
const STATIC: [&str; 61] = [
    ":authority",
    ":method",
    ":method",
    ":path",
    ":path",
    ":scheme",
    ":scheme",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
];
/// The values that index 8 and on have. The other values of the table belong to requests.
const STATUSES: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];

/// Appends a field as a literal that no intermediary may index. Section 6.2.3.
pub fn push_field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0x10);
    for text in [name, value] {
        push_length(block, text.len());
        block.extend_from_slice(text);
    }
}

/// Appends an integer with a prefix of seven bits; the eighth bit is clear. Section 5.1.
fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(0x7f) else {
        block.extend(u8::try_from(length));
        return;
    };
    block.push(0x7f);
    while rest > 0x7f {
        block.extend(u8::try_from(rest & 0x7f | 0x80));
        rest >>= 7;
    }
    block.extend(u8::try_from(rest));
}

/// The state that the header blocks of one connection share.
#[derive(Debug)]
pub struct Decoder {
    /// The dynamic table, the newest entry first.
    entries: Fields,
    /// Its largest size.
    most: usize,
}

impl Decoder {
    /// The state at the beginning of a connection.
    pub fn new() -> Self {
        Decoder { entries: Vec::new(), most: TABLE }
    }

    /// Returns the fields of a complete header block, and whether these are all: at most [`LIST`]
    /// bytes are accepted. `None` if the block is invalid.
    pub fn decode(&mut self, mut block: &[u8]) -> Option<(Fields, bool)> {
        let mut fields = Vec::new();
        let mut total = 0;
        while let Some(&first) = block.first() {
            let field = if first & 0x80 != 0 {
                self.entry(integer(&mut block, 0x7f)?)?
            } else if first & 0xe0 == 0x20 {
                // A new size of the dynamic table. Section 6.3.
                self.most = integer(&mut block, 0x1f)?;
                if self.most > TABLE {
                    return None;
                }
                self.evict();
                continue;
            } else {
                let indexed = first & 0x40 != 0;
                let name = match integer(&mut block, if indexed { 0x3f } else { 0x0f })? {
                    0 => string(&mut block)?,
                    index => self.entry(index)?.0,
                };
                let field = (name, string(&mut block)?);
                if indexed {
                    self.entries.insert(0, field.clone());
                    self.evict();
                }
                field
            };
            // A single byte may refer to a large entry, so the decoded list has its own limit.
            total += size(&field);
            if total > LIST {
                return Some((fields, false));
            }
            fields.push(field);
        }
        Some((fields, true))
    }

    /// Returns the entry with this index, in the static or the dynamic table. Section 2.3.3.
    fn entry(&self, index: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        if let Some(index) = index.checked_sub(STATIC.len() + 1) {
            return self.entries.get(index).cloned();
        }
        let name = STATIC.get(index.checked_sub(1)?)?;
        let value = index.checked_sub(8).and_then(|at| STATUSES.get(at)).copied().unwrap_or_default();
        Some(((*name).into(), value.into()))
    }

    /// Evicts the oldest entries until the rest fits. Section 4.4.
    fn evict(&mut self) {
        while self.entries.iter().map(size).sum::<usize>() > self.most {
            self.entries.pop();
        }
    }
}

/// Returns the size of an entry. Section 4.1.
fn size((name, value): &(Vec<u8>, Vec<u8>)) -> usize {
    name.len() + value.len() + OVERHEAD
}

/// Takes an integer whose prefix has these bits. Section 5.1. `None` also if it is too large to be
/// valid here.
fn integer(block: &mut &[u8], prefix: u8) -> Option<usize> {
    let mut value = usize::from(byte(block)? & prefix);
    if value < usize::from(prefix) {
        return Some(value);
    }
    for shift in [0, 7, 14] {
        let next = byte(block)?;
        value += usize::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes a byte.
fn byte(block: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = block.split_first()?;
    *block = rest;
    Some(first)
}

/// Takes a string. Section 5.2.
fn string(block: &mut &[u8]) -> Option<Vec<u8>> {
    let is_huffman = block.first()? & 0x80 != 0;
    let length = integer(block, 0x7f)?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    if is_huffman { huffman(text) } else { Some(text.to_vec()) }
}

/// Decodes a Huffman-coded string. The table has a row for each prefix, and in it the next row or a
/// symbol for either bit. The bits after the last symbol have to be padding: up to seven ones
/// (section 5.2).
fn huffman(code: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let (mut row, mut left, mut is_padding) = (0, 0, true);
    for at in 0..code.len() * 8 {
        let bit = usize::from(code.get(at / 8)? >> (7 - at % 8) & 1);
        left += 1;
        is_padding &= bit == 1;
        match CODE.get(row)?.get(bit)? {
            (_, Some(symbol), _) => {
                // Symbol 256, the end of a string, is never sent.
                text.push(u8::try_from(*symbol).ok()?);
                (row, left, is_padding) = (0, 0, true);
            }
            (next, None, _) => row = usize::from((*next)?),
        }
    }
    (left < 8 && is_padding).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex
            .bytes()
            .filter_map(|c| char::from(c).to_digit(16))
            .map(|d| u8::try_from(d).unwrap())
            .collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn decoded(decoder: &mut Decoder, hex: &str) -> Option<String> {
        let fields = decoder.decode(&bytes(hex))?.0;
        let text: Vec<u8> =
            fields.iter().flat_map(|(name, value)| [name, &b": "[..], value, b"\n"].concat()).collect();
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn responses_of_appendix_c_6() {
        // With a table of 256 bytes, as there; the size update at the beginning is ours.
        let mut decoder = Decoder::new();
        let first = decoded(
            &mut decoder,
            "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e
             919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        );
        let rest = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n";
        assert_eq!(first.unwrap(), format!(":status: 302\n{rest}"));
        let second = decoded(&mut decoder, "4883 640e ffc1 c0bf");
        assert_eq!(second.unwrap(), format!(":status: 307\n{rest}"));
        let third = decoded(
            &mut decoder,
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
             e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        );
        assert_eq!(
            third.unwrap(),
            ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"
        );
        assert_eq!(decoder.entries.iter().map(size).sum::<usize>(), 215);
    }

    #[test]
    fn the_static_table_is_whole() {
        for (hex, field) in
            [("88", ":status: 200\n"), ("8e", ":status: 500\n"), ("bd", "www-authenticate: \n")]
        {
            assert_eq!(decoded(&mut Decoder::new(), hex).unwrap(), field);
        }
    }

    #[test]
    fn encoded_fields_are_decoded() {
        for length in [0, 1, 126, 127, 128, 254, 255, 300, 20_000] {
            let mut block = Vec::new();
            push_field(&mut block, b"x-name", &vec![b'v'; length]);
            let fields = Decoder::new().decode(&block).unwrap().0;
            assert_eq!(fields, [(b"x-name".to_vec(), vec![b'v'; length])], "{length}");
        }
    }

    #[test]
    fn invalid_header_blocks() {
        for hex in [
            "80",           // index 0
            "be",           // an index beyond the table
            "ff",           // a truncated integer
            "ffffffff7f",   // an integer too large
            "3fe21f",       // a larger table than was agreed
            "00",           // nothing follows
            "0003 6162",    // a truncated name
            "0001 61",      // no value
            "0001 6183 ff", // a truncated Huffman code
            // The Huffman code of "a", 00011, with padding of 000, 001 and 011; of ones alone,
            // eight and more.
            "0001 6181 18",
            "0001 6181 19",
            "0001 6181 1b",
            "0001 6182 1fff",
            "0001 6181 ff",
            "0001 6184 ffff ffff",
        ] {
            assert_eq!(decoded(&mut Decoder::new(), hex), None, "{hex}");
        }
        assert_eq!(decoded(&mut Decoder::new(), "0001 6181 1f").unwrap(), "a: a\n");
    }

    #[test]
    fn the_decoded_list_is_bounded() {
        // An entry of nearly the whole table, referred to again and again by a byte.
        let mut block = vec![0x40, 1, b'a', 0x7f, 0x80, 0x1e];
        block.extend([b'v'; 0x7f + 0x80 * 30]);
        assert!(Decoder::new().decode(&block).unwrap().1);
        block.extend([0xbe; 8000]);
        let (fields, is_all) = Decoder::new().decode(&block).unwrap();
        assert!(fields.iter().map(size).sum::<usize>() <= LIST && !is_all);
    }

    #[test]
    fn any_bytes_are_decoded_or_rejected() {
        // xorshift: the same bytes each time.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        for _ in 0..20_000 {
            let mut decoder = Decoder::new();
            for _ in 0..2 {
                let length = usize::from(random()[0] % 48);
                let block: Vec<u8> = std::iter::repeat_with(|| random()[1]).take(length).collect();
                let _ = decoder.decode(&block);
                assert!(decoder.entries.iter().map(size).sum::<usize>() <= TABLE);
            }
        }
    }
}
