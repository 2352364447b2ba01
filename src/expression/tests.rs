//! Compares the automaton with regex-lite.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use super::*;

/// Expressions that the automaton covers.
const COVERED: &[&str] = &[
    "",
    "a",
    "abc",
    "é",
    "ü|é",
    ".",
    "..",
    "^.$",
    "^..$",
    "...",
    "a.c",
    "[^a]",
    "[^a-z]x",
    "[^é]",
    "[é-ü]",
    "[é-ü\u{4e00}-\u{9fff}]+",
    "[\u{fffd}]",
    "\u{fffd}",
    r"[\x{7f}-\x{800}]",
    r"[\x{ff}-\x{10000}]",
    r"[^\x{80}-\x{10ffff}]",
    r"[^\s\S]",
    r"[\s\S]x",
    r"\d+",
    r"\D\d",
    r"\w+\W",
    r"\s",
    r"\S+\s\S",
    r"[\w-]+",
    r"[\D]",
    r"[^\D]",
    r"[^\W\d]",
    "[[:alpha:]]+",
    "[[:^alpha:]]+",
    "[^[:^digit:]]",
    "[[:punct:]][[:space:]]",
    "[[:upper:]][[:lower:]]",
    "[[:cntrl:]]",
    "[[:xdigit:]]{3}",
    "[[:word:][:blank:]]+c",
    "[[:alnum:]]+$",
    "[[:ascii:]]x",
    "[[:graph:]]{4}",
    "[[:print:]]{4}",
    "[]a]",
    "[^]a]",
    "[-a]",
    "[a-]",
    r"[\]\-\\^]",
    "[a^]",
    "^",
    "$",
    "^$",
    "^a",
    "a$",
    "^abc$",
    "^a|b$",
    "$^",
    "$a",
    "a^b",
    r"\Aa",
    r"a\z",
    r"\A\z",
    r"\n",
    r"a\n",
    r"\na",
    "[\n]a",
    r"[^x]\z",
    r"\ba",
    r"a\b",
    r"\bab\b",
    r"\b",
    r"\b\b",
    r"a\Bb",
    r"\Ba",
    r".\B.",
    r"\<a",
    r"a\>",
    r"\<ab\>",
    r"\b{start}a",
    r"b\b{end}",
    r"\b{start-half}a",
    r"b\b{end-half}",
    "a|b",
    "a|",
    "|a",
    "ab|a",
    "a|ab",
    "(a|ab)(c|bcd)",
    "(a|b)*c",
    "(a*)*",
    "(a*)+",
    "(a*)*b",
    "(a|b*)*c",
    "(|a)*",
    "(|a)+",
    "(a?)*?b",
    "(?:a|b)??c",
    "a*",
    "a+",
    "a?",
    "a*?",
    "a+?",
    "a??",
    "a??b",
    "a.*c",
    "a.*?c",
    "x*",
    "a{2}",
    "a{2,}",
    "a{2,}?",
    "a{0}",
    "a{0}b",
    "a{0,2}b",
    "a{1,2}?",
    "a{0,}b",
    "(ab){2,3}",
    "(?:a{2}){2}",
    "a{1}{0}b",
    "a+*b",
    "(a)(b)?",
    "(?P<name>a)b",
    "(?<name>a)b",
    "(?i)abc",
    "(?i)[a-c]x",
    "(?i)[^a]",
    "(?i)[Q-f]",
    "(?i)[[:lower:]]",
    "(?i)[[:^lower:]]",
    "(?i)é",
    "(?i)k",
    "a(?i)b|c",
    "(?i:a)b",
    "(a(?i)b)c",
    "(?-i)A",
    "(?-m)^a",
    "(?-m)a$",
    "(?-m:^)b",
    "(?s)a.b",
    "(?s).",
    "(?s:.)x",
    "(?U)a+",
    "(?U)a+?",
    "(?u)a.",
    "(?-u)a.",
    r"\x41",
    r"\x{e9}",
    r"\u00e9",
    r"\U000000e9",
    r"\.\*",
    r"\t",
    r"\a",
    "[0-9]{3}-[a-z]+[0-9]",
    "(a|b)[x-z]{2}q",
];

