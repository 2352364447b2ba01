//! Masks secrets in command lines and environments as `<24 bytes>`.
//!
//! This is a guess by names: the value of an option, a variable or a header whose name says that it
//! is a secret, the argument after such an option, and the password in a URL. When in doubt, the
//! value is masked; `--reveal-all` shows it. [`rules`] has the tables of what is a secret; the
//! other files only read text.
//!
//! A text is read once, from left to right ([`Cursor`]). A rule may look ahead as far as the end of
//! the current word, or further if it then masks what it looked at. So the time is linear in the
//! length of the text, whatever it contains.

mod cursor;
mod login;
mod mounted;
mod name;
mod programs;
mod rules;
mod tokens;
mod value;
mod words;

use cursor::Cursor;
use login::{Logins, password, user_info};
pub use mounted::mounted;
use name::{is_plain, is_weak, tells};
use programs::Programs;
use rules::{ANY, Next, SQL};
use tokens::{bot, is_bearer, is_scheme, is_token, lone_token, marked, private_key, webhook};
use value::{Place, listed, value};
use words::{
    Within, bare, is_of_name, is_operator, is_quote, is_space, last_name, skip_blanks, word_at, word_end,
};

/// The mask of a secret of this length.
pub fn hidden(count: usize) -> String {
    if count == 1 { "<1 byte>".to_owned() } else { format!("<{count} bytes>") }
}

/// Masks the arguments of one command line, one after the other.
#[derive(Debug, Default)]
pub struct Masked {
    /// What the previous argument says about the next one.
    next: Next,
    programs: Programs,
}

impl Masked {
    /// Appends the argument to `out`, with its secrets masked.
    pub fn push(&mut self, out: &mut Vec<u8>, argument: &[u8]) {
        let next = std::mem::take(&mut self.next);
        let is_whole = match next {
            // `--password = x`
            _ if next.is_value() && argument == b"=" => {
                self.next = next;
                return out.extend_from_slice(argument);
            }
            Next::Token => is_token(argument),
            Next::Cookie => argument.contains(&b'='),
            _ => next.is_value() && !is_option(argument) && !is_plain(next, argument),
        };
        if is_whole {
            // `Authorization:`, `Bearer`, and what follows.
            let goes_on = next == Next::Token || is_scheme(argument);
            self.next = if goes_on { next } else { self.behind_masked(argument) };
            let mut cursor = Cursor::new(out, argument);
            cursor.mask((0, argument.len()));
            return cursor.finish();
        }
        let first = match next {
            Next::Login | Next::User | Next::Comma | Next::Certificate => password(argument, 0, None, next),
            _ => lone_token(argument),
        };
        let mut cursor = Cursor::new(out, argument);
        self.programs.begin(argument);
        let mut whole = Argument {
            text: argument,
            place: Place { is_command: next == Next::Command, ..Place::default() },
            logins: Logins::of(argument),
            next: Next::Plain,
        };
        // A secret that was found ahead. The text before it is searched too.
        let mut ahead = first.map(|(start, end)| Found { start, end, quote: None, in_header: false });
        while let Some(byte) = cursor.byte() {
            let at = cursor.at();
            let found = match ahead.filter(|ahead| ahead.end > at) {
                Some(reached) if reached.start <= at => Some(reached),
                later => {
                    let quote = whole.place.quote;
                    let range = self.secret(&mut whole, byte, at, cursor.done());
                    let found =
                        range.map(|(start, end)| Found { start, end, quote, in_header: byte == b':' });
                    let (now, later) = in_order(found, later, at);
                    ahead = later;
                    now
                }
            };
            let masked = found.and_then(|found| Some((found, cursor.mask((found.start, found.end))?)));
            if let Some((found, masked)) = masked {
                // Its closing quote is masked, its opening one may not be.
                whole.place.quote = found.quote;
                // `-H 'Authorization: Bearer' x`
                let is_cut = found.in_header && is_scheme(masked);
                whole.next = if is_cut { Next::Secret } else { self.behind_masked(masked) };
            } else {
                whole.place.pass(argument, at, byte);
                cursor.step();
            }
        }
        self.next = match whole.next {
            Next::Plain => self.next_of(whole.word(cursor.done(), argument.len())),
            next => next,
        };
        cursor.finish();
    }

