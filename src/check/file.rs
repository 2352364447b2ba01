//! `file PATH`: a file exists, is recent, has this content; or nothing exists at PATH. inode(7),
//! path_resolution(7).
//!
//! Symbolic links are followed. Existence and age apply to files of any type, size and content only
//! to regular files. Nothing else is ever opened: opening a FIFO waits for a writer, and opening a
//! device may have side effects.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{AT_FILE, Attempt, Check, Kind, in_time};
use crate::args::{Foreign, Given, Text, UsageError, flag, operand, option};
use crate::bytes::find;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::file_type::FileType;
use crate::files::{open_regular, unanswered, unreadable};
use crate::net::target::Endpoint;
use crate::outcome::{Fact, Finding, Verdict};
use crate::sys::{Status, sandbox, status_cached};
use crate::text::{Shown as _, quoted};
use crate::units::{self, instant, show_age, show_size};

/// How much of a file `--contains` searches, in bytes.
const LOOKED_AT: u64 = 1 << 20;
/// How much is read at once, in bytes.
const PIECE: usize = 8192;
/// How far ahead of the clock a modification time may be: on a network file system another
/// machine's clock sets it, and some file systems round it.
const AHEAD: Duration = Duration::from_secs(1);

pub(super) const KIND: Kind = Kind {
    name: "file",
    summary: "a file exists, is recent, has this content; or does not exist",
    options: &[&[
        operand("PATH", "the file; symbolic links are followed"),
        option("max-age", "DUR", "modified at most this long ago, such as 30s, 26h, 7d or 1d4h"),
        option("min-size", "SIZE", "at least this large"),
        option("contains", "TEXT", "contains this text, within its first 1 MiB"),
        flag("absent", "nothing exists at PATH"),
    ]],
    plan,
    examples: r"porthole file /run/worker.beat --max-age 30s
porthole file /run/app/state --contains ready
porthole file /run/maintenance --absent",
    foreign: Foreign::NONE,
};

#[derive(Debug)]
struct File {
    path: PathBuf,
    max_age: Option<Duration>,
    min_size: Option<u64>,
    contains: Option<Text>,
    absent: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let path = given.file("PATH")?.unwrap_or_default();
    let absent = given.has("absent");
    if let Some(name) = ["max-age", "min-size", "contains"].into_iter().find(|name| absent && given.has(name))
    {
        return Err(given.wrong(name, "cannot be used together with --absent"));
    }
    let contains = given.texts(&["contains"])?.pop().map(|(_, text)| text);
    if contains.as_ref().is_some_and(|text| text.value.is_empty()) {
        return Err(given.wrong("contains", "expected at least one character to look for"));
    }
    Ok(Box::new(Arc::new(File {
        path,
        max_age: given.parsed("max-age", units::LONG_DURATION, units::long_duration)?,
        min_size: given.parsed("min-size", units::SIZE, units::size)?,
        contains,
        absent,
    })))
}

impl Check for Arc<File> {
    fn target(&self) -> Vec<u8> {
        self.path.as_os_str().as_encoded_bytes().to_vec()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }

    #[cfg(feature = "inspect")]
    fn depends_on_first_process(&self) -> bool {
        true
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        // What the kernel knows suffices for a healthy verdict: existence does not become stale, and
        // a time can only be too old. Anything else is up to the file system, which may not respond.
        if self.min_size.is_none()
            && self.contains.is_none()
            && let Ok(known) = status_cached(&self.path)
        {
            let finding = self.look(known, attempt.deadline);
            if finding.verdict == Verdict::Healthy {
                return finding;
            }
        }
        // Looking at a file needs no sandbox, which would forbid to ask only the kernel's cache.
        if self.contains.is_some() {
            sandbox::seal();
        }
        let (file, deadline) = (Arc::clone(self), attempt.deadline);
        in_time(deadline, AT_FILE, Box::new(move || file.ask(deadline)))
    }
}

impl File {
    /// Asks the file system.
    fn ask(&self, deadline: Deadline) -> Finding {
        match fs::metadata(&self.path) {
            Ok(metadata) => self.look(metadata.into(), deadline),
            Err(error) => self.missing(error),
        }
    }

    /// Returns the finding for an existing file.
    fn look(&self, status: Status, deadline: Deadline) -> Finding {
        let (kind, size) = (FileType::of_mode(status.mode), status.size);
        let age = Age::of(status);
        let shown = if kind.is_regular() { show_size(size) } else { kind.described().to_owned() };
        let mut finding = match self.judge(status, &age, &shown, deadline) {
            Ok(None) => {
                let contains =
                    self.contains.as_ref().map(|text| format!(", contains {}", quoted(&text.shown)));
                let contains = contains.unwrap_or_default();
                let found = format!("{shown}, modified {}{contains}", age.shown());
                // Neither the age nor the size: a file that is still written to has others each time.
                let mut steady = format!("is {}", kind.described());
                if let Some(max) = self.max_age {
                    steady.push_str(&[", modified in the last ", &show_age(max)].concat());
                }
                steady.push_str(&contains);
                Finding { steady: Some(steady), ..Finding::new(Verdict::Healthy, found) }
            }
            Ok(Some((found, expected))) => {
                let mut finding = Finding::unhealthy(found);
                finding.expected = expected;
                finding
            }
            Err(error) => unreadable("", &error, ""),
        };
        finding.push("type", Fact::Text(kind.json_name().unwrap_or_default().to_owned()));
        if kind.is_regular() {
            finding.push("size", Fact::Count(size));
        }
        finding.push("age_ms", age.fact());
        finding
    }

