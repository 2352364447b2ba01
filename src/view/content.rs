//! The content of files, whole or the first or last lines: what cat, head and tail print.

use std::collections::VecDeque;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memchr::{memchr_iter, memrchr_iter};

use super::input::{self, CHUNK_BYTES, Input};
use super::target::Target;
use crate::args::{Given, Opt, UsageError, flag, operands, option};
use crate::error::Error;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::{Shown as _, escape, incomplete};
use crate::units::{self, show_size};

/// The most bytes that `--max` may be with `--json`, because the document holds the content.
const JSON_MOST: u64 = 4 << 20;
/// The default of `--max`, in bytes.
const MAX: u64 = 1 << 20;
/// The default of `--lines`.
const LINES: u64 = 10;
/// What `--lines` expects.
const EXPECTED: &str = "a number of lines";
/// The same for tail.
const EXPECTED_OF_TAIL: &str = "a number of lines, or +N for all from line N on";

/// The options that all three commands have.
pub const OPTIONS: &[Opt] = &[
    operands("PATH", "the files; - is stdin"),
    option("max", "SIZE", "print at most this much of each file (1M)"),
    flag("special", "read FIFOs and devices too, which may block or have side effects"),
];

/// The option of head and tail for an amount of bytes.
const BYTES: Opt = option("bytes", "SIZE", "print this many bytes of each file instead of lines").short('c');

/// The options of head for the amount.
pub const COUNT: &[Opt] =
    &[option("lines", "LINES", "print this many lines of each file (10)").short('n'), BYTES];

/// The options of tail for the amount.
pub const COUNT_OF_TAIL: &[Opt] = &[
    option("lines", "LINES", "print this many lines of each file (10), or with +N all from line N on")
        .short('n'),
    BYTES,
];

/// The part of a file that is printed.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    All,
    First(u64),
    Last(u64),
    /// From the line with this number on; 0 is the first one too.
    From(u64),
}

/// Files, and the part of each that is printed.
#[derive(Debug)]
pub struct Content {
    pub paths: Vec<PathBuf>,
    /// The most bytes that are printed of each.
    pub max: u64,
    /// Whether a note reports that `max` cut a file.
    pub says: bool,
    /// Whether FIFOs and devices are read too.
    pub special: bool,
    pub part: Part,
}

/// Checks that a JSON document may hold this many bytes.
pub fn fits_json(max: u64, answer: &Answer) -> Result<(), Error> {
    if !answer.is_json() || max <= JSON_MOST {
        return Ok(());
    }
    let (asked, most) = (show_size(max), show_size(JSON_MOST));
    Err(format!(
        "--max {asked}: with --json at most {most}, which are held in memory (without it any size will do)"
    )
    .into())
}

/// The number of lines requested.
pub fn lines(given: &mut Given<'_>) -> Result<u64, UsageError> {
    let lines = given.parsed("lines", EXPECTED, |text| units::number(text, u64::MAX).ok_or(EXPECTED))?;
    Ok(if given.has("bytes") { u64::MAX } else { lines.unwrap_or(LINES) })
}

/// The part that tail prints.
pub fn end(given: &mut Given<'_>) -> Result<Part, UsageError> {
    let part = given.parsed("lines", EXPECTED_OF_TAIL, |text| {
        let number = |text| units::number(text, u64::MAX).ok_or(EXPECTED_OF_TAIL);
        text.strip_prefix('+')
            .map_or_else(|| number(text).map(Part::Last), |text| number(text).map(Part::From))
    })?;
    Ok(if given.has("bytes") { Part::Last(u64::MAX) } else { part.unwrap_or(Part::Last(LINES)) })
}

impl Content {
    /// That part of the files on the command line.
    pub fn given(given: &mut Given<'_>, part: Part) -> Result<Self, UsageError> {
        let mut size = |name| given.parsed(name, units::SIZE, units::size);
        let (most, bytes) = (size("max")?, size("bytes")?);
        let max = most.unwrap_or(bytes.map_or(MAX, |_| u64::MAX)).min(bytes.unwrap_or(u64::MAX));
        let says = bytes != Some(max);
        Ok(Content { paths: given.paths("PATH"), max, says, special: given.has("special"), part })
    }

    /// Prints the part of each file.
    pub fn print(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list("files");
        fits_json(self.max, answer)?;
        let headings = self.paths.len() > 1 && !matches!(self.part, Part::All) && !answer.is_json();
        let mut first = true;
        input::each(&root, &self.paths, Some(self.special), answer, &mut |input, answer| {
            if headings {
                heading(input.path, &mut first, answer);
            }
            self.show(input, answer)
        });
        Ok(true)
    }

