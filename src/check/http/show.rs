//! `--show`: the answer below the verdict, and as facts.

use crate::args::{Given, UsageError};
use crate::net::head::{Head, split};
use crate::outcome::{Fact, Finding};
use crate::secrets::suggests_secret;
use crate::units::show_size;

/// What [`plan`] expects.
const EXPECTED: &str = "head, body or all";

/// What is shown of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Show {
    pub(super) head: bool,
    pub(super) body: bool,
}

pub(super) fn plan(given: &mut Given<'_>) -> Result<Show, UsageError> {
    let show = given.parsed("show", EXPECTED, |text| match text {
        "head" => Ok(Show { head: true, body: false }),
        "body" => Ok(Show { head: false, body: true }),
        "all" => Ok(Show { head: true, body: true }),
        _ => Err(EXPECTED),
    })?;
    Ok(show.unwrap_or_default())
}

impl Show {
    /// Adds what is shown to a finding.
    pub(super) fn add(self, finding: &mut Finding, head: &Head, body: Vec<u8>) {
        if self.head {
            let lines: Vec<Vec<u8>> =
                [head.status_line().to_vec()].into_iter().chain(head.lines().map(without_secret)).collect();
            let lines = lines.join(&b'\n');
            finding.shown.extend_from_slice(&lines);
            finding.push("head", Fact::Bytes(lines));
        }
        if self.body {
            if self.head {
                finding.shown.extend_from_slice(b"\n\n");
            }
            finding.shown.extend_from_slice(&body);
            // In place of the excerpt.
            finding.facts.retain(|(name, _)| *name != "body");
            finding.push("body", Fact::Bytes(body));
        }
    }
}

/// Returns a header line without its end, and without its value if the name says that this is a
/// secret, such as Set-Cookie.
pub(super) fn without_secret(line: &[u8]) -> Vec<u8> {
    let (name, value) = split(line);
    if suggests_secret(&String::from_utf8_lossy(name)) {
        return [name, b": <", show_size(value.len() as u64).as_bytes(), b">"].concat();
    }
    line.trim_ascii_end().to_vec()
}
