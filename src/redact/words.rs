//! The grammar of command lines: where words, quotes and values begin and end.
//!
//! Each function looks at each byte at most once.

use crate::bytes::find;

/// Returns whether this separates words. That is the white space of isspace(3) in the C locale,
/// including the vertical tab, at which programs split their input. A shell splits only at space,
/// tab and newline, but a line that ends in a carriage return is more likely than a secret that
/// contains one.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns whether this may be part of the name of an option, a variable or a host.
pub(super) fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// For each byte, the answer of [`is_name_byte`], which is asked more than once of each.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const NAME_BYTES: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0_u8);
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// Returns the name at the end of the text, which may be empty.
pub(super) fn last_name(text: &[u8]) -> &[u8] {
    let from = text.iter().rposition(|&b| !is_name_byte(b)).map_or(0, |last| last + 1);
    text.get(from..).unwrap_or_default()
}

/// Returns this range of a text as a finding unless it is empty. An empty range hides no secret,
/// and a finding stops other rules from looking.
pub(super) fn range(start: usize, end: usize) -> Option<(usize, usize)> {
    (start < end).then_some((start, end))
}

/// Returns the text from `start` up to the next white space.
pub(super) fn word_at(text: &[u8], start: usize) -> &[u8] {
    let rest = text.get(start..).unwrap_or_default();
    rest.split(|&b| is_space(b)).next().unwrap_or_default()
}

pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let front = text.iter().take_while(|&&b| is_space(b)).count();
    trimmed_end(text.get(front..).unwrap_or_default())
}

pub(super) fn trimmed_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|&&b| is_space(b)).count();
    text.get(..text.len() - blanks).unwrap_or_default()
}

/// Returns the end of the white space at `start`. To a shell, a backslash before a newline is white
/// space too.
pub(super) fn skip_blanks(text: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        match text.get(at..) {
            Some([byte, ..]) if is_space(*byte) => at += 1,
            Some([b'\\', b'\n', ..]) => at += 2,
            Some([b'\\', b'\r', b'\n', ..]) => at += 3,
            _ => return at,
        }
    }
}

/// Returns the end of the white space at `start`, or the end of the line.
pub(super) fn skip_blanks_of_line(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|&&b| is_space(b) && b != b'\n').count()
}

/// Returns the word without the quotes, brackets, operators and commas that surround it in a shell,
/// JSON or Python, preceded by how many of these bytes come before it.
pub(super) fn bare(word: &[u8]) -> (usize, &[u8]) {
    let is_before = |b: &&u8| {
        matches!(
            b,
            b'"' | b'\'' | b'`' | b'[' | b']' | b'(' | b')' | b'{' | b'}' | b';' | b'|' | b'&' | b'$' | b'\\'
        )
    };
    let front = word.iter().take_while(is_before).count();
    let rest = word.get(front..).unwrap_or_default();
    let is_behind = |b: &&u8| matches!(b, b'"' | b'\'' | b']' | b',' | b'\\');
    let back = rest.iter().rev().take_while(is_behind).count();
    (front, rest.get(..rest.len() - back).unwrap_or_default())
}

/// Returns whether a word is a control operator or a redirection of a shell.
pub(super) fn is_operator(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|b| b";|&<>()".contains(b))
}

/// What encloses a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Nothing encloses it: white space ends the word.
    Nothing,
    /// A quoted command: white space or this quote ends the word.
    Command(u8),
    /// This quote, which alone ends the word.
    Quote(u8),
}

impl Within {
    /// Returns the value for a word of a command that may be quoted.
    pub fn command(quote: Option<u8>) -> Self {
        quote.map_or(Within::Nothing, Within::Command)
    }
}

