//! What the manual shows of `doctor` and of copying in and out: `doctor` names the cause, the test
//! makes the change that it suggests, and that fixes the problem.

mod carried;
mod inside;
mod limits;
mod reach;

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use regex_lite::Regex;
use serde_json::Value;

use crate::engine::{self, Container, Image};
use crate::skip::skip;

/// How long a test may wait for a result.
const TIMEOUT: Duration = Duration::from_mins(1);

/// With these options, and those that all these tests use, `doctor` finds nothing.
pub(crate) const IN_ORDER: [&str; 3] = ["--init", "--tmpfs", "/tmp"];

/// The entry point of an image.
pub(crate) const SERVICE: &str = "ENTRYPOINT [\"/service\"]";
/// Runs a program with typical faults in the same image; its arguments follow the image's name.
pub(crate) const PATIENT: [&str; 2] = ["--entrypoint", "/patient"];

/// Returns the image of the service with all our programs. Tests that run at the same time share
/// it.
#[track_caller]
pub(crate) fn image() -> Arc<Image> {
    static SHARED: Mutex<Weak<Image>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let image = Arc::new(Image::from_scratch(SERVICE));
        *shared = Arc::downgrade(&image);
        image
    })
}

/// Returns whether the engine has an init; if not, reports the test as skipped.
pub(crate) fn has_init() -> bool {
    static LACKS: LazyLock<bool> = LazyLock::new(|| {
        let options = ["--init", "--network", "none", "--entrypoint", "/porthole"];
        let (_, _, stderr) = engine::once(&image(), &options, &["--version"]);
        stderr.contains("docker-init")
    });
    if *LACKS {
        skip("the engine has no docker-init, which is tini");
    }
    !*LACKS
}

/// The output of `porthole doctor --json`.
pub(crate) struct Diagnosis {
    pub(crate) status: Option<i32>,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl Diagnosis {
    /// Runs `doctor` in a container.
    #[track_caller]
    pub(crate) fn of(container: &Container, words: &[&str]) -> Diagnosis {
        Diagnosis::from(container.exec(&[&["/porthole", "doctor", "--json"], words].concat()))
    }

    #[track_caller]
    pub(crate) fn from((status, stdout, stderr): (Option<i32>, String, String)) -> Diagnosis {
        let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        Diagnosis { status, json, stderr }
    }

    pub(crate) fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().unwrap()
    }

    /// Returns the finding with this text, if there is one.
    pub(crate) fn find(&self, text: &str) -> Option<&Value> {
        self.findings().iter().find(|finding| finding["finding"].as_str().unwrap().contains(text))
    }

    /// Asserts that there is a finding with this text and level and with this evidence, each item
    /// of which contains its part of `seen` when written as `SOURCE: SAYS`. Returns the finding.
    #[track_caller]
    pub(crate) fn assert_finding(&self, level: &str, text: &str, seen: &[&str]) -> &Value {
        let finding = self.find(text).unwrap_or_else(|| panic!("{text:?} is not in {}", self.json));
        assert_eq!(finding["level"], level, "{finding}");
        let sources: Vec<String> = finding["seen"]
            .as_array()
            .unwrap()
            .iter()
            .map(|seen| [seen["source"].as_str().unwrap(), ": ", seen["says"].as_str().unwrap()].concat())
            .collect();
        assert_eq!(sources.len(), seen.len(), "{sources:?}");
        for (source, part) in sources.iter().zip(seen) {
            assert!(source.contains(part), "{part:?} is not in {source:?}");
        }
        finding
    }

    /// Asserts that there are neither errors nor warnings; hints depend on the engine.
    #[track_caller]
    pub(crate) fn assert_in_order(&self) {
        assert!(self.findings().iter().all(|finding| finding["level"] == "hint"), "{}", self.json);
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{}", self.json);
    }
}

/// Returns the change that a finding suggests for this place.
#[track_caller]
pub(crate) fn advice<'a>(finding: &'a Value, place: &str) -> &'a str {
    let changes = finding["change"].as_array().unwrap();
    let change = changes.iter().find(|change| change["where"] == place);
    change.unwrap_or_else(|| panic!("no change for {place} in {finding}"))["what"].as_str().unwrap()
}

/// Returns the options at the beginning of a suggested change, as arguments.
pub(crate) fn options(advice: &str) -> Vec<&str> {
    let end = [" (", ", ", " for "].iter().filter_map(|end| advice.find(end)).min();
    advice[..end.unwrap_or(advice.len())].split(' ').collect()
}

/// Repeats the diagnosis until the condition holds.
#[track_caller]
pub(crate) fn until(
    mut diagnose: impl FnMut() -> Diagnosis,
    holds: impl Fn(&Diagnosis) -> bool,
) -> Diagnosis {
    let start = Instant::now();
    loop {
        let diagnosis = diagnose();
        if holds(&diagnosis) {
            return diagnosis;
        }
        assert!(start.elapsed() < TIMEOUT, "not yet: {}", diagnosis.json);
    }
}

/// Asserts that a page of the manual shows this text, except for pids, files of control groups, options of
/// the root mount and sizes.
#[track_caller]
fn assert_in_manual(text: &str) {
    static VARYING: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        [
            (r"pid \d+", "pid <N>"),
            (r"/proc/\d+/", "/proc/<N>/"),
            (r"/sys/fs/cgroup/\S+: ", "/sys/fs/cgroup/<FILE>: "),
            (r"mountinfo: / ro\S*", "mountinfo: / ro"),
            (r"\(\d+(\.\d+)?M\)", "(<SIZE>)"),
        ]
        .map(|(pattern, constant)| (Regex::new(pattern).unwrap(), constant))
    });
    let constant = |text: &str| {
        VARYING.iter().fold(crate::times::timeless(text), |text, (pattern, constant)| {
            pattern.replace_all(&text, *constant).into_owned()
        })
    };
    let pages = ["doctor", "inspect", "troubleshooting"].map(|name| {
        let path = engine::project().join("docs").join(name).with_extension("md");
        constant(&std::fs::read_to_string(path).unwrap())
    });
    let is_shown = pages.iter().any(|page| page.contains(&constant(text)));
    assert!(is_shown, "the manual does not show this:\n{text}");
}

/// Asserts that the manual shows the finding with this text as it is printed; the rest of the
/// output is not compared.
#[track_caller]
fn assert_finding_in_manual(printed: &str, text: &str) {
    let mut lines = printed.lines().skip_while(|line| !line.contains(text));
    let first = lines.next().unwrap_or_else(|| panic!("{text:?} is not in {printed}"));
    let rest = lines.take_while(|line| line.starts_with("    "));
    assert_in_manual(&std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n"));
}
