//! The floor plan: no room uses one above it, and no files import each other in a circle. The test
//! reads the `use` lines and the paths in the sources; a file's tests do not count.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// The rooms by floor, from the top. A room may use only those on floors below it. Files on one
/// floor may use each other, without circles.
const FLOORS: [&[&str]; 12] = [
    &["commands"],
    &["check"],
    &["doctor", "inspection"],
    &["inspect"],
    &["view"],
    &["procfs"],
    &["report"],
    &["args"],
    &["net"],
    &["redact"],
    &["expand", "files", "outcome", "secrets", "table"],
    &[
        "bytes",
        "deadline",
        "directory",
        "error",
        "expression",
        "file_type",
        "sys",
        "text",
        "threads",
        "units",
        "version",
    ],
];
/// The maximum length of a file, in lines, without its tests.
const MAX_LINES: usize = 450;

/// A module, by its path in the crate: `["net", "tls"]`.
type Module = Vec<String>;

struct House {
    files: BTreeMap<Module, PathBuf>,
    /// The modules that each one uses.
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

/// Collects the source files below a directory.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the text of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
    Regex::new("(?m)//.*$").unwrap().replace_all(&text, "").into_owned()
}

/// Returns the paths that `a::{b, c::{d, e}}` imports.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, group)) = path.split_once('{') else { return vec![path.to_owned()] };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut items, mut depth, mut item) = (Vec::new(), 0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items.push(item);
    let items = items.iter().filter(|item| !item.is_empty());
    items.flat_map(|item| expanded(&format!("{before}{item}"))).collect()
}

impl House {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        sources(&root, &mut paths);
        let module = |path: &Path| {
            let below = path.strip_prefix(&root).unwrap().with_extension("");
            let mut names: Module = below.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            if names.last().is_some_and(|last| last == "mod") {
                names.pop();
            }
            names
        };
        let mut files: BTreeMap<Module, PathBuf> =
            paths.iter().map(|path| (module(path), path.clone())).collect();
        // These are above all rooms.
        files.retain(|module, _| !matches!(module[0].as_str(), "lib" | "main"));
        // Some rooms have a module of tests.
        files.retain(|module, _| module.iter().all(|name| name != "tests"));
        let mut house = House { files, uses: BTreeMap::new() };
        for (module, path) in &house.files.clone() {
            let used = house.used(module, &code(path));
            house.uses.insert(module.clone(), used);
        }
        house
    }

    /// Returns the modules that this code uses.
    fn used(&self, module: &Module, code: &str) -> BTreeSet<Module> {
        let uses = Regex::new(r"\buse ((?:crate|self|super)::[^;]*);").unwrap();
        let inline = Regex::new(r"\b(?:crate|super)(?:::[a-z_0-9]+)+").unwrap();
        let space = Regex::new(r"\s+").unwrap();
        let mut paths: Vec<String> = Vec::new();
        for found in uses.captures_iter(code) {
            paths.extend(expanded(&space.replace_all(&found[1], "")));
        }
        let rest = uses.replace_all(code, "");
        paths.extend(inline.find_iter(&rest).map(|found| found.as_str().to_owned()));
        let targets = paths.iter().filter_map(|path| self.target(module, path));
        targets.filter(|target| target != module).collect()
    }

    /// Returns the module whose file contains the item with this path.
    fn target(&self, module: &Module, path: &str) -> Option<Module> {
        let mut names: Vec<String> = path.split("::").map(str::to_owned).collect();
        let first = names.remove(0);
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            _ => module[..module.len() - 1].to_vec(),
        };
        while names.first().is_some_and(|name| name == "super") {
            names.remove(0);
            base.pop();
        }
        base.extend(names);
        while !base.is_empty() && !self.files.contains_key(&base) {
            base.pop();
        }
        (!base.is_empty()).then_some(base)
    }
}

/// Returns the number of a module's floor, counted from the top.
fn floor(module: &Module) -> usize {
    let is_here = |rooms: &&[&str]| rooms.contains(&module[0].as_str());
    FLOORS.iter().position(is_here).unwrap_or_else(|| panic!("{module:?} is on no floor"))
}

#[test]
fn no_room_uses_one_above_it() {
    let house = House::read();
    assert!(house.uses.values().map(BTreeSet::len).sum::<usize>() > 300, "the `use` lines were not read");
    let mut above = Vec::new();
    for (module, used) in &house.uses {
        for target in used.iter().filter(|target| floor(target) < floor(module)) {
            above.push(format!("{} uses {}", module.join("::"), target.join("::")));
        }
    }
    assert!(above.is_empty(), "{above:#?}");
}

/// Repeatedly removes the modules that use none of the remaining ones: what remains is part of a
/// circle, or uses one. A module that lists its own submodules does not count.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let house = House::read();
    let mut remaining: BTreeMap<&Module, BTreeSet<&Module>> = house
        .uses
        .iter()
        .map(|(module, used)| (module, used.iter().filter(|target| !target.starts_with(module)).collect()))
        .collect();
    loop {
        let done: Vec<&Module> =
            remaining.iter().filter(|(_, used)| used.is_empty()).map(|(module, _)| *module).collect();
        if done.is_empty() {
            break;
        }
        for module in &done {
            remaining.remove(module);
        }
        for used in remaining.values_mut() {
            used.retain(|target| !done.contains(target));
        }
    }
    // Removes modules that use a circle without being part of it: no remaining module uses them.
    loop {
        let targets: BTreeSet<&Module> = remaining.values().flatten().copied().collect();
        let count = remaining.len();
        remaining.retain(|module, _| targets.contains(module));
        if remaining.len() == count {
            break;
        }
    }
    let names: Vec<String> = remaining.keys().map(|module| module.join("::")).collect();
    assert!(names.is_empty(), "these import each other: {names:#?}");
}

#[test]
fn files_are_not_too_long() {
    let house = House::read();
    for path in house.files.values() {
        let lines = code(path).lines().count();
        assert!(lines <= MAX_LINES, "{}: {lines} lines of at most {MAX_LINES}", path.display());
    }
}

#[test]
fn the_architecture_lists_every_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for room in FLOORS.iter().copied().flatten() {
        let names = [format!("`{room}.rs`"), format!("`{room}/`")];
        let is_listed = |line: &&str| {
            let first = line.split('|').nth(1).unwrap_or_default();
            names.iter().any(|name| first.contains(name.as_str()))
        };
        assert!(table.iter().any(is_listed), "{room} is not in the table of docs/architecture.md");
    }
}

#[test]
fn the_release_has_every_file_that_the_image_copies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [image, release] = ["Dockerfile", ".github/workflows/release.yml"]
        .map(|path| fs::read_to_string(root.join(path)).unwrap());
    // It builds the image in a directory of its own, which has the binaries.
    let copied = image.lines().filter_map(|line| line.strip_prefix("COPY ")?.split(' ').next());
    for source in copied.filter(|source| !source.contains('$')) {
        let copy = format!("{source} context/{source}");
        assert!(release.contains(&copy), "the release does not copy {source}, which Dockerfile needs");
    }
}
