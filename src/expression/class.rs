//! Sets of characters. What they contain is what regex-lite documents: only ASCII letters have two
//! cases, and named classes contain only ASCII.

use regex_syntax::ast::{ClassAsciiKind, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem};

/// A set of characters, as inclusive ranges.
#[derive(Debug, Default, Clone)]
pub(super) struct Class {
    /// In ascending order, with gaps between them.
    ranges: Vec<(char, char)>,
}

impl Class {
    pub(super) fn of(ranges: &[(char, char)]) -> Self {
        let mut class = Class::default();
        class.add(ranges);
        class
    }

    /// The class `\d`, `\s` or `\w`, or its negation.
    pub(super) fn perl(perl: &ClassPerl) -> Self {
        let class = Class::of(match perl.kind {
            ClassPerlKind::Digit => named(&ClassAsciiKind::Digit),
            ClassPerlKind::Space => named(&ClassAsciiKind::Space),
            ClassPerlKind::Word => named(&ClassAsciiKind::Word),
        });
        if perl.negated { class.negated() } else { class }
    }

    /// A class in brackets. `None` for set operations, which regex-lite refuses.
    pub(super) fn bracketed(brackets: &ClassBracketed, any_case: bool) -> Option<Self> {
        let ClassSet::Item(item) = &brackets.kind else { return None };
        let mut class = Class::default();
        class.add_item(item)?;
        if any_case {
            class = class.in_any_case();
        }
        Some(if brackets.negated { class.negated() } else { class })
    }

    fn add_item(&mut self, item: &ClassSetItem) -> Option<()> {
        match item {
            ClassSetItem::Empty(_) => {}
            ClassSetItem::Literal(literal) => self.add(&[(literal.c, literal.c)]),
            ClassSetItem::Range(range) => self.add(&[(range.start.c, range.end.c)]),
            ClassSetItem::Ascii(ascii) => {
                let class = Class::of(named(&ascii.kind));
                self.add(&if ascii.negated { class.negated() } else { class }.ranges);
            }
            ClassSetItem::Perl(perl) => self.add(&Class::perl(perl).ranges),
            ClassSetItem::Union(union) => {
                return union.items.iter().try_for_each(|item| self.add_item(item));
            }
            ClassSetItem::Unicode(_) | ClassSetItem::Bracketed(_) => return None,
        }
        Some(())
    }

    /// Adds these ranges.
    fn add(&mut self, ranges: &[(char, char)]) {
        self.ranges.extend_from_slice(ranges);
        self.ranges.sort_unstable();
        let mut merged: Vec<(char, char)> = Vec::new();
        for &(start, end) in &self.ranges {
            match merged.last_mut() {
                Some(last) if u32::from(start) <= u32::from(last.1) + 1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        self.ranges = merged;
    }

    /// Returns the set with the other case of its ASCII letters. As in regex-lite, of a range that
    /// has lower-case letters only those get the other case.
    pub(super) fn in_any_case(mut self) -> Self {
        let mut others = Vec::new();
        for &(start, end) in &self.ranges {
            let within = |first: char, last: char| {
                let (start, end) = (start.max(first), end.min(last));
                (start <= end).then_some((start, end))
            };
            if let Some((start, end)) = within('a', 'z') {
                others.push((start.to_ascii_uppercase(), end.to_ascii_uppercase()));
            } else if let Some((start, end)) = within('A', 'Z') {
                others.push((start.to_ascii_lowercase(), end.to_ascii_lowercase()));
            }
        }
        self.add(&others);
        self
    }

    /// Returns the set of all other characters.
    fn negated(&self) -> Self {
        let mut ranges = Vec::new();
        // The first character that may be missing; `None` after the last one.
        let mut next = Some('\0');
        for &(start, end) in &self.ranges {
            // `..` knows that there are no characters among the surrogates.
            let gap = next.and_then(|next| (next..start).next_back().map(|last| (next, last)));
            ranges.extend(gap);
            next = (end..=char::MAX).nth(1);
        }
        ranges.extend(next.map(|next| (next, char::MAX)));
        Class { ranges }
    }

    /// Returns the set without this character.
    pub(super) fn without(&self, character: char) -> Self {
        let mut others = self.negated();
        others.add(&[(character, character)]);
        others.negated()
    }

    pub(super) fn contains(&self, character: char) -> bool {
        self.ranges.iter().any(|&(start, end)| (start..=end).contains(&character))
    }

    pub(super) fn ranges(&self) -> &[(char, char)] {
        &self.ranges
    }
}

/// The contents of `[[:name:]]`.
fn named(kind: &ClassAsciiKind) -> &'static [(char, char)] {
    match kind {
        ClassAsciiKind::Alnum => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        ClassAsciiKind::Alpha => &[('A', 'Z'), ('a', 'z')],
        ClassAsciiKind::Ascii => &[('\0', '\x7f')],
        ClassAsciiKind::Blank => &[('\t', '\t'), (' ', ' ')],
        ClassAsciiKind::Cntrl => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        ClassAsciiKind::Digit => &[('0', '9')],
        ClassAsciiKind::Graph => &[('!', '~')],
        ClassAsciiKind::Lower => &[('a', 'z')],
        ClassAsciiKind::Print => &[(' ', '~')],
        ClassAsciiKind::Punct => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        ClassAsciiKind::Space => &[('\t', '\r'), (' ', ' ')],
        ClassAsciiKind::Upper => &[('A', 'Z')],
        ClassAsciiKind::Word => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        ClassAsciiKind::Xdigit => &[('0', '9'), ('A', 'F'), ('a', 'f')],
    }
}
