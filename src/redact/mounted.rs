//! What a mount table may hold that is not for everybody's eyes: a source is any text that whoever mounts gives, and options
//! are what its file system makes of those that it was given.

use super::cursor::Cursor;
use super::login::user_info;
use super::tokens::{marked, webhook};
use super::value::{Place, value};
use super::words::is_of_name;

/// The source or the option of a mount, what is secret in it masked: as of an argument, but that what stands behind a slash
/// is the name of a file, and so is what has a colon behind it.
pub fn mounted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut cursor = Cursor::new(&mut out, text);
    // What was found ahead: what stands in front of it is looked at as well.
    let mut ahead = None;
    while cursor.byte().is_some() {
        let at = cursor.at();
        let reached = ahead.filter(|&(start, end)| (start..end).contains(&at));
        let found = secret(text, at).or(reached);
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

/// What is secret of the text from `at` on.
fn secret(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let (before, behind) = text.split_at_checked(at)?;
    let token = if before.last().is_some_and(|&b| is_of_name(b)) { None } else { marked(text, at) };
    token.or_else(|| match behind {
        [b':', b'/', b'/', ..] => user_info(text, at + 3).or_else(|| webhook(text, at + 3)),
        // Of SMB.
        [b'/', b'/', ..] if at == 0 => user_info(text, 2),
        [b'=', ..] if !is_file(before) => value(text, at, Place::default()),
        _ => None,
    })
}

/// Whether the name that the text ends with is one in a folder.
fn is_file(text: &[u8]) -> bool {
    text.iter().rfind(|&&b| !is_of_name(b)) == Some(&b'/')
}
