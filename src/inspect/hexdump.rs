//! `hexdump PATH`: the bytes of a file in hexadecimal and ASCII, as with `hexdump -C`. hexdump(1).

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand, option};
use crate::error::Error;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::Shown as _;
use crate::units::{self, show_size};
use crate::view::content::fits_json;
use crate::view::input::{self, Input};

/// The default of `--max`, in bytes.
const DEFAULT_MAX: u64 = 64 << 10;
/// How many bytes a line shows.
const ROW: usize = 16;
/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 1024 * ROW;

pub(super) const COMMAND: Command = Command {
    name: "hexdump",
    summary: "print the bytes of a file in hexadecimal and ASCII",
    options: &[&[
        operand("PATH", "the file; - is stdin"),
        option("max", "SIZE", "print at most this much (64k)").short('n'),
        option("skip", "SIZE", "start at this offset").short('s'),
        flag("special", "read FIFOs and devices too, which may block or have side effects"),
    ]],
    plan,
    examples: r"porthole hexdump -n 64 /app/server
porthole hexdump -p 7 --skip 1M /data/store.db",
    properties: Properties { habits: Habits { letters: "C", ..Habits::NONE }, ..Properties::WATCHED },
};

#[derive(Debug)]
struct Dump {
    path: Vec<PathBuf>,
    max: u64,
    /// Whether to report that the output was cut: not if `--max` was given.
    reports_cut: bool,
    skip: u64,
    special: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let mut size = |name| given.parsed(name, units::SIZE, units::size);
    let (max, skip) = (size("max")?, size("skip")?.unwrap_or_default());
    if i64::try_from(skip).is_err() {
        return Err(given.wrong("skip", "no file is that large"));
    }
    let special = given.has("special");
    let reports_cut = max.is_none();
    let max = max.unwrap_or(DEFAULT_MAX);
    Ok(Box::new(Dump { path: given.paths("PATH"), max, reports_cut, skip, special }))
}

impl Inspect for Dump {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        fits_json(self.max, answer)?;
        input::each(&root, &self.path, Some(self.special), answer, &mut |input, answer| {
            if self.skip > 0 {
                input.start_at(self.skip).map_err(|error| format!("--skip: {error}"))?;
            }
            if self.dump(input, answer)? && self.reports_cut {
                let max = show_size(self.max);
                answer.info(&format!("{}: cut after {max} (--max)", input.path.shown()));
            }
            Ok(())
        });
        Ok(true)
    }
}

impl Dump {
    /// Prints the file, and returns whether `--max` cut it.
    fn dump(&self, input: &mut Input<'_>, answer: &mut Answer) -> Result<bool, Error> {
        let mut whole = Vec::new();
        let mut rows = Rows { offset: self.skip, last: None, starred: false, text: Vec::new() };
        let mut left = self.max;
        let mut piece = vec![0; CHUNK_BYTES];
        let mut cut = false;
        while !cut && !answer.is_over() {
            // Reading one byte more than is shown tells whether there is more.
            let room = usize::try_from(left).unwrap_or(CHUNK_BYTES).saturating_add(1).min(CHUNK_BYTES);
            let count = input.fill(piece.get_mut(..room).unwrap_or_default())?;
            let taken = usize::try_from(left).map_or(count, |left| left.min(count));
            cut = taken < count;
            left -= taken as u64;
            let bytes = piece.get(..taken).unwrap_or_default();
            if answer.is_json() {
                whole.extend_from_slice(bytes);
            } else {
                for row in bytes.chunks(ROW) {
                    rows.push(row);
                }
                answer.content(&rows.text);
                rows.text.clear();
            }
            if count < CHUNK_BYTES {
                break;
            }
        }
        if answer.is_json() {
            answer.document(vec![
                ("path", Fact::Bytes(input.path.as_os_str().as_bytes().to_vec())),
                ("offset", Fact::Count(self.skip)),
                ("bytes", Fact::Text(STANDARD.encode(&whole))),
                ("cut", Fact::Bool(cut)),
            ]);
        } else if rows.last.is_some() || (input.size > 0 && self.skip >= input.size) {
            // hexdump(1) prints the offset of the end even if --skip leads past it.
            let end = if rows.last.is_some() { rows.offset } else { input.size };
            push_hex(&mut rows.text, end, 8);
            rows.text.push(b'\n');
            answer.content(&rows.text);
        }
        Ok(cut)
    }
}

/// The lines of the dump.
struct Rows {
    /// The offset of the next line.
    offset: u64,
    /// The bytes of the last line; zeros if it was shorter than [`ROW`].
    last: Option<[u8; ROW]>,
    /// Whether a `*` was printed for repeated lines.
    starred: bool,
    /// The lines that are not printed yet.
    text: Vec<u8>,
}

impl Rows {
    fn push(&mut self, row: &[u8]) {
        let whole = row.first_chunk::<ROW>().copied();
        if whole.is_some() && whole == self.last {
            if !self.starred {
                self.text.extend_from_slice(b"*\n");
            }
            self.starred = true;
        } else {
            self.starred = false;
            self.last = Some(whole.unwrap_or_default());
            let text = &mut self.text;
            push_hex(text, self.offset, 8);
            for at in 0..ROW {
                text.extend_from_slice(if at % 8 == 0 { b"  " } else { b" " });
                match row.get(at) {
                    Some(&byte) => push_hex(text, u64::from(byte), 2),
                    None => text.extend_from_slice(b"  "),
                }
            }
            text.extend_from_slice(b"  |");
            let shown = |&byte: &u8| if matches!(byte, b' '..=b'~') { byte } else { b'.' };
            text.extend(row.iter().map(shown));
            text.extend_from_slice(b"|\n");
        }
        self.offset = self.offset.saturating_add(row.len() as u64);
    }
}

/// Appends a number with at least this many hexadecimal digits.
fn push_hex(text: &mut Vec<u8>, number: u64, digits: u32) {
    let needed = (u64::BITS - number.leading_zeros()).div_ceil(4);
    for at in (0..digits.max(needed)).rev() {
        let digit = (number >> (4 * at) & 15) as u32;
        text.extend(char::from_digit(digit, 16).map(|digit| digit as u8));
    }
}
