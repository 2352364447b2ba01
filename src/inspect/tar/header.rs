//! The headers of an archive: ustar, preceded by an extended header whose records hold what does
//! not fit into ustar. POSIX.1-2017, pax, "pax Interchange Format" and "ustar Interchange Format";
//! the `GNU.sparse` records are those of GNU tar's manual, "PAX Format, Version 1.0".
//!
//! Names are written byte for byte. Nearly all of them fit into ustar, which every program reads.
//! If a record is not UTF-8, `hdrcharset` says so.

/// The block size of an archive, in bytes.
pub const BLOCK: usize = 512;
/// The directory of a sparse file in its ustar header. A program that does not know the record with
/// the real name unpacks map and contents there, and overwrites nothing. GNU tar appends its pid,
/// so no two of its archives are the same.
const SPARSE_FOLDER: &[u8] = b"GNUSparseFile.0";

/// A member of an archive.
#[derive(Debug, Default)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its typeflag: `b'0'` for a file.
    pub kind: u8,
    /// Permissions, with set-user-ID, set-group-ID and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// How many bytes follow the header.
    pub size: u64,
    /// The modification time in seconds since the epoch.
    pub modified: i64,
    /// The target of a link.
    pub link: &'a [u8],
    /// The names of owner and group; empty if they have none.
    pub user: &'a [u8],
    pub group: &'a [u8],
    /// Major and minor number of a device.
    pub device: (u64, u64),
    /// The size including holes, for a sparse file.
    pub whole_size: Option<u64>,
}

impl Member<'_> {
    /// Returns its header, preceded by an extended one if necessary.
    pub fn header(&self) -> Vec<u8> {
        let mut records = Records::default();
        let sparse;
        let name = match self.whole_size {
            Some(size) => {
                records.add("GNU.sparse.major", b"1");
                records.add("GNU.sparse.minor", b"0");
                records.add("GNU.sparse.name", self.name);
                records.add_number("GNU.sparse.realsize", size);
                let start = self.name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
                let (folder, own) = self.name.split_at_checked(start).unwrap_or_default();
                sparse = [folder, SPARSE_FOLDER, b"/", own].concat();
                split(&sparse).unwrap_or((&[], SPARSE_FOLDER))
            }
            None => split(self.name).unwrap_or_else(|| {
                records.add("path", self.name);
                (&[], self.name)
            }),
        };
        let block = self.block(name, &mut records);
        let Records { mut text, binary } = records;
        if text.is_empty() {
            return block;
        }
        if binary {
            text = [record("hdrcharset", b"BINARY"), text].concat();
        }
        let extended = Member { kind: b'x', mode: 0o644, size: text.len() as u64, ..Member::default() };
        let mut out = extended.block((&[], b"PaxHeader"), &mut Records::default());
        out.extend_from_slice(&text);
        out.resize(out.len() + padding(text.len() as u64), 0);
        out.extend_from_slice(&block);
        out
    }

    /// Returns the ustar block, and adds records for what does not fit into it.
    fn block(&self, (prefix, name): (&[u8], &[u8]), records: &mut Records) -> Vec<u8> {
        let mut fields = Fields { block: vec![0; BLOCK], at: 0, records };
        fields.text("", name, 100);
        fields.number("", u64::from(self.mode), 8);
        fields.number("uid", u64::from(self.uid), 8);
        fields.number("gid", u64::from(self.gid), 8);
        fields.number("size", self.size, 12);
        let seconds = u64::try_from(self.modified);
        if seconds.is_err() {
            fields.records.add("mtime", self.modified.to_string().as_bytes());
        }
        fields.number("mtime", seconds.unwrap_or_default(), 12);
        // The checksum is computed with blanks in its own field.
        let checksum = fields.at;
        fields.text("", b"        ", 8);
        fields.text("", &[self.kind], 1);
        fields.text("linkpath", self.link, 100);
        fields.text("", b"ustar\x0000", 8);
        // These two end in NUL, which takes one byte.
        fields.text("uname", self.user, 31);
        fields.at += 1;
        fields.text("gname", self.group, 31);
        fields.at += 1;
        fields.number("", self.device.0, 8);
        fields.number("", self.device.1, 8);
        fields.text("", prefix, 155);
        let sum = sum(&fields.block);
        fields.at = checksum;
        fields.number("", sum, 7);
        fields.block
    }
}