    fn show(&self, input: &mut Input<'_>, answer: &mut Answer) -> Result<(), Error> {
        let mut out = Out::new(answer);
        let shown = match self.part {
            Part::All => self.forward(input, &mut out, 0, None),
            Part::First(lines) => self.forward(input, &mut out, 0, Some(lines)),
            Part::Last(lines) => self.last(input, &mut out, lines),
            Part::From(line) => self.forward(input, &mut out, line.saturating_sub(1), None),
        };
        out.end();
        let Out { answer, whole, .. } = out;
        let cut = matches!(shown, Ok(true));
        if cut && self.says {
            let max = show_size(self.max);
            let is_end = matches!(self.part, Part::Last(_)) && (input.is_regular() || input.is_stdin());
            let what = if is_end { format!("cut to the last {max}") } else { format!("cut after {max}") };
            answer.info(&format!("{}: {what} (--max)", input.path.shown()));
        }
        if answer.is_json() {
            answer.item(
                "files",
                &Fact::Object(vec![
                    ("path", Fact::Bytes(input.path.as_os_str().as_bytes().to_vec())),
                    ("content", Fact::Bytes(whole)),
                    ("cut", Fact::Bool(cut)),
                ]),
            );
        }
        shown.map(|_| ())
    }

    /// Prints what follows after this many lines, at most so many lines; returns whether `--max` cut
    /// it.
    fn forward(
        &self,
        input: &mut Input<'_>,
        out: &mut Out<'_>,
        mut skip: u64,
        mut lines: Option<u64>,
    ) -> Result<bool, Error> {
        let mut left = self.max;
        let mut piece = vec![0; CHUNK_BYTES];
        while lines != Some(0) && !out.answer.is_over() {
            // One byte more than may be printed tells whether there is more.
            let wanted = if skip > 0 { u64::MAX } else { left };
            let room = usize::try_from(wanted).unwrap_or(CHUNK_BYTES).saturating_add(1).min(CHUNK_BYTES);
            let count = input.read(piece.get_mut(..room).unwrap_or_default())?;
            if count == 0 {
                break;
            }
            let mut bytes = without_lines(piece.get(..count).unwrap_or_default(), &mut skip);
            if let Some(lines) = &mut lines {
                for end in memchr_iter(b'\n', bytes) {
                    *lines -= 1;
                    if *lines == 0 {
                        bytes = bytes.get(..=end).unwrap_or(bytes);
                        break;
                    }
                }
            }
            let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            out.add(bytes.get(..taken).unwrap_or_default());
            if !input.is_regular() {
                // The next byte may be long in coming.
                out.answer.flush();
            }
            if taken < bytes.len() {
                return Ok(true);
            }
            left -= taken as u64;
        }
        Ok(false)
    }

    /// Prints this many of the last lines; returns whether `--max` cut them.
    fn last(&self, input: &mut Input<'_>, out: &mut Out<'_>, lines: u64) -> Result<bool, Error> {
        if input.size > 0 {
            let found = last_lines(input.size, self.max, lines, &mut |piece, from| {
                input.file.read_exact_at(piece, from)
            });
            match found {
                Ok((start, cut)) => {
                    // Lines appended since then are not part of what was counted.
                    let part = Content { max: input.size - start, paths: Vec::new(), ..*self };
                    input.start_at(start)?;
                    part.forward(input, out, 0, None)?;
                    return Ok(cut);
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => input.shrunk()?,
                Err(error) => return Err(error.into()),
            }
        }
        self.last_of_stream(input, out, lines)
    }

    /// The same for input that can only be read from its start: the last bytes are kept in memory.
    fn last_of_stream(&self, input: &mut Input<'_>, out: &mut Out<'_>, lines: u64) -> Result<bool, Error> {
        // One byte more than may be printed tells whether a line starts there.
        let max = usize::try_from(self.max).unwrap_or(usize::MAX).saturating_add(1);
        let mut end: VecDeque<u8> = VecDeque::new();
        let mut piece = vec![0; CHUNK_BYTES];
        let mut endless = false;
        loop {
            let count = input.read(&mut piece)?;
            if count == 0 {
                break;
            }
            // Anything but a regular file may never end. The end of stdin is waited for.
            let room = if input.is_regular() || input.is_stdin() { usize::MAX } else { max - end.len() - 1 };
            end.extend(piece.iter().take(count.min(room)));
            if room < count {
                endless = true;
                break;
            }
            end.drain(..end.len().saturating_sub(max));
        }
        let held: &[u8] = end.make_contiguous();
        let from = |at: u64| usize::try_from(at).ok().and_then(|at| held.get(at..)).unwrap_or_default();
        let (start, cut) = last_lines(held.len() as u64, self.max, lines, &mut |piece, at| {
            let there = from(at).get(..piece.len()).unwrap_or_default();
            piece.get_mut(..there.len()).unwrap_or_default().copy_from_slice(there);
            Ok(())
        })
        .map_err(Error::from)?;
        out.add(from(start));
        Ok(cut || endless)
    }
}

/// Prints the heading of one of several files.
pub fn heading(path: &Path, is_first: &mut bool, answer: &mut Answer) {
    let name: &[u8] = if input::is_stdin(path) { b"standard input" } else { path.as_os_str().as_bytes() };
    let space = if std::mem::take(is_first) { "" } else { "\n" };
    answer.content(format!("{space}==> {} <==\n", escape(name)).as_bytes());
}

/// Returns the bytes after this many lines, and subtracts those that were found.
pub fn without_lines<'a>(bytes: &'a [u8], lines: &mut u64) -> &'a [u8] {
    if *lines == 0 {
        return bytes;
    }
    for end in memchr_iter(b'\n', bytes) {
        *lines -= 1;
        if *lines == 0 {
            return bytes.get(end + 1..).unwrap_or_default();
        }
    }
    &[]
}

