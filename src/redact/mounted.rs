//! Masks secrets in a mount table. A source is any text that was passed to mount(2). The options
//! are those that the file system reports, which may differ from those that were passed.

use super::cursor::Cursor;
use super::login::user_info;
use super::tokens::{marked, webhook};
use super::value::{Context, Parameters, value};
use super::words::is_name_byte;

/// Masks the secrets in the source or an option of a mount. The rules are those of an argument,
/// except that a name after a slash or before a colon is the name of a file.
pub fn mask_mount(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut cursor = Cursor::new(&mut out, text);
    // A secret found ahead. The text before it is searched too.
    let mut ahead = None;
    let mut parameters = Parameters::default();
    while let Some(byte) = cursor.byte() {
        let at = cursor.at();
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        // No rule finds anything within a name.
        if ahead.is_none() && is_name_byte(byte) && before.is_some_and(|&before| is_name_byte(before)) {
            cursor.step();
            continue;
        }
        let reached = ahead.filter(|&(start, end)| (start..end).contains(&at));
        let found = secret(text, at, &mut parameters).or(reached);
        let is_here = found.is_some_and(|(start, _)| start <= at + 1);
        if !is_here {
            ahead = found.or(ahead);
        }
        if found.filter(|_| is_here).and_then(|range| cursor.mask(range)).is_none() {
            cursor.step();
        }
    }
    cursor.finish();
    out
}

/// Returns the secret that a rule finds at `at`, as a range of the text.
fn secret(text: &[u8], at: usize, parameters: &mut Parameters) -> Option<(usize, usize)> {
    let (before, after) = text.split_at_checked(at)?;
    let token = if before.last().is_some_and(|&b| is_name_byte(b)) { None } else { marked(text, at) };
    token.or_else(|| match after {
        [b':', b'/', b'/', ..] => user_info(text, at + 3).or_else(|| webhook(text, at + 3)),
        // SMB.
        [b'/', b'/', ..] if at == 0 => user_info(text, 2),
        [b'=', ..] if !is_file(before) => value(text, at, Context::default(), parameters),
        _ => None,
    })
}

/// Returns whether the text ends with the name of a file in a directory.
fn is_file(text: &[u8]) -> bool {
    text.iter().rfind(|&&b| !is_name_byte(b)) == Some(&b'/')
}
