//! The text that every match of a regular expression has to contain, as far as that is certain: it is looked for first,
//! for it is found a hundred times faster than the expression is tried. The syntax is that of the crate regex-lite.

use std::iter::Peekable;
use std::str::Chars;

/// The longest run of plain characters outside of groups and classes that cannot be left out; nothing where there is none,
/// or where that is not certain, as of alternatives, flags and rare escapes.
pub fn required(pattern: &str) -> Option<String> {
    let (mut longest, mut run) = (String::new(), String::new());
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let plain = match c {
            '|' => return None,
            '(' => {
                skip_group(&mut chars)?;
                None
            }
            '[' => {
                skip_class(&mut chars)?;
                None
            }
            '.' | '^' | '$' => None,
            '\\' => escaped(&mut chars)?,
            // What is not UTF-8 in a file becomes this character before the expression is tried.
            '\u{fffd}' => None,
            c => Some(c),
        };
        run.extend(plain);
        let goes_on = match repeated(&mut chars)? {
            Repeated::Not => plain.is_some(),
            Repeated::Once => false,
            Repeated::Perhaps => {
                if plain.is_some() {
                    run.pop();
                }
                false
            }
        };
        if run.len() > longest.len() {
            longest.clone_from(&run);
        }
        if !goes_on {
            run.clear();
        }
    }
    Some(longest).filter(|literal| !literal.is_empty())
}

/// How often what stands before it is there.
enum Repeated {
    /// Just once.
    Not,
    /// Once or more.
    Once,
    /// Perhaps not at all.
    Perhaps,
}

/// The repetition that follows, if any. What is repeated twice is taken for what may be left out.
fn repeated(chars: &mut Peekable<Chars<'_>>) -> Option<Repeated> {
    let mut found = Repeated::Not;
    while let Some(&c @ ('?' | '*' | '+' | '{')) = chars.peek() {
        chars.next();
        if c == '{' {
            chars.find(|&c| c == '}')?;
        }
        found = if c == '+' && matches!(found, Repeated::Not) { Repeated::Once } else { Repeated::Perhaps };
    }
    Some(found)
}

/// The character that an escape stands for, if it is one of those that stand for themselves. Nothing for one that goes on
/// with other characters.
fn escaped(chars: &mut Peekable<Chars<'_>>) -> Option<Option<char>> {
    match chars.next()? {
        // Boundaries of words.
        '<' | '>' => Some(None),
        'b' if chars.peek() == Some(&'{') => None,
        c if c.is_ascii_punctuation() => Some(Some(c)),
        'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'a' | 'f' | 't' | 'n' | 'r' | 'v' | 'A' | 'z' | 'b' | 'B' => {
            Some(None)
        }
        _ => None,
    }
}

/// Goes on behind a group, whatever is in it. Nothing for one that has flags.
fn skip_group(chars: &mut Peekable<Chars<'_>>) -> Option<()> {
    let mut depth = 1_usize;
    let mut opened = true;
    loop {
        if opened && chars.peek() == Some(&'?') {
            chars.next();
            if chars.next()? != ':' {
                return None;
            }
        }
        opened = false;
        match chars.next()? {
            '\\' => {
                chars.next()?;
            }
            '[' => skip_class(chars)?,
            '(' => {
                depth += 1;
                opened = true;
            }
            ')' if depth == 1 => return Some(()),
            ')' => depth -= 1,
            _ => {}
        }
    }
}

/// Goes on behind a class such as `[^]a-z[:digit:]\]]`.
fn skip_class(chars: &mut Peekable<Chars<'_>>) -> Option<()> {
    chars.next_if_eq(&'^');
    chars.next_if_eq(&']');
    loop {
        match chars.next()? {
            '\\' => {
                chars.next()?;
            }
            // No other class may be within one.
            '[' => {
                chars.next_if_eq(&':')?;
                chars.find(|&c| c == ':')?;
                chars.next_if_eq(&']')?;
            }
            ']' => return Some(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_lite::Regex;

    const PATTERNS: [(&str, &str); 60] = [
        ("status=5[0-9]{2}", "status=5"),
        ("abc", "abc"),
        ("", ""),
        ("a|b", ""),
        ("abc|", ""),
        ("(a|b)cd", "cd"),
        ("x(?:a|b)cd", "cd"),
        ("(?i)abc", ""),
        ("(?P<name>a)bc", ""),
        ("a(?i)bc", ""),
        ("(a(?x: b)c)d", ""),
        ("ab?c", "a"),
        ("ab*", "a"),
        ("ab+cde", "cde"),
        ("abc+de", "abc"),
        ("ab+?c", "a"),
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
        (r"a\\|b", ""),
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
        ("äé?ö", "ä"),
        ("äéö?", "äé"),
        ("ab\u{fffd}c", "ab"),
        ("a}b]c", "a}b]c"),
        (r"a\{2\}b", "a{2}b"),
        (r"\#\ \-x", "#"),
        ("a{1}{0}bc", "bc"),
    ];

    #[test]
    fn what_every_match_has_in_it() {
        for (pattern, literal) in PATTERNS {
            let expected = Some(literal.to_owned()).filter(|literal| !literal.is_empty());
            // An escaped space is one of those that are too rare to be known here.
            let expected = if pattern.contains(r"\ ") { None } else { expected };
            assert_eq!(required(pattern), expected, "{pattern}");
        }
    }

    /// Texts of all parts of the pattern and their neighbours: none matches without the literal.
    #[test]
    fn no_match_is_without_it() {
        for (pattern, _) in PATTERNS {
            let (Some(literal), Ok(regex)) = (required(pattern), Regex::new(pattern)) else { continue };
            let pieces: Vec<String> =
                pattern.chars().map(String::from).chain(["1".into(), " ".into()]).collect();
            let mut seed = 1_u32;
            for _ in 0..2000 {
                let mut text = String::new();
                for _ in 0..12 {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    text.push_str(&pieces[(seed >> 16) as usize % pieces.len()]);
                }
                assert!(!regex.is_match(&text) || text.contains(&literal), "{pattern}: {text}");
            }
        }
    }

    #[test]
    fn what_ends_early_is_nothing() {
        for pattern in ["a\\", "ab(c", "ab[c", "ab[[:x", "ab[[x]]c", "ab{2", "ab(?", "ab[", "ab[]", "ab(\\"] {
            assert_eq!(required(pattern), None, "{pattern}");
        }
    }
}