/// Returns the sum of the bytes, eight at a time.
fn sum(block: &[u8]) -> u64 {
    // Every other byte of a word, as a number of 16 bits: that many bytes do not overflow it.
    const EVERY_OTHER: u64 = 0x00ff_00ff_00ff_00ff;
    let mut sums = 0;
    for word in block.as_chunks().0 {
        let word = u64::from_ne_bytes(*word);
        sums += (word & EVERY_OTHER) + (word >> 8 & EVERY_OTHER);
    }
    [0, 16, 32, 48].iter().map(|shift| sums >> shift & 0xffff).sum()
}

/// Returns how many bytes fill the last block after contents of this size.
pub fn padding(size: u64) -> usize {
    // Less than 512.
    usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or_default()
}

/// Splits a name at a slash, as ustar does: at most 155 bytes before it, and 100 after it.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((&[], name));
    }
    // The second part is as long as possible. The slash at the end of a directory's name does not
    // split it.
    let from = name.len().checked_sub(101)?;
    let to = name.len().checked_sub(1)?;
    let at = from + name.get(from..to)?.iter().position(|&b| b == b'/')?;
    let (prefix, rest) = name.split_at_checked(at)?;
    (!prefix.is_empty() && prefix.len() <= 155).then_some((prefix, rest.get(1..)?))
}

/// The fields of a block, in order.
struct Fields<'a> {
    block: Vec<u8>,
    /// Where the next field begins.
    at: usize,
    records: &'a mut Records,
}

impl Fields<'_> {
    /// Returns the next field.
    fn field(&mut self, width: usize) -> &mut [u8] {
        let start = self.at;
        self.at += width;
        self.block.get_mut(start..self.at).unwrap_or_default()
    }

    /// Adds a text. If it is longer than the field, it is truncated there, and whole in a record,
    /// if `key` is not empty.
    fn text(&mut self, key: &str, text: &[u8], width: usize) {
        if text.len() > width && !key.is_empty() {
            self.records.add(key, text);
        }
        let cut = text.get(..width).unwrap_or(text);
        if let Some(field) = self.field(width).get_mut(..cut.len()) {
            field.copy_from_slice(cut);
        }
    }

    /// Adds an octal number that ends in NUL. One that is too large becomes a record, and is also
    /// written in base 256, as GNU tar does, for programs that do not read records (with busybox
    /// the file would belong to root).
    fn number(&mut self, key: &str, number: u64, width: usize) {
        let mut left = number;
        if number >> (3 * (width - 1)) == 0 {
            let mut digits = self.field(width).iter_mut().rev();
            if let Some(end) = digits.next() {
                *end = 0;
            }
            for digit in digits {
                *digit = b'0' | (left & 7) as u8;
                left >>= 3;
            }
            return;
        }
        if !key.is_empty() {
            self.records.add_number(key, number);
        }
        let field = self.field(width);
        for byte in field.iter_mut().rev() {
            *byte = (left & 0xff) as u8;
            left >>= 8;
        }
        if let Some(first) = field.first_mut() {
            *first = 0x80;
        }
    }
}

/// The records of an extended header.
#[derive(Debug, Default)]
struct Records {
    text: Vec<u8>,
    /// Whether one of them is not UTF-8, which is the default.
    binary: bool,
}

impl Records {
    fn add(&mut self, key: &str, value: &[u8]) {
        self.binary |= std::str::from_utf8(value).is_err();
        self.text.extend(record(key, value));
    }

    fn add_number(&mut self, key: &str, number: u64) {
        self.add(key, number.to_string().as_bytes());
    }
}

