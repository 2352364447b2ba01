//! The defaults that help tells are those of the code.

use std::ffi::OsString;
use std::path::Path;

use super::{Page, checks};
use crate::args::Opt;
use crate::commands::{action::Action, inspections, parse};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::expand::Values;

/// An option whose default depends on the terminal.
const DEPENDS: (&str, &str) = ("top", "iterations");

/// The default that help tells: what is in its last parentheses.
pub(super) fn told(option: &Opt) -> Option<&'static str> {
    let (_, rest) = option.help.rsplit_once('(')?;
    rest.split_once(')').map(|(inside, _)| inside)
}

/// An environment without variables and files.
struct Nothing;

impl Values for Nothing {
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn file(&self, path: &Path, _deadline: Deadline) -> Result<Vec<u8>, Error> {
        Err(Error::from(nix::errno::Errno::ENOENT).at(path))
    }
}

/// What these words request, in full.
fn planned(words: &[&str]) -> String {
    let argv = ["porthole"].iter().chain(words).map(OsString::from).collect();
    match parse(argv, &Nothing).unwrap_or_else(|error| panic!("{words:?}: {error}")) {
        Action::Check(plan) => format!("{plan:?}"),
        // hexdump says that it cuts a file only if no limit was given.
        Action::Inspect(inspection) => {
            format!("{inspection:?}").replace("reports_cut: true", "reports_cut: false")
        }
        Action::Print(text, _) => panic!("{words:?}: {text}"),
    }
}

/// The default of an option as it can be typed, if help tells one: `2s` of `2s, or
/// PORTHOLE_TIMEOUT`. What has blanks is an explanation.
fn default_of(option: &Opt) -> Option<&'static str> {
    let default = told(option)?.split([',', ';']).next()?;
    let is_optional = option.takes_value() || option.is_operand() && !option.is_required();
    (is_optional && !default.contains(' ')).then_some(default)
}

/// Words for an operand.
fn sample(operand: &Opt) -> Vec<&'static str> {
    match operand.value {
        "TARGET" => vec![":80"],
        "PORT" => vec!["80"],
        "WHAT" => vec!["addr"],
        "cf - PATH" => vec!["cf", "-", "x"],
        _ => vec!["x"],
    }
}

#[test]
fn a_default_that_is_given_changes_nothing() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in checks().chain(inspections().map(Page::inspection)) {
        let operands = page.options.iter().copied().flatten().filter(|option| option.is_operand());
        let mut words = vec![page.name];
        words.extend(operands.filter(|operand| default_of(operand).is_none()).flat_map(sample));
        // `--every` needs it.
        words.extend(page.is_check().then_some("--wait=1s"));
        let plain = planned(&words);
        for option in page.all_options() {
            let Some(default) = default_of(option) else { continue };
            let long = format!("--{}={default}", option.name);
            let given = if option.is_operand() { default } else { &long };
            if (page.name, option.name) == DEPENDS || page.properties.lacks(option.name).is_some() {
                continue;
            }
            count += 1;
            let with_default = planned(&[&words[..], &[given]].concat());
            if with_default != plain {
                wrong.push(format!("{} {given}: {with_default}, without it {plain}", page.name));
            }
        }
    }
    assert!(count > 50, "only {count} defaults were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
