//! `--expect-header`: the answer has this header.

use crate::args::{Given, Text, UsageError};
use crate::check::headers::{self, Header};
use crate::net::head::{Head, split};
use crate::secrets::suggests_secret;
use crate::text::mark_foreign;

/// A header that the answer must have.
#[derive(Debug)]
pub(super) struct Expected {
    name: String,
    value: Option<String>,
    shown: String,
}

impl Expected {
    /// Parses the value of the option.
    pub(super) fn parse(given: &Given<'_>, text: Text) -> Result<Self, UsageError> {
        let Text { value, shown } = text;
        let has_value = value.contains(':');
        let text = if has_value { value } else { value + ":" };
        let Header { name, value } =
            headers::parse(&text).map_err(|expected| given.unexpected_unshown("expect-header", expected))?;
        Ok(Expected { name, value: has_value.then_some(value), shown })
    }

    /// If the answer does not have the header, returns what was expected, and the lines of that
    /// name.
    #[inline(never)]
    pub(super) fn unmet(&self, head: &Head) -> Option<(String, Vec<u8>)> {
        let wanted = self.value.as_deref().map(str::as_bytes);
        if head.named(&self.name).any(|line| wanted.is_none_or(|wanted| split(line).1 == wanted)) {
            return None;
        }
        let is_secret = suggests_secret(&self.name);
        let lines = if is_secret { Vec::new() } else { head.quoted(&self.name) };
        Some((format!("header {}", mark_foreign(&self.shown)), lines))
    }
}