/// Returns `length key=value` and a newline. The length is that of the whole record, including its
/// own digits.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    loop {
        let digits = length.to_string();
        if digits.len() + rest == length {
            return [digits.as_bytes(), b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        }
        length = digits.len() + rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the records of the extended header, and the block after it.
    fn parts(header: &[u8]) -> (String, &[u8]) {
        assert_eq!((header[156], header.len() % BLOCK), (b'x', 0));
        let size = std::str::from_utf8(&header[124..135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        let text = String::from_utf8_lossy(&header[BLOCK..BLOCK + size]).into_owned();
        (text, &header[BLOCK + size.next_multiple_of(BLOCK)..])
    }

    #[test]
    fn a_block_of_ustar() {
        let member = Member {
            name: b"etc/hosts",
            kind: b'0',
            mode: 0o4755,
            uid: 65_532,
            gid: 50,
            size: 1000,
            modified: 1_700_000_000,
            user: b"nonroot",
            group: b"staff",
            ..Member::default()
        };
        let block = member.header();
        assert_eq!(block.len(), BLOCK);
        assert_eq!(&block[..11], b"etc/hosts\0\0");
        assert_eq!(
            &block[100..157],
            b"0004755\x000177774\x000000062\x0000000001750\x0014524770400\x00013633\x00 0"
        );
        assert_eq!(&block[257..275], b"ustar\x0000nonroot\0\0\0");
        assert_eq!(&block[297..304], b"staff\0\0");
        assert_eq!(&block[329..346], b"0000000\x000000000\x00\0");
        let device = Member { name: b"dev/null", kind: b'3', device: (1, 3), ..Member::default() }.header();
        assert_eq!(&device[329..345], b"0000001\x000000003\x00");
    }

    #[test]
    fn long_names_are_split_at_a_slash() {
        let long = |first: usize, second: usize| [vec![b'a'; first], vec![b'b'; second]].join(&b'/');
        for (name, prefix) in [
            (long(50, 49), 0),
            (long(50, 50), 50),
            (long(155, 100), 155),
            ([long(155, 99), b"/".to_vec()].concat(), 155),
            ([long(20, 20), long(40, 40)].join(&b'/'), 41),
        ] {
            let header = Member { name: &name, kind: b'0', ..Member::default() }.header();
            assert_eq!(header.len(), BLOCK, "{name:?}");
            let text = |from: usize, to: usize| header[from..to].split(|&b| b == 0).next().unwrap();
            let joined = [text(345, 500), text(0, 100)].join(&b'/');
            assert_eq!(text(345, 500).len(), prefix);
            assert_eq!(joined.strip_prefix(b"/").unwrap_or(&joined), name);
        }
        for name in [
            long(156, 3),
            long(3, 101),
            vec![b'x'; 101],
            [vec![b'y'; 100], b"/".to_vec()].concat(),
            [b"/".to_vec(), vec![b'z'; 100]].concat(),
        ] {
            let header = Member { name: &name, kind: b'0', ..Member::default() }.header();
            let (records, block) = parts(&header);
            let name = String::from_utf8(name).unwrap();
            assert_eq!(records, format!("{} path={name}\n", name.len() + 10));
            assert_eq!(&block[..100], &name.as_bytes()[..100]);
        }
    }

    #[test]
    fn what_does_not_fit_is_a_record() {
        let member = Member {
            name: b"a",
            kind: b'2',
            uid: 2_097_152,
            gid: 2_097_151,
            size: 8 << 30,
            modified: -1,
            link: &[b'l'; 101],
            user: &[b'u'; 32],
            group: &[b'g'; 31],
            ..Member::default()
        };
        let header = member.header();
        let (records, block) = parts(&header);
        assert_eq!(
            records,
            format!(
                "15 uid=2097152\n19 size=8589934592\n12 mtime=-1\n115 linkpath={}\n42 uname={}\n",
                "l".repeat(101),
                "u".repeat(32)
            )
        );
        // Large numbers are in base 256; a time before the epoch is only in the record.
        assert_eq!(&block[108..124], b"\x80\0\0\0\0\x20\0\x007777777\0");
        assert_eq!(&block[124..148], b"\x80\0\0\0\0\0\0\x02\0\0\0\x0000000000000\x00");
        let odd = Member { name: &[0xff; 120], kind: b'0', ..Member::default() }.header();
        assert!(parts(&odd).0.starts_with("21 hdrcharset=BINARY\n130 path="));
    }

    #[test]
    fn a_file_with_holes() {
        let header =
            Member { name: b"x", kind: b'0', size: 512, whole_size: Some(10 << 30), ..Member::default() };
        let header = header.header();
        let (records, block) = parts(&header);
        assert_eq!(
            records,
            "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=x\n35 GNU.sparse.realsize=10737418240\n"
        );
        assert!(block.starts_with(b"GNUSparseFile.0/x\0"));
        assert_eq!(&block[124..136], b"00000001000\0");
        let within = Member { name: b"a/b/x", whole_size: Some(1), ..Member::default() }.header();
        assert!(parts(&within).1.starts_with(b"a/b/GNUSparseFile.0/x\0"));
    }

    #[test]
    fn the_length_of_a_record_includes_its_own_digits() {
        for length in 0..1200 {
            let record = record("key", &vec![b'x'; length]);
            let digits: String = record.iter().map(|&b| char::from(b)).take_while(|&c| c != ' ').collect();
            assert_eq!(digits.parse(), Ok(record.len()));
        }
        assert_eq!(record("a", b""), b"5 a=\n");
    }
}
