//! The regular expressions of `http --matches` and `grep -E`.
//!
//! The crate regex-lite defines them in every build: which are valid, how large they may be, and
//! what they match. A build with inspections, which search files of any size, runs them as a
//! [lazy DFA](automaton) of the crate regex-automata, a hundred times as fast. The few expressions
//! that this does not cover are left to regex-lite, and so are small texts, for which it would take
//! longer to build.

#[cfg(feature = "inspect")]
mod automaton;
#[cfg(feature = "inspect")]
mod class;
#[cfg(feature = "inspect")]
mod lanes;
#[cfg(feature = "inspect")]
mod lines;
#[cfg(feature = "inspect")]
mod literal;
#[cfg(feature = "inspect")]
mod longest;
#[cfg(feature = "inspect")]
mod nfa;
#[cfg(test)]
#[cfg(feature = "inspect")]
mod tests;

use std::ops::Range;

use regex_lite::{Regex, RegexBuilder};

use crate::bytes::find;

#[cfg(feature = "inspect")]
pub use self::lines::{LineExpression, LineSearch, Lines};
#[cfg(feature = "inspect")]
pub use self::longest::MatchSearch;

/// The size limit of a compiled expression, in bytes: some 2000 states. The time to match is at
/// most proportional to this and to the length of the text.
pub const SIZE_LIMIT: usize = 64 << 10;
/// From how many bytes on it takes less time to build an automaton than to do without.
#[cfg(feature = "inspect")]
const LARGE_TEXT: usize = 1 << 10;

/// A compiled expression that is searched for in whole texts. `^` and `$` match at each line, as in
/// grep.
#[derive(Debug)]
pub struct Expression(Regex);

/// Why an expression cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is larger than [`SIZE_LIMIT`].
    TooLarge,
    /// It is invalid, for this reason.
    Invalid(String),
}

impl Expression {
    /// Compiles an expression.
    pub fn new(pattern: &str) -> Result<Self, Unusable> {
        compile(pattern, false).map(Expression)
    }

    /// Whether `accept` accepts one of the matches in this text: the leftmost one, and then the
    /// leftmost of those that begin after the last.
    pub fn any_match(&self, text: &str, accept: &dyn Fn(Range<usize>) -> bool) -> bool {
        #[cfg(feature = "inspect")]
        if text.len() >= LARGE_TEXT
            && let Some(holds) = automaton::any_match(self.0.as_str(), text, accept)
        {
            return holds;
        }
        self.0.find_iter(text).any(|found| accept(found.range()))
    }
}

fn compile(pattern: &str, any_case: bool) -> Result<Regex, Unusable> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(SIZE_LIMIT).case_insensitive(any_case).multi_line(true);
    builder.build().map_err(|error| {
        let why = error.to_string();
        // regex-lite has no type for its errors.
        let is_too_large = find(why.as_bytes(), b"size limit").is_some();
        if is_too_large { Unusable::TooLarge } else { Unusable::Invalid(why) }
    })
}
