//! The options of `grep` and their combinations, compared with GNU grep.

use serde_json::json;

use super::{Place, assert_same, printed};
use crate::support::command::{binary, porthole};

/// How many random searches are compared.
const CASES: u32 = 250;

struct Random(u32);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(u32::try_from(all.len()).unwrap()) as usize]
    }

    fn has(&mut self) -> bool {
        self.below(4) == 0
    }

    /// Lines of a few words, the last one with or without a newline.
    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.below(12) {
            for _ in 0..self.below(5) {
                text.push_str(self.one_of(&["a", "ab", "b", "B", "abc", " ", "_", "-", "a1", "x x"]));
            }
            text.push('\n');
        }
        if self.has() {
            text.pop();
        }
        text
    }
}

/// Texts without special characters, and expressions.
const TEXTS: &[&str] = &["a", "b", "ab", "B", "abc", " ", "x", "a1", "-a", "a b", "zz"];
const EXPRESSIONS: &[&str] = &[
    "a",
    "a|ab",
    "ab|abc",
    "a+",
    "[ab]+",
    "^a",
    "b$",
    "^a.*b$",
    "a.",
    "x x|x",
    "(a|b)(b|c)",
    "b|B|_",
    "ab?c?",
    "[^a]",
    "a{2}",
    "b[^b]*b",
    "a*b",
    "(x |a)+",
    "^ab|c$",
    "^$",
];

#[test]
fn random_options_do_what_those_of_gnu_grep_do() {
    let place = Place::new();
    let mut random = Random(7);
    for case in 0..CASES {
        let files = [place.file("one", random.text()), place.file("two", random.text())];
        let mut options: Vec<String> = Vec::new();
        let is_expression = random.has() || random.has();
        for letter in ["-i", "-n", "-v", "-c", "-o", "-w", "-x", "-l", "-q"] {
            if random.has() {
                options.push(letter.to_owned());
            }
        }
        if options.iter().any(|option| option == "-x") {
            // It includes -w; GNU grep 3.8 prints an empty line too if -o is added to both.
            options.retain(|option| option != "-w");
        }
        options.extend(random.has().then(|| random.one_of(&["-h", "-H"]).to_owned()));
        for letter in ["-A", "-B", "-C"] {
            if random.has() {
                options.push(format!("{letter}{}", random.below(4)));
            }
        }
        let text = random.one_of(if is_expression { EXPRESSIONS } else { TEXTS });
        let mut words: Vec<&str> = options.iter().map(String::as_str).collect();
        words.extend(["--", text, &files[0]]);
        if random.has() {
            words.push(&files[1]);
        }
        let kind = if is_expression { "-E" } else { "-F" };
        let Some(theirs) = printed("grep", &[&[kind], words.as_slice()].concat()) else { return };
        let ours = printed(&binary(), &[&["grep", kind], words.as_slice()].concat()).unwrap();
        let shown = |(out, found): &(Vec<u8>, bool)| format!("{found}\n{}", String::from_utf8_lossy(out));
        assert!(ours == theirs, "case {case}: {words:?}\n{}\n{}", shown(&ours), shown(&theirs));
    }
}

#[test]
fn context_is_separated_and_marked() {
    let place = Place::new();
    let file = place.file("x", "1\n2\n3 needle\n4\n5\n6\n7\n8 needle\n9\n");
    porthole(["grep", "-n", "-C", "1", "needle", &file])
        .healthy("2-2\n3:3 needle\n4-4\n--\n7-7\n8:8 needle\n9-9");
    assert_same("grep", &["-2", "needle", &file], &["-2", "needle", &file]);
    let ran = porthole(["grep", "--json", "-B1", "7|3", "-E", &file]).run();
    assert_eq!(
        ran.content(),
        json!({"matches": [
            {"path": file, "line": 2, "text": "2", "context": true},
            {"path": file, "line": 3, "text": "3 needle"},
            {"path": file, "line": 6, "text": "6", "context": true},
            {"path": file, "line": 7, "text": "7"},
        ]})
    );
    porthole(["grep", "-A", "x", "needle", &file])
        .refused("grep: --after-context: expected a number of lines, got 'x'");
}

