//! What options and operands mean to the programs that a command line names.

use super::login::behind_slash;
use super::name::tells;
use super::rules::{NO_NAMES, Next, OPERANDS, OPTIONS, PAIRS, PRINTS, Part, READS_PASSWORD, Stands};
use super::words::{is_operator, last_name};
use crate::bytes::find;

/// The programs that a command line names, and where in it their operands are.
///
/// None that was named is forgotten for another one, which may be the name of anything else.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// Bits of the rows of tables: whose program was named, and for which a word was said.
    options: u32,
    options_with: u32,
    operands: u32,
    pairs: u32,
    /// Whether pairs of names and values may follow.
    has_pairs: bool,
    /// Whether what is printed in this text is a password.
    prints_password: bool,
    /// The operands that come now: how many of them are no secrets, and what of the others is one.
    expected: Option<(usize, Part)>,
}

/// The rows of a table, and the bit of each.
fn rows<T>(table: &[T]) -> impl Iterator<Item = (u32, &T)> {
    table.iter().enumerate().map(|(at, row)| (1 << at, row))
}

fn is_named(programs: &[&str], name: &[u8]) -> bool {
    programs.iter().any(|known| match known.as_bytes() {
        // There may be very many words.
        known if known.first() != name.first() => false,
        [known @ .., b'*'] => name.starts_with(known),
        known => known == name,
    })
}

impl Programs {
    /// Takes notice of the whole of an argument.
    pub fn begin(&mut self, argument: &[u8]) {
        self.prints_password =
            READS_PASSWORD.iter().any(|reader| find(argument, reader.as_bytes()).is_some());
    }

    /// Takes notice of a word that may be the name of a program, or what one is to do.
    pub fn note(&mut self, word: &[u8]) {
        let name = word.rsplit(|b| b"/;|&(`={".contains(b)).next().unwrap_or_default();
        if name.is_empty() {
            return;
        }
        for (bit, row) in rows(OPTIONS) {
            self.options |= if is_named(row.programs, name) { bit } else { 0 };
            self.options_with |= if row.with.as_bytes() == name { bit } else { 0 };
        }
        for (bit, row) in rows(OPERANDS) {
            let is_program = is_named(row.programs, name);
            let is_verb = self.operands & bit != 0
                && row.verbs.iter().any(|verb| verb.as_bytes().eq_ignore_ascii_case(name));
            self.operands |= if is_program { bit } else { 0 };
            if is_verb || (is_program && row.verbs.is_empty()) {
                self.expected = Some((row.skip, row.part));
            }
        }
        for (bit, (programs, verb)) in rows(PAIRS) {
            self.pairs |= if is_named(programs, name) { bit } else { 0 };
            let is_said = verb.is_empty() || verb.as_bytes().eq_ignore_ascii_case(name);
            self.has_pairs |= self.pairs & bit != 0 && is_said;
        }
        if self.prints_password && is_named(PRINTS, name) {
            self.expect_operands();
        }
    }

    /// From here on all operands are secrets.
    pub fn expect_operands(&mut self) {
        self.expected = Some((0, Part::Whole));
    }

    /// Where in a word the secret begins that it is as an operand, and where that ends if not with the word.
    pub fn operand(&mut self, word: &[u8]) -> Option<(usize, Option<usize>)> {
        let (skip, part) = self.expected?;
        if is_operator(word) {
            self.expected = None;
            return None;
        }
        if word.ends_with(b";") {
            self.expected = None;
        }
        if word.starts_with(b"-") && word != b"-" {
            return None;
        }
        if skip > 0 {
            self.expected = self.expected.map(|(skip, part)| (skip - 1, part));
            return None;
        }
        let value = word.iter().position(|&b| b == b'=').map(|equals| equals + 1);
        match part {
            Part::Whole => Some((0, None)),
            // What ends with it may be base64.
            Part::Unnamed => {
                value.is_none_or(|at| word.get(at).is_none_or(|&b| b == b'=')).then_some((0, None))
            }
            Part::Value => Some((value?, None)),
            Part::Slash => {
                let is_named = word.first().is_some_and(u8::is_ascii_alphanumeric);
                // What stands behind `NAME=` is told by the name.
                let is_login = |from: usize| word.get(..from).is_some_and(|name| !name.contains(&b'='));
                behind_slash(word).filter(|&(from, _)| is_named && is_login(from))
            }
        }
    }

    /// What an option of theirs is followed by, and where in the word that begins: at its end if it is the next one.
    pub fn option(&self, word: &[u8]) -> Option<(Next, usize)> {
        let letters = word.strip_prefix(b"-")?;
        for (bit, row) in rows(OPTIONS) {
            if self.options & bit == 0 || !(row.with.is_empty() || self.options_with & bit != 0) {
                continue;
            }
            let behind = |option: &&str| word.strip_prefix(option.as_bytes());
            if let Some(rest) = row.long.iter().find_map(behind)
                && matches!(rest, [] | [b'=', ..])
            {
                return Some((row.next, word.len() - rest.len().saturating_sub(1)));
            }
            // In front of it the value of another option may stand.
            let is_own = |b: &u8| row.letters.contains(b);
            let ends = |b: &u8| is_own(b) || !b.is_ascii_alphabetic() || row.valued.contains(b);
            let at = letters.iter().position(ends);
            let Some(at) = at.filter(|&at| letters.get(at).is_some_and(is_own)) else {
                continue;
            };
            let begins = at + 2;
            let is_last = begins == word.len();
            let fits = match row.stands {
                Stands::Either => true,
                Stands::Attached => at == 0 && !is_last,
                Stands::Apart => at == 0 && is_last,
            };
            if fits {
                let is_flag = matches!(row.next, Next::Operands | Next::Command);
                return Some((row.next, if is_flag { word.len() } else { begins }));
            }
        }
        None
    }

    /// What a word says of the one behind it as the name in a pair.
    pub fn pair(&self, word: &[u8]) -> Next {
        let is_name = self.has_pairs && !word.starts_with(b"-") && !is_named(NO_NAMES, word);
        if is_name { tells(last_name(word)) } else { Next::Plain }
    }
}