/// Expressions that it does not cover.
const NOT_COVERED: &[&str] = &[
    "(?x) a b",
    "(?R)a$",
    "(?R)a.$",
    "(?mR)^a",
    r"\B",
    r"\B|a",
    r"x*\B",
    r"\b{start-half}",
    r"\b{end-half}",
];

/// Lines, some of which are not UTF-8.
const LINES: &[&[u8]] = &[
    b"",
    b"a",
    b"A",
    b"b",
    b"ab",
    b"abc",
    b"xabcx",
    b"aa",
    b"aab aaaab",
    b"ababab",
    b"abcd",
    b"c",
    b"a b c",
    b"ab ab",
    b"a-b_c",
    b"a]b[c^d\\e",
    b"  \t ",
    b"a\r",
    b"a\rb",
    b"\x07\x08",
    b"x\0y",
    "é".as_bytes(),
    "aéa".as_bytes(),
    "ééé".as_bytes(),
    "É".as_bytes(),
    "ü \u{4e2d}\u{6587} x".as_bytes(),
    "\u{212a}k\u{17f}".as_bytes(),
    "\u{ff}\u{100}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}".as_bytes(),
    "\u{fffd}".as_bytes(),
    b"\xff",
    b"a\xffc",
    b"\xe4\xb8x",
    b"\xe4\xb8",
    b"\xf0\x9f\x92x\xf0",
    b"\xc3\xc3\xa9",
    b"\x80\x80a",
    b"\xed\xa0\x80",
    b"123-abc4",
    b"2024-01-02 12:34",
    b"bzyq",
    b"ayzqq",
    b"Q q Z z f F [ ` ~",
    b"deadBEEF",
];

/// Returns the numbers of the lines that match according to regex-lite.
fn expected(pattern: &str, any_case: bool, lines: &[&[u8]]) -> Vec<usize> {
    let lite = compile(pattern, any_case).unwrap();
    // Many lines may be the same.
    let mut known = BTreeMap::new();
    let mut is_match =
        |line| *known.entry(line).or_insert_with(|| lite.is_match(&String::from_utf8_lossy(line)));
    (0..lines.len()).filter(|&number| is_match(lines[number])).collect()
}

/// Returns the numbers of the lines that match, searched at once.
fn found(expression: &LineExpression, lines: &[&[u8]], ends_in_newline: bool) -> Vec<usize> {
    let mut bytes = lines.join(&b'\n');
    if ends_in_newline {
        bytes.push(b'\n');
    }
    let (mut numbers, mut from, mut number) = (Vec::new(), 0, 0);
    let mut block = Lines::new(&bytes);
    let mut search = expression.search();
    while let Some((start, end)) = search.next(&mut block) {
        number += memchr::memchr_iter(b'\n', &bytes[from..start]).count();
        from = start;
        assert_eq!(&bytes[start..end], lines[number]);
        numbers.push(number);
    }
    numbers
}

/// Returns the matches in a text; `None` if the expression is not covered.
fn matches(pattern: &str, text: &str) -> Option<Vec<Range<usize>>> {
    let matches = RefCell::new(Vec::new());
    automaton::any_match(pattern, text, &|found| {
        matches.borrow_mut().push(found);
        false
    })?;
    Some(matches.into_inner())
}

