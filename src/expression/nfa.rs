//! Builds a nondeterministic automaton (NFA) over bytes from the syntax tree of an expression, by
//! Thompson's construction: each part becomes states with one start and one end.
//!
//! regex-automata has a compiler for this, but it needs another form of the tree, and the two are
//! four times as large as this.

use regex_automata::nfa::thompson::{BuildError, Builder, NFA, Transition};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;
use regex_syntax::ast::{
    AssertionKind, Ast, Flag, Flags, FlagsItemKind, Repetition, RepetitionKind, RepetitionRange,
};
use regex_syntax::utf8::{Utf8Range, Utf8Sequences};

use super::class::Class;

/// How much an NFA may need, in bytes. Nearly every expression of
/// [`SIZE_LIMIT`](super::SIZE_LIMIT) needs less; one with very many ranges of characters does not.
const SIZE_LIMIT: usize = 1 << 20;

/// How an expression is applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Whether to ignore the case of ASCII letters.
    pub(super) any_case: bool,
    /// Whether each line is a text of its own, so that no match spans lines.
    pub(super) lines: bool,
    /// Whether the automaton reads backwards, to find where a match starts.
    pub(super) reverse: bool,
}

/// The automaton, and what is true of the expression.
pub(super) struct Built {
    pub(super) nfa: NFA,
    /// Whether a match may contain U+FFFD, which replaces bytes that are not UTF-8.
    pub(super) has_replacement: bool,
}

/// Builds the automaton. `None` if the expression has a part that is not covered, or is too large.
pub(super) fn build(ast: &Ast, mode: Mode) -> Option<Built> {
    let mut builder = Builder::new();
    builder.set_size_limit(Some(SIZE_LIMIT)).ok()?;
    builder.set_reverse(mode.reverse);
    // No empty match between the bytes of a character. In lines, which may not be UTF-8, only
    // whether there is a match counts.
    builder.set_utf8(!mode.lines);
    let mut construction = Construction { builder, mode, has_replacement: false, has_inner_empty: false };
    let nfa = construction.whole(ast).ok()?;
    // An empty match may be between the bytes of a character.
    if nfa.has_empty() && construction.has_inner_empty {
        return None;
    }
    Some(Built { nfa, has_replacement: construction.has_replacement })
}

/// Why there is no automaton.
struct NotCovered;

impl From<BuildError> for NotCovered {
    fn from(_: BuildError) -> Self {
        NotCovered
    }
}

type Result<T> = std::result::Result<T, NotCovered>;

/// The flags that apply to a part: `(?i)`.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, not a state")]
struct Settings {
    any_case: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

/// The states of a part.
#[derive(Clone, Copy)]
struct Part {
    start: StateID,
    end: StateID,
}

struct Construction {
    builder: Builder,
    mode: Mode,
    has_replacement: bool,
    /// Whether an assertion may hold between the bytes of a character, none of which is a letter.
    has_inner_empty: bool,
}

impl Construction {
    fn whole(&mut self, ast: &Ast) -> Result<NFA> {
        let mut settings =
            Settings { any_case: self.mode.any_case, multi_line: true, dot_all: false, swap_greed: false };
        self.builder.start_pattern()?;
        let part = self.part(ast, &mut settings)?;
        let matched = self.builder.add_match()?;
        self.builder.patch(part.end, matched)?;
        self.builder.finish_pattern(part.start)?;
        // Forwards a match may start anywhere: any bytes come first, as few as possible.
        let mut start = part.start;
        if !self.mode.reverse {
            start = self.builder.add_union(vec![part.start])?;
            let any = self.builder.add_range(Transition { start: 0, end: u8::MAX, next: start })?;
            self.builder.patch(start, any)?;
        }
        Ok(self.builder.build(part.start, start)?)
    }

