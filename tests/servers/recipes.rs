//! docs/recipes.md: each line of the page is run as it is written there, except for its ports and
//! paths, against the real server, or against a stand-in if Debian has none.

mod databases;
mod dialogues;
mod http;
mod with_tls;
mod workers;

use std::collections::BTreeSet;
use std::path::PathBuf;

use regex_lite::Regex;

use crate::daemon::skip;
use crate::support::command::{Porthole, porthole};

const PAGE: &str = include_str!("../../docs/recipes.md");

/// The sources of the tests below.
const TESTS: [&str; 5] = [
    include_str!("recipes/databases.rs"),
    include_str!("recipes/dialogues.rs"),
    include_str!("recipes/http.rs"),
    include_str!("recipes/with_tls.rs"),
    include_str!("recipes/workers.rs"),
];

/// The sentence of a recipe that is run against a stand-in.
const STAND_IN: &str = "Not run against the real server by the tests";

/// Returns what is in the code block of the page with this first line.
#[track_caller]
fn block(head: &str) -> &'static str {
    let start = format!("```{head}\n");
    let (_, rest) = PAGE.split_once(&start).unwrap_or_else(|| panic!("the page has no block '{head}'"));
    rest.split_once("\n```\n").unwrap().0
}

/// A line of the page.
struct Recipe {
    words: Vec<String>,
}

/// Returns the recipe with this name.
#[track_caller]
fn recipe(name: &str) -> Recipe {
    let line = block(&format!("sh recipe {name}"));
    assert!(!line.contains(['\n', '"', '`']), "{name}: one line, and no quotes but single ones: {line}");
    // Every second piece is within quotes, where a space is not the end of a word.
    let pieces = line
        .split('\'')
        .enumerate()
        .map(|(index, piece)| if index % 2 == 1 { piece.replace(' ', "\0") } else { piece.to_owned() });
    let words = pieces.collect::<String>();
    let mut words = words.split(' ').map(|word| word.replace('\0', " "));
    assert_eq!(words.next().as_deref(), Some("porthole"), "{line}");
    Recipe { words: words.collect() }
}

impl Recipe {
    /// Replaces what the page has by what the test has: a port or a path.
    #[track_caller]
    fn with(mut self, written: &str, real: &str) -> Recipe {
        assert!(self.words.iter().any(|word| word.contains(written)), "{written} is not in {:?}", self.words);
        for word in &mut self.words {
            *word = word.replace(written, real);
        }
        self
    }

    /// Replaces the port that the page has.
    #[track_caller]
    fn port(self, written: u16, real: u16) -> Recipe {
        self.with(&format!(":{written}"), &format!(":{real}"))
    }

    fn run(&self) -> Porthole {
        porthole(&self.words)
    }

    /// Asserts that it is healthy, and what is reported.
    #[track_caller]
    fn healthy(&self, line: &str) {
        self.run().healthy(&format!("healthy: {line}"));
    }

    /// Asserts that it is unhealthy, and what is reported.
    #[track_caller]
    fn unhealthy(&self, line: &str) {
        self.run().unhealthy(&format!("unhealthy: {line}"));
    }
}

/// Returns a program of the virtual environment that scripts/need.sh creates. If it is missing,
/// reports the test as skipped and returns `None`.
fn from_pypi(program: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/grpc-venv/bin").join(program);
    if !path.exists() {
        skip(&format!("{program} is not installed in target/grpc-venv (scripts/need.sh servers)"));
        return None;
    }
    Some(path)
}

/// Returns the first groups of all matches.
fn groups<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect()
}

#[test]
fn every_recipe_has_a_test_and_every_test_a_recipe() {
    let names = groups("(?m)^```sh recipe ([a-z0-9_]+)$", PAGE);
    let recipes: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(recipes.len(), names.len(), "a name occurs twice: {names:?}");
    // A block without a name would not be run.
    let blocks = PAGE.lines().filter(|line| line.starts_with("```") && line.len() > 3).count();
    let marked = groups("(?m)^```[a-z]+ recipe (.+)$", PAGE).len();
    assert_eq!(blocks, marked, "a code block has no name");
    let mut tests = BTreeSet::new();
    for test in TESTS.iter().flat_map(|source| source.split("#[test]\nfn ").skip(1)) {
        let name = test.split('(').next().unwrap();
        assert!(tests.insert(name), "two tests are named {name}");
        assert!(test.contains(&format!("recipe(\"{name}\")")), "{name} runs no recipe of its name");
    }
    assert_eq!(tests, recipes);
}

#[test]
fn every_section_has_a_source_and_says_if_a_stand_in_is_used() {
    let tests: Vec<&str> = TESTS.iter().flat_map(|source| source.split("#[test]\nfn ").skip(1)).collect();
    for section in PAGE.split("\n### ").skip(1) {
        let title = section.lines().next().unwrap();
        assert!(section.contains("](https://"), "{title}: no link to a source");
        let has_stand_in = groups("```sh recipe ([a-z0-9_]+)\n", section).iter().any(|name| {
            tests.iter().any(|test| test.starts_with(&format!("{name}(")) && test.contains("stand_in("))
        });
        let words: Vec<&str> = section.split_whitespace().collect();
        assert_eq!(words.join(" ").contains(STAND_IN), has_stand_in, "{title}: '{STAND_IN}'");
    }
}