fn assert_same(pattern: &str, lines: &[&[u8]]) {
    for any_case in [false, true] {
        let expression = LineExpression::new(pattern, any_case).unwrap();
        let expected = expected(pattern, any_case, lines);
        assert_eq!(found(&expression, lines, true), expected, "{pattern:?} {any_case}");
        let mut search = expression.search();
        let alone: Vec<usize> = (0..lines.len()).filter(|&number| search.is_match(lines[number])).collect();
        assert_eq!(alone, expected, "{pattern:?} {any_case}, line by line");
        // Each line as the last one, with and without a newline.
        for number in 0..lines.len() {
            let line = &lines[number..=number];
            let is_expected = expected.contains(&number);
            assert_eq!(!found(&expression, line, true).is_empty(), is_expected, "{pattern:?}: {line:?}");
            if line != [b""] {
                assert_eq!(!found(&expression, line, false).is_empty(), is_expected, "{pattern:?}: {line:?}");
            }
        }
    }
    let lite = compile(pattern, false).unwrap();
    let whole = lines.join(&b'\n');
    for text in lines.iter().copied().chain([whole.as_slice()]) {
        let text = String::from_utf8_lossy(text);
        let expected: Vec<_> = lite.find_iter(&text).map(|found| found.range()).collect();
        if let Some(found) = matches(pattern, &text) {
            assert_eq!(found, expected, "{pattern:?}: {text:?}");
        }
    }
}

#[test]
fn both_engines_match_the_same() {
    for (patterns, is_covered) in [(COVERED, true), (NOT_COVERED, false)] {
        for pattern in patterns {
            assert_same(pattern, LINES);
            let expression = LineExpression::new(pattern, false).unwrap();
            assert_eq!(expression.automaton.is_some(), is_covered, "{pattern:?}");
        }
    }
}

/// Expressions made at random of pieces, on lines made at random.
#[test]
fn both_engines_match_the_same_at_random() {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "ab",
        "é",
        "\u{4e2d}",
        ".",
        "[^a]",
        "[ab]",
        "[^b-é]",
        r"\w",
        r"\W",
        r"\d",
        r"\b",
        r"\B",
        r"\<",
        r"\>",
        "^",
        "$",
        r"\A",
        r"\z",
        "(",
        "(?:",
        "(?i:",
        "(?s:",
        "(?-m:",
        "(?U:",
        ")",
        ")",
        "|",
        "*",
        "+",
        "?",
        "*?",
        "+?",
        "??",
        "{2}",
        "{1,3}",
        "{0,2}?",
        "{2,}",
        "(?i)",
        r"\n",
        " ",
        "-",
        "[[:^alpha:]]",
        r"\b{start-half}",
    ];
    const CHARACTERS: &[&[u8]] = &[
        b"a",
        b"b",
        b"A",
        b"B",
        b" ",
        b"-",
        b"1",
        b"\xc3\xa9",
        b"\xe4\xb8\xad",
        b"\xe4\xb8",
        b"\xff",
        b"\n",
    ];
    let mut seed = 1_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let (mut tried, mut covered) = (0, 0);
    while tried < 800 {
        let pattern: String = (0..=random(9)).map(|_| PIECES[random(PIECES.len())]).collect();
        let Ok(expression) = LineExpression::new(&pattern, false) else { continue };
        tried += 1;
        covered += usize::from(expression.automaton.is_some());
        let text: Vec<u8> =
            (0..60).flat_map(|_| CHARACTERS[random(CHARACTERS.len())].iter().copied()).collect();
        let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        assert_same(&pattern, &lines);
    }
    assert!(covered > tried * 3 / 4, "{covered} of {tried}");
}

/// Matches near each other and far from each other, in short and long lines.
#[test]
fn many_lines_at_once() {
    const PATTERNS: [&str; 8] = ["ne+dle", "^ne+dle$", "^$", "^n", "e$", "^.{1,2}$", "[^a-c]e", "é."];
    for length in [0, 1, 300, 5000] {
        for distance in [1, 7, 100, 1000] {
            for wanted in ["needle", "", "x needle y", "é\u{4e2d}"] {
                let (mut lines, mut size) = (Vec::new(), 0);
                while size < 50 << 10 {
                    let line = match lines.len() % distance {
                        0 if !lines.is_empty() => wanted.as_bytes().to_vec(),
                        rest => vec![b"abcn"[rest % 4]; length + rest % 3],
                    };
                    size += line.len() + 1;
                    lines.push(line);
                }
                let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
                for pattern in PATTERNS {
                    let expression = LineExpression::new(pattern, false).unwrap();
                    let is_same = found(&expression, &lines, true) == expected(pattern, false, &lines);
                    assert!(is_same, "{pattern} {length} {distance} {wanted}");
                }
            }
        }
    }
}

