//! An expression as a DFA whose states are computed when they are first reached, and kept in a
//! cache of limited size. When that is full it begins anew, so that memory is bounded and time
//! stays linear: at worst, a state is computed for every byte.

use std::ops::Range;

use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::{Builder, Config, DFA};
use regex_automata::hybrid::regex::Regex;
use regex_syntax::ast::Ast;
use regex_syntax::ast::parse::Parser;

use super::literal::required;
use super::nfa::{Built, Mode, build};

/// The maximum size of the cache, in bytes, unless the few states that are needed at the same time
/// need more.
const CACHE_BYTES: usize = 2 << 20;

/// The automaton that finds where a match in lines ends.
#[derive(Debug)]
pub(super) struct LineAutomaton {
    pub(super) dfa: DFA,
    /// Whether a match may contain U+FFFD, which replaces bytes that are not UTF-8.
    pub(super) has_replacement: bool,
    /// Texts of which every match contains one; empty if there are none.
    pub(super) literals: Vec<Vec<u8>>,
}

impl LineAutomaton {
    /// Compiles an expression. `None` if it is not covered.
    pub(super) fn new(pattern: &str, any_case: bool) -> Option<Self> {
        let ast = parse(pattern)?;
        let Built { nfa, has_replacement } = build(&ast, Mode { any_case, lines: true, reverse: false })?;
        let dfa = Builder::new().configure(config()).build_from_nfa(nfa).ok()?;
        Some(LineAutomaton { dfa, has_replacement, literals: required(&ast).unwrap_or_default() })
    }
}

/// The automata that find where a match in a line starts, if it is known where it ends, and where
/// the longest match that starts there ends.
#[derive(Debug)]
pub(super) struct MatchAutomata {
    /// It reads backwards.
    pub(super) starts: DFA,
    pub(super) longest: DFA,
}

impl MatchAutomata {
    /// Compiles an expression. `None` if it is not covered.
    pub(super) fn new(pattern: &str, any_case: bool) -> Option<Self> {
        let ast = parse(pattern)?;
        let dfa = |reverse| {
            let Built { nfa, .. } = build(&ast, Mode { any_case, lines: true, reverse })?;
            Builder::new().configure(config().match_kind(MatchKind::All)).build_from_nfa(nfa).ok()
        };
        Some(MatchAutomata { starts: dfa(true)?, longest: dfa(false)? })
    }
}

/// Whether `accept` accepts one of the matches in a text. `None` if the expression is not covered.
pub(super) fn any_match(pattern: &str, text: &str, accept: &dyn Fn(Range<usize>) -> bool) -> Option<bool> {
    let ast = parse(pattern)?;
    let mode = Mode { any_case: false, lines: false, reverse: false };
    let ends = Builder::new().configure(config()).build_from_nfa(build(&ast, mode)?.nfa).ok()?;
    // Backwards from its end, the longest of all matches is the one that begins first.
    let longest = config().match_kind(MatchKind::All);
    let backwards = build(&ast, Mode { reverse: true, ..mode })?.nfa;
    let starts = Builder::new().configure(longest).build_from_nfa(backwards).ok()?;
    let regex = Regex::builder().build_from_dfas(ends, starts);
    Some(regex.find_iter(&mut regex.create_cache(), text).any(|found| accept(found.range())))
}

fn parse(pattern: &str) -> Option<Ast> {
    Parser::new().parse(pattern).ok()
}

fn config() -> Config {
    Config::new().cache_capacity(CACHE_BYTES).skip_cache_capacity_check(true)
}
