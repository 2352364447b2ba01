//! The floor plan: no room uses one above it, and no files import each other in a circle. Read from the `use` lines and the
//! paths in the sources; what is written in a file's tests does not count.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// The rooms, each of which uses only those below it. Files of one floor may use each other, without circles.
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
    &["bytes", "deadline", "directory", "error", "file_type", "sys", "text", "threads", "units", "version"],
];
/// The longest file, in lines, its tests left out.
const LONGEST: usize = 450;

/// A module by its path below the crate: `["net", "tls"]`.
type Module = Vec<String>;

struct House {
    files: BTreeMap<Module, PathBuf>,
    /// Which modules each one uses.
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

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

/// A file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
    Regex::new("(?m)//.*$").unwrap().replace_all(&text, "").into_owned()
}

/// The paths that `a::{b, c::{d, e}}` stands for.
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
        // They stand on top of all rooms.
        files.retain(|module, _| !matches!(module[0].as_str(), "lib" | "main"));
        // Tests of a room that has many of them.
        files.retain(|module, _| module.iter().all(|name| name != "tests"));
        let mut house = House { files, uses: BTreeMap::new() };
        for (module, path) in &house.files.clone() {
            let used = house.used(module, &code(path));
            house.uses.insert(module.clone(), used);
        }
        house
    }

    /// The modules that this code uses.
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

    /// The module whose file this path leads to.
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

fn floor(module: &Module) -> usize {
    let is_here = |rooms: &&[&str]| rooms.contains(&module[0].as_str());
    FLOORS.iter().position(is_here).unwrap_or_else(|| panic!("{module:?} is on no floor"))
}

#[test]
fn no_room_uses_one_above_it() {
    let house = House::read();
    assert!(house.uses.values().map(BTreeSet::len).sum::<usize>() > 300, "the uses were read");
    let mut above = Vec::new();
    for (module, used) in &house.uses {
        for target in used.iter().filter(|target| floor(target) < floor(module)) {
            above.push(format!("{} uses {}", module.join("::"), target.join("::")));
        }
    }
    assert!(above.is_empty(), "{above:#?}");
}

/// Takes away who uses nobody that is left, over and over: what stays is part of a circle, or uses one. That the front file of a
/// room lists what is in it does not count.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let house = House::read();
    let mut left: BTreeMap<&Module, BTreeSet<&Module>> = house
        .uses
        .iter()
        .map(|(module, used)| (module, used.iter().filter(|target| !target.starts_with(module)).collect()))
        .collect();
    loop {
        let done: Vec<&Module> =
            left.iter().filter(|(_, used)| used.is_empty()).map(|(module, _)| *module).collect();
        if done.is_empty() {
            break;
        }
        for module in &done {
            left.remove(module);
        }
        for used in left.values_mut() {
            used.retain(|target| !done.contains(target));
        }
    }
    // Who uses a circle without being part of it is used by nobody who is left.
    loop {
        let targets: BTreeSet<&Module> = left.values().flatten().copied().collect();
        let count = left.len();
        left.retain(|module, _| targets.contains(module));
        if left.len() == count {
            break;
        }
    }
    let names: Vec<String> = left.keys().map(|module| module.join("::")).collect();
    assert!(names.is_empty(), "these import each other: {names:#?}");
}

#[test]
fn files_are_not_too_long() {
    let house = House::read();
    for path in house.files.values() {
        let lines = code(path).lines().count();
        assert!(lines <= LONGEST, "{}: {lines} lines of at most {LONGEST}", path.display());
    }
}
