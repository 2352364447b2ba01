//! `report`: one redacted JSON document of what the other inspections show, for a ticket.
//!
//! Invariant: it prints one valid document of at most [`DOCUMENT_LIMIT`] bytes within
//! [`TIME_LIMIT`], whatever the inspected processes do. Each section is what its command prints
//! with `--json`, except for the layers of overlay mounts, which belong to the host. What could not
//! be read is in the `errors` of its section; a section that ran out of room or time has
//! `"cut": true`. Neither is a failure: the exit status is 0 once the document is printed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::utsname::uname;

use crate::args::{Given, UsageError};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::inspect::{self, Command, Inspect, Properties, Scope};
use crate::outcome::Fact;
use crate::report::{Answer, Kept};
use crate::threads::bounded;
use crate::units::{minute, show_duration};
use crate::version::Build;
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::target::{Choice, Target};

/// The most bytes that the document may have.
const DOCUMENT_LIMIT: usize = 1 << 20;
/// The bytes that are reserved for each section, whatever those before it take.
const SECTION_RESERVE: usize = 48 << 10;
/// How long the whole document may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The time that is reserved for each section.
const SECTION_TIME_RESERVE: Duration = Duration::from_millis(200);
/// The most bytes of a path that are shown: PATH_MAX of limits.h.
const PATH_LIMIT: usize = 4096;

/// The sections and the words of the commands that fill them, the most useful one first.
const SECTIONS: &[(&str, &[&str])] = &[
    ("doctor", &["doctor"]),
    ("ps", &["ps"]),
    ("limits", &["limits"]),
    ("id", &["id"]),
    ("files", &["cat", "--max", "16k", "/etc/resolv.conf", "/etc/hosts", "/etc/os-release"]),
    ("ss", &["ss", "-a", "-x", "-t", "-u"]),
    ("ip", &["ip"]),
    ("env", &["env"]),
    ("df", &["df"]),
    ("mounts", &["mounts"]),
    ("lsof", &["lsof"]),
    ("ls_cwd", &["ls", "."]),
    ("ls_root", &["ls", "/"]),
];

pub(super) const COMMAND: Command = Command {
    name: "report",
    summary: "print all of this as one JSON document for a ticket, secrets hidden",
    options: &[],
    plan: |_: &mut Given<'_>| -> Result<Box<dyn Inspect>, UsageError> { Ok(Box::new(Report)) },
    examples: r"porthole report >report.json
porthole report -p 1",
    properties: Properties::of_process(None),
};

#[derive(Debug)]
struct Report;

impl Inspect for Report {
    fn is_document(&self) -> bool {
        true
    }

    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let deadline = Deadline::after(TIME_LIMIT);
        avoid_threads_at_pids_limit();
        // If that fails, each section tries again and reports why.
        let target = &Target { listing: target.processes().ok(), ..target.clone() };
        let mut about = String::new();
        self::about(target).push_json(&mut about);
        let mut left = DOCUMENT_LIMIT.saturating_sub(entry_size("about", &about));
        let mut entries = vec![("about", Fact::Json(about))];
        for (at, &(name, words)) in SECTIONS.iter().enumerate() {
            let later = SECTIONS.len() - at - 1;
            let budget = share(left, SECTION_RESERVE, later).saturating_sub(entry_size(name, ""));
            let time = deadline.remaining().unwrap_or_default();
            let time = share(millis(time), millis(SECTION_TIME_RESERVE), later);
            let text = section(words, target, budget, Duration::from_millis(time as u64));
            left = left.saturating_sub(entry_size(name, &text));
            entries.push((name, Fact::Json(text)));
        }
        answer.document(entries);
        Ok(true)
    }
}

/// Returns how many bytes an entry of the document takes, punctuation included.
fn entry_size(name: &str, text: &str) -> usize {
    // At most `{"name": text}\n`.
    name.len() + text.len() + 7
}

