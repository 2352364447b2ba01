//! Regular expressions: whether a text has a match is what the crate regex says, and a fixed text is
//! found where a naive search finds it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::bytes::find;
use porthole::expression::Expression;

/// What patterns are made of.
const PARTS: &[&str] = &[
    "a", "b", "c", ".", "a*", "b+", "c?", "(a|b)", "[ab]", "[^a]", "^", "$", "\\b", "x{2}", "(ab)*", "|",
    "\\d", "é", "\\w",
];

fuzz_target!(|input: (&[u8], &[u8], bool)| {
    let (pattern, text, is_long) = input;
    let needle = &pattern[..pattern.len().min(6)];
    let naive = text.windows(needle.len().max(1)).position(|part| part == needle);
    assert_eq!(find(text, needle), if needle.is_empty() { Some(0) } else { naive });

    let pattern: String = pattern.iter().take(12).map(|&b| PARTS[usize::from(b) % PARTS.len()]).collect();
    let letters = ['a', 'b', 'c', 'x', '\n', '1', 'é', ' '];
    let mut text: String = text.iter().map(|&b| letters[usize::from(b) % letters.len()]).collect();
    if is_long {
        // Long texts are searched by another engine.
        text = ["zzzzzzz\n".repeat(130), text].concat();
    }
    let Ok(ours) = Expression::new(&pattern) else { return };
    let Ok(theirs) = regex::RegexBuilder::new(&ascii(&pattern)).multi_line(true).build() else { return };
    assert_eq!(ours.any_match(&text, &|_| true), theirs.is_match(&text), "{pattern:?} {text:?}");
});

/// The classes of the engine are those of ASCII: <https://docs.rs/regex-lite>.
fn ascii(pattern: &str) -> String {
    pattern.replace("\\b", "(?-u:\\b)").replace("\\d", "[0-9]").replace("\\w", "[0-9A-Za-z_]")
}
