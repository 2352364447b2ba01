//! Help and version, rendered from the same definitions that parse the arguments.

use std::fmt::Write as _;

use super::page::Page;
use super::run::RUN;
use crate::args::Opt;
use crate::check::KINDS;
use crate::version::Build;

/// The width of help, in columns.
const WIDTH: usize = 100;

/// The text for `porthole` without arguments: the commands, by groups.
pub(super) fn short() -> String {
    format!(
        "porthole: is the service in this container healthy?\n\n{}\nSee porthole --help, and porthole COMMAND --help for one command.\n",
        commands()
    )
}

/// The text for `porthole --help`.
pub(super) fn long() -> String {
    let mut out = format!(
        "porthole: is the service in this container healthy?\n\n\
         Usage: porthole [not] COMMAND TARGET [OPTIONS] [and|or [not] COMMAND TARGET [OPTIONS]]...\n\n{}",
        commands()
    );
    out.push_str("\nOptions for the whole run, each at most once, anywhere:\n");
    out.push_str(&list(RUN));
    out.push_str(
        "\nDUR is 500ms, 2s, 1m30s or 2 (seconds), at most 1h. ${NAME}, ${NAME:-default} and ${file:PATH} are\n\
         expanded in targets and values. Exit status: 0 healthy, 1 everything else.\n\n\
         Example: HEALTHCHECK CMD [\"/porthole\", \"http\", \":8080/healthz\"]\n",
    );
    out
}

/// The text for `porthole COMMAND --help`.
pub(super) fn of(page: &Page) -> String {
    let is_check = page.is_check();
    let more = if is_check { " [and|or [not] COMMAND TARGET [OPTIONS]]..." } else { "" };
    let mut out = format!(
        "porthole {0}: {1}\n\nUsage: porthole {0} {2}[OPTIONS]{more}\n",
        page.name,
        page.summary,
        operands_of(page.options)
    );
    if !page.options.is_empty() {
        out.push('\n');
    }
    for options in page.options {
        out.push_str(&list(options));
    }
    out.push_str(if is_check {
        "\nOptions for the whole run, each at most once, anywhere:\n"
    } else {
        "\nOptions common to all inspections:\n"
    });
    out.push_str(&list(&page.shared_options()));
    out.push_str("\nExamples:\n");
    for line in page.examples.lines() {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// The text for `porthole --version`: version, features and target.
pub(super) fn version() -> String {
    let Build { version, features, target } = Build::this();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    format!("porthole {version} (features: {features}; target: {target})\n")
}

fn commands() -> String {
    let mut out = String::from("Checks:\n");
    for kind in KINDS {
        let left = format!("{} {}", kind.name, operands_of(kind.options));
        entry(&mut out, left.trim_end(), kind.summary);
    }
    #[cfg(feature = "inspect")]
    {
        for (heading, commands) in super::GROUPS {
            let _ = writeln!(out, "\n{heading}:");
            for command in commands {
                let left = format!("{} {}", command.name, operands_of(command.options));
                entry(&mut out, left.trim_end(), command.summary);
            }
        }
    }
    out
}

/// The placeholders of a command's operands, each followed by a space.
pub(super) fn operands_of(options: &[&[Opt]]) -> String {
    let mut out = String::new();
    for operand in options.iter().copied().flatten().filter(|option| option.is_operand()) {
        out.push_str(&operand.placeholder());
        out.push(' ');
    }
    out
}

fn list(options: &[Opt]) -> String {
    let mut out = String::new();
    for option in listed(options) {
        entry(&mut out, &syntax(option), option.help);
    }
    out
}

/// The operands and options that help lists.
pub(super) fn listed(options: &[Opt]) -> impl Iterator<Item = &Opt> {
    options.iter().filter(|option| !option.is_refused() && !option.is_elsewhere())
}

/// An option as a list shows it: `-t, --timeout DUR`, with blanks for a short form that it lacks.
pub(super) fn syntax(option: &Opt) -> String {
    if option.is_operand() {
        return option.placeholder();
    }
    let mut out = option.short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    for part in ["--", option.name, if option.value.is_empty() { "" } else { " " }, option.value] {
        out.push_str(part);
    }
    out
}

/// Appends an entry of a list; if its left side is too long, the explanation is on the next line.
fn entry(out: &mut String, left: &str, right: &str) {
    const COLUMN: usize = 27;
    // Writing to a String cannot fail.
    let _ = write!(out, "  {left:<COLUMN$}");
    if left.len() >= COLUMN || COLUMN + 2 + right.len() > WIDTH {
        out.truncate(out.trim_end().len());
        let _ = write!(out, "\n  {:<COLUMN$}", "");
    }
    out.push_str(right);
    out.push('\n');
}