fn millis(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

/// Returns how much of what is left a section may take: its reserve, and half of what is not
/// reserved for it and the later sections.
fn share(left: usize, reserve: usize, later: usize) -> usize {
    if later == 0 {
        return left;
    }
    let spare = left.saturating_sub(reserve.saturating_mul(later + 1));
    (reserve + spare / 2).min(left)
}

/// Returns the command of this name.
fn command(name: &str) -> Option<&'static Command> {
    inspect::SHOWING.iter().chain([&super::COMMAND]).find(|command| command.name == name)
}

/// Whether the command with these words shows all processes if none is named.
fn shows_all(words: &[&str]) -> bool {
    let command = words.first().and_then(|name| command(name));
    command.is_some_and(|command| command.properties.scope == Scope::Processes)
}

/// Parses the words of a command.
fn inspection(words: &[&str]) -> Result<Box<dyn Inspect>, UsageError> {
    let (&name, words) = words.split_first().unwrap_or((&"", &[]));
    match command(name) {
        Some(command) => command.planned(&words.iter().map(OsString::from).collect::<Vec<_>>()),
        None => Err(UsageError(format!("no inspection is called {name}"))),
    }
}

/// Runs the command and returns its answer as JSON of at most `budget` bytes. A command that has
/// not ended after `time` is abandoned.
fn section(words: &'static [&str], target: &Target, budget: usize, time: Duration) -> String {
    let of_all;
    let target = if shows_all(words) && !matches!(target.choice, Choice::Named) {
        of_all = Target { process: None, ..target.clone() };
        &of_all
    } else {
        target
    };
    // A command that is only slow ends by itself a little earlier.
    let kept = Kept::new(budget, Deadline::after(time * 3 / 4));
    let (theirs, target) = (kept.clone(), target.clone());
    let work = move || {
        let mut answer = Answer::kept(theirs.clone());
        answer.set_subject(target.subject());
        let inspect = inspection(words).map_err(|wrong| wrong.0.into());
        if let Err(why) = inspect.and_then(|inspect: Box<dyn Inspect>| inspect.run(&target, &mut answer)) {
            answer.error(why);
        }
    };
    let done = bounded(Deadline::after(time), Box::new(work));
    kept.end(done.err().map(|_| format!("no answer within {}", show_duration(time))))
}

/// Returns which porthole reports, when, and on which process.
fn about(target: &Target) -> Fact {
    let Build { version, features, target: built_for } = Build::this();
    let features = features.into_iter().map(|feature| Fact::Text(feature.to_owned()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let text = format!("{}:{:02}", minute(i64::try_from(now).unwrap_or_default()), now % 60);
    let system = uname();
    let system = system.as_ref();
    let of_system = |bytes: Option<&[u8]>| bytes.map_or(Fact::Null, |bytes| Fact::Bytes(bytes.to_vec()));
    let path = |path: &[u8]| Fact::Bytes(path.get(..PATH_LIMIT).unwrap_or(path).to_vec());
    let process = target.handle().ok();
    let process = process.as_ref();
    let folder = process.and_then(|process| process.link("cwd").ok());
    Fact::Object(vec![
        ("version", Fact::Text(version.to_owned())),
        ("features", Fact::List(features.collect())),
        ("target", Fact::Text(built_for)),
        ("time", Fact::Count(now)),
        ("utc", Fact::Text(text)),
        ("kernel", of_system(system.ok().map(|system| system.release().as_bytes()))),
        ("hostname", of_system(system.ok().map(|system| system.nodename().as_bytes()))),
        ("cwd", folder.map_or(Fact::Null, |folder| path(&folder))),
        ("proc", path(target.proc.as_os_str().as_bytes())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_a_valid_command() {
        for (name, words) in SECTIONS {
            assert!(inspection(words).is_ok(), "{name}: {words:?}");
        }
    }

    #[test]
    fn no_section_takes_what_is_reserved_for_others() {
        assert_eq!((share(100, 10, 0), share(100, 10, 4), share(50, 10, 4)), (100, 35, 10));
        assert_eq!((share(7, 10, 4), share(0, 10, 0)), (7, 0));
        let mut left = DOCUMENT_LIMIT;
        for later in (0..SECTIONS.len()).rev() {
            let taken = share(left, SECTION_RESERVE, later);
            assert!(taken >= SECTION_RESERVE);
            left -= taken;
        }
    }
}
