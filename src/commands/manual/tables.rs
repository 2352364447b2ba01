//! Tables of the manual that are rendered: each follows a line such as
//! `<!-- table: options of ls, stat -->`.

use std::ffi::OsStr;

use super::{GROUPS, Page, checks, group, is_current};
use crate::args::Opt;
use crate::commands::help;

const START: &str = "<!-- table: ";
const END: &str = " -->";

/// The pages with such tables.
const PAGES: [&str; 2] = ["docs/checks.md", "docs/inspect.md"];

#[test]
fn the_tables_are_those_of_the_definitions() {
    for name in PAGES {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page.contains(START), "{name} has no table");
        is_current(name, &with_tables(&page));
    }
}

/// The page with its tables as they should be.
fn with_tables(page: &str) -> String {
    let mut out = String::new();
    let mut is_old = false;
    for line in page.lines() {
        is_old &= line.starts_with('|');
        if is_old {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if let Some(what) = line.strip_prefix(START).and_then(|line| line.strip_suffix(END)) {
            out.push_str(&table(what));
            is_old = true;
        }
    }
    out
}

fn table(what: &str) -> String {
    if what == "checks" {
        return commands(["check", "healthy when"], checks());
    }
    if let Some((heading, _)) = GROUPS.iter().find(|(heading, _)| *heading == what) {
        return commands(["command", "what it does"], group(heading));
    }
    let names = what.strip_prefix("options of ").unwrap_or_else(|| panic!("unknown table: {what}"));
    let page = |name: &str| Page::named(OsStr::new(name)).unwrap_or_else(|| panic!("no command {name}"));
    options(&names.split(", ").map(page).collect::<Vec<_>>())
}

fn commands([first, second]: [&str; 2], pages: impl Iterator<Item = Page>) -> String {
    let row = |page: Page| {
        let usage = format!("porthole {} {}", page.name, help::operands_of(page.options));
        format!("| {} | {} |\n", code(usage.trim_end()), prose(page.summary))
    };
    let rows: String = pages.map(row).collect();
    format!("| {first} | {second} |\n| --- | --- |\n{rows}")
}

/// The options of these commands; one that several have in the same way is one row.
fn options(pages: &[Page]) -> String {
    let mut rows: Vec<(&Opt, Vec<String>)> = Vec::new();
    for page in pages {
        let options = page.options.iter().flat_map(|options| help::listed(options));
        for option in options.filter(|option| !option.is_operand()) {
            let key = |option: &Opt| (help::syntax(option), option.help);
            match rows.iter_mut().find(|(known, _)| key(known) == key(option)) {
                Some((_, names)) => names.push(code(page.name)),
                None => rows.push((option, vec![code(page.name)])),
            }
        }
    }
    let one = pages.len() == 1;
    let head = if one {
        "| option | meaning |\n| --- | --- |\n"
    } else {
        "| option | of | meaning |\n| --- | --- | --- |\n"
    };
    let row = |(option, names): (&Opt, Vec<String>)| {
        let of = if one { String::new() } else { format!(" {} |", names.join(", ")) };
        format!("| {} |{of} {} |\n", code(help::syntax(option).trim_start()), prose(option.help))
    };
    head.to_owned() + &rows.into_iter().map(row).collect::<String>()
}

/// A span of code in a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', r"\|"))
}

/// Text in a table, in which no character is markup.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '|' | '*' | '_' | '`' | '<' | '[' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[test]
fn markup_is_escaped() {
    assert_eq!(prose(r"\b * [a-z] x|y <z>"), r"\\b \* \[a-z\] x\|y \<z>");
    assert_eq!(code("a|b"), r"`a\|b`");
}