    fn missing(&self, error: io::Error) -> Finding {
        let error = Error::from(error);
        let link = fs::read_link(&self.path).map(|target| format!(": a link to {}", target.shown()));
        let link = link.unwrap_or_default();
        if self.absent && error.is_absent() {
            return Finding::new(Verdict::Healthy, format!("{error}{link}"));
        }
        unreadable("", &error, &link)
    }

    /// Returns what is not as expected, and what was expected if the former does not imply it. The
    /// texts do not change while the problem stays the same: no age, and no size unless the size is
    /// the problem.
    fn judge(
        &self,
        status: Status,
        age: &Age,
        shown: &str,
        deadline: Deadline,
    ) -> Result<Option<(String, Option<String>)>, Error> {
        let (kind, size) = (FileType::of_mode(status.mode), status.size);
        let is = || format!("is {}", kind.described());
        if self.absent {
            return Ok(Some((is(), Some("nothing at this path".to_owned()))));
        }
        match (self.max_age, age) {
            (Some(_), Age::Future(ahead)) if *ahead > AHEAD => {
                return Ok(Some(("last modified in the future".to_owned(), None)));
            }
            (Some(max), Age::Past(age)) if *age > max => {
                let when = instant(status.modified.0);
                let found = format!("{shown}, last modified {when}, older than {}", show_age(max));
                return Ok(Some((found, None)));
            }
            _ => {}
        }
        if (self.min_size.is_some() || self.contains.is_some()) && !kind.is_regular() {
            return Ok(Some((is(), Some("a regular file".to_owned()))));
        }
        if let Some(min_size) = self.min_size.filter(|&min_size| size < min_size) {
            return Ok(Some((shown.to_owned(), Some(format!("at least {}", show_size(min_size))))));
        }
        let Some(text) = &self.contains else {
            return Ok(None);
        };
        let lacks = format!("does not contain {}", quoted(&text.shown));
        Ok(match contains(&self.path, text.value.as_bytes(), deadline)? {
            Search::Found => None,
            Search::NotFound => Some((lacks, None)),
            Search::NotSoFar => Some((lacks + " within the first 1 MiB", None)),
            Search::TimedOut => return Err(unanswered(deadline)),
        })
    }
}

/// The result of searching for a text.
enum Search {
    Found,
    NotFound,
    /// Not in the part that was searched; the file is longer.
    NotSoFar,
    TimedOut,
}

/// Searches the file piece by piece; only one piece, and the end of the piece before it in which a
/// match may begin, are in memory.
fn contains(path: &Path, text: &[u8], deadline: Deadline) -> Result<Search, Error> {
    let mut file = open_regular(path)?.take(LOOKED_AT);
    let mut window: Vec<u8> = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        if deadline.remaining().is_err() {
            return Ok(Search::TimedOut);
        }
        let count = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        window.extend_from_slice(piece.get(..count).unwrap_or_default());
        if find(&window, text).is_some() {
            return Ok(Search::Found);
        }
        window.drain(..window.len().saturating_sub(text.len() - 1));
    }
    let is_cut = file.limit() == 0 && file.into_inner().read(&mut piece).is_ok_and(|count| count > 0);
    Ok(if is_cut { Search::NotSoFar } else { Search::NotFound })
}

/// How long ago a file was modified, or how far in the future.
enum Age {
    Past(Duration),
    Future(Duration),
}

impl Age {
    fn of(status: Status) -> Self {
        let (seconds, nanos) = status.modified;
        let since = Duration::new(seconds.unsigned_abs(), 0);
        let epoch = SystemTime::UNIX_EPOCH;
        let second = if seconds < 0 { epoch.checked_sub(since) } else { epoch.checked_add(since) };
        let modified = second.and_then(|second| second.checked_add(Duration::new(0, nanos)));
        match SystemTime::now().duration_since(modified.unwrap_or(epoch)) {
            Ok(age) => Age::Past(age),
            Err(ahead) => Age::Future(ahead.duration()),
        }
    }

    /// Returns the age in words.
    fn shown(&self) -> String {
        match self {
            Age::Past(age) => format!("{} ago", show_age(*age)),
            Age::Future(ahead) => format!("{} in the future", show_age(*ahead)),
        }
    }

    /// Returns the age in milliseconds; negative if it is in the future.
    fn fact(&self) -> Fact {
        match (
            self,
            Fact::milliseconds(match self {
                Age::Past(time) | Age::Future(time) => *time,
            }),
        ) {
            (Age::Future(_), Fact::Hundredths(ahead)) => Fact::Hundredths(-ahead),
            (_, fact) => fact,
        }
    }
}
