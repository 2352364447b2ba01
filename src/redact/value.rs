//! Where the value of a name begins and ends, if the name says that the value is a secret.

use super::name::{hint_of, is_plain, is_weak};
use super::next_of;
use super::rules::{HEAD, Hint, QUERY};
use super::tokens::is_token;
use super::words::{
    Within, is_quote, is_space, json_length, last_name, range, skip_blanks, skip_blanks_of_line, trimmed_end,
    unescaped, word_at, word_end,
};

/// The context of a position in a command line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// Where the current word begins.
    pub word: usize,
    /// The quote around the position.
    pub quote: Option<u8>,
    /// Whether the argument is a shell command.
    pub is_command: bool,
    /// Where the value of the last option for a header begins.
    pub header: Option<usize>,
}

impl Context {
    /// Moves past the byte at `at`.
    pub fn pass(&mut self, text: &[u8], at: usize, byte: u8) {
        if !is_quote(byte) {
            return;
        }
        let is_escaped = at.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'\\');
        self.quote = match (self.quote, byte) {
            (None, b'"' | b'\'') if !is_escaped => Some(byte),
            (Some(quote), _) if quote == byte && !(is_escaped && quote == b'"') => None,
            (quote, _) => quote,
        };
    }
}

/// Where the parameters of queries end. The text is searched once, however many there are.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// The text from here up to the next `&` contains none.
    seen: usize,
    next: Option<usize>,
}

impl Parameters {
    /// Returns the first `&` from `start` on. `start` only grows from call to call.
    fn end(&mut self, text: &[u8], start: usize) -> Option<usize> {
        if start >= self.seen {
            let length = text.get(start..)?.iter().position(|&b| b == b'&');
            self.next = length.map(|length| start + length);
            self.seen = self.next.map_or(text.len(), |next| next + 1);
        }
        self.next
    }
}

/// Returns the range of the value after the `=` or `:` at `at`, if the name before that says that
/// the value is a secret.
pub(super) fn value(
    text: &[u8],
    at: usize,
    context: Context,
    parameters: &mut Parameters,
) -> Option<(usize, usize)> {
    let (next, start, end) = find_value(text, at, context, parameters)?;
    let value = text.get(start..end)?;
    if is_plain(next, value) { None } else { range(start, end) }
}

/// Returns the value, whether or not it is plain, and what its name says about it.
///
/// Plain values contain neither white space nor what begins another value, so no text is searched
/// twice.
fn find_value(
    text: &[u8],
    at: usize,
    context: Context,
    parameters: &mut Parameters,
) -> Option<(Hint, usize, usize)> {
    let (before, after) = text.split_at_checked(at)?;
    let unspaced = trimmed_end(before);
    let entry = entry(unspaced);
    // `password = x`, as libpq has it: spaces on both sides.
    let is_header = after.first() == Some(&b':');
    let padded = !is_header && after.get(1).is_some_and(|&b| is_space(b)) && unspaced.len() < before.len();
    // `-H 'X-Api-Key : x'`
    let in_name = unspaced.len() - last_name(unspaced).len()..unspaced.len();
    let is_apart = is_header && context.header.is_some_and(|header| in_name.contains(&header));
    let named = entry.unwrap_or(if padded || is_apart { unspaced } else { before });
    let name = last_name(named);
    let from = named.len() - name.len();
    let front = from.checked_sub(1).and_then(|at| before.get(at)).copied();
    let is_query = matches!(front, Some(b'?' | b'&'));
    let parameter = QUERY.iter().find(|(known, _)| is_query && known.as_bytes() == name);
    // `/p:x` of xfreerdp.
    let is_option = text.get(context.word..at) == Some(b"/p");
    let next = match hint_of(name) {
        Hint::Plain if is_option => Hint::Secret,
        Hint::Plain if parameter.is_some() => parameter?.1,
        Hint::Plain if name.starts_with(b"-") && next_of(name) == Hint::Token => {
            // Looks at the beginning only: this text may be searched again.
            let rest = text.get(at + 1..)?;
            let is_secret = is_token(word_at(rest.get(..HEAD).unwrap_or(rest), 0));
            return is_secret.then(|| (Hint::Secret, at + 1, word_end(text, at + 1, Within::Nothing)));
        }
        Hint::Plain => return None,
        // `session = new Session()`
        _ if entry.is_none() && (padded || is_header) && is_weak(name) => return None,
        next => next,
    };
    let start = if entry.is_some() { skip_blanks(text, at + 1) } else { skip_blanks_of_line(text, at + 1) };
    let spaces = start - (at + 1);
    // A parameter of a query ends at the next one.
    let parameter_end = if is_query { parameters.end(text, start) } else { None };
    let text = text.get(..parameter_end.unwrap_or(text.len()))?;
    let rest = text.get(start..)?;
    let first = rest.first()?;
    // Plain, however long it is: its end is not looked for.
    if next == Hint::Session && *first == b'-' {
        return None;
    }
    if entry.is_some() {
        return Some((next, start, start + json_length(rest)));
    }
    if !is_header && spaces > 0 {
        return padded.then(|| (next, start, word_end(text, start, Within::Nothing)));
    }
    if is_header && spaces == 0 && (*first == b'/' || is_port(rest)) {
        return None;
    }
    let quote = front.filter(|&byte| is_quote(byte)).or(context.quote);
    let is_setting = (!is_header || is_option) && context.word == 0 && !context.is_command;
    let end = if let Some(quote) = quote {
        word_end(text, start, Within::Quote(quote))
    } else if is_setting || (is_header && from == 0) {
        text.len()
    } else if is_header && !(spaces == 0 && front == Some(b'/')) {
        // A header in the title of a process.
        unescaped(text, start, b"\n")
    } else if front == Some(b';') && !context.is_command {
        // `Data Source=db;Password=a b;`
        unescaped(text, start, b";\n")
    } else {
        // May be the tag of an image.
        word_end(text, start, Within::Nothing)
    };
    Some((next, start, end))
}

/// The text without the closing quote of the name of an entry: `"name"` in JSON, `["name"]` in
/// Python and others; inside a shell's double quotes there is a backslash before it.
fn entry(text: &[u8]) -> Option<&[u8]> {
    match text.strip_suffix(b"]").unwrap_or(text) {
        [named @ .., b'\\', b'"'] | [named @ .., b'"' | b'\''] => Some(named),
        _ => None,
    }
}

/// Returns the value of an option in a JSON list, `"--name","value"`, whose comma is at `at`.
pub(super) fn listed_value(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let (named, quote) = match text.get(..at)? {
        [named @ .., quote @ (b'"' | b'\'')] => (named, *quote),
        _ => return None,
    };
    let name = last_name(named);
    let opens = named.len().checked_sub(name.len() + 1).and_then(|at| named.get(at));
    if opens != Some(&quote) || !name.starts_with(b"-") {
        return None;
    }
    let start = skip_blanks(text, at + 1);
    let rest = text.get(start..).filter(|rest| rest.first() == Some(&quote))?;
    let end = start + json_length(rest);
    let next = hint_of(name);
    let inside = text.get(start + 1..end)?;
    let is_secret = next != Hint::Plain && !is_plain(next, inside.strip_suffix(&[quote]).unwrap_or(inside));
    is_secret.then_some((start, end))
}

/// Returns whether the text begins with a port number.
fn is_port(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    matches!(digits, 1..=5) && !text.get(digits).is_some_and(u8::is_ascii_alphanumeric)
}