/// Returns where the last lines of `size` bytes begin, and whether they were cut to `max` bytes.
pub fn last_lines(
    size: u64,
    max: u64,
    lines: u64,
    read: &mut dyn FnMut(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<(u64, bool)> {
    if lines == 0 {
        return Ok((size, false));
    }
    let floor = size.saturating_sub(max);
    // A newline right before the floor means that a line begins there.
    let bottom = floor.saturating_sub(1);
    let mut left = lines;
    let mut end = size;
    let mut piece = vec![0; CHUNK_BYTES];
    while end > bottom {
        let from = end.saturating_sub(CHUNK_BYTES as u64).max(bottom);
        let bytes = piece.get_mut(..usize::try_from(end - from).unwrap_or(CHUNK_BYTES)).unwrap_or_default();
        read(bytes, from)?;
        for at in memrchr_iter(b'\n', bytes) {
            let start = from + at as u64 + 1;
            // The newline at the end ends the last line.
            if start == size {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok((start, false));
            }
        }
        end = from;
    }
    Ok((floor, floor > 0))
}

/// The destination of the bytes: standard output, or the JSON document.
pub struct Out<'a> {
    pub answer: &'a mut Answer,
    whole: Vec<u8>,
    /// The first bytes of a character whose rest has not been read yet.
    held: Vec<u8>,
}

impl<'a> Out<'a> {
    pub fn new(answer: &'a mut Answer) -> Self {
        Out { answer, whole: Vec::new(), held: Vec::new() }
    }

    /// Prints the next bytes of a file.
    pub fn add(&mut self, bytes: &[u8]) {
        if self.answer.is_json() {
            self.whole.extend_from_slice(bytes);
        } else if self.answer.is_terminal() {
            self.held.extend_from_slice(bytes);
            let whole = self.held.len() - incomplete(&self.held);
            self.answer.content(self.held.get(..whole).unwrap_or_default());
            self.held.drain(..whole);
        } else {
            self.answer.content(bytes);
        }
    }

    /// Prints what is held at the end of a file.
    pub fn end(&mut self) {
        self.answer.content(&self.held);
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &[u8], max: u64, lines: u64) -> (u64, bool) {
        last_lines(text.len() as u64, max, lines, &mut |piece, at| {
            let at = usize::try_from(at).unwrap();
            piece.copy_from_slice(&text[at..at + piece.len()]);
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn where_the_last_lines_begin() {
        for (text, max, lines, start, cut) in [
            (&b""[..], 9, 1, 0, false),
            (b"\n", 9, 1, 0, false),
            (b"a", 9, 1, 0, false),
            (b"a\nb", 9, 1, 2, false),
            (b"a\nb\n", 9, 1, 2, false),
            (b"a\nb\n", 9, 2, 0, false),
            (b"a\nb\n", 9, 3, 0, false),
            (b"a\nb\n\n", 9, 1, 4, false),
            (b"a\nb\n", 9, 0, 4, false),
            // The line is exactly as long as may be printed, and one byte longer.
            (b"a\nbcd\n", 4, 1, 2, false),
            (b"a\nbcd\n", 3, 1, 3, true),
            (b"abcd\n", 5, 1, 0, false),
            (b"a\nb\n", 0, 1, 4, true),
        ] {
            assert_eq!(last(text, max, lines), (start, cut), "{text:?} {max} {lines}");
        }
        let long = [vec![b'x'; 3 * CHUNK_BYTES], b"\ny".to_vec(), vec![b'x'; 2 * CHUNK_BYTES]].concat();
        assert_eq!(last(&long, 1 << 20, 1), (3 * CHUNK_BYTES as u64 + 1, false));
        assert_eq!(last(&long, 1 << 20, 2), (0, false));
    }
}
