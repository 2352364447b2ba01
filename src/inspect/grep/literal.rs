//! Finds texts of which every match of a regular expression contains one, if that is certain. They
//! are searched for first, which is a hundred times faster than trying the expression. The syntax
//! is that of the crate regex-lite.

/// A byte that is never searched for: not ASCII, or not known. (Bytes that are not UTF-8 are
/// replaced by another character before the expression is tried.)
const UNKNOWN: u8 = 0x80;

/// Frequent bytes, the most frequent first. Other bytes are preferred for the search.
const FREQUENT: &[u8] = b"\0 etaoinsrldcumphgfbyw0v1.,2k-_/x3TSACE";

/// Returns for each alternative the longest run of plain characters that every match contains,
/// outside of groups and classes. `None` if an alternative has none, or if it is not certain, as
/// with flags and rare escapes.
pub fn required(pattern: &str) -> Option<Vec<Vec<u8>>> {
    if let Some(inner) = whole_group(pattern) {
        return required(inner);
    }
    let (mut texts, mut longest, mut run) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = pattern.as_bytes();
    while let Some(byte) = next(&mut rest) {
        let byte = match byte {
            b'|' if longest.is_empty() => return None,
            b'|' => {
                texts.push(std::mem::take(&mut longest));
                run.clear();
                continue;
            }
            b'(' => skip_group(&mut rest)?,
            b'[' => skip_class(&mut rest)?,
            b'.' | b'^' | b'$' => UNKNOWN,
            b'\\' => escaped(&mut rest)?,
            byte => byte,
        };
        let mut goes_on = byte.is_ascii();
        let repetition = rest;
        while let Some(&sign @ (b'?' | b'*' | b'+' | b'{')) = rest.first() {
            next(&mut rest);
            while sign == b'{' && next(&mut rest)? != b'}' {}
        }
        let repetition = repetition.strip_suffix(rest).unwrap_or_default();
        // With any repetition but a single plus the byte is taken to be optional.
        if goes_on && (repetition.is_empty() || repetition == b"+") {
            run.push(byte);
        }
        // Of two runs of the same length, the one with the rarer byte.
        if (run.len(), rarity(&run)) > (longest.len(), rarity(&longest)) {
            longest.clone_from(&run);
        }
        goes_on &= repetition.is_empty();
        if !goes_on {
            run.clear();
        }
    }
    if longest.is_empty() {
        return None;
    }
    texts.push(longest);
    Some(texts)
}

/// Returns the contents of the group if the pattern is a single group.
fn whole_group(pattern: &str) -> Option<&str> {
    let inner = pattern.strip_prefix('(')?.strip_suffix(')')?;
    let mut rest = pattern.as_bytes().get(1..)?;
    skip_group(&mut rest)?;
    if rest.is_empty() { Some(inner.strip_prefix("?:").unwrap_or(inner)) } else { None }
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, after) = rest.split_first()?;
    *rest = after;
    Some(byte)
}

/// Returns the character that an escape means, or [`UNKNOWN`] for a class or boundary. `None` for
/// an escape that continues with other characters.
fn escaped(rest: &mut &[u8]) -> Option<u8> {
    match next(rest)? {
        // Word boundaries, and classes.
        b'b' if rest.first() == Some(&b'{') => None,
        b'<' | b'>' => Some(UNKNOWN),
        byte if byte.is_ascii_punctuation() => Some(byte),
        byte if b"dDsSwWaftnrvAzbB".contains(&byte) => Some(UNKNOWN),
        _ => None,
    }
}

/// Skips the rest of a group. `None` if it has flags.
fn skip_group(rest: &mut &[u8]) -> Option<u8> {
    let mut depth = 1_usize;
    let mut opened = true;
    while depth > 0 {
        if opened && rest.starts_with(b"?") && !rest.starts_with(b"?:") {
            return None;
        }
        opened = false;
        match next(rest)? {
            b'\\' => {
                next(rest)?;
            }
            b'[' => {
                skip_class(rest)?;
            }
            b'(' => {
                depth += 1;
                opened = true;
            }
            b')' => depth -= 1,
            _ => {}
        }
    }
    Some(UNKNOWN)
}

/// Skips the rest of a class such as `[^]a-z[:digit:]\]]`.
fn skip_class(rest: &mut &[u8]) -> Option<u8> {
    for first in [b'^', b']'] {
        if rest.first() == Some(&first) {
            next(rest)?;
        }
    }
    loop {
        match next(rest)? {
            b'\\' => {
                next(rest)?;
            }
            // Only a named class may be inside a class.
            b'[' => {
                if next(rest)? != b':' {
                    return None;
                }
                while next(rest)? != b':' {}
                if next(rest)? != b']' {
                    return None;
                }
            }
            b']' => return Some(UNKNOWN),
            _ => {}
        }
    }
}