/// Returns the end of the word of a shell command that begins or continues at `start`. It may
/// contain quotes, backslashes, and commands in `$(…)` or backquotes.
pub(super) fn word_end(text: &[u8], start: usize, within: Within) -> usize {
    // The bytes that close each open quote or bracket, the innermost last; and the quote around the
    // word.
    let mut open = Vec::new();
    let mut around = match within {
        Within::Nothing => None,
        Within::Command(quote) => Some(quote),
        Within::Quote(quote) => {
            open.push(quote);
            None
        }
    };
    let mut is_quote_around = matches!(within, Within::Quote(_));
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        let innermost = open.last().copied();
        match innermost {
            Some(b'\'') if byte != b'\'' => {}
            _ if byte == b'\\' => at += 1,
            Some(close) if close == byte => {
                open.pop();
                if open.is_empty() && std::mem::take(&mut is_quote_around) && !goes_on(text, at + 1) {
                    return at;
                }
            }
            None if around == Some(byte) => {
                if !goes_on(text, at + 1) {
                    return at;
                }
                around = None;
            }
            None if is_space(byte) => return at,
            Some(b'"') if byte == b'\'' => {}
            _ if is_quote(byte) || (byte == b'`' && opens(text, at + 1)) => open.push(byte),
            _ if byte == b'$' && text.get(at + 1) == Some(&b'(') => {
                open.push(b')');
                at += 1;
            }
            _ if byte == b'$' && text.get(at + 1) == Some(&b'{') => {
                open.push(b'}');
                at += 1;
            }
            Some(b')') if byte == b'(' => open.push(b')'),
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Returns whether the backquote before `at` opens a command rather than closing one.
fn opens(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|&b| !is_space(b) && !b"\"').,;:|&]".contains(&b))
}

/// Returns whether the word continues at `at`, after a quote.
fn goes_on(text: &[u8], at: usize) -> bool {
    text.get(at)
        .is_some_and(|&b| is_quote(b) || b.is_ascii_alphanumeric() || matches!(b, b'\\' | b'$' | b'`'))
}

/// Returns the position of the first of these bytes from `start` on that is not preceded by a
/// backslash, or the end of the text.
pub(super) fn unescaped(text: &[u8], start: usize, ends: &[u8]) -> usize {
    let mut at = start;
    while let Some(byte) = text.get(at) {
        if ends.contains(byte) {
            return at;
        }
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    text.len()
}

/// Returns the length of the JSON value at the beginning of the text.
pub(super) fn json_length(text: &[u8]) -> usize {
    // In a double-quoted string of a shell.
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
            b'\\' => {
                at += 1;
                continue;
            }
            b']' | b'}' | b',' | b'\n' if depth == 0 => return at - 1,
            b']' | b'}' => depth -= 1,
            _ => continue,
        }
        // A string, an array or an object ends here; a number ends at the next entry.
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Returns where the quote closes. In double quotes, a backslash escapes the next byte.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == quote && !is_escaped;
        is_escaped = byte == b'\\' && quote == b'"' && !is_escaped;
        closes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_words_end() {
        for (text, within, end) in [
            ("a b", Within::Nothing, "a"),
            ("a\rb", Within::Nothing, "a"),
            (r"a\ b c", Within::Nothing, r"a\ b"),
            ("a\\\nb c", Within::Nothing, "a\\\nb"),
            ("'a b'c d", Within::Nothing, "'a b'c"),
            ("$(a \"b c\" (d)) e", Within::Nothing, "$(a \"b c\" (d))"),
            ("\"$(a \"b c\")\" d", Within::Nothing, "\"$(a \"b c\")\""),
            ("`a 'b c'`d e", Within::Nothing, "`a 'b c'`d"),
            ("${a:-b c} d", Within::Nothing, "${a:-b c}"),
            ("a` b` c", Within::Nothing, "a`"),
            ("'$(' a", Within::Nothing, "'$('"),
            ("\"it's\" a", Within::Nothing, "\"it's\""),
            ("a b' c", Within::Command(b'\''), "a"),
            ("a' c", Within::Command(b'\''), "a"),
            ("\"a b\"' c", Within::Command(b'\''), "\"a b\""),
            ("a'\\''b c' d", Within::Command(b'\''), "a'\\''b c'"),
            ("a b' c", Within::Quote(b'\''), "a b"),
            ("a $(b \"c\") d\" e", Within::Quote(b'"'), "a $(b \"c\") d"),
            ("it's\" e", Within::Quote(b'"'), "it's"),
            ("a b'c d' e", Within::Quote(b'\''), "a b'c"),
            ("a\\", Within::Nothing, "a\\"),
            ("$(a b", Within::Nothing, "$(a b"),
            ("", Within::Quote(b'"'), ""),
        ] {
            assert_eq!(&text[..word_end(text.as_bytes(), 0, within)], end, "{text} {within:?}");
        }
    }

    #[test]
    fn bare_words() {
        for (word, inside) in [
            ("--a", "--a"),
            ("'--a'", "--a"),
            ("[\"--a\",", "--a"),
            ("\\\"--a\\\"", "--a"),
            ("$(a", "a"),
            (";a", "a"),
            ("--a\\", "--a"),
            ("'\"", ""),
        ] {
            assert_eq!(bare(word.as_bytes()).1, inside.as_bytes(), "{word}");
        }
    }

    #[test]
    fn white_space_is_the_same_everywhere() {
        let spaces = b" \t\n\x0b\x0c\r";
        for byte in 0..=255 {
            assert_eq!(is_space(byte), spaces.contains(&byte), "{byte}");
            let text = [b'a', byte, b'b'];
            let end = if is_space(byte) { 1 } else { 3 };
            if !matches!(byte, b'"' | b'\'' | b'`') {
                assert_eq!(word_end(&text, 0, Within::Nothing), end, "{byte}");
            }
            assert_eq!(word_at(&text, 0).len(), end, "{byte}");
            let skipped = usize::from(is_space(byte));
            assert_eq!(skip_blanks(&text[1..], 0), skipped, "{byte}");
            assert_eq!(trimmed(&text[1..]).len(), 2 - skipped, "{byte}");
        }
    }
}
