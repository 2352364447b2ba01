//! Masks secrets in command lines and environments as `<24 bytes>`.
//!
//! This is a guess from names. It masks the value of an option, a variable or a header whose name
//! says that the value is a secret, the argument after such an option, and the password in a URL.
//! When in doubt, it masks the value; `--reveal-all` shows it. The tables in [`rules`] and
//! [`forms`] define what is a secret; the other files only read text.
//!
//! A text is read once, from left to right ([`Cursor`]). A rule may look ahead to the end of the
//! current word, or further if it then masks what it looked at. The time is therefore linear in the
//! length of the text, whatever the text contains.

mod cursor;
mod forms;
mod letters;
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
pub use mounted::mask_mount;
use name::{hint_of, is_plain, is_weak};
use programs::Programs;
use rules::{ANY, HEAD, Hint, SQL};
use tokens::{bot, is_bearer, is_scheme, is_token, lone_token, marked, private_key, webhook};
use value::{Context, Parameters, listed_value, value};
use words::{
    Within, bare, is_name_byte, is_operator, is_quote, is_space, last_name, range, skip_blanks, word_at,
    word_end,
};

/// Returns the mask of a secret of this length.
pub fn mask_of_length(count: usize) -> String {
    if count == 1 { "<1 byte>".to_owned() } else { format!("<{count} bytes>") }
}

/// Masks the arguments of one command line, one after the other.
#[derive(Debug, Default)]
pub struct Masker {
    /// What the previous argument says about the next one.
    next: Hint,
    /// The previous argument, if it may be a name. If a `=` follows, it says what the value is.
    name: Vec<u8>,
    programs: Programs,
}

impl Masker {
    /// Appends the argument to `out`, with its secrets masked.
    pub fn push(&mut self, out: &mut Vec<u8>, argument: &[u8]) {
        let next = std::mem::take(&mut self.next);
        let is_whole = match next {
            // `--password = x`, `PASSWORD = x`
            _ if argument == b"=" && (next.is_value() || self.named().is_value()) => {
                self.next = if next.is_value() { next } else { self.named() };
                self.name.clear();
                return out.extend_from_slice(argument);
            }
            Hint::Token => is_token(argument),
            Hint::Cookie => argument.contains(&b'='),
            _ => next.is_value() && !is_option(argument) && !is_plain(next, argument),
        };
        if is_whole {
            return self.push_whole(out, argument, next);
        }
        let first = match next {
            Hint::Login | Hint::User | Hint::Owner | Hint::Comma | Hint::Certificate => {
                password(argument, 0, None, next)
            }
            _ => lone_token(argument),
        };
        let mut cursor = Cursor::new(out, argument);
        let command = self.programs.begin(argument, next == Hint::Command);
        let mut whole = Argument {
            text: argument,
            context: Context {
                is_command: next == Hint::Command,
                header: (next == Hint::Header).then_some(0),
                ..Context::default()
            },
            logins: Logins::new(self.programs.reads_login()),
            parameters: Parameters::default(),
            next: Hint::Plain,
        };
        // A secret found ahead. The text before it is searched too.
        let mut ahead = first.map(|(start, end)| Found { start, end, quote: None, in_header: false });
        while let Some(byte) = cursor.byte() {
            let at = cursor.at();
            let found = match ahead.filter(|ahead| ahead.end > at) {
                Some(reached) if reached.start <= at => Some(reached),
                later => {
                    let quote = whole.context.quote;
                    let range = self.secret(&mut whole, byte, at, cursor.done());
                    let found =
                        range.map(|(start, end)| Found { start, end, quote, in_header: byte == b':' });
                    let (now, later) = in_order(found, later, at);
                    ahead = later;
                    now
                }
            };
            let masked = found.and_then(|found| Some((found, cursor.mask((found.start, found.end))?)));
            let Some((found, masked)) = masked else {
                whole.context.pass(argument, at, byte);
                cursor.step();
                if ahead.is_none() {
                    cursor.skip_path();
                }
                continue;
            };
            // Its closing quote is masked; its opening quote may not be.
            whole.context.quote = found.quote;
            // `-H 'Authorization: Bearer' x`
            let is_cut = found.in_header && is_scheme(masked);
            whole.next = if is_cut { Hint::Secret } else { self.after_masked(masked) };
        }
        if argument.iter().any(|&b| is_space(b)) {
            self.programs.go_on(command);
        }
        self.next = match whole.next {
            Hint::Plain => self.next_of(whole.word(cursor.done(), argument.len())),
            next => next,
        };
        self.name.clear();
        if argument.len() <= HEAD && argument.iter().all(|&b| is_name_byte(b)) {
            self.name.extend_from_slice(argument);
        }
        cursor.finish();
    }

