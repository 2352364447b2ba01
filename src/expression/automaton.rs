//! An expression as a DFA whose states are computed when they are first reached, and kept in a cache
//! of limited size. When that is full it begins anew, so that memory is bounded and time stays
//! linear: at worst, a state is computed for every byte.

use std::ops::Range;

use regex_automata::MatchKind;
use regex_automata::hybrid::dfa;
use regex_automata::hybrid::regex::Regex;
use regex_syntax::ast::parse::Parser;

use super::literal::required;
use super::nfa::{self, Built, Mode};

/// The maximum size of the cache for each direction, in bytes, unless the few states that are
/// needed at the same time need more.
const CACHE_BYTES: usize = 2 << 20;

/// The automaton of an expression.
#[derive(Debug)]
pub(super) struct Automaton {
    regex: Regex,
    /// Whether a match may contain U+FFFD, which replaces bytes that are not UTF-8.
    pub(super) has_replacement: bool,
    /// Texts of which every match contains one; empty if there are none.
    pub(super) literals: Vec<Vec<u8>>,
}

impl Automaton {
    /// Compiles an expression for whole texts. `None` if it is not covered.
    pub(super) fn for_text(pattern: &str) -> Option<Self> {
        Automaton::new(pattern, false, false)
    }

    /// Compiles an expression for lines, which are searched many at once. `None` if it is not
    /// covered.
    pub(super) fn for_lines(pattern: &str, any_case: bool) -> Option<Self> {
        Automaton::new(pattern, any_case, true)
    }

    fn new(pattern: &str, any_case: bool, lines: bool) -> Option<Self> {
        let ast = Parser::new().parse(pattern).ok()?;
        let mode = Mode { any_case, lines, reverse: false };
        let Built { nfa, has_replacement } = nfa::build(&ast, mode)?;
        let reverse = nfa::build(&ast, Mode { reverse: true, ..mode })?.nfa;
        let config = dfa::Config::new().cache_capacity(CACHE_BYTES).skip_cache_capacity_check(true);
        let build = |config, nfa| dfa::Builder::new().configure(config).build_from_nfa(nfa).ok();
        // Backwards, the longest of all matches is the one that starts first.
        let backwards = config.clone().match_kind(MatchKind::All);
        let regex = Regex::builder().build_from_dfas(build(config, nfa)?, build(backwards, reverse)?);
        Some(Automaton { regex, has_replacement, literals: required(&ast).unwrap_or_default() })
    }

    /// Whether `accept` accepts one of the matches.
    pub(super) fn any_match(&self, text: &str, accept: &dyn Fn(Range<usize>) -> bool) -> bool {
        self.regex.find_iter(&mut self.regex.create_cache(), text).any(|found| accept(found.range()))
    }

    /// The part that finds where a match ends.
    pub(super) fn ends(&self) -> &dfa::DFA {
        self.regex.forward()
    }
}
