//! The pages of the manual name every command and option, none that does not exist, and the
//! defaults that help tells.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use super::defaults::told;
use super::{Page, checks, common_options, is_of_tls};
use crate::args::Opt;
use crate::commands::{help, inspections, run::RUN};

/// The pages, and the headings that name no command, each with the one that it is about.
const PAGES: [(&str, &[(&str, &str)]); 3] = [
    ("docs/checks.md", &[]),
    ("docs/inspect.md", &[]),
    ("docs/doctor.md", &[("What is expected", "doctor")]),
];
/// The headings of the options that all checks, and all other commands, have.
const OF_A_RUN: &str = "Options for the whole run";
/// The heading of what other programs have to change.
const FINDINGS: &str = "Every finding";
/// See [`OF_A_RUN`].
const COMMON: &str = "Options of every command";

/// A section of a page.
struct Section {
    /// The page and the heading, for messages.
    name: String,
    /// The commands that it is about.
    commands: Vec<Page>,
    /// Its lines, without blocks of code.
    lines: Vec<String>,
    /// The options that it has to name.
    required: Vec<&'static Opt>,
}

impl Section {
    fn new(page: &str, about: &[(&str, &str)], heading: &str) -> Self {
        let other = about.iter().find(|(other, _)| *other == heading).map(|(_, command)| *command);
        // `ss, ip, lsof`, or `TLS: https, tls, --tls`.
        let names = heading.split([',', ':']).map(str::trim).chain(other);
        let commands: Vec<Page> = names.filter_map(|name| Page::named(OsStr::new(name))).collect();
        let mut required: Vec<&Opt> = match heading {
            OF_A_RUN => RUN.iter().collect(),
            COMMON => common_options().iter().filter(|option| !is_of_all(option)).collect(),
            _ => Vec::new(),
        };
        for command in &commands {
            let own = command.options.iter().copied();
            // Those of TLS are in one section.
            let own = own.filter(|options| command.name == "tls" || !is_of_tls(options));
            required.extend(own.flat_map(help::listed).filter(|option| !option.is_operand()));
        }
        Section { name: format!("{page}, {heading}"), commands, lines: Vec::new(), required }
    }

    /// The options that it may name: those of its commands. A section that is about no command, or
    /// about TLS, may name any.
    fn known(&self) -> Vec<&'static Opt> {
        let is_general = |page: &Page| page.name == "tls";
        if self.commands.is_empty() || self.commands.iter().any(is_general) {
            let pages = checks().chain(inspections().map(Page::inspection));
            return pages.flat_map(|page| page.all_options()).collect();
        }
        self.commands.iter().flat_map(Page::all_options).collect()
    }

    /// The spans of code.
    fn code(&self) -> Vec<String> {
        // A span may begin on one line and end on the next.
        let text = self.lines.join(" ").replace(r"\|", "|");
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }
}

/// Whether every program has this option.
fn is_of_all(option: &Opt) -> bool {
    matches!(option.name, "help" | "version")
}

/// The words of a span of code that are options: `-t`, `--timeout`.
fn options_in(code: &str) -> impl Iterator<Item = &str> {
    let words = code.split([' ', ',', '=', '\'']).map(|word| word.trim_end_matches(['.', ':', ';']));
    words.filter(|word| {
        word.trim_start_matches('-').starts_with(char::is_alphanumeric) && word.starts_with('-')
    })
}

fn sections() -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    for (name, about) in PAGES {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let page = std::fs::read_to_string(path).unwrap();
        let mut is_code = false;
        for line in page.lines() {
            if line.starts_with("```") {
                is_code = !is_code;
            } else if is_code {
            } else if let Some(heading) = line.strip_prefix("## ") {
                found.push(Section::new(name, about, heading));
            } else if let Some(section) = found.last_mut() {
                section.lines.push(line.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_command_has_a_section() {
    let sections = sections();
    let commands = checks().map(|page| page.name).chain(inspections().map(|command| command.name));
    for name in commands {
        let is_about = |section: &Section| section.commands.iter().any(|command| command.name == name);
        assert!(sections.iter().any(is_about), "no section has {name} in its heading");
    }
}

#[test]
fn every_option_is_named() {
    let mut missing = Vec::new();
    let mut count = 0;
    for section in sections() {
        let code = section.code();
        let named: BTreeSet<&str> = code.iter().flat_map(|code| options_in(code)).collect();
        for option in &section.required {
            let long = Some(format!("--{}", option.name));
            for word in long.into_iter().chain(option.short.map(|short| format!("-{short}"))) {
                count += 1;
                if !named.contains(word.as_str()) {
                    missing.push(format!("{}: {word}", section.name));
                }
            }
        }
    }
    assert!(count > 150, "only {count} options were looked for");
    assert!(missing.is_empty(), "not named: {missing:#?}");
}

#[test]
fn no_option_is_named_that_does_not_exist() {
    let mut unknown = Vec::new();
    // The findings of `doctor` advise options of Docker and others.
    for section in sections().iter().filter(|section| !section.name.ends_with(FINDINGS)) {
        let known = section.known();
        for code in section.code() {
            for word in options_in(&code).filter(|word| word.starts_with("--")) {
                if !known.iter().any(|option| option.is_called(word)) {
                    unknown.push(format!("{}: {code}", section.name));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "unknown: {unknown:#?}");
}

/// The options of the first cell of a row: `-t, --timeout DUR`, without a command before it.
fn first_cell(row: &str) -> Vec<&str> {
    let cell = row.trim_start_matches("| ").split(" | ").next().unwrap_or_default();
    let spans = cell.split('`').skip(1).step_by(2);
    spans
        .filter_map(|code| options_in(code).next().and_then(|word| code.find(word)).map(|at| &code[at..]))
        .collect()
}

#[test]
fn tables_have_the_syntax_and_the_defaults_of_help() {
    let mut wrong = Vec::new();
    let (mut rows, mut defaults) = (0, 0);
    for section in sections() {
        let known = section.known();
        for line in section.lines.iter().filter(|line| line.starts_with("| `")) {
            for code in first_cell(line) {
                rows += 1;
                let Some(option) = known.iter().find(|option| help::syntax(option).trim_start() == code)
                else {
                    wrong.push(format!("{}: not as in help: {code}", section.name));
                    continue;
                };
                let said = if section.name.ends_with(OF_A_RUN) {
                    line.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim()
                } else {
                    line.split_once("default ").map(|(_, rest)| rest).unwrap_or_default()
                };
                // A flag is off, and `--wait` does nothing, unless they are given.
                let said = said.trim_start_matches("off, or ");
                if !said.starts_with('`') {
                    continue;
                }
                defaults += 1;
                let said = said.replace('`', "");
                let help = told(option).unwrap_or_default();
                if help.is_empty() || !said.starts_with(help) {
                    wrong.push(format!("{}: default of {code}: {said}, but help: {help}", section.name));
                }
            }
        }
    }
    assert!(rows > 60 && defaults >= 6, "only {rows} rows and {defaults} defaults were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
