//! Finds texts of which every match of an expression contains one. Searching for them first is ten
//! times as fast as running the automaton over everything.

use regex_syntax::ast::{Ast, RepetitionKind};

use crate::bytes::rarity;

/// Returns for each alternative the longest run of ASCII characters that every match contains,
/// outside of groups and classes. `None` if an alternative has none. With flags in the expression
/// it is not known either.
pub(super) fn required(ast: &Ast) -> Option<Vec<Vec<u8>>> {
    match ast {
        Ast::Group(group) if group.flags().is_none_or(|flags| flags.items.is_empty()) => required(&group.ast),
        Ast::Alternation(alternation) => {
            let texts: Option<Vec<_>> = alternation.asts.iter().map(required).collect();
            texts.map(|texts| texts.concat())
        }
        Ast::Concat(concat) => Some(vec![longest(&concat.asts)?]),
        ast => Some(vec![longest(std::slice::from_ref(ast))?]),
    }
}

/// Returns the longest run of plain characters in a sequence; of two of the same length, the one
/// with the rarer byte.
fn longest(sequence: &[Ast]) -> Option<Vec<u8>> {
    let (mut longest, mut run) = (Vec::new(), Vec::new());
    for ast in sequence {
        let (byte, ends) = match ast {
            Ast::Flags(_) => return None,
            // The run may end in `x+`, and the next may not begin with it: `xx` has another `x`
            // between.
            Ast::Repetition(repetition) if repetition.op.kind == RepetitionKind::OneOrMore => {
                (plain(&repetition.ast), true)
            }
            ast => (plain(ast), false),
        };
        run.extend(byte);
        if (run.len(), rarest(&run)) > (longest.len(), rarest(&longest)) {
            longest.clone_from(&run);
        }
        if ends || byte.is_none() {
            run.clear();
        }
    }
    Some(longest).filter(|longest| !longest.is_empty())
}

/// Returns the byte that this part matches if it is an ASCII character.
fn plain(ast: &Ast) -> Option<u8> {
    let Ast::Literal(literal) = ast else { return None };
    u8::try_from(literal.c).ok().filter(u8::is_ascii)
}

fn rarest(text: &[u8]) -> usize {
    text.iter().map(|&byte| rarity(byte)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::find;
    use regex_lite::Regex;
    use regex_syntax::ast::parse::Parser;

    const PATTERNS: [(&str, &str); 69] = [
        ("status=5[0-9]{2}", "status=5"),
        ("abc", "abc"),
        ("", ""),
        ("a|b", "a\nb"),
        ("error|fatal", "error\nfatal"),
        ("(error|fatal)", "error\nfatal"),
        ("(?:error|(x)fatal?)", "error\nfata"),
        ("(a)|(b)", "a\nb"),
        ("(ab|c)(d)", ""),
        ("(ab)c|d(e)", "c\nd"),
        ("ab.yx", "yx"),
        ("a+y", "y"),
        ("ab|[cd]", ""),
        ("abc|", ""),
        ("(a|b)cd", "cd"),
        ("x(?:a|b)cd", "cd"),
        ("(?i)abc", ""),
        ("(?P<name>a)bc", "bc"),
        ("a(?i)bc", ""),
        ("(a(?x: b)c)d", "d"),
        ("ab?c", "c"),
        ("ab*", "a"),
        ("ab+cde", "cde"),
        ("abc+de", "abc"),
        ("ab+?c", "ab"),
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
        (r"\b{start}word", "word"),
        (r"\x41bc", "Abc"),
        (r"\x{41}bc", "Abc"),
        (r"\u0041bc", "Abc"),
        (r"\U00000041bc", "Abc"),
        (r"ab\ncde", "ab\ncde"),
        (r"ab\tc", "ab\tc"),
        ("^abc$", "abc"),
        ("ab.cde", "cde"),
        ("abc.de", "abc"),
        (r"\[error\] ", "[error] "),
        ("äbé?ö", "b"),
        ("abé", "ab"),
        ("ab\u{fffd}c", "ab"),
        ("a}b]c", "a}b]c"),
        (r"a\{2\}b", "a{2}b"),
        (r"\#\ \-x", "# -x"),
        ("a{1}{0}bc", "bc"),
    ];

    fn texts(pattern: &str) -> Option<Vec<Vec<u8>>> {
        required(&Parser::new().parse(pattern).unwrap())
    }

    #[test]
    fn texts_that_every_match_contains() {
        for (pattern, literal) in PATTERNS {
            let expected = Some(literal.to_owned()).filter(|literal| !literal.is_empty());
            assert_eq!(
                texts(pattern).map(|texts| String::from_utf8(texts.join(&b'\n')).unwrap()),
                expected,
                "{pattern}"
            );
        }
    }

    /// Generates texts from the characters of the pattern: none matches without the literal.
    #[test]
    fn no_match_lacks_the_literal() {
        for (pattern, _) in PATTERNS {
            let (Some(texts), Ok(regex)) = (texts(pattern), Regex::new(pattern)) else { continue };
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
}