/// Expressions with more states than the cache holds.
#[test]
fn a_cache_that_overflows() {
    let mut seed = 1_u32;
    let text: Vec<u8> = (0..30_000)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefgh\n"[(seed >> 16) as usize % 9]
        })
        .collect();
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let words: Vec<String> = (0..60).map(|n| format!("[a-{}]..{}", 'b', ['c', 'd', 'e'][n % 3])).collect();
    for pattern in ["[ab].{12}[cd]", "(?:a|[b-d]).{3,40}h$", &words.join("|")] {
        let expression = LineExpression::new(pattern, false).unwrap();
        assert!(expression.automaton.is_some());
        assert_eq!(found(&expression, &lines, true), expected(pattern, false, &lines), "{pattern}");
    }
    // Many lines at once, each of which goes through new states.
    let letters: Vec<u8> = text.iter().copied().filter(|&byte| byte != b'\n').collect();
    let lines: Vec<&[u8]> = letters.chunks(1500).collect();
    let expression = LineExpression::new("[ab].{300}[^a-h]", false).unwrap();
    assert!(found(&expression, &lines, true).is_empty());
    // Long lines, so that the states do not begin anew every few bytes.
    let text: Vec<u8> = text.into_iter().filter(|&byte| byte != b'\n').collect();
    let expression = LineExpression::new("[ab].{300}[^a-h]", false).unwrap();
    let mut search = expression.search();
    assert!(!search.is_match(&text));
    let cache = search.cache.unwrap();
    assert!(cache.clear_count() > 1, "{}", cache.clear_count());
    assert!(cache.memory_usage() < 4 << 20, "{}", cache.memory_usage());
}

/// The time per byte does not depend on the length of the text.
#[test]
fn expressions_that_make_other_engines_exponential() {
    for pattern in ["(a*)*b", "(a|a)*b", "(a|aa)+$b", "(?:a?){30}a{30}b", "(.*)(.*)(.*)b", "^(a+)+$b"] {
        let expression = LineExpression::new(pattern, false).unwrap();
        let mut search = expression.search();
        let began = Instant::now();
        assert!(!search.is_match(&vec![b'a'; 1 << 20]), "{pattern}");
        assert!(began.elapsed().as_secs() < 20, "{pattern}: {:?}", began.elapsed());
    }
}

#[test]
fn unusable_expressions() {
    let unusable = |pattern| Expression::new(pattern).unwrap_err();
    for pattern in ["(a{1000}){1000}", "a{100000}", r"(?:.{100}){100}"] {
        assert_eq!(unusable(pattern), Unusable::TooLarge, "{pattern}");
        assert_eq!(LineExpression::new(pattern, true).unwrap_err(), Unusable::TooLarge, "{pattern}");
    }
    // What regex-syntax takes, and regex-lite does not.
    for pattern in [r"\pL", "[a&&b]", "[[a]b]", "(", "a**{", r"\8", "[z-a]"] {
        assert!(matches!(unusable(pattern), Unusable::Invalid(_)), "{pattern}");
    }
}

/// The automaton of the largest expressions is not too large either.
#[test]
fn large_expressions_are_covered() {
    let words: Vec<String> = (0..150).map(|n| format!("word{n}")).collect();
    for pattern in [".{500}", "[^x]{300}y", "[é-\u{10000}]{300}", "(?:ab|cd){200}", &words.join("|")] {
        assert!(matches(pattern, "").is_some(), "{}", pattern.len());
        assert!(LineExpression::new(pattern, true).unwrap().automaton.is_some(), "{}", pattern.len());
    }
}