    /// The secret, as a range of the text, that a rule finds at `at`, where `byte` is.
    fn secret(
        &mut self,
        whole: &mut Argument<'_>,
        byte: u8,
        at: usize,
        done: usize,
    ) -> Option<(usize, usize)> {
        let Argument { text: argument, place, .. } = *whole;
        let word = if at == place.word { self.word(whole, at) } else { None };
        let is_start =
            at == done || !at.checked_sub(1).and_then(|at| argument.get(at)).is_some_and(|&b| is_of_name(b));
        let found = word.or_else(|| if is_start { marked(argument, at) } else { None });
        found.or_else(|| match byte {
            b':' if argument.get(at..)?.starts_with(b"://") => {
                user_info(argument, at + 3).or_else(|| webhook(argument, at + 3))
            }
            b'=' => value(argument, at, place),
            b':' => {
                let value = value(argument, at, place);
                let value = value.or_else(|| whole.logins.password(argument, place.word, at, place.quote));
                value.or_else(|| bot(argument, at))
            }
            b',' => listed(argument, at),
            b'P' => private_key(argument, at),
            byte if is_space(byte) => self.behind(whole, at, done),
            _ => None,
        })
    }

    /// The secret in the word that begins at `start`, by the rules for programs.
    fn word(&mut self, whole: &Argument<'_>, start: usize) -> Option<(usize, usize)> {
        let argument = whole.text;
        let word = word_at(argument, start);
        let (front, bare) = bare(word);
        let from = start + front;
        // A value runs to the end of the argument, or of the word in a shell command.
        let quote = word.get(..front)?.iter().rfind(|&&b| is_quote(b));
        let within = match quote {
            Some(&quote) => Some(Within::Quote(quote)),
            None if start == 0 => None,
            None => Some(Within::command(whole.place.quote)),
        };
        let end = |at| within.map_or(argument.len(), |within| word_end(argument, at, within));
        let operand = self.programs.operand(word);
        self.programs.note(bare);
        if let Some((at, to)) = operand {
            let within = Within::command(whole.place.quote);
            let whole = if start == 0 { argument.len() } else { word_end(argument, start, within) };
            return Some((start + at, to.map_or(whole, |to| start + to)));
        }
        let attached = match self.programs.option(bare) {
            Some((Next::Operands, _)) => {
                self.programs.expect_operands();
                None
            }
            Some((next @ (Next::Login | Next::Comma | Next::Certificate), at)) if at < bare.len() => {
                password(argument, from + at, within, next)
            }
            Some((Next::Cookie, at)) if at < bare.len() => {
                bare.get(at..)?.contains(&b'=').then(|| (from + at, end(from + at)))
            }
            Some((_, at)) if at < bare.len() => Some((from + at, end(from + at))),
            _ => None,
        };
        attached.or_else(|| {
            let login = |at| password(argument, from + at, within, Next::User);
            let equals = bare.iter().position(|&b| b == b'=');
            match bare {
                [b'-', b'u', _, ..] if equals != Some(2) && bare.contains(&b':') => login(2),
                _ => {
                    login(equals.filter(|&at| next_of(bare.get(..at).unwrap_or_default()) == Next::User)? + 1)
                }
            }
        })
    }

    /// The secret that follows the word that ends at `at`.
    fn behind(&mut self, whole: &mut Argument<'_>, at: usize, done: usize) -> Option<(usize, usize)> {
        let argument = whole.text;
        let next = match std::mem::take(&mut whole.next) {
            Next::Plain => self.next_of(whole.word(done, at)),
            next => next,
        };
        whole.place.word = at + 1;
        let before = argument.get(..at)?;
        let is_sql = |words: &&str| {
            let from = before.len().checked_sub(words.len())?;
            before.get(from..).filter(|end| end.eq_ignore_ascii_case(words.as_bytes()))
        };
        if argument.get(at + 1) == Some(&b'\'') && SQL.iter().any(|words| is_sql(words).is_some()) {
            return Some((at + 1, word_end(argument, at + 1, Within::command(whole.place.quote))));
        }
        if matches!(next, Next::Plain | Next::Command | Next::Operands) {
            return None;
        }
        let mut start = skip_blanks(argument, at);
        // `--password = x`
        if let Some([b'=', byte, ..]) = argument.get(start..)
            && is_space(*byte)
        {
            start = skip_blanks(argument, start + 1);
        }
        let follows = word_at(argument, start);
        let is_last = start + follows.len() == argument.len();
        let within = Within::command(whole.place.quote);
        let is_secret = match next {
            Next::Login | Next::User | Next::Comma | Next::Certificate => {
                return password(argument, start, Some(within), next);
            }
            Next::Token => is_token(follows),
            Next::Cookie => follows.contains(&b'='),
            // A last word that looks like an option is a value: no other value follows.
            _ => !is_plain(next, follows) && !is_operator(follows) && (is_last || !is_option(follows)),
        };
        if is_secret {
            // `PASSWORD= mysql -p`
            self.programs.note(bare(follows).1);
        }
        is_secret.then(|| (start, word_end(argument, start, within)))
    }

