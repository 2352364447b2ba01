//! The man page, and the tables of the manual that list commands and options. They are rendered
//! from the definitions that help is rendered from.
//!
//! This module is compiled only for tests. They compare the files with what is rendered here, and
//! with [`WRITE`] in the environment (`scripts/manual-page.sh`) they write them.

mod defaults;
mod docs;
mod examples;
mod roff;
mod tables;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use self::roff::{bold, italic, text, verbatim};
use super::page::Page;
use super::run::RUN;
use super::{GROUPS, help};
use crate::args::Opt;
use crate::check::KINDS;
use crate::inspect::{Habits, Properties};

/// The man page, with a line such as `@checks@` for each part that is rendered.
const TEMPLATE: &str = include_str!("manual/porthole.1.in");
/// The variable with which the files are written instead of compared.
const WRITE: &str = "PORTHOLE_WRITE_MANUAL";

#[test]
fn the_man_page_is_that_of_the_definitions() {
    is_current("docs/porthole.1", &man_page());
}

/// Asserts that a file of the manual has this text, or writes it.
#[track_caller]
fn is_current(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os(WRITE).is_some() {
        if text != expected {
            fs::write(&path, expected).unwrap();
        }
        return;
    }
    let differs = text.lines().zip(expected.lines()).find(|(now, expected)| now != expected);
    assert!(
        text == expected,
        "{name} is not what the definitions say; scripts/manual-page.sh writes it; the first difference: {differs:?}"
    );
}

/// The checks, in the order in which help lists them.
fn checks() -> impl Iterator<Item = Page> {
    KINDS.iter().map(Page::of)
}

/// The other commands of the group with this heading.
fn group(heading: &str) -> impl Iterator<Item = Page> {
    let group = GROUPS.iter().find(|(name, _)| *name == heading);
    group.unwrap_or_else(|| panic!("no group {heading}")).1.iter().map(Page::inspection)
}

/// The options of TLS, which several checks share.
fn tls_options() -> &'static [Opt] {
    let mut options = KINDS.iter().flat_map(|kind| kind.options);
    options.find(|options| is_of_tls(options)).unwrap()
}

/// Whether these are the options of TLS.
fn is_of_tls(options: &[Opt]) -> bool {
    options.iter().any(|option| option.name == "insecure")
}

/// The options that inspections share.
fn common_options() -> &'static [Opt] {
    group("Diagnosis").next().unwrap().common
}

fn man_page() -> String {
    let mut out = String::new();
    for line in TEMPLATE.replace("@version@", env!("CARGO_PKG_VERSION")).lines() {
        match line.strip_prefix('@').and_then(|line| line.strip_suffix('@')) {
            None => {
                out.push_str(line);
                out.push('\n');
            }
            Some("checks") => out.extend(checks().map(|page| command(&page))),
            Some("inspection") => out.extend(group("Inspection").map(|page| command(&page))),
            Some("diagnosis") => out.extend(group("Diagnosis").map(|page| command(&page))),
            Some("copying") => out.extend(group("Copying in and out").map(|page| command(&page))),
            Some("tls-options") => out.push_str(&list(tls_options())),
            Some("run-options") => out.push_str(&list(RUN)),
            Some("common-options") => out.push_str(&list(common_options())),
            Some(part) => panic!("unknown part @{part}@"),
        }
    }
    out
}

/// The part of one command.
fn command(page: &Page) -> String {
    let heading = format!("{} {}", page.name, help::operands_of(page.options));
    let mut out = format!(".SS {}\n{}\n", text(heading.trim_end()), text(&sentence(page.summary)));
    let (of_tls, own): (Vec<&[Opt]>, Vec<&[Opt]>) = page.options.iter().partition(|list| is_of_tls(list));
    out.extend(own.into_iter().map(list));
    if !of_tls.is_empty() {
        out.push_str(".PP\nIt also takes the options of TLS.\n");
    }
    let exceptions = exceptions(&page.properties);
    if !exceptions.is_empty() {
        out.push_str(".PP\n");
        out.push_str(&exceptions);
    }
    out + &verbatim(page.examples.lines())
}

/// What differs from the common options, and what is accepted from users of other programs.
fn exceptions(properties: &Properties) -> String {
    let mut out = String::new();
    for (name, why) in properties.lacks {
        let _ = writeln!(out, "It has no {}: {}.", bold(&format!("--{name}")), text(why));
    }
    let Habits { letters, letter_synonyms, .. } = properties.habits;
    for (letter, name) in letter_synonyms {
        let _ = writeln!(out, "{} is {}.", bold(&format!("-{}", char::from(*letter))), bold(name));
    }
    let is_synonym = |letter| letter_synonyms.iter().any(|(known, _)| char::from(*known) == letter);
    let ignored = letters.chars().filter(|&letter| !is_synonym(letter));
    let ignored: Vec<String> = ignored.map(|letter| bold(&format!("-{letter}"))).collect();
    if !ignored.is_empty() {
        let _ = writeln!(out, "Accepted without an effect: {}.", ignored.join(", "));
    }
    out
}

/// A summary as a sentence.
fn sentence(summary: &str) -> String {
    let (first, rest) = summary.split_at(1);
    format!("{}{rest}.", first.to_uppercase())
}

/// A list of operands and options.
fn list(options: &[Opt]) -> String {
    let entry = |option: &Opt| format!(".TP\n{}\n{}\n", syntax(option), text(option.help));
    help::listed(options).map(entry).collect()
}

/// An operand or option as the man page shows it.
fn syntax(option: &Opt) -> String {
    if option.is_operand() {
        return italic(&option.placeholder());
    }
    let mut out = String::new();
    if let Some(short) = option.short {
        out = bold(&format!("-{short}")) + ", ";
    }
    out += &bold(&format!("--{}", option.name));
    if !option.value.is_empty() {
        out = out + " " + &italic(option.value);
    }
    out
}