    fn part(&mut self, ast: &Ast, settings: &mut Settings) -> Result<Part> {
        match ast {
            Ast::Empty(_) => self.empty(),
            Ast::Flags(set) => {
                settings.set(&set.flags)?;
                self.empty()
            }
            Ast::Literal(literal) => {
                let class = Class::of(&[(literal.c, literal.c)]);
                self.class(&if settings.any_case { class.in_any_case() } else { class })
            }
            Ast::Dot(_) => {
                let all = Class::of(&[('\0', char::MAX)]);
                self.class(&if settings.dot_all { all } else { all.without('\n') })
            }
            Ast::Assertion(assertion) => self.look(&assertion.kind, *settings),
            Ast::ClassUnicode(_) => Err(NotCovered),
            Ast::ClassPerl(perl) => self.class(&Class::perl(perl)),
            Ast::ClassBracketed(brackets) => {
                self.class(&Class::bracketed(brackets, settings.any_case).ok_or(NotCovered)?)
            }
            Ast::Repetition(repetition) => self.repetition(repetition, *settings),
            Ast::Group(group) => {
                let mut inner = *settings;
                if let Some(flags) = group.flags() {
                    inner.set(flags)?;
                }
                self.part(&group.ast, &mut inner)
            }
            Ast::Alternation(alternation) => {
                let (start, end) = (self.builder.add_union(Vec::new())?, self.builder.add_empty()?);
                for ast in &alternation.asts {
                    let part = self.part(ast, settings)?;
                    self.builder.patch(start, part.start)?;
                    self.builder.patch(part.end, end)?;
                }
                Ok(Part { start, end })
            }
            Ast::Concat(concat) => {
                let mut parts = Vec::new();
                for ast in &concat.asts {
                    parts.push(self.part(ast, settings)?);
                }
                if self.mode.reverse {
                    parts.reverse();
                }
                let mut whole = self.empty()?;
                for part in parts {
                    self.builder.patch(whole.end, part.start)?;
                    whole.end = part.end;
                }
                Ok(whole)
            }
        }
    }

    fn empty(&mut self) -> Result<Part> {
        let state = self.builder.add_empty()?;
        Ok(Part { start: state, end: state })
    }

    fn look(&mut self, kind: &AssertionKind, settings: Settings) -> Result<Part> {
        let by_line = settings.multi_line || self.mode.lines;
        let look = match kind {
            AssertionKind::StartLine if by_line => Look::StartLF,
            AssertionKind::EndLine if by_line => Look::EndLF,
            AssertionKind::StartText if self.mode.lines => Look::StartLF,
            AssertionKind::EndText if self.mode.lines => Look::EndLF,
            AssertionKind::StartLine | AssertionKind::StartText => Look::Start,
            AssertionKind::EndLine | AssertionKind::EndText => Look::End,
            AssertionKind::WordBoundary => Look::WordAscii,
            AssertionKind::NotWordBoundary => Look::WordAsciiNegate,
            AssertionKind::WordBoundaryStart | AssertionKind::WordBoundaryStartAngle => Look::WordStartAscii,
            AssertionKind::WordBoundaryEnd | AssertionKind::WordBoundaryEndAngle => Look::WordEndAscii,
            AssertionKind::WordBoundaryStartHalf => Look::WordStartHalfAscii,
            AssertionKind::WordBoundaryEndHalf => Look::WordEndHalfAscii,
        };
        self.has_inner_empty |=
            matches!(look, Look::WordAsciiNegate | Look::WordStartHalfAscii | Look::WordEndHalfAscii);
        let look = if self.mode.reverse { look.reversed() } else { look };
        let state = self.builder.add_look(StateID::ZERO, look)?;
        Ok(Part { start: state, end: state })
    }

