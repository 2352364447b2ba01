//! What options and operands mean to the programs of a command line.

use super::letters::Letters;
use super::login::after_slash;
use super::name::hint_of;
use super::rules::{
    EXCEPTIONS, Hint, LOGIN_READERS, NAME_OPTIONS, NOT_NAMES, OPERANDS, OPTIONS, PAIRS, PASSWORD_READERS,
    PRINTERS, Part, ValueIn, WRAPPERS,
};
use super::words::{is_name_byte, is_operator, is_quote, last_name};
use crate::bytes::find;

/// The programs that a command line has named so far and the operands that they expect.
///
/// A program stays in effect when another one is named, because that word may be the name of
/// something else.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other, not one state")]
pub(super) struct Programs {
    /// One bit for each row of a table: whether its program and its extra word were named.
    options: u64,
    options_with: u64,
    operands: u64,
    pairs: u64,
    /// Whether names and values may follow as separate words.
    has_pairs: bool,
    /// Whether the next word is the name that an option gives to something.
    is_name: bool,
    /// Whether a program in this text reads a password from standard input.
    reads_password: bool,
    /// Whether a program in this text reads logins from standard input.
    reads_login: bool,
    command: Command,
    /// The operands expected next: how many to skip, and which part of each later one is a secret.
    expected: Option<(usize, Part)>,
}

/// The current command.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Command {
    /// Whether its program was named.
    has_program: bool,
    /// One bit for each row of [`EXCEPTIONS`] that applies to the program.
    exceptions: u64,
    /// How many words since its program or its last option are neither.
    operands: u8,
}

// Each row of a table has a bit.
const _: () =
    assert!(OPTIONS.len() <= 64 && OPERANDS.len() <= 64 && PAIRS.len() <= 64 && EXCEPTIONS.len() <= 64);

/// Returns the rows of a table with these bits, each with its own.
fn rows<T>(table: &[T], bits: u64) -> impl Iterator<Item = (u64, &T)> {
    let mut rest = bits;
    std::iter::from_fn(move || {
        let at = rest.trailing_zeros();
        let bit = 1_u64.checked_shl(at)?;
        rest &= !bit;
        Some((bit, table.get(at as usize)?))
    })
}

/// The rows of a table by the first two bytes of their words. Several pairs of bytes share a place.
/// There may be very many words to look up, and few of them have a row.
type ByStart = [u64; 64];

/// Returns the place of a word in a [`ByStart`].
const fn place(word: &[u8]) -> Option<usize> {
    let [first, second, ..] = word else { return None };
    Some((*first as usize * 2 + *second as usize) % 64)
}

/// Makes a [`ByStart`] of a table, given the words of a row. The compiler evaluates it.
macro_rules! by_start {
    ($table:ident, $row:ident => $($words:expr),+) => {{
        let (mut by_start, mut at) = ([0; 64], 0);
        while at < $table.len() {
            let $row = &$table[at];
            $(by_start = with_bit(by_start, $words, 1 << at);)+
            at += 1;
        }
        by_start
    }};
}

#[expect(clippy::indexing_slicing, clippy::panic, reason = "the compiler evaluates it")]
const fn with_bit(mut by_start: ByStart, words: &[&str], bit: u64) -> ByStart {
    let mut rest = words;
    while let [word, tail @ ..] = rest {
        match (place(word.as_bytes()), word.as_bytes()) {
            (_, []) => {}
            (None, _) | (_, [_, b'*', ..]) => panic!("a word of one byte"),
            (Some(place), _) => by_start[place] |= bit,
        }
        rest = tail;
    }
    by_start
}

const OPTIONS_BY_START: ByStart = by_start!(OPTIONS, row => row.programs, &[row.with]);
const OPERANDS_BY_START: ByStart = by_start!(OPERANDS, row => row.programs);
const PAIRS_BY_START: ByStart = by_start!(PAIRS, row => row.0);
const EXCEPTIONS_BY_START: ByStart = by_start!(EXCEPTIONS, row => row.0);

/// Returns the rows with a word that may begin as this one.
fn beginning(by_start: &ByStart, word: &[u8]) -> u64 {
    place(word).and_then(|place| by_start.get(place)).copied().unwrap_or_default()
}

/// The letters of the words that [`Programs::begin`] looks for.
const READERS: [&[Letters]; 2] = [
    &Letters::of_each::<{ LOGIN_READERS.len() }>(LOGIN_READERS),
    &Letters::of_each::<{ PASSWORD_READERS.len() }>(PASSWORD_READERS),
];

