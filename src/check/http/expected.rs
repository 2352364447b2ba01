//! `--expect-header`: the answer has this header.

use super::show::without_secret;
use crate::args::{Given, Text, UsageError};
use crate::check::headers;
use crate::net::head::{Head, split};
use crate::outcome::Finding;
use crate::text::mark_foreign;

/// A header that the answer must have.
#[derive(Debug)]
pub(super) struct Expected {
    name: String,
    value: Option<String>,
    shown: String,
}

pub(super) fn plan(given: &mut Given<'_>) -> Result<Vec<Expected>, UsageError> {
    let mut headers = Vec::new();
    for Text { value, shown } in given.texts("expect-header")? {
        let has_value = value.contains(':');
        let text = if has_value { value } else { value + ":" };
        let header =
            headers::parse(&text).map_err(|expected| given.unexpected_unshown("expect-header", expected))?;
        headers.push(Expected { name: header.name, value: has_value.then_some(header.value), shown });
    }
    Ok(headers)
}

impl Expected {
    /// Returns the finding if the answer does not have the header: what was found, what was
    /// expected, and the lines of that name.
    pub(super) fn unmet(&self, head: &Head, found: &str) -> Option<Finding> {
        let wanted = self.value.as_deref().map(str::as_bytes);
        if head.named(&self.name).any(|line| wanted.is_none_or(|wanted| split(line).1 == wanted)) {
            return None;
        }
        let lines: Vec<Vec<u8>> = head.named(&self.name).map(without_secret).collect();
        let missing = if lines.is_empty() { ", which is missing" } else { "" };
        let expected = format!("header {}{missing}", mark_foreign(&self.shown));
        Some(Finding::unhealthy(found).expected(expected).quoting("received", &lines.join(&b"\r\n"[..])))
    }
}
