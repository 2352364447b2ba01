//! `grep TEXT PATH...`: the lines of files that contain a text. grep(1).
//!
//! Memory use is constant: a line longer than [`MAX_LINE`] is searched in parts, which is reported.

mod pattern;
mod text;

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};

use self::pattern::{Pattern, Search};
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand, operands, refused};
use crate::error::Error;
use crate::expression::{LineExpression, Lines};
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::{Shown as _, escape};
use crate::view::input::{self, CHUNK_BYTES, Input};
use crate::view::root::Root;
use crate::view::walk::{Event, Walk};

/// The longest line that is searched as a whole, in bytes.
const MAX_LINE: usize = 1 << 20;

pub(super) const COMMAND: Command = Command {
    name: "grep",
    summary: "print the lines of files that contain a text",
    options: &[&[
        operand("TEXT", "what to look for"),
        operands("PATH", "the files"),
        flag("recursive", "search directories, links not followed").short('r'),
        flag("ignore-case", "ignore the case of ASCII letters").short('i'),
        flag("line-number", "print the number of each line").short('n'),
        flag("extended-regexp", r"TEXT is a regular expression; \b, \w and [[:upper:]] are for ASCII only")
            .short('E'),
        flag("files-with-matches", "print only the names of files with matches").short('l'),
        flag("with-filename", "print the file's name with each line (default for several files)"),
        flag("no-filename", "do not print the file's name"),
        flag("quiet", "print nothing: the exit status tells whether anything matches").short('q'),
        refused("regexp", "give TEXT without it; for several, use -E 'one|two'").short('e'),
        refused("invert-match", "lines that do not match cannot be selected").short('v'),
    ]],
    plan,
    examples: r"porthole grep -rn upstream /etc/nginx
porthole grep -p 7 -iE 'error|fatal' /var/log/app.log",
    properties: Properties {
        habits: Habits {
            letters: "FhH",
            letter_synonyms: &[(b'h', "--no-filename"), (b'H', "--with-filename")],
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, not a state")]
struct Grep {
    pattern: Pattern,
    paths: Vec<PathBuf>,
    recursive: bool,
    line_numbers: bool,
    only_names: bool,
    /// Whether to print the file's name with each line; `None` for the default.
    names: Option<bool>,
    quiet: bool,
    /// Whether `-i` was given and the text has letters outside ASCII, to which it does not apply.
    has_other_letters: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let text = given.words("TEXT").pop().unwrap_or_default().into_vec();
    if text.contains(&b'\n') {
        return Err(given.wrong("TEXT", "expected a text of one line"));
    }
    let any_case = given.has("ignore-case");
    let has_other_letters = any_case && !text.is_ascii();
    let pattern = if given.has("extended-regexp") {
        let text = String::from_utf8(text).map_err(|_| given.wrong("TEXT", "expected UTF-8 text"))?;
        let expression = LineExpression::new(&text, any_case);
        Pattern::expression(expression.map_err(|why| given.unusable("TEXT", &why))?, any_case)
    } else {
        Pattern::text(&text, any_case)
    };
    Ok(Box::new(Grep {
        pattern,
        paths: given.paths("PATH"),
        recursive: given.has("recursive"),
        line_numbers: given.has("line-number"),
        only_names: given.has("files-with-matches"),
        names: if given.has("no-filename") {
            Some(false)
        } else {
            given.has("with-filename").then_some(true)
        },
        quiet: given.has("quiet"),
        has_other_letters,
    }))
}

impl Inspect for Grep {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list("matches");
        if self.has_other_letters {
            answer.info("-i applies to ASCII letters only: the case of other letters in TEXT matters");
        }
        let mut run = Run {
            grep: self,
            search: self.pattern.search(),
            answer,
            names: self.names.unwrap_or(self.recursive || self.paths.len() > 1),
            output: input::output(),
            buffer: vec![0; MAX_LINE],
            found: false,
        };
        for path in &self.paths {
            if run.is_over() {
                break;
            }
            run.path(&root, path);
        }
        let found = run.found;
        if self.quiet && found {
            // "Exit immediately with zero status if any match is found, even if an error was
            // detected", grep(1).
            answer.disregard_errors();
        }
        Ok(found)
    }
}

struct Run<'a> {
    grep: &'a Grep,
    search: Search<'a>,
    answer: &'a mut Answer,
    /// Whether to print the file's name with each line.
    names: bool,
    /// The regular file that the answer goes to.
    output: Option<(u64, u64)>,
    buffer: Vec<u8>,
    found: bool,
}

impl Run<'_> {
    /// Whether the search can stop.
    fn is_over(&self) -> bool {
        self.answer.is_over() || self.grep.quiet && self.found
    }

    /// Searches a named file or directory.
    fn path(&mut self, root: &Root, path: &Path) {
        if self.grep.recursive
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
                        self.answer.info(&format!("{}: {note}", path.shown()));
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
        self.answer.error(error.at(path));
    }

    /// Prints the lines that match.
    fn lines(&mut self, input: &mut Input<'_>) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.lines_in(input, &mut buffer);
        self.buffer = buffer;
        result
    }

    fn lines_in(&mut self, input: &mut Input<'_>, buffer: &mut [u8]) -> Result<(), Error> {
        let mut file = Position { path: input.path, line: 1, is_binary: false };
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
                    // The end of the skipped line.
                    file.line += 1;
                    skips_rest = false;
                }
                if self.block(block, &mut file) {
                    return Ok(());
                }
            } else if filled == MAX_LINE {
                if !is_reported {
                    is_reported = true;
                    let path = input.path.shown();
                    self.answer.info(&format!("{path}: a line longer than 1 MiB is searched in parts"));
                }
                let part = buffer.get(..filled).unwrap_or_default();
                if !skips_rest && self.search.next(&mut Lines::new(part)).is_some() {
                    skips_rest = true;
                    if self.print(part, &mut file) {
                        return Ok(());
                    }
                }
                used = filled - self.grep.pattern.overlap();
            }
            if is_end {
                break;
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
        Ok(())
    }

    /// Prints the matching ones of these lines, and returns whether the search of the file is over.
    fn block(&mut self, block: &[u8], file: &mut Position<'_>) -> bool {
        let (mut lines, mut counted) = (Lines::new(block), 0);
        let counts = self.grep.line_numbers || self.answer.is_json();
        let newlines = |from: usize, to: usize| {
            let bytes = if counts { block.get(from..to) } else { None };
            memchr_iter(b'\n', bytes.unwrap_or_default()).count() as u64
        };
        while let Some((start, end)) = self.search.next(&mut lines) {
            file.line += newlines(counted, start);
            counted = start;
            if self.print(block.get(start..end).unwrap_or_default(), file) || self.is_over() {
                return true;
            }
        }
        file.line += newlines(counted, block.len());
        false
    }

    /// Prints this line of the file, and returns whether the search of the file is over.
    fn print(&mut self, line: &[u8], file: &mut Position<'_>) -> bool {
        self.found = true;
        if self.grep.quiet {
            return true;
        }
        let is_binary = file.is_binary || memchr(0, line).is_some();
        let path = file.path.as_os_str().as_bytes();
        if self.answer.is_json() {
            let mut entries = vec![("path", Fact::Bytes(path.to_vec()))];
            if is_binary {
                entries.push(("binary", Fact::Bool(true)));
            } else {
                entries.push(("line", Fact::Count(file.line)));
                entries.push(("text", Fact::Bytes(line.to_vec())));
            }
            self.answer.item("matches", &Fact::Object(entries));
        } else if self.grep.only_names {
            self.answer.line(path);
        } else if is_binary {
            self.answer.line(&[b"Binary file ", path, b" matches"].concat());
        } else {
            if self.names {
                let mut name = escape(path);
                name.push(':');
                self.answer.content(name.as_bytes());
            }
            if self.grep.line_numbers {
                self.answer.content(format!("{}:", file.line).as_bytes());
            }
            self.answer.text(line);
            self.answer.content(b"\n");
        }
        is_binary || self.grep.only_names
    }
}

/// The position in a file.
struct Position<'a> {
    path: &'a Path,
    /// The number of the next line, if lines are counted.
    line: u64,
    is_binary: bool,
}