    /// What a masked word says about the next one, in case it was an option after all.
    fn behind_masked(&self, masked: &[u8]) -> Next {
        if masked.starts_with(b"-") { self.next_of(masked) } else { Next::Plain }
    }

    /// What this word says about the next one.
    fn next_of(&self, word: &[u8]) -> Next {
        let word = bare(word).1;
        match (self.programs.option(word), next_of(word)) {
            // `-secret` contains the letter `c` too.
            (Some((Next::Command, _)), next) if next != Next::Plain => next,
            (Some((next, at)), _) if at == word.len() => next,
            (_, next) => match self.programs.pair(word) {
                Next::Plain => next,
                pair => pair,
            },
        }
    }
}

/// A secret that was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    start: usize,
    end: usize,
    /// The quote around the place where it was found.
    quote: Option<u8>,
    /// Whether it follows a colon.
    in_header: bool,
}

/// Of a secret that was just found and one that is still ahead, the one to mask now, and the one to
/// keep for later. Of two that begin at the same byte, the one found first counts.
fn in_order(found: Option<Found>, ahead: Option<Found>, at: usize) -> (Option<Found>, Option<Found>) {
    let Some(mut found) = found.filter(|found| found.start < found.end) else { return (None, ahead) };
    let is_here = found.start <= at + 1;
    match ahead {
        None if is_here => (Some(found), None),
        None => (None, Some(found)),
        Some(ahead) if ahead.start == found.start => (None, Some(ahead)),
        Some(mut ahead) if ahead.start < found.start => {
            ahead.end = if found.start < ahead.end { ahead.end.max(found.end) } else { ahead.end };
            (None, Some(ahead))
        }
        Some(ahead) if is_here && found.end < ahead.start => (Some(found), Some(ahead)),
        Some(ahead) => {
            found.end = found.end.max(ahead.end);
            if is_here { (Some(found), None) } else { (None, Some(found)) }
        }
    }
}

/// An argument, and what is known about it so far.
#[derive(Debug)]
struct Argument<'a> {
    text: &'a [u8],
    place: Place,
    logins: Logins,
    /// What the last masked word says about the next one.
    next: Next,
}

impl<'a> Argument<'a> {
    /// The part of the current word up to `end` that is not written yet.
    fn word(&self, done: usize, end: usize) -> &'a [u8] {
        self.text.get(self.place.word.max(done)..end).unwrap_or_default()
    }
}

/// Whether the value of a variable with a harmless name contains a secret.
pub fn has_secret(value: &[u8]) -> bool {
    let mut out = Vec::new();
    Masked::default().push(&mut out, value);
    out != value
}

/// Whether this is `--name` or `-n`, and not a secret that begins with a dash.
fn is_option(word: &[u8]) -> bool {
    match word {
        [b'-', b'-', name @ ..] => name.iter().all(|b| b.is_ascii_lowercase() || *b == b'-'),
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// What this word says about the next one, for any program.
fn next_of(word: &[u8]) -> Next {
    if let Some((_, next)) = ANY.iter().find(|(words, _)| words.iter().any(|known| known.as_bytes() == word))
    {
        return *next;
    }
    match word {
        [b'-', name @ ..] if name.iter().all(|&b| is_of_name(b)) => tells(name),
        // `--header=Authorization:`, `--password= x`
        [name @ .., b':'] if is_weak(last_name(name)) => Next::Plain,
        [name @ .., b':' | b'='] => tells(last_name(name)),
        _ if is_bearer(word) => Next::Secret,
        _ if is_scheme(word) => Next::Token,
        _ => Next::Plain,
    }
}

#[cfg(test)]
mod tests;
