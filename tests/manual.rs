//! The manual: README.md, docs/, and the other pages for people. Every relative link leads
//! somewhere, README stays short, every page can be reached, docs/doctor.md has every finding, and
//! the man page renders without a warning. What the manual says of commands and options is compared
//! with their definitions in src/commands/manual.rs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "support/skip.rs"]
mod skip;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex_lite::Regex;
use skip::skip;

/// The most bytes that README.md may have: it is read in a few minutes.
const MAX_README_BYTES: usize = 10_240;
/// The minimum number of links, and of findings: what is not found is not tested.
const MIN_LINKS: usize = 100;
/// See [`MIN_LINKS`].
const MIN_FINDINGS: usize = 50;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pages, by their path from the root of the repository.
fn pages() -> BTreeMap<PathBuf, String> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(PathBuf::from);
    let entries =
        |folder: &str| fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let docs = entries("docs").filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let examples = entries("examples").map(|path| path.join("README.md")).filter(|path| path.exists());
    let found = docs.chain(examples).chain([root().join("examples/README.md")]);
    let found = found.map(|path| path.strip_prefix(root()).unwrap().to_owned());
    found.chain(top).map(|path| (path.clone(), read(&root().join(path)))).collect()
}

/// The lines of a page that are not in a fenced block of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The anchors that GitHub gives to the headings of a page: lower case, no punctuation but hyphens
/// and underscores, hyphens for spaces, and a number for those that are there already.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(page).filter(|line| {
        let level = line.bytes().take_while(|&b| b == b'#').count();
        (1..=6).contains(&level) && line.as_bytes().get(level) == Some(&b' ')
    });
    let anchor_of = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim();
        let kept = text.chars().filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let mut found = BTreeSet::new();
    for anchor in headings.map(anchor_of) {
        let count = counts.entry(anchor.clone()).or_default();
        found.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    found
}

/// The targets of the links of a page, without those of the Web.
fn links(page: &str) -> Vec<String> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`]*`").unwrap());
    static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").unwrap());
    // A link may begin on one line and end on the next.
    let text = prose(page).collect::<Vec<_>>().join("\n");
    let text = CODE.replace_all(&text, "");
    let targets = LINK.captures_iter(&text).map(|found| found[1].to_owned());
    targets.filter(|target| !target.contains("://")).collect()
}

/// Resolves a relative link on this page: the path from the root, and the anchor.
fn resolved(page: &Path, link: &str) -> (PathBuf, Option<String>) {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let mut found = page.to_owned();
    if !path.is_empty() {
        found.pop();
        for part in Path::new(path).components() {
            match part {
                Component::ParentDir => assert!(found.pop(), "{}: {link} leaves the project", page.display()),
                Component::CurDir => {}
                part => found.push(part),
            }
        }
    }
    (found, anchor.map(str::to_owned))
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    let mut count = 0;
    for (name, page) in &pages {
        for link in links(page) {
            count += 1;
            let (path, anchor) = resolved(name, &link);
            let file = root().join(&path);
            let file = if file.is_dir() && anchor.is_some() { file.join("README.md") } else { file };
            let leads = match anchor {
                None => file.exists(),
                Some(anchor) => fs::read_to_string(&file).is_ok_and(|page| anchors(&page).contains(&anchor)),
            };
            if !leads {
                broken.push(format!("{}: {link}", name.display()));
            }
        }
    }
    assert!(count >= MIN_LINKS, "only {count} links were found");
    assert!(broken.is_empty(), "these links lead nowhere: {broken:#?}");
}

#[test]
fn the_readme_is_short() {
    let size = read(&root().join("README.md")).len();
    assert!(size <= MAX_README_BYTES, "README.md has {size} bytes of at most {MAX_README_BYTES}");
}

#[test]
fn every_page_of_the_manual_is_linked_from_the_readme() {
    let pages = pages();
    let readme = Path::new("README.md");
    let linked: BTreeSet<PathBuf> =
        links(&pages[readme]).iter().map(|link| resolved(readme, link).0).collect();
    for page in pages.keys().filter(|page| page.starts_with("docs")) {
        assert!(linked.contains(page), "README.md has no link to {}", page.display());
    }
}

