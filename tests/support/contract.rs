//! Holds JSON documents to docs/json.md, which lists every key with its type: a document may have no
//! key and no type that the page does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

/// The name of the section about the documents of checks.
const CHECKS: &str = "checks";
/// The document of wrong usage, whatever the command is.
const USAGE: &str = "wrong usage";
/// The members that the sections of a report have besides those of their commands.
const IN_REPORT: &[&str] = &["cut"];

/// The keys of one kind of document, by their paths: `processes[].pid`. Each has its types.
type Keys = BTreeMap<String, String>;

/// Returns the sections of the page: the names of commands, and their keys.
pub fn page() -> &'static BTreeMap<String, Keys> {
    static PAGE: OnceLock<BTreeMap<String, Keys>> = OnceLock::new();
    PAGE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
        read(&std::fs::read_to_string(path).unwrap())
    })
}

fn read(text: &str) -> BTreeMap<String, Keys> {
    let mut page: BTreeMap<String, Keys> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            names = heading.split(", ").map(|name| name.trim_matches('`').to_lowercase()).collect();
        } else if let Some((key, rest)) = line.strip_prefix("| `").and_then(|row| row.split_once("` | ")) {
            let (types, _) = rest.split_once(" |").unwrap();
            for name in &names {
                let double = page.entry(name.clone()).or_default().insert(key.to_owned(), types.to_owned());
                assert_eq!(double, None, "docs/json.md: {key} is there twice in {name}");
            }
        }
    }
    page
}

/// Asserts that what porthole printed when it was run with these words conforms to the page.
#[track_caller]
pub fn assert_conforms<'a>(words: impl Iterator<Item = &'a OsStr>, stdout: &str) {
    // Those of porthole itself follow the path of the program, which other programs may start.
    let words: Vec<OsString> = words.map(OsStr::to_owned).collect();
    let is_ours = |word: &OsString| Path::new(word).file_name().is_some_and(|name| name == "porthole");
    let Some(at) = words.iter().position(is_ours) else { return };
    let ours = &words[at + 1..];
    // Of an inspection, it is the first word.
    let first = ours.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'));
    let command = first.filter(|word| page().contains_key(*word));
    let is_json = ours.iter().any(|word| word == "--json") || command == Some("report");
    // A reader may have gone before the end.
    let documents = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for document in documents.filter(|document| is_json && document.is_object()) {
        if let Err(wrong) = conforms(command.unwrap_or(CHECKS), &document) {
            panic!(
                "docs/json.md does not have this: {wrong}\n{words:?}\n{}",
                stdout.get(..2000).unwrap_or(stdout)
            );
        }
    }
}

/// Whether the document of this command conforms to the page; the error names what does not.
pub fn conforms(command: &str, document: &Value) -> Result<BTreeSet<String>, String> {
    let keys = |name: &str| page().get(name).ok_or_else(|| format!("a section about {name}"));
    let is_usage_error = document.as_object().is_some_and(|members| members.keys().eq(["errors"]));
    let mut walk = Walk { keys: keys(if is_usage_error { USAGE } else { command })?, seen: BTreeSet::new() };
    walk.object("", document, &[])?;
    Ok(walk.seen)
}

struct Walk {
    keys: &'static Keys,
    seen: BTreeSet<String>,
}

impl Walk {
    fn object(&mut self, path: &str, value: &Value, more: &[&str]) -> Result<(), String> {
        let object = value.as_object().ok_or_else(|| format!("{path}: {value}, not an object"))?;
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        for (key, member) in object {
            let path = format!("{prefix}{key}");
            if more.contains(&key.as_str()) {
                continue;
            }
            let types = self.keys.get(&path).ok_or_else(|| format!("the key {path}"))?.clone();
            self.seen.insert(path.clone());
            self.member(&path, &types, member)?;
        }
        // What is not optional is always there.
        let below = |key: &&String| key.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('.'));
        for (key, types) in self.keys.iter().filter(|(key, _)| below(key)) {
            let name = &key[prefix.len()..];
            let is_missing = !name.contains('[') && !object.contains_key(name);
            if is_missing && !types.split(", ").any(|kind| kind == "optional") {
                return Err(format!("{key} as optional: {value}"));
            }
        }
        Ok(())
    }

    /// A member of an object, which has one of these types.
    fn member(&mut self, path: &str, types: &str, value: &Value) -> Result<(), String> {
        for kind in types.split(", ") {
            let found = match kind {
                "optional" => continue,
                "null" => value.is_null(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                "number" => value.is_number(),
                "text" => is_text(value),
                "object" if value.is_object() => return self.object(path, value, &[]),
                "list" if value.is_array() => return self.items(path, value),
                "object" | "list" => false,
                _ => match kind.strip_prefix("list of ") {
                    Some("texts") => value.as_array().is_some_and(|items| items.iter().all(is_text)),
                    Some("integers") => value.as_array().is_some_and(|items| items.iter().all(Value::is_u64)),
                    _ => match kind.strip_prefix("as `").and_then(|kind| kind.strip_suffix('`')) {
                        Some(command) => return section(path, command, value),
                        None => return Err(format!("{path}: the type '{kind}' is unknown")),
                    },
                },
            };
            if found {
                return Ok(());
            }
        }
        Err(format!("{path}: {value}, which is not {types}"))
    }

    fn items(&mut self, path: &str, value: &Value) -> Result<(), String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .try_for_each(|item| self.object(&format!("{path}[]"), item, &[]))
    }
}

/// A section of a report, which is the document of a command, or what of it there was time and room
/// for.
fn section(path: &str, command: &str, value: &Value) -> Result<(), String> {
    let keys = page().get(command).ok_or_else(|| format!("a section about {command}"))?;
    let mut walk = Walk { keys, seen: BTreeSet::new() };
    let done = walk.object("", value, IN_REPORT);
    // What was cut may lack any key.
    let is_partial =
        value.get("cut").is_some() || value["errors"].as_array().is_some_and(|all| !all.is_empty());
    match done {
        Err(wrong) if is_partial && wrong.contains(" as optional: ") => Ok(()),
        done => done.map_err(|wrong| format!("{path}: {wrong}")),
    }
}

/// Bytes that are not UTF-8 are an object with their base64.
fn is_text(value: &Value) -> bool {
    let is_bytes =
        |object: &serde_json::Map<String, Value>| object.len() == 1 && object.contains_key("bytes");
    value.is_string() || value.as_object().is_some_and(is_bytes)
}
