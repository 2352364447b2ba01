//! What one does when something is wrong, as README tells it under "When something is wrong": `doctor` names the cause,
//! and what it says to change is done, and mends it.

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

/// What waiting for something to be seen may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// With these, and what the engine's tests have always, there is nothing to be found.
const IN_ORDER: [&str; 3] = ["--init", "--tmpfs", "/tmp"];

/// What an image runs.
const SERVICE: &str = "ENTRYPOINT [\"/service\"]";
/// The same image with a program that is not well; its arguments are behind the image.
const PATIENT: [&str; 2] = ["--entrypoint", "/patient"];

/// The image of the service with all that is ours, which those tests share that run at the same time.
#[track_caller]
fn image() -> Arc<Image> {
    static SHARED: Mutex<Weak<Image>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let image = Arc::new(Image::from_scratch(SERVICE));
        *shared = Arc::downgrade(&image);
        image
    })
}

/// Whether the engine has an init to put in front; says so aloud where not.
fn has_init() -> bool {
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

/// What `porthole doctor --json` says.
struct Said {
    status: Option<i32>,
    json: Value,
    stderr: String,
}

impl Said {
    /// Of the container it is run in.
    #[track_caller]
    fn of(container: &Container, words: &[&str]) -> Said {
        Said::from(container.exec(&[&["/porthole", "doctor", "--json"], words].concat()))
    }

    #[track_caller]
    fn from((status, stdout, stderr): (Option<i32>, String, String)) -> Said {
        let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        Said { status, json, stderr }
    }

    fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().unwrap()
    }

    /// The finding with this text, if there is one.
    fn has(&self, text: &str) -> Option<&Value> {
        self.findings().iter().find(|finding| finding["finding"].as_str().unwrap().contains(text))
    }

    /// Insists that there is a finding with this text, of this level, and that its sources are these: a part of each as
    /// `SOURCE: SAYS`.
    #[track_caller]
    fn finds(&self, level: &str, text: &str, seen: &[&str]) -> &Value {
        let finding = self.has(text).unwrap_or_else(|| panic!("{text:?} is not in {}", self.json));
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

    /// Insists that nothing is wrong; what could be tighter depends on the engine.
    #[track_caller]
    fn is_in_order(&self) {
        assert!(self.findings().iter().all(|finding| finding["level"] == "hint"), "{}", self.json);
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{}", self.json);
    }
}

/// What a finding says to change there.
#[track_caller]
fn advice<'a>(finding: &'a Value, place: &str) -> &'a str {
    let changes = finding["change"].as_array().unwrap();
    let change = changes.iter().find(|change| change["where"] == place);
    change.unwrap_or_else(|| panic!("nothing for {place} in {finding}"))["what"].as_str().unwrap()
}

/// The options at the beginning of what is to be changed, as they are typed.
fn options(advice: &str) -> Vec<&str> {
    let end = [" (", ", ", " for "].iter().filter_map(|end| advice.find(end)).min();
    advice[..end.unwrap_or(advice.len())].split(' ').collect()
}

/// Asks until what is said is what is waited for.
#[track_caller]
fn until(mut ask: impl FnMut() -> Said, holds: impl Fn(&Said) -> bool) -> Said {
    let start = Instant::now();
    loop {
        let said = ask();
        if holds(&said) {
            return said;
        }
        assert!(start.elapsed() < PATIENCE, "not yet: {}", said.json);
    }
}

/// Insists that README shows this, but for numbers of processes, files of control groups, options of the root and sizes.
#[track_caller]
fn is_in_readme(text: &str) {
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
    let readme = std::fs::read_to_string(engine::project().join("README.md")).unwrap();
    assert!(constant(&readme).contains(&constant(text)), "README.md does not show this:\n{text}");
}

/// Insists that README shows the finding with this text as it is printed, and nothing else of the whole.
#[track_caller]
fn is_found_in_readme(printed: &str, text: &str) {
    let mut lines = printed.lines().skip_while(|line| !line.contains(text));
    let first = lines.next().unwrap_or_else(|| panic!("{text:?} is not in {printed}"));
    let rest = lines.take_while(|line| line.starts_with("    "));
    is_in_readme(&std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n"));
}