/// Returns how rare the rarest byte of the text is: more is rarer.
fn rarity(text: &[u8]) -> usize {
    text.iter().map(|&byte| rarity_of(byte)).max().unwrap_or_default()
}

/// Returns how rare this byte is: more is rarer.
pub fn rarity_of(byte: u8) -> usize {
    FREQUENT.iter().position(|&b| b == byte).unwrap_or(FREQUENT.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::find;
    use regex_lite::Regex;

    const PATTERNS: [(&str, &str); 69] = [
        ("status=5[0-9]{2}", "status=5"),
        ("abc", "abc"),
        ("", ""),
        ("a|b", "a\nb"),
        ("error|fatal", "error\nfatal"),
        ("(error|fatal)", "error\nfatal"),
        ("(?:error|(x)fatal?)", "error\nfata"),
        ("(a)|(b)", ""),
        ("(ab|c)(d)", ""),
        ("(ab)c|d(e)", "c\nd"),
        ("ab.yx", "yx"),
        ("a+y", "y"),
        ("ab|[cd]", ""),
        ("abc|", ""),
        ("(a|b)cd", "cd"),
        ("x(?:a|b)cd", "cd"),
        ("(?i)abc", ""),
        ("(?P<name>a)bc", ""),
        ("a(?i)bc", ""),
        ("(a(?x: b)c)d", ""),
        ("ab?c", "c"),
        ("ab*", "a"),
        ("ab+cde", "cde"),
        ("abc+de", "abc"),
        ("ab+?c", "c"),
        ("abc{0,2}d", "ab"),
        ("abc{2}d", "ab"),
        ("a+*bc", "bc"),
        ("(abcd)?ef", "ef"),
        ("(abcd)*", ""),
        ("[abc]de", "de"),
        ("[]a]de", "de"),
        ("[^]a]de", "de"),
        ("[]|]de", "de"),
        (r"[\]|]de", "de"),
        ("[[:alpha:]|]de", "de"),
        ("[(]de", "de"),
        ("([)]|x)de", "de"),
        (r"(\)|x)de", "de"),
        (r"(\(|x)de", "de"),
        ("((a)(b|c))de", "de"),
        (r"a\.b\.c", "a.b.c"),
        (r"a\.?bc", "bc"),
        (r"\|\|", "||"),
        (r"a\\", r"a\"),
        (r"a\\|b", "a\\\nb"),
        (r"\\\|b", r"\|b"),
        (r"\d+abc", "abc"),
        (r"abc\dde", "abc"),
        (r"\bword\b", "word"),
        (r"\<word\>", "word"),
        (r"\b{start}word", ""),
        (r"\x41bc", ""),
        (r"\x{41}bc", ""),
        (r"\u0041bc", ""),
        (r"\U00000041bc", ""),
        (r"ab\ncde", "cde"),
        (r"ab\tc", "ab"),
        ("^abc$", "abc"),
        ("ab.cde", "cde"),
        ("abc.de", "abc"),
        (r"\[error\] ", "[error] "),
        ("äbé?ö", "b"),
        ("abé", "ab"),
        ("ab\u{fffd}c", "ab"),
        ("a}b]c", "a}b]c"),
        (r"a\{2\}b", "a{2}b"),
        (r"\#\ \-x", "#"),
        ("a{1}{0}bc", "bc"),
    ];

    #[test]
    fn texts_that_every_match_contains() {
        for (pattern, literal) in PATTERNS {
            let expected = Some(literal.to_owned()).filter(|literal| !literal.is_empty());
            // An escaped space is one of the rare escapes.
            let expected = if pattern.contains(r"\ ") { None } else { expected };
            assert_eq!(
                required(pattern).map(|texts| String::from_utf8(texts.join(&b'\n')).unwrap()),
                expected,
                "{pattern}"
            );
        }
    }

    /// Generates texts from the characters of the pattern: none matches without the literal.
    #[test]
    fn no_match_lacks_the_literal() {
        for (pattern, _) in PATTERNS {
            let (Some(texts), Ok(regex)) = (required(pattern), Regex::new(pattern)) else { continue };
            let pieces: Vec<String> =
                pattern.chars().map(String::from).chain(["1".into(), " ".into()]).collect();
            let mut seed = 1_u32;
            for _ in 0..2000 {
                let mut text = String::new();
                for _ in 0..12 {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    text.push_str(&pieces[(seed >> 16) as usize % pieces.len()]);
                }
                let has = texts.iter().any(|wanted| find(text.as_bytes(), wanted).is_some());
                assert!(!regex.is_match(&text) || has, "{pattern}: {text}");
            }
        }
    }

    #[test]
    fn incomplete_patterns_have_no_literal() {
        for pattern in ["a\\", "ab(c", "ab[c", "ab[[:x", "ab[[x]]c", "ab{2", "ab(?", "ab[", "ab[]", "ab(\\"] {
            assert_eq!(required(pattern), None, "{pattern}");
        }
    }
}