fn is_named(programs: &[&str], name: &[u8]) -> bool {
    programs.iter().any(|known| match known.as_bytes() {
        [known @ .., b'*'] => name.starts_with(known),
        known => known == name,
    })
}

impl Programs {
    /// Looks at a whole argument before its words.
    ///
    /// Returns the current command, which [`Programs::go_on`] restores after an argument that
    /// contains other commands.
    pub fn begin(&mut self, argument: &[u8], is_command: bool) -> Command {
        let command = self.command;
        if is_command {
            self.begin_command();
        }
        let letters = Letters::of(argument);
        let may_have_one = READERS.iter().any(|words| letters.may_have(words));
        let has_one_of = |words: &[&str]| {
            may_have_one && words.iter().any(|word| find(argument, word.as_bytes()).is_some())
        };
        self.reads_login = has_one_of(LOGIN_READERS);
        self.reads_password = has_one_of(PASSWORD_READERS);
        command
    }

    /// Returns whether a program in the current argument reads logins from standard input.
    pub fn reads_login(&self) -> bool {
        self.reads_login
    }

    /// Continues with this command. Its program is not searched for any further.
    pub fn go_on(&mut self, command: Command) {
        self.command = Command { has_program: true, ..command };
    }

    /// Prepares for the first word of a command of a shell.
    pub fn begin_command(&mut self) {
        self.command = Command::default();
    }

    /// Stops searching for the program of the current command: it may be a word that was masked.
    pub fn skip_command(&mut self) {
        self.command.has_program = true;
    }

    /// Looks for the program of the current command in its next word.
    pub fn look_for_command(&mut self, word: &[u8], in_shell: bool) {
        if in_shell && is_operator(word) && !word.iter().any(|b| b"<>()".contains(b)) {
            return self.begin_command();
        }
        // Anything else that may begin a command within a word.
        if word.iter().any(|b| matches!(b, b';' | b'|' | b'&' | b'`' | b'(' | b')' | b'{' | b'}')) {
            self.command = Command { has_program: true, ..Command::default() };
        }
        let is_prefix = word.is_empty() || word.starts_with(b"-") || word.contains(&b'=');
        let name = word.rsplit(|&b| b == b'/').next().unwrap_or_default();
        if self.command.has_program {
            // After a subcommand and an operand, or the value of an option and one, the rest may be
            // another command: docker exec c curl -u me:me
            let operands = if word.starts_with(b"-") { 0 } else { self.command.operands.saturating_add(1) };
            self.command.operands = operands;
            if operands > 1 {
                self.command.exceptions = 0;
            }
            return;
        }
        if is_prefix || is_named(WRAPPERS, name) {
            return;
        }
        self.command.has_program = true;
        for (bit, (programs, ..)) in rows(EXCEPTIONS, beginning(&EXCEPTIONS_BY_START, name)) {
            self.command.exceptions |= if is_named(programs, name) { bit } else { 0 };
        }
    }

    /// Returns what an option says about its value, if the current command is an exception.
    pub fn exception(&self, option: &[u8]) -> Option<Hint> {
        let is_it = |options: &[&str]| options.iter().any(|known| known.as_bytes() == option);
        rows(EXCEPTIONS, self.command.exceptions)
            .find(|(_, (_, options, _))| is_it(options))
            .map(|(_, &(.., hint))| hint)
    }

    /// Records a word that may be the name of a program or of its subcommand.
    pub fn record(&mut self, word: &[u8]) {
        let is_end = |b: &u8| matches!(b, b'/' | b';' | b'|' | b'&' | b'(' | b'`' | b'=' | b'{');
        let name = word.rsplit(is_end).next().unwrap_or_default();
        if name.is_empty() {
            return;
        }
        // `--name mongo`, `--name=mongo`
        let option = word.split(|&b| b == b'=').next().unwrap_or_default();
        let gives_name = NAME_OPTIONS.iter().any(|known| known.as_bytes() == option);
        if std::mem::replace(&mut self.is_name, gives_name && option == word) || gives_name {
            return;
        }
        for (bit, row) in rows(OPTIONS, beginning(&OPTIONS_BY_START, name)) {
            self.options |= if is_named(row.programs, name) { bit } else { 0 };
            self.options_with |= if row.with.as_bytes() == name { bit } else { 0 };
        }
        for (bit, row) in rows(OPERANDS, beginning(&OPERANDS_BY_START, name) | self.operands) {
            let is_program = is_named(row.programs, name);
            let is_verb = self.operands & bit != 0
                && row.verbs.iter().any(|verb| verb.as_bytes().eq_ignore_ascii_case(name));
            self.operands |= if is_program { bit } else { 0 };
            if is_verb || (is_program && row.verbs.is_empty()) {
                self.expected = Some((row.skip, row.part));
            }
        }
        for (bit, (programs, verb)) in rows(PAIRS, beginning(&PAIRS_BY_START, name) | self.pairs) {
            self.pairs |= if is_named(programs, name) { bit } else { 0 };
            let has_verb = verb.is_empty() || verb.as_bytes().eq_ignore_ascii_case(name);
            self.has_pairs |= self.pairs & bit != 0 && has_verb;
        }
        if self.reads_password && is_named(PRINTERS, name) {
            self.expect_operands();
        }
        // `printf 'me:%s' x | chpasswd`
        if self.reads_login && name == b"printf" {
            self.expected = Some((1, Part::Whole));
        }
    }