    /// Returns what the previous argument says as a name.
    fn named(&self) -> Hint {
        // `session = new Session()`
        if is_weak(&self.name) { Hint::Plain } else { hint_of(&self.name) }
    }

    /// Appends an argument that is a secret as a whole.
    fn push_whole(&mut self, out: &mut Vec<u8>, argument: &[u8], next: Hint) {
        self.name.clear();
        self.programs.skip_command();
        // `Authorization:`, `Bearer`, and what follows.
        let goes_on = next == Hint::Token || is_scheme(argument);
        self.next = if goes_on { next } else { self.after_masked(argument) };
        let mut cursor = Cursor::new(out, argument);
        cursor.mask((0, argument.len()));
        cursor.finish();
    }

    /// Returns the secret that a rule finds at `at`, as a range of the text. `byte` is the byte at
    /// `at`.
    fn secret(
        &mut self,
        whole: &mut Argument<'_>,
        byte: u8,
        at: usize,
        done: usize,
    ) -> Option<(usize, usize)> {
        let Argument { text: argument, context, .. } = *whole;
        let word = if at == context.word { self.word(whole, at) } else { None };
        let is_start = at == done
            || !at.checked_sub(1).and_then(|at| argument.get(at)).is_some_and(|&b| is_name_byte(b));
        let found = word.or_else(|| if is_start { marked(argument, at) } else { None });
        found.or_else(|| match byte {
            b':' if argument.get(at..)?.starts_with(b"://") => {
                user_info(argument, at + 3).or_else(|| webhook(argument, at + 3))
            }
            b'=' if self.is_exception(argument.get(context.word..at)?) => None,
            b'=' => value(argument, at, context, &mut whole.parameters),
            b':' => {
                let value = value(argument, at, context, &mut whole.parameters);
                let value =
                    value.or_else(|| whole.logins.password(argument, context.word, at, context.quote));
                value.or_else(|| bot(argument, at))
            }
            b',' => listed_value(argument, at),
            b'P' => private_key(argument, at),
            byte if is_space(byte) => self.after_word(whole, at, done),
            _ => None,
        })
    }

