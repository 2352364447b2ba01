//! The examples of help, of the man page and of the manual are accepted.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use super::{Page, TEMPLATE, checks};
use crate::commands::{inspections, parse};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::expand::Values;

/// An environment in which every variable and file is set.
struct Anything;

impl Values for Anything {
    fn variable(&self, name: &str) -> Option<OsString> {
        match name {
            "PORTHOLE_TIMEOUT" | "SSL_CERT_FILE" | "SSL_CERT_DIR" => None,
            // A port, an age, a name.
            _ => Some("8080".into()),
        }
    }

    fn file(&self, _path: &Path, _deadline: Deadline) -> Result<Vec<u8>, Error> {
        Ok(b"x\n".to_vec())
    }
}

/// Why porthole refuses these arguments, if it does; a certificate that is not on this machine is
/// no reason.
fn refusal(words: &[String]) -> Option<String> {
    let error = parse(words.iter().map(OsString::from).collect(), &Anything).err()?;
    (!error.0.contains("no such file")).then(|| format!("{words:?}: {error}"))
}

/// The words of a line as the shell splits it, up to a pipe or redirection.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_quoted) = (String::new(), false);
    for c in line.chars().chain([' ']) {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            '|' | '>' | '#' if !is_quoted => break,
            c => word.push(c),
        }
    }
    words
}

#[test]
fn the_examples_of_help_and_of_the_man_page_are_accepted() {
    let pages = checks().chain(inspections().map(Page::inspection));
    let of_help = pages.flat_map(|page| page.examples.lines());
    let of_page: Vec<String> =
        TEMPLATE.lines().map(|line| line.replace(r"\-", "-").replace(r"\(aq", "'")).collect();
    let lines = of_help.chain(of_page.iter().map(String::as_str));
    let commands: Vec<&str> = lines.filter(|line| line.starts_with("porthole ")).collect();
    assert!(commands.len() > 60, "only {} examples were found", commands.len());
    // `porthole \- …` is the NAME of the man page.
    let commands = commands.into_iter().filter(|line| !line.starts_with("porthole - "));
    let refused: Vec<String> = commands.filter_map(|line| refusal(&words_of(line))).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// The pages for people, below this folder.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else {
            let name = path.file_name().unwrap().to_string_lossy();
            if name.starts_with("Dockerfile") || name.ends_with(".md") {
                found.push(path);
            }
        }
    }
}

/// `["/porthole", "http", ":8080/healthz"]`, in Dockerfiles and in the manual.
#[test]
fn the_health_checks_of_the_manual_are_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md"), root.join("Dockerfile.example")];
    pages(&root.join("docs"), &mut found);
    pages(&root.join("examples"), &mut found);
    let array = Regex::new(r#"\["[^\n"]*/porthole"(, "([^"\\]|\\.)*")*\]"#).unwrap();
    let (mut count, mut refused) = (0, Vec::new());
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        for array in array.find_iter(&text) {
            let words: Vec<String> = serde_json::from_str(array.as_str()).unwrap();
            count += 1;
            refused.extend(refusal(&words).map(|why| format!("{}: {why}", path.display())));
        }
    }
    assert!(count > 20, "only {count} health checks were found");
    assert!(refused.is_empty(), "{refused:#?}");
}
