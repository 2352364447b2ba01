//! `--show`: the answer below the verdict, and as facts.

use crate::args::{Given, UsageError};
use crate::bytes::find;
use crate::net::head::{Head, split};
use crate::outcome::{Fact, Finding};
use crate::secrets::suggests_secret;

/// What is shown of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Show {
    pub(super) head: bool,
    pub(super) body: bool,
}

pub(super) fn plan(given: &mut Given<'_>) -> Result<Show, UsageError> {
    let (head, body) = match given.text("show")?.as_deref() {
        None => (false, false),
        Some("head") => (true, false),
        Some("body") => (false, true),
        Some("all") => (true, true),
        Some(_) => return Err(given.unexpected("show", "head, body or all")),
    };
    Ok(Show { head, body })
}

impl Show {
    /// Adds what is shown to a finding.
    #[inline(never)]
    pub(super) fn add(self, finding: &mut Finding, head: &Head, body: Vec<u8>) {
        if self.head {
            finding.shown.extend_from_slice(head.status_line());
            for line in head.lines() {
                finding.shown.push(b'\n');
                push_without_secret(&mut finding.shown, line);
            }
            finding.push("head", Fact::Bytes(finding.shown.clone()));
        }
        if self.body {
            if self.head {
                finding.shown.extend_from_slice(b"\n\n");
            }
            finding.shown.extend_from_slice(&body);
            // In place of the excerpt, if there is one.
            match finding.facts.iter_mut().find(|(name, _)| *name == "body") {
                Some((_, excerpt)) => *excerpt = Fact::Bytes(body),
                None => finding.push("body", Fact::Bytes(body)),
            }
        }
    }
}

/// Appends a header line without its end, and without its value if the name says that this is a
/// secret, such as Set-Cookie.
fn push_without_secret(out: &mut Vec<u8>, line: &[u8]) {
    let (name, _) = split(line);
    if suggests_secret(&String::from_utf8_lossy(name)) {
        out.extend_from_slice(name);
        out.extend_from_slice(b": <hidden>");
    } else {
        push_without_user_info(out, line.trim_ascii_end());
    }
}

/// Appends text without the user info of the URLs in it, as in a Location. RFC 3986, section 3.2.1.
fn push_without_user_info(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some((before, rest)) = find(text, b"//").and_then(|at| text.split_at_checked(at + 2)) {
        out.extend_from_slice(before);
        let ends = |byte: &u8| b"/?#\"<>".contains(byte) || byte.is_ascii_whitespace();
        let authority = rest.get(..rest.iter().position(ends).unwrap_or(rest.len())).unwrap_or_default();
        let behind = authority.iter().rposition(|&byte| byte == b'@');
        if behind.is_some() {
            out.extend_from_slice(b"<hidden>");
        }
        text = behind.and_then(|at| rest.get(at..)).unwrap_or(rest);
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_is_hidden() {
        for (text, shown) in [
            ("http://me:hunter2@app.example/a@b", "http://<hidden>@app.example/a@b"),
            (
                "<//me@x>; rel=next, <https://a:b/c@d@y:1?@>",
                "<//<hidden>@x>; rel=next, <https://a:b/c@d@y:1?@>",
            ),
            ("https://app.example/a//b?c=//d", "https://app.example/a//b?c=//d"),
            ("http://p@ss@x", "http://<hidden>@x"),
            ("//", "//"),
            ("///@", "///@"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            push_without_user_info(&mut out, text.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }
}