    /// Returns the secret in the word that begins at `start`, by the rules for programs.
    fn word(&mut self, whole: &mut Argument<'_>, start: usize) -> Option<(usize, usize)> {
        let argument = whole.text;
        let word = word_at(argument, start);
        let (front, bare) = bare(word);
        let from = start + front;
        // A value extends to the end of the argument, or to the end of the word in a shell command.
        let quote = word.get(..front)?.iter().rfind(|&&b| is_quote(b));
        let within = match quote {
            Some(&quote) => Some(Within::Quote(quote)),
            None if start == 0 => None,
            None => Some(Within::command(whole.context.quote)),
        };
        let end = |at| within.map_or(argument.len(), |within| word_end(argument, at, within));
        if argument.get(..start).is_some_and(ends_line) {
            self.programs.begin_command();
        }
        self.programs.look_for_command(word, start > 0 || whole.context.is_command);
        let operand = self.programs.operand(word);
        self.programs.record(bare);
        if let Some((at, to)) = operand {
            let within = Within::command(whole.context.quote);
            let whole = if start == 0 { argument.len() } else { word_end(argument, start, within) };
            return range(start + at, to.map_or(whole, |to| start + to));
        }
        let attached = match self.programs.option(bare) {
            Some((Hint::Operands, _)) => {
                self.programs.expect_operands();
                None
            }
            Some((Hint::Header, at)) => {
                whole.context.header = (at < bare.len()).then_some(from + at);
                None
            }
            Some((next @ (Hint::Login | Hint::Comma | Hint::Certificate), at)) if at < bare.len() => {
                password(argument, from + at, within, next)
            }
            Some((Hint::Cookie, at)) if at < bare.len() => {
                range(from + at, end(from + at)).filter(|_| bare.iter().skip(at).any(|&b| b == b'='))
            }
            Some((_, at)) if at < bare.len() => range(from + at, end(from + at)),
            _ => None,
        };
        attached.or_else(|| {
            let equals = bare.iter().position(|&b| b == b'=');
            let (option, at) = match bare {
                [b'-', b'u', _, ..] if equals != Some(2) && bare.contains(&b':') => (bare.get(..2)?, 2),
                _ => (bare.get(..equals?)?, equals? + 1),
            };
            match self.programs.exception(option).unwrap_or_else(|| next_of(option)) {
                next @ (Hint::User | Hint::Owner) => password(argument, from + at, within, next),
                _ => None,
            }
        })
    }

    /// Returns the secret after the word that ends at `at`.
    fn after_word(&mut self, whole: &mut Argument<'_>, at: usize, done: usize) -> Option<(usize, usize)> {
        let argument = whole.text;
        let next = match std::mem::take(&mut whole.next) {
            Hint::Plain => self.next_of(whole.word(done, at)),
            next => next,
        };
        let start_of_word = std::mem::replace(&mut whole.context.word, at + 1);
        let before = argument.get(..at)?;
        let is_sql = |words: &&str| {
            let from = before.len().checked_sub(words.len())?;
            before.get(from..).filter(|end| end.eq_ignore_ascii_case(words.as_bytes()))
        };
        if argument.get(at + 1) == Some(&b'\'') && SQL.iter().any(|words| is_sql(words).is_some()) {
            return Some((at + 1, word_end(argument, at + 1, Within::command(whole.context.quote))));
        }
        if matches!(next, Hint::Plain | Hint::Command | Hint::Operands) {
            return None;
        }
        let mut start = skip_blanks(argument, at);
        if next == Hint::Header {
            let quotes = argument.get(start..)?.iter().take_while(|&&b| is_quote(b)).count();
            whole.context.header = Some(start + quotes);
            return None;
        }
        // `-HX-Api-Key : x`
        if argument.get(start) == Some(&b':') && whole.context.header.is_some_and(|at| at > start_of_word) {
            return None;
        }
        // `--password = x`
        if let Some([b'=', byte, ..]) = argument.get(start..)
            && is_space(*byte)
        {
            start = skip_blanks(argument, start + 1);
        }
        let follows = word_at(argument, start);
        let is_last = start + follows.len() == argument.len();
        let within = Within::command(whole.context.quote);
        let is_secret = match next {
            Hint::Login | Hint::User | Hint::Owner | Hint::Comma | Hint::Certificate => {
                return password(argument, start, Some(within), next);
            }
            Hint::Token => is_token(follows),
            Hint::Cookie => follows.contains(&b'='),
            // A last word that looks like an option is a value: no other value follows.
            _ => !is_plain(next, follows) && !is_operator(follows) && (is_last || !is_option(follows)),
        };
        if is_secret {
            // `PASSWORD= mysql -p`
            self.programs.record(bare(follows).1);
            self.programs.skip_command();
        }
        if is_secret { range(start, word_end(argument, start, within)) } else { None }
    }

