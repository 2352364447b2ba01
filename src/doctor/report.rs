//! `report`: one redacted JSON document of what the other inspections show, for a ticket.
//!
//! Invariant: it is one valid document of at most [`MOST`] bytes, made within [`TIME`], whatever the processes looked at
//! do. Each section is what its words print with `--json`, but for the layers of overlay mounts, which are the host's. What could not be read of one is said in its `errors`, what
//! there was no room or time for by `"cut": true`, and neither is a failure: the exit status is 0 once the document is
//! printed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::utsname::uname;

use crate::args::{Given, UsageError};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::inspect::{self, Command, Inspect, Properties};
use crate::outcome::Fact;
use crate::report::{Answer, Kept};
use crate::threads::bounded;
use crate::units::{minute, show_duration};
use crate::version::Build;
use crate::view::control_groups::mind_the_limit;
use crate::view::target::Target;

/// The most that the document may have, in bytes.
const MOST: usize = 1 << 20;
/// The least that is left for each section, in bytes, whatever those before it take.
const LEAST: usize = 48 << 10;
/// How long all of it may take.
const TIME: Duration = Duration::from_secs(5);
/// The least that is left for each section.
const LEAST_TIME: Duration = Duration::from_millis(200);
/// The most of a path that is shown, in bytes: PATH_MAX of limits.h.
const PATH: usize = 4096;

/// The sections and the words of the commands that fill them, the most telling one first.
const SECTIONS: &[(&str, &[&str])] = &[
    ("doctor", &["doctor"]),
    ("ps", &["ps"]),
    ("limits", &["limits"]),
    ("id", &["id"]),
    ("files", &["cat", "--max", "16k", "/etc/resolv.conf", "/etc/hosts", "/etc/os-release"]),
    ("ss", &["ss", "-a", "-x", "-t", "-u"]),
    ("env", &["env"]),
    ("df", &["df"]),
    ("mounts", &["mounts"]),
    ("lsof", &["lsof"]),
    ("ls_cwd", &["ls", "."]),
    ("ls_root", &["ls", "/"]),
];

pub(super) const COMMAND: Command = Command {
    name: "report",
    summary: "print what the others show as one JSON document, secrets hidden, for a ticket",
    options: &[],
    plan: |_: &mut Given<'_>| -> Result<Box<dyn Inspect>, UsageError> { Ok(Box::new(Report)) },
    examples: r"porthole report >report.json
porthole report -p 1",
    properties: Properties::PLAIN,
};

#[derive(Debug)]
struct Report;

impl Inspect for Report {
    fn is_document(&self) -> bool {
        true
    }

    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let whole = Deadline::after(TIME);
        mind_the_limit();
        let mut about = String::new();
        self::about(target).push_json(&mut about);
        let mut left = MOST.saturating_sub(framed("about", &about));
        let mut entries = vec![("about", Fact::Json(about))];
        for (at, &(name, words)) in SECTIONS.iter().enumerate() {
            let behind = SECTIONS.len() - at - 1;
            let budget = share(left, LEAST, behind).saturating_sub(framed(name, ""));
            let time = whole.remaining().unwrap_or_default();
            let time = share(millis(time), millis(LEAST_TIME), behind);
            let text = section(words, target, budget, Duration::from_millis(time as u64));
            left = left.saturating_sub(framed(name, &text));
            entries.push((name, Fact::Json(text)));
        }
        answer.document(entries);
        Ok(true)
    }
}

/// What an entry of the document takes with all around it, in bytes.
fn framed(name: &str, text: &str) -> usize {
    // `{"name": text}\n` is the longest.
    name.len() + text.len() + 7
}

fn millis(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

/// How much of what is left one may take: half of what is not kept for those behind it.
fn share(left: usize, least: usize, behind: usize) -> usize {
    if behind == 0 {
        return left;
    }
    let spare = left.saturating_sub(least.saturating_mul(behind + 1));
    (least + spare / 2).min(left)
}

/// The inspection that these words ask for.
fn inspection(words: &[&str]) -> Result<Box<dyn Inspect>, UsageError> {
    let (&name, words) = words.split_first().unwrap_or((&"", &[]));
    let mut commands = inspect::SHOWING.iter().chain([&super::COMMAND]);
    match commands.find(|command| command.name == name) {
        Some(command) => command.planned(&words.iter().map(OsString::from).collect::<Vec<_>>()),
        None => Err(UsageError(format!("no inspection is called {name}"))),
    }
}

/// What these words show of the target, as JSON of at most so many bytes. Whatever keeps them from an end is left to
/// itself after this time.
fn section(words: &'static [&str], target: &Target, budget: usize, time: Duration) -> String {
    // One that is only slow ends by itself a little earlier.
    let kept = Kept::new(budget, Deadline::after(time * 3 / 4));
    let (theirs, target) = (kept.clone(), target.clone());
    let work = move || {
        let mut answer = Answer::kept(theirs.clone());
        let inspect = inspection(words).map_err(|wrong| wrong.0.into());
        if let Err(why) = inspect.and_then(|inspect: Box<dyn Inspect>| inspect.run(&target, &mut answer)) {
            answer.complain(why);
        }
    };
    let done = bounded(Deadline::after(time), Box::new(work));
    kept.end(done.err().map(|_| format!("no answer within {}", show_duration(time))))
}

/// Who reports, when, and of what.
fn about(target: &Target) -> Fact {
    let Build { version, features, target: built_for } = Build::this();
    let features = features.into_iter().map(|feature| Fact::Text(feature.to_owned()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let text = format!("{}:{:02}", minute(i64::try_from(now).unwrap_or_default()), now % 60);
    let system = uname();
    let system = system.as_ref();
    let of_system = |bytes: Option<&[u8]>| bytes.map_or(Fact::Null, |bytes| Fact::Bytes(bytes.to_vec()));
    let path = |path: &[u8]| Fact::Bytes(path.get(..PATH).unwrap_or(path).to_vec());
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
        ("pid", process.map(|process| u64::from(process.pid)).into()),
        ("cwd", folder.map_or(Fact::Null, |folder| path(&folder))),
        ("proc", path(target.proc.as_os_str().as_bytes())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_section_are_those_of_an_inspection() {
        for (name, words) in SECTIONS {
            assert!(inspection(words).is_ok(), "{name}: {words:?}");
        }
    }

    #[test]
    fn nobody_takes_what_is_kept_for_others() {
        assert_eq!((share(100, 10, 0), share(100, 10, 4), share(50, 10, 4)), (100, 35, 10));
        assert_eq!((share(7, 10, 4), share(0, 10, 0)), (7, 0));
        let mut left = MOST;
        for behind in (0..SECTIONS.len()).rev() {
            let taken = share(left, LEAST, behind);
            assert!(taken >= LEAST);
            left -= taken;
        }
    }
}