/// The string literals of Rust code, each with what stands before it in the same statement.
fn literals(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut before = String::new();
    let mut rest = code.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|&c| c != '\n').is_some() {},
            // A character, such as '"'; a lifetime has no second quote so near.
            '\'' => {
                let ahead: String = rest.clone().take(3).collect();
                let length = if ahead.starts_with('\\') { 3 } else { 2 };
                if ahead.chars().nth(length - 1) == Some('\'') {
                    for _ in 0..length {
                        rest.next();
                    }
                }
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = rest.next() {
                    match c {
                        '"' => break,
                        // At the end of a line: the text continues at the next word.
                        '\\' if rest.next_if_eq(&'\n').is_some() => {
                            while rest.next_if(|c| c.is_whitespace()).is_some() {}
                        }
                        '\\' => text.extend(rest.next()),
                        c => text.push(c),
                    }
                }
                found.push((before.clone(), text));
            }
            ';' => before.clear(),
            c => before.push(c),
        }
    }
    found
}

/// The pieces of the format strings with which `doctor` says what is wrong, in one of its files:
/// those of `Finding::new`, of variables named `what`, and of pairs with a level.
fn findings(code: &str) -> Vec<String> {
    static WHAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(Finding::new\([^.]*|let (mut )?(\(level, )?what\)? = .*|what\.push_str\(.*|what = .*|\((Level::\w+|level),\s*(format!\()?\s*)$").unwrap()
    });
    // Evidence and changes follow in the same statement.
    static OTHER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\.(seen|unreadable|brief|kubernetes|docker|application)\(").unwrap());
    static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{[^{}]*\}").unwrap());
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut pieces = Vec::new();
    for (before, text) in literals(code) {
        let before = before.replace('\n', " ");
        // What follows the last finding of the statement decides.
        let start = before.rfind("Finding::new(").unwrap_or_default();
        if !WHAT.is_match(&before) || OTHER.is_match(&before[start..]) {
            continue;
        }
        let longest = PLACEHOLDER.split(&text).max_by_key(|piece| piece.len()).unwrap_or_default();
        let piece = longest.trim_matches([' ', ',', ':', ';']).to_owned();
        if piece.split(' ').count() > 2 {
            pieces.push(piece);
        }
    }
    pieces
}

#[test]
fn the_manual_lists_every_finding_of_doctor() {
    let page = read(&root().join("docs/doctor.md"));
    let mut missing = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(root().join("src/doctor")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for piece in findings(&read(&path)) {
            count += 1;
            if !page.contains(&piece) {
                missing.push(format!("{name}: {piece}"));
            }
        }
    }
    assert!(count >= MIN_FINDINGS, "only {count} findings were found");
    assert!(missing.is_empty(), "docs/doctor.md does not have these: {missing:#?}");
}

/// man(1) and groff(1), as users have it, and mandoc(1), which Alpine and the BSDs have.
#[test]
fn the_man_page_renders_without_a_warning() {
    for command in ["man --warnings -E UTF-8 -l -Tutf8", "groff -man -ww -z", "mandoc -Tlint -W warning"] {
        let mut words = command.split(' ');
        let program = words.next().unwrap();
        let mut run = Command::new(program);
        run.args(words).arg("docs/porthole.1").current_dir(root()).env("LC_ALL", "C.UTF-8");
        let output = match run.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                skip(&format!("{program} is not installed"));
                continue;
            }
            output => output.unwrap(),
        };
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(
            output.status.success() && stderr.is_empty(),
            "{command}: {}\n{stdout}{stderr}",
            output.status
        );
        // mandoc prints its warnings on stdout.
        assert_eq!(stdout.is_empty(), program != "man", "{command}: {stdout}");
    }
}

#[test]
fn anchors_are_those_of_github() {
    let page = "# A `b` c\n## TLS: https, tls, --tls\n## x_y\n## x_y\n```\n# no heading\n```\n#no heading\n";
    let found: Vec<String> = anchors(page).into_iter().collect();
    assert_eq!(found, ["a-b-c", "tls-https-tls---tls", "x_y", "x_y-1"]);
}