    /// Treats all operands from here on as secrets.
    pub fn expect_operands(&mut self) {
        self.expected = Some((0, Part::Whole));
    }

    /// Returns where the secret begins in a word that is an operand, and where it ends unless it
    /// ends with the word.
    pub fn operand(&mut self, word: &[u8]) -> Option<(usize, Option<usize>)> {
        // `--password-stdin <<< x`
        if self.reads_password
            && let Some(text) = word.strip_prefix(b"<<<")
        {
            self.expected = text.is_empty().then_some((0, Part::First));
            return Some((word.len() - text.len(), None)).filter(|_| !text.is_empty());
        }
        let (skip, part) = self.expected?;
        // The empty word between two blanks and the backslash of a continued line are not operands.
        if matches!(word, [] | [b'\\']) {
            return None;
        }
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
            Part::First => {
                self.expected = None;
                Some((0, None))
            }
            Part::Marked => {
                let quotes = word.iter().take_while(|&&b| is_quote(b)).count();
                word.get(quotes).filter(|b| b"<>#".contains(b)).map(|_| (quotes + 1, None))
            }
            // An equals sign at the end may be the padding of base64.
            Part::Unnamed => {
                value.is_none_or(|at| word.get(at).is_none_or(|&b| b == b'=')).then_some((0, None))
            }
            Part::Value => {
                let is_named =
                    |at: usize| word.get(..at - 1).is_some_and(|name| name.iter().all(|&b| is_name_byte(b)));
                Some((value.filter(|&at| is_named(at))?, None))
            }
            Part::Colon => Some((word.iter().position(|&b| b == b':')? + 1, None)),
            Part::Slash => {
                let is_named = word.first().is_some_and(u8::is_ascii_alphanumeric);
                after_slash(word).filter(|_| is_named)
            }
        }
    }

    /// Returns what the value of an option of these programs is and where it begins in the word. If
    /// the value is the next word, it begins at the end of this one.
    pub fn option(&self, word: &[u8]) -> Option<(Hint, usize)> {
        let letters = word.strip_prefix(b"-")?;
        for (bit, row) in rows(OPTIONS, self.options) {
            if !(row.with.is_empty() || self.options_with & bit != 0) {
                continue;
            }
            let after = |option: &&str| word.strip_prefix(option.as_bytes());
            if let Some(rest) = row.long.iter().find_map(after)
                && matches!(rest, [] | [b'=', ..])
            {
                return Some((row.next, word.len() - rest.len().saturating_sub(1)));
            }
            // Letters before it may be the value of another option.
            let is_own = |b: &u8| row.letters.contains(b);
            let ends = |b: &u8| is_own(b) || !b.is_ascii_alphabetic() || row.valued.contains(b);
            let at = letters.iter().position(ends);
            let Some(at) = at.filter(|&at| letters.get(at).is_some_and(is_own)) else {
                continue;
            };
            let begins = at + 2;
            let is_last = begins == word.len();
            let fits = match row.value_in {
                ValueIn::Either => true,
                ValueIn::SameWord => at == 0 && !is_last,
                ValueIn::NextWord => at == 0 && is_last,
            };
            if fits {
                let is_flag = matches!(row.next, Hint::Operands | Hint::Command);
                return Some((row.next, if is_flag { word.len() } else { begins }));
            }
        }
        None
    }

    /// Returns what a word says about the next one if the two are a name and a value.
    pub fn pair(&self, word: &[u8]) -> Hint {
        let is_name = self.has_pairs && !word.starts_with(b"-") && !is_named(NOT_NAMES, word);
        if is_name { hint_of(last_name(word)) } else { Hint::Plain }
    }
}
