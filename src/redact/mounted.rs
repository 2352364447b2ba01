//! Masks secrets in a mount table. A source is any text that was given to mount(2), and the options
//! are what the file system makes of those that it was given.

use super::cursor::Cursor;
use super::login::user_info;
use super::tokens::{marked, webhook};
use super::value::{Parameters, Place, value};
use super::words::is_of_name;

/// The source or an option of a mount, with its secrets masked. The rules are those of an argument,
/// except that a name after a slash or before a colon is the name of a file.
pub fn mounted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut cursor = Cursor::new(&mut out, text);
    // A secret that was found ahead. The text before it is searched too.
    let mut ahead = None;
    let mut parameters = Parameters::default();
    while cursor.byte().is_some() {
        let at = cursor.at();
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

/// The secret, as a range of the text, that a rule finds at `at`.
fn secret(text: &[u8], at: usize, parameters: &mut Parameters) -> Option<(usize, usize)> {
    let (before, behind) = text.split_at_checked(at)?;
    let token = if before.last().is_some_and(|&b| is_of_name(b)) { None } else { marked(text, at) };
    token.or_else(|| match behind {
        [b':', b'/', b'/', ..] => user_info(text, at + 3).or_else(|| webhook(text, at + 3)),
        // SMB.
        [b'/', b'/', ..] if at == 0 => user_info(text, 2),
        [b'=', ..] if !is_file(before) => value(text, at, Place::default(), parameters),
        _ => None,
    })
}

/// Whether the text ends with the name of a file in a folder.
fn is_file(text: &[u8]) -> bool {
    text.iter().rfind(|&&b| !is_of_name(b)) == Some(&b'/')
}
