//! What a mount table may hold that is not for everybody's eyes: a source is any text that whoever mounts gives, and options
//! are what its file system makes of those that it was given.

use super::login::user_info;
use super::value::{Place, value};
use super::{is_of_name, marked, mask, webhook};

/// The source or the option of a mount, what is secret in it masked: as of an argument, but that what stands behind a slash
/// is the name of a file, and so is what has a colon behind it.
pub fn mounted(text: &[u8]) -> Vec<u8> {
    let (mut out, mut done, mut at) = (Vec::new(), 0, 0);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    while at < text.len() {
        let is_start = at == 0 || !part(at - 1, at).iter().all(|&b| is_of_name(b));
        let token = if is_start { marked(text, at) } else { None };
        let range = token.or_else(|| match part(at, text.len()) {
            [b':', b'/', b'/', ..] => user_info(text, at + 3).or_else(|| webhook(text, at + 3)),
            // Of SMB.
            [b'/', b'/', ..] if at == 0 => user_info(text, 2),
            [b'=', ..] if !is_file(part(0, at)) => value(text, at, Place::default()),
            _ => None,
        });
        at += 1;
        if let Some((start, end)) = range.filter(|(start, end)| start < end) {
            out.extend_from_slice(part(done, start));
            mask(&mut out, part(start, end));
            (done, at) = (end, end);
        }
    }
    out.extend_from_slice(part(done, text.len()));
    out
}

/// Whether the name that the text ends with is one in a folder.
fn is_file(text: &[u8]) -> bool {
    text.iter().rfind(|&&b| !is_of_name(b)) == Some(&b'/')
}
