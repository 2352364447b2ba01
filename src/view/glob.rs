//! Patterns of file names: fnmatch(3), glob(7). A leading dot is an ordinary character, as in
//! find(1).

/// Whether the name matches the pattern: `*`, `?`, `[a-z]`, `[!a]`, and `\` before a literal
/// character. Characters are those of UTF-8; a byte that is not UTF-8 counts as a character.
///
/// Each star replaces the one before it, which never has to match more than it already did. So the
/// time is at most the product of both lengths.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            pattern = rest;
            star = Some((rest, name));
            continue;
        }
        if name.is_empty() && pattern.is_empty() {
            return true;
        }
        let matched = match (pattern, name) {
            // Nearly all characters: no need to decode them.
            ([own, after @ ..], [byte, rest @ ..]) if is_literal(*own) && byte.is_ascii() => {
                (own == byte).then_some((after, rest))
            }
            _ => first(name).and_then(|(character, rest)| Some((one(pattern, character)?, rest))),
        };
        if let Some(rest) = matched {
            (pattern, name) = rest;
            continue;
        }
        // The last star matches one more character.
        let Some((after, taken)) = star else { return false };
        let Some((_, rest)) = first(taken) else { return false };
        star = Some((after, rest));
        (pattern, name) = (after, rest);
    }
}

/// Whether this byte of a pattern is a character that matches only itself.
fn is_literal(byte: u8) -> bool {
    byte.is_ascii() && !matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

/// Splits off the first character.
fn first(text: &[u8]) -> Option<(u32, &[u8])> {
    let (&byte, rest) = text.split_first()?;
    if byte.is_ascii() {
        return Some((u32::from(byte), rest));
    }
    for length in 2..=4 {
        if byte >= 0xc0
            && let Some((head, rest)) = text.split_at_checked(length)
            && let Ok(head) = std::str::from_utf8(head)
        {
            return Some((head.chars().next().map_or(0, u32::from), rest));
        }
    }
    // Bytes that are not ASCII get numbers beyond all characters.
    Some((0x11_0000 + u32::from(byte), rest))
}

/// Returns the rest of the pattern if its first element matches this character.
fn one(pattern: &[u8], character: u32) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', set @ ..] => match in_set(set, character) {
            Some((true, rest)) => Some(rest),
            Some((false, _)) => None,
            // A bracket that is never closed is literal.
            None => (character == u32::from(b'[')).then_some(set),
        },
        _ => {
            let text = pattern.strip_prefix(b"\\").unwrap_or(pattern);
            first(text).filter(|&(own, _)| own == character).map(|(_, rest)| rest)
        }
    }
}

/// Whether the character is in the set that begins here, after its `[`; also returns what follows
/// the set.
fn in_set(set: &[u8], character: u32) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    let mut at_start = true;
    loop {
        if let [b']', after @ ..] = rest
            && !at_start
        {
            return Some((found != negated, after));
        }
        at_start = false;
        if let Some((class, after)) = class(rest) {
            found |= u8::try_from(character).is_ok_and(|byte| class(&byte));
            rest = after;
            continue;
        }
        let low;
        (low, rest) = member(rest)?;
        let mut high = low;
        if let [b'-', after @ ..] = rest
            && !after.starts_with(b"]")
        {
            (high, rest) = member(after)?;
        }
        found |= (low..=high).contains(&character);
    }
}

fn member(text: &[u8]) -> Option<(u32, &[u8])> {
    first(text.strip_prefix(b"\\").unwrap_or(text))
}

type Class = fn(&u8) -> bool;

/// Returns the class of ASCII characters named here, as in `[[:digit:]]`, and what follows it.
fn class(text: &[u8]) -> Option<(Class, &[u8])> {
    let classes: [(&[u8], Class); 8] = [
        (b"[:alpha:]", u8::is_ascii_alphabetic),
        (b"[:digit:]", u8::is_ascii_digit),
        (b"[:alnum:]", u8::is_ascii_alphanumeric),
        (b"[:upper:]", u8::is_ascii_uppercase),
        (b"[:lower:]", u8::is_ascii_lowercase),
        (b"[:space:]", |byte| byte.is_ascii_whitespace() || *byte == 0x0b),
        (b"[:punct:]", u8::is_ascii_punctuation),
        (b"[:xdigit:]", u8::is_ascii_hexdigit),
    ];
    classes.into_iter().find_map(|(name, class)| Some((class, text.strip_prefix(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", ".hidden", true),
            ("?", ".", true),
            ("?", "é", true),
            ("?", "", false),
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yaml.bak", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*a*", "bab", true),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true),
            ("[^a-c]x", "ax", false),
            ("[]a]", "]", true),
            ("[!]a]", "b", true),
            ("[!]a]", "]", false),
            ("[a-]", "-", true),
            ("[-a]", "-", true),
            (r"[\]]", "]", true),
            ("[ä-ü]", "ö", true),
            ("[[:digit:]_]", "7", true),
            ("[[:digit:]_]", "_", true),
            ("[[:digit:]_]", "x", false),
            ("[", "[", true),
            ("[a", "[a", true),
            ("a[", "a[", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"a\", "a", false),
            ("*[ab]", "xxa", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(fits(b"?\xff", b"\xfe\xff") && !fits(b"\xff", b"\xfe") && fits(b"[\xfe]", b"\xfe"));
    }

    #[test]
    fn many_stars_are_not_slow() {
        let name = "a".repeat(250);
        let start = std::time::Instant::now();
        assert!(!fits("a*".repeat(100).as_bytes(), format!("b{name}").as_bytes()));
        assert!(!fits(format!("{}b", "*a".repeat(100)).as_bytes(), name.as_bytes()));
        assert!(start.elapsed().as_secs() < 5);
    }
}