    /// Returns whether the current command has an exception for this option: its value is plain.
    fn is_exception(&self, option: &[u8]) -> bool {
        // The start of a word may be searched again and again.
        option.len() <= HEAD && self.programs.exception(bare(option).1) == Some(Hint::Plain)
    }

    /// Returns what a masked word says about the next one, in case it was an option after all.
    fn after_masked(&self, masked: &[u8]) -> Hint {
        if masked.starts_with(b"-") { self.next_of(masked) } else { Hint::Plain }
    }

    /// Returns what this word says about the next one.
    fn next_of(&self, word: &[u8]) -> Hint {
        let word = bare(word).1;
        if let Some(next) = self.programs.exception(word) {
            return next;
        }
        match (self.programs.option(word), next_of(word)) {
            // `-secret` contains the letter `c` too.
            (Some((Hint::Command, _)), next) if next != Hint::Plain => next,
            (Some((next, at)), _) if at == word.len() => next,
            (_, next) => match self.programs.pair(word) {
                Hint::Plain => next,
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

/// Decides between a secret that was just found and one that is still ahead. Returns the one to
/// mask now and the one to keep for later. If both begin at the same byte, the one found first
/// wins.
fn in_order(found: Option<Found>, ahead: Option<Found>, at: usize) -> (Option<Found>, Option<Found>) {
    let Some(mut found) = found.filter(|found| found.start < found.end) else { return (None, ahead) };
    let is_here = found.start <= at + 1;
    match ahead {
        None if is_here => (Some(found), None),
        None => (None, Some(found)),
        Some(ahead) if ahead.start == found.start => (None, Some(ahead)),
        Some(mut ahead) if ahead.start < found.start => {
            // Anything after it is found again.
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

/// An argument and what is known about it so far.
#[derive(Debug)]
struct Argument<'a> {
    text: &'a [u8],
    context: Context,
    logins: Logins,
    parameters: Parameters,
    /// What the last masked word says about the next one.
    next: Hint,
}

impl<'a> Argument<'a> {
    /// Returns the part of the current word up to `end` that is not written yet.
    fn word(&self, done: usize, end: usize) -> &'a [u8] {
        self.text.get(self.context.word.max(done)..end).unwrap_or_default()
    }
}

/// Returns whether the value of a variable with a harmless name contains a secret.
pub fn has_secret(value: &[u8]) -> bool {
    let mut out = Vec::new();
    Masker::default().push(&mut out, value);
    out != value
}

/// Returns whether the text ends with the end of a line that is not continued.
fn ends_line(text: &[u8]) -> bool {
    let line = text.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    line.is_some_and(|line| !line.ends_with(b"\\"))
}

/// Returns whether this is `--name` or `-n` rather than a secret that begins with a dash.
fn is_option(word: &[u8]) -> bool {
    match word {
        [b'-', b'-', name @ ..] => name.iter().all(|b| b.is_ascii_lowercase() || *b == b'-'),
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Returns what this word says about the next one, for any program.
fn next_of(word: &[u8]) -> Hint {
    let is_it = |words: &[&str]| words.iter().any(|known| known.as_bytes() == word);
    if word.starts_with(b"-")
        && let Some((_, next)) = ANY.iter().find(|(words, _)| is_it(words))
    {
        return *next;
    }
    match word {
        [b'-', name @ ..] if name.iter().all(|&b| is_name_byte(b)) => hint_of(name),
        // `--header=Authorization:`, `--password= x`
        [name @ .., b':'] if is_weak(last_name(name)) => Hint::Plain,
        [name @ .., b':' | b'='] => hint_of(last_name(name)),
        _ if is_bearer(word) => Hint::Secret,
        _ if is_scheme(word) => Hint::Token,
        _ => Hint::Plain,
    }
}

#[cfg(test)]
mod tests;