/// Context spans the blocks in which a file is read.
#[test]
#[ignore = "slow: run by make test"]
fn options_in_a_large_file() {
    let place = Place::new();
    let text: String = (0..40_000).fold(String::new(), |text, n| text + &format!("line {n} of many\n"));
    let file = place.file("x", text);
    for words in [
        &["-n", "-B7", "-A5", "line [0-9]*99 "][..],
        &["-B", "9000", "line 39999"],
        &["-B", "100000", "line 39999"],
        &["-A", "9000", "line 20000"],
        &["-vc", "line 1"],
        &["-nv", "line"],
        &["-c", ""],
        &["-on", "-w", "[0-9]*7"],
        &["-xn", "line [0-9]{3} of many"],
        &["-wc", "of"],
        &["-v", "-n", "-C2", "line [0-9]*[0-8] "],
    ] {
        let all = [&["-E"], words, &[file.as_str()]].concat();
        assert_same("grep", &all, &all);
    }
}

#[test]
fn only_matches_of_expressions_that_the_automaton_does_not_cover_or_with_odd_bytes() {
    let place = Place::new();
    let file = place.file("x", b"\xff\xe4b\xffc \xc3\xa4\xffx\na\xcc\x88b\n");
    porthole(["grep", "-onE", "b.c|ä.x", &file]).healthy("1:b\\xffc\n1:ä\\xffx");
    porthole(["grep", "-oE", "(?x) [bc] | y", &file]).healthy("b\nc\nb");
    porthole(["grep", "-ob", "c", &file]).refused("grep: unknown option -b; see porthole grep --help");
}

#[test]
fn counts_and_matches_as_json() {
    let place = Place::new();
    let (file, other) = (place.file("x", "a b a\nc\na"), place.file("y", "c\n"));
    let document = |words: &[&str]| {
        let words = [&["grep", "--json"], words, &[&file, &other]].concat();
        porthole(words).run().content()
    };
    assert_eq!(
        document(&["-c", "a"]),
        json!({"files": [{"path": file, "count": 2}, {"path": other, "count": 0}]})
    );
    assert_eq!(
        document(&["-o", "a"]),
        json!({"matches": [
            {"path": file, "line": 1, "text": "a"},
            {"path": file, "line": 1, "text": "a"},
            {"path": file, "line": 3, "text": "a"},
        ]})
    );
    assert_eq!(document(&["-lv", "c"]), json!({"matches": [{"path": file, "line": 1, "text": "a b a"}]}));
}

/// A line that is longer than is searched as a whole.
#[test]
fn options_and_lines_of_more_than_a_mebibyte() {
    let place = Place::new();
    let many = "x".repeat(70_000);
    let long: String = (0..40).fold(String::new(), |text, n| text + &format!("{many} needle{n} "));
    let file = place.file("x", format!("one\n{long}\ntwo\nneedle\n"));
    let note = format!("porthole: grep: {file}: a line longer than 1 MiB is searched in parts");
    let matches: String = (0..40).fold(String::new(), |text, n| text + &format!("2:needle{n}\n"));
    let found = format!("{matches}4:needle");
    porthole(["grep", "-onE", "needle[0-9]*", &file]).in_little_memory().run().is(0, &found, &note);
    porthole(["grep", "-nv", "needle", &file]).in_little_memory().run().is(0, "1:one\n3:two", &note);
    porthole(["grep", "-c", "needle", &file]).in_little_memory().run().is(0, "2", &note);
    let context = "1-one\n--\n3-two\n4:needle";
    let ran = porthole(["grep", "-n", "-C1", "^needle|^one", "-E", &file]).in_little_memory().run();
    assert_eq!(ran.stdout.replacen("1:one\n", "1-one\n--\n", 1).lines().last(), context.lines().last());
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}
