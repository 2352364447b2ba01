//! Searches files, a block of lines at a time.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};

use super::pattern::Search;
use super::print::{Position, Printer};
use super::{Grep, MAX_LINE};
use crate::error::Error;
use crate::expression::Lines;
use crate::file_type::FileType;
use crate::text::Shown as _;
use crate::view::input::{self, CHUNK_BYTES, Input};
use crate::view::root::Root;
use crate::view::walk::{Event, Walk};

/// A search of files.
pub(super) struct Run<'a> {
    grep: &'a Grep,
    search: Search<'a>,
    printer: Printer<'a>,
    /// The regular file that the answer goes to.
    output: Option<(u64, u64)>,
    buffer: Vec<u8>,
    /// Whether a line was selected.
    pub(super) found: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(grep: &'a Grep, printer: Printer<'a>) -> Self {
        let (search, output) = (grep.pattern.search(), input::output());
        Run { grep, search, printer, output, buffer: vec![0; MAX_LINE], found: false }
    }

    /// Whether the search can stop.
    pub(super) fn is_over(&self) -> bool {
        self.printer.answer.is_over() || self.grep.quiet && self.found
    }

    /// Searches a named file or directory.
    pub(super) fn path(&mut self, root: &Root, path: &Path) {
        if self.grep.recursive
            && !input::is_stdin(path)
            && root.meta(path, true).is_ok_and(|meta| FileType::of_mode(meta.st_mode).is_directory())
        {
            match Walk::new(root, path) {
                Ok(walk) => self.tree(walk),
                Err(why) => self.error(path, why),
            }
            return;
        }
        match input::open(root, path, None) {
            Ok(input) => self.file(input),
            Err(why) => self.error(path, why),
        }
    }

    /// Searches the files below a directory, in directory order.
    fn tree(&mut self, mut walk: Walk) {
        while let Some(met) = walk.next() {
            if self.is_over() {
                return;
            }
            let path = PathBuf::from(OsStr::from_bytes(walk.path()));
            let Event::Entry(kind) = met else {
                if let Event::Failed(why) = met {
                    self.error(&path, why);
                }
                continue;
            };
            // Not every file system reports the type in its directories.
            let kind = kind.or_else(|| walk.meta().ok().map(|meta| FileType::of_mode(meta.st_mode)));
            match kind {
                Some(FileType::Directory) => match walk.meta() {
                    Ok(meta) if walk.is_kernel_mount(&meta) => {
                        let note = "contents skipped: a kernel file system; name it to search them";
                        self.printer.answer.info(&format!("{}: {note}", path.shown()));
                    }
                    Ok(_) => walk.enter(),
                    Err(why) => self.error(&path, why),
                },
                Some(FileType::Regular) => match walk.open() {
                    Ok(None) => {}
                    Ok(Some((file, meta))) => self.file(Input::new(file, &meta, &path)),
                    Err(why) => self.error(&path, why),
                },
                _ => {}
            }
        }
    }

    fn file(&mut self, mut input: Input<'_>) {
        let is_output = self.output == Some(input.identity);
        let result = if is_output { Err("is also the output".into()) } else { self.lines(&mut input) };
        if let Err(why) = result {
            self.error(input.path, why);
        }
    }

    fn error(&mut self, path: &Path, error: Error) {
        self.printer.answer.error(error.at(path));
    }

    /// Prints the lines that are selected, or their number.
    fn lines(&mut self, input: &mut Input<'_>) -> Result<(), Error> {
        let mut file = Position::new(input);
        self.printer.begin();
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.lines_in(input, &mut file, &mut buffer);
        self.buffer = buffer;
        result?;
        self.printer.end(&file);
        Ok(())
    }

    fn lines_in(
        &mut self,
        input: &mut Input<'_>,
        file: &mut Position<'_>,
        buffer: &mut [u8],
    ) -> Result<(), Error> {
        let (mut filled, mut first) = (0_usize, true);
        // Whether a long line was reported, and whether the rest of the present long line is
        // skipped because a part of it matched.
        let (mut is_reported, mut skips_rest) = (false, false);
        let skips_holes = self.grep.pattern.needs_more_than_nuls();
        while !self.is_over() {
            // A full buffer is searched as a part of a long line first.
            if skips_holes && filled + 1 < MAX_LINE && input.skip_hole() {
                // One NUL takes the place of the hole, which has no line breaks: nothing matches
                // across it.
                if let Some(byte) = buffer.get_mut(filled) {
                    *byte = 0;
                    filled += 1;
                }
                file.is_binary = true;
            }
            let room =
                buffer.get_mut(filled..filled.saturating_add(CHUNK_BYTES).min(MAX_LINE)).unwrap_or_default();
            let count = input.read(room)?;
            // With a read that ends where the file did, there is no need for another.
            let is_end = count == 0 || count < room.len() && input.is_read_to_size();
            let new = room.get(..count).unwrap_or_default();
            if first {
                file.is_binary |= memchr(0, new).is_some();
                first = false;
            }
            let newline = memrchr(b'\n', new);
            let start = filled;
            filled += count;
            let whole = if is_end { filled } else { newline.map_or(0, |at| start + at + 1) };
            let mut used = whole;
            if whole > 0 {
                let mut block = buffer.get(..whole).unwrap_or_default();
                if skips_rest {
                    let rest = memchr(b'\n', block).map_or(whole, |at| at + 1);
                    block = block.get(rest..).unwrap_or_default();
                    skips_rest = false;
                }
                if self.block(block, file) {
                    return Ok(());
                }
                if input.is_stdin() {
                    // The next line may be long in coming.
                    self.printer.answer.flush();
                }
            } else if filled == MAX_LINE {
                if !is_reported {
                    is_reported = true;
                    let path = input.path.shown();
                    self.printer
                        .answer
                        .info(&format!("{path}: a line longer than 1 MiB is searched in parts"));
                }
                used = filled - self.grep.pattern.overlap();
                let part = buffer.get(..filled).unwrap_or_default();
                if !skips_rest && self.search.next(&mut Lines::new(part)).is_some() {
                    if self.grep.inverted {
                        // The end of a line of which no part matches is searched, and printed, as a
                        // line of its own.
                        self.printer.leave_out(file);
                    } else if self.printer.prints_matches() && memchr(0, part).is_none() && !file.is_binary {
                        self.found = true;
                        used = self.printer.part(part, used, file).max(used);
                        skips_rest = false;
                        buffer.copy_within(used..filled, 0);
                        filled -= used;
                        continue;
                    } else if self.select(part, file) {
                        return Ok(());
                    }
                    skips_rest = true;
                }
            }
            if is_end {
                break;
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
        Ok(())
    }

    /// Prints the selected ones of these lines, and returns whether the search of the file is over.
    fn block(&mut self, block: &[u8], file: &mut Position<'_>) -> bool {
        let mut lines = Lines::new(block);
        let mut from = 0;
        let part = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        while let Some((start, end)) = self.search.next(&mut lines) {
            let next = (end + 1).min(block.len());
            let is_over = if self.grep.inverted {
                let is_over = self.select_all(part(from, start), file);
                self.between(part(start, next), file);
                is_over
            } else {
                self.between(part(from, start), file);
                self.select(part(start, end), file)
            };
            from = next;
            if is_over || self.is_over() {
                return true;
            }
        }
        let rest = part(from, block.len());
        if self.grep.inverted {
            return self.select_all(rest, file);
        }
        self.between(rest, file);
        false
    }

    /// Selects each of these lines, and returns whether the search of the file is over.
    fn select_all(&mut self, lines: &[u8], file: &mut Position<'_>) -> bool {
        let mut rest = lines;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            if self.select(rest.get(..end).unwrap_or_default(), file) || self.is_over() {
                return true;
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        false
    }

    /// Passes these lines, which are not selected.
    fn between(&mut self, lines: &[u8], file: &mut Position<'_>) {
        if lines.is_empty() {
            return;
        }
        let rest = self.printer.pass(lines, file);
        if self.grep.line_numbers || self.printer.answer.is_json() {
            file.line += memchr_iter(b'\n', rest).count() as u64;
        }
    }

    /// Prints this line or counts it, and returns whether the search of the file is over.
    fn select(&mut self, line: &[u8], file: &mut Position<'_>) -> bool {
        self.found = true;
        file.count += 1;
        if self.grep.quiet {
            return true;
        }
        let is_over = !self.grep.counts && self.printer.print(line, file);
        file.line += 1;
        is_over
    }
}
