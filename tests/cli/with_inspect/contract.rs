//! docs/json.md has a section for each command, and no key that a document never has. That no
//! document has a key that is missing there is asserted whenever a test runs porthole.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::command::porthole;
use crate::support::contract::{conforms, page};
use crate::support::place::Place;
use crate::support::processes::Sleeper;
use crate::support::server::closed_port;

#[test]
fn each_command_has_a_section() {
    let help = porthole(["--help"]).run().stdout;
    // In the list of commands a name and its summary are in columns.
    let rows = help.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    let names: BTreeSet<String> =
        rows.filter_map(|(row, _)| Some(row.split(' ').next()?.to_owned())).collect();
    let is_inspection = |name: &&String| porthole([name.as_str(), "--help"]).run().stdout.contains("--proc ");
    let mut expected: BTreeSet<String> = names.iter().filter(is_inspection).cloned().collect();
    assert!(expected.len() > 20, "{help}");
    expected.extend(["install", "checks", "wrong usage"].map(str::to_owned));
    // An archive is not JSON.
    expected.remove("tar");
    assert_eq!(page().keys().cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_examples_conform() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
    let (mut section, mut examples) = ("", BTreeSet::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.split(',').next().unwrap().trim_matches('`');
        } else if let Some(document) = line.strip_prefix("    {") {
            let document = serde_json::from_str(&format!("{{{document}")).unwrap();
            conforms(&section.to_lowercase(), &document).unwrap_or_else(|wrong| panic!("{section}: {wrong}"));
            examples.insert(section.to_lowercase());
        }
    }
    // A report consists of the documents of other commands.
    let missing: Vec<_> = page().keys().filter(|name| !examples.contains(*name)).collect();
    assert_eq!(missing, ["head", "install", "report", "tail"]);
}

#[test]
fn keys_that_are_not_optional_are_printed() {
    let place = Place::new();
    let file = place.file("file", "needle\n");
    symlink("file", place.path("link")).unwrap();
    let sleeper = Sleeper::called("json", &[("NAME", "value")]);
    let pid = sleeper.pid().to_string();
    let (folder, port) = (place.path(""), closed_port().to_string());
    for words in [
        &["ps", "-p", &pid][..],
        &["top"],
        &["env", "-p", &pid],
        &["ls", &folder],
        &["stat", &file],
        &["cat", &file],
        &["head", &file],
        &["tail", &file],
        &["find", &folder],
        &["du", &folder],
        &["grep", "needle", &file],
        &["hexdump", &file],
        &["sha256sum", &file],
        &["df", &folder],
        &["mounts", &folder],
        &["access", &file, "--uid", "7", "--groups", "8,9"],
        &["lsof", "-p", &pid],
        &["id", "-p", &pid],
        &["limits", "-p", &pid],
        &["doctor", "-p", &pid, "--expect-port", &port],
        &["report", "-p", &pid],
        &["install", &place.path("porthole")],
    ] {
        let ran = porthole(words.iter().chain(&["--json"])).run();
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let seen = conforms(words[0], &document).unwrap();
        let required = page()[words[0]].iter().filter(|(_, types)| !types.contains("optional"));
        // Who runs the tests may have no supplementary groups.
        let may_lack = |key: &str| match words[0] {
            "id" => key.starts_with("groups[]"),
            // With another option.
            "grep" => key.starts_with("files[]"),
            _ => false,
        };
        for (key, _) in required.filter(|(key, _)| !may_lack(key)) {
            assert!(seen.contains(key), "{key} of docs/json.md is not here: {}", ran.story());
        }
    }
}
