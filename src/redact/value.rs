//! The value behind a name that tells of a secret: where it begins and ends.

use super::{HEAD, Next, is_of_name, is_plain, is_space, is_token, next_of, tells, word_at};
use crate::bytes::find;

/// Where in a command line a `=` or `:` stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Where its word begins.
    pub word: usize,
    /// The quote that it is in.
    pub quote: Option<u8>,
    /// Whether the argument is a command for a shell.
    pub is_command: bool,
}

/// Where the value behind `at`, a `=` or `:`, begins and ends, if the name in front of it tells of a secret.
pub(super) fn value(text: &[u8], at: usize, place: Place) -> Option<(usize, usize)> {
    let (next, start, end) = find_value(text, at, place)?;
    let value = text.get(start..end)?;
    (!is_plain(next, value)).then_some((start, end))
}

/// As [`value`], with what its name says of it.
fn find_value(text: &[u8], at: usize, place: Place) -> Option<(Next, usize, usize)> {
    let (before, behind) = text.split_at_checked(at)?;
    let blanks = before.iter().rev().take_while(|b| is_space(b)).count();
    let trimmed = before.get(..at - blanks)?;
    // The name of a JSON object's entry has a quote on both sides, for a shell with a backslash.
    let entry = match trimmed {
        [named @ .., b'\\', b'"'] | [named @ .., b'"' | b'\''] => Some(named),
        _ => None,
    };
    // libpq's `password = x` has spaces on both sides.
    let padded = behind.starts_with(b"= ") && before.ends_with(b" ");
    let named = entry.unwrap_or(if padded { trimmed } else { before });
    let from = named.iter().rposition(|&b| !is_of_name(b)).map_or(0, |last| last + 1);
    let front = before.get(from.wrapping_sub(1)).copied();
    let is_query = matches!(front, Some(b'?' | b'&'));
    let name = named.get(from..)?;
    // The signature of Azure's shared access.
    let is_signature = is_query && name == b"sig";
    // xfreerdp has it there.
    let is_option = text.get(place.word..at) == Some(b"/p");
    let next = match tells(name) {
        Next::Plain if is_signature || is_option => Next::Secret,
        Next::Plain if name.starts_with(b"-") && next_of(name) == Next::Token => {
            // Only the beginning, as it may be looked at again.
            let rest = text.get(at + 1..)?;
            let is_secret = is_token(word_at(rest.get(..HEAD).unwrap_or(rest), 0));
            return is_secret.then(|| (Next::Secret, at + 1, shell_end(text, at + 1)));
        }
        Next::Plain => return None,
        next => next,
    };
    let spaces = behind.get(1..)?.iter().take_while(|&&b| b == b' ').count();
    let start = at + 1 + spaces;
    let rest = text.get(start..)?;
    let first = rest.first()?;
    let is_header = behind.first() == Some(&b':');
    if entry.is_some() {
        return Some((next, start, start + json_length(rest)));
    }
    if !is_header && spaces > 0 {
        return padded.then(|| (next, start, shell_end(text, start)));
    }
    if is_header && spaces == 0 && (*first == b'/' || is_port(rest)) {
        return None;
    }
    let up_to = |ends: &[u8]| rest.iter().position(|b| ends.contains(b)).map_or(text.len(), |at| start + at);
    let quote = front.filter(|byte| matches!(byte, b'"' | b'\'')).or(place.quote);
    let is_setting = (!is_header || is_option) && place.word == 0 && !place.is_command;
    let end = if let Some(quote) = quote {
        quoted_end(text, start, quote)
    } else if is_setting || (is_header && from == 0) {
        text.len()
    } else if is_header && !(spaces == 0 && front == Some(b'/')) {
        // The words of a title, which was one header for sure.
        up_to(b"\n")
    } else if front == Some(b';') && !place.is_command {
        // `Data Source=db;Password=a b;`
        up_to(b";\n")
    } else {
        // The tag of an image, too.
        shell_end(text, start)
    };
    Some((next, start, if is_query { end.min(up_to(b"&")) } else { end }))
}

/// Whether the text begins with the number of a port.
fn is_port(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    matches!(digits, 1..=5) && !text.get(digits).is_some_and(u8::is_ascii_alphanumeric)
}

/// The end of a word of a shell's command that begins there: quotes and backslashes may be in it.
pub(super) fn shell_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        at += match byte {
            b'\\' => 2,
            b'"' | b'\'' => 2 + closing(text.get(at + 1..).unwrap_or_default(), byte).unwrap_or(text.len()),
            _ if is_space(&byte) => return at,
            _ => 1,
        };
    }
    text.len()
}

/// Where the quote closes that `start` is in, or where the word ends that goes on behind it.
fn quoted_end(text: &[u8], start: usize, quote: u8) -> usize {
    let closing = closing(text.get(start..).unwrap_or_default(), quote);
    let Some(end) = closing.map(|length| start + length) else { return text.len() };
    match text.get(end + 1) {
        Some(b'"' | b'\'' | b'\\') => shell_end(text, end + 1),
        Some(byte) if byte.is_ascii_alphanumeric() => shell_end(text, end + 1),
        _ => end,
    }
}

/// Where the quote closes; within double ones, in JSON and in a shell, a backslash takes the next byte.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == quote && !is_escaped;
        is_escaped = byte == b'\\' && quote == b'"' && !is_escaped;
        closes
    })
}

/// How long a JSON value is that the text begins with: an array or object with all that is in it.
fn json_length(text: &[u8]) -> usize {
    // Within double quotes of a shell.
    if let Some(rest) = text.strip_prefix(b"\\\"") {
        return find(rest, b"\\\"").map_or(text.len(), |length| length + 4);
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' | b'\'' => match closing(text.get(at..).unwrap_or_default(), byte) {
                Some(length) => at += length + 1,
                None => return text.len(),
            },
            b'[' | b'{' => {
                depth += 1;
                continue;
            }
            b']' | b'}' | b',' | b'\n' if depth == 0 => return at - 1,
            b']' | b'}' => depth -= 1,
            _ => continue,
        }
        // A string or what is in brackets is done; a number goes on up to the next entry.
        if depth == 0 {
            return at;
        }
    }
    text.len()
}