    fn repetition(&mut self, repetition: &Repetition, mut settings: Settings) -> Result<Part> {
        let (min, max) = match repetition.op.kind {
            RepetitionKind::ZeroOrOne => (0, Some(1)),
            RepetitionKind::ZeroOrMore => (0, None),
            RepetitionKind::OneOrMore => (1, None),
            RepetitionKind::Range(RepetitionRange::Exactly(count)) => (count, Some(count)),
            RepetitionKind::Range(RepetitionRange::AtLeast(min)) => (min, None),
            RepetitionKind::Range(RepetitionRange::Bounded(min, max)) => (min, Some(max)),
        };
        let greedy = repetition.greedy != settings.swap_greed;
        let mut whole = self.empty()?;
        let mut last = whole;
        for _ in 0..min {
            last = self.part(&repetition.ast, &mut settings)?;
            self.builder.patch(whole.end, last.start)?;
            whole.end = last.end;
        }
        let end = self.builder.add_empty()?;
        // Each choice goes on with the part or to the end, whichever is preferred.
        for _ in min..max.unwrap_or(min) {
            let choice = self.choice(greedy)?;
            self.builder.patch(whole.end, choice)?;
            last = self.part(&repetition.ast, &mut settings)?;
            self.builder.patch(choice, last.start)?;
            self.builder.patch(choice, end)?;
            whole.end = last.end;
        }
        if max.is_none() {
            if min == 0 {
                // As `(?:x+)?`: one choice for both would prefer the wrong one if `x` matches the
                // empty text.
                let choice = self.choice(greedy)?;
                self.builder.patch(whole.end, choice)?;
                last = self.part(&repetition.ast, &mut settings)?;
                self.builder.patch(choice, last.start)?;
                self.builder.patch(choice, end)?;
            }
            let again = self.choice(greedy)?;
            self.builder.patch(last.end, again)?;
            self.builder.patch(again, last.start)?;
            self.builder.patch(again, end)?;
        } else {
            self.builder.patch(whole.end, end)?;
        }
        Ok(Part { start: whole.start, end })
    }

    /// Adds a state with two ways to go on, of which the first is preferred if `greedy` is set.
    fn choice(&mut self, greedy: bool) -> Result<StateID> {
        let ways = Vec::with_capacity(2);
        Ok(if greedy { self.builder.add_union(ways) } else { self.builder.add_union_reverse(ways) }?)
    }

    /// Adds the states for a character of this class, in UTF-8.
    fn class(&mut self, class: &Class) -> Result<Part> {
        let without_newline = self.mode.lines.then(|| class.without('\n'));
        let class = without_newline.as_ref().unwrap_or(class);
        self.has_replacement |= class.contains(char::REPLACEMENT_CHARACTER);
        let end = self.builder.add_empty()?;
        let mut firsts: Vec<Transition> = Vec::new();
        // The states after the first byte, so that equal ones are added once.
        let mut rests: Vec<(Transition, StateID)> = Vec::new();
        for &(from, to) in class.ranges() {
            for mut sequence in Utf8Sequences::new(from, to) {
                if self.mode.reverse {
                    sequence.reverse();
                }
                let Some((first, rest)) = sequence.as_slice().split_first() else { continue };
                let mut next = end;
                for range in rest.iter().rev() {
                    let rest = transition(*range, next);
                    let known = rests.iter().find(|(known, _)| *known == rest);
                    next = if let Some(&(_, state)) = known {
                        state
                    } else {
                        let state = self.builder.add_range(rest)?;
                        rests.push((rest, state));
                        state
                    };
                }
                firsts.push(transition(*first, next));
            }
        }
        let is_sorted = firsts.is_sorted_by(|a, b| a.end < b.start);
        let start = if is_sorted {
            self.builder.add_sparse(firsts)?
        } else {
            let start = self.builder.add_union(Vec::new())?;
            for first in firsts {
                let state = self.builder.add_range(first)?;
                self.builder.patch(start, state)?;
            }
            start
        };
        Ok(Part { start, end })
    }
}

fn transition(range: Utf8Range, next: StateID) -> Transition {
    Transition { start: range.start, end: range.end, next }
}

impl Settings {
    fn set(&mut self, flags: &Flags) -> Result<()> {
        let mut on = true;
        for item in &flags.items {
            let FlagsItemKind::Flag(flag) = &item.kind else {
                on = false;
                continue;
            };
            match flag {
                Flag::CaseInsensitive => self.any_case = on,
                Flag::MultiLine => self.multi_line = on,
                Flag::DotMatchesNewLine => self.dot_all = on,
                Flag::SwapGreed => self.swap_greed = on,
                // As in regex-lite, no effect.
                Flag::Unicode => {}
                // A line that ends in "\r\n" would need to be seen with its newline; comments
                // are rare.
                Flag::CRLF | Flag::IgnoreWhitespace => return Err(NotCovered),
            }
        }
        Ok(())
    }
}
