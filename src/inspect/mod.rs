//! The inspections: a look inside without a shell.
//!
//! A new command is one file with its [`Command`], one line in the list below, and one test file. Each reads facts
//! below a root or a proc mount, both of which a test can make up, and hands them to the [`Answer`].

use std::ffi::OsString;
use std::time::Duration;

use crate::args::{Given, Opt, UsageError, tokenize};
use crate::deadline::Deadline;
use crate::report::Answer;
use crate::secrets::Secrets;
use crate::view::target::Target;

/// Declares each command's module and lists its [`Command`], so that a new command is one line.
macro_rules! commands {
    ($($(#[$doc:meta])* $list:ident { $($name:ident,)* })*) => {
        $($(mod $name;)*)*
        $($(#[$doc])* pub const $list: &[Command] = &[$($name::COMMAND,)*];)*
    };
}

commands! {
    /// What shows something, in the order in which help lists it.
    SHOWING {
        ps,
        env,
        ls,
        stat,
        cat,
        head,
        tail,
        find,
        grep,
        hexdump,
        sha256sum,
        df,
        mounts,
        access,
        ss,
        lsof,
        id,
        limits,
    }
    /// What copies something in or out.
    COPYING {
        install,
        tar,
    }
}

/// A command: its place on the command line.
pub struct Command {
    /// Its name: `ps`.
    pub name: &'static str,
    /// One line for the list of commands.
    pub summary: &'static str,
    /// The operands and options besides those of every inspection, in the order in which help lists them.
    pub options: &'static [&'static [Opt]],
    /// From what was given to an inspection that can run.
    pub plan: fn(&mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError>,
    /// A few invocations for the help text.
    pub examples: &'static str,
    /// What else is true of it.
    pub properties: Properties,
}

impl Command {
    /// The inspection that these words ask of it, of which none is an option of every inspection.
    pub fn planned(&self, words: &[OsString]) -> Result<Box<dyn Inspect>, UsageError> {
        let wrong = || UsageError(format!("{}: the arguments cannot be read", self.name));
        let matches = tokenize(self.options.iter().copied().flatten(), words).ok_or_else(wrong)?;
        let mut secrets = Secrets::default();
        // It names no file that would have to be read by then.
        let deadline = Deadline::after(Duration::ZERO);
        (self.plan)(&mut Given::new(self.name, &matches, None, deadline, &mut secrets, |_, _, _| None))
    }
}

/// What is true of a command, beside what it does.
#[derive(Debug, Clone, Copy)]
pub struct Properties {
    /// Whether it asks file systems that may not answer, without a deadline for each question: then it is watched, and given
    /// up once nothing moves.
    pub is_watched: bool,
    /// The options of every inspection that it does not have, each with the reason.
    pub lacks: &'static [(&'static str, &'static str)],
    /// What people type by habit.
    pub habits: Habits,
}

impl Properties {
    /// Nothing out of the ordinary.
    pub const PLAIN: Properties = Properties { is_watched: false, lacks: &[], habits: Habits::NONE };
    /// It asks file systems.
    pub const WATCHED: Properties = Properties { is_watched: true, ..Properties::PLAIN };

    /// Why it does not have this option of every inspection, if so.
    pub fn lacks(&self, option: &str) -> Option<&'static str> {
        self.lacks.iter().find(|(name, _)| *name == option).map(|&(_, why)| why)
    }
}

/// What people type by habit, as the program of the same name takes it.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Letters of options that change nothing here: the `l` of `ls -l`.
    pub letters: &'static str,
    /// Words that change nothing here: `aux` of ps(1).
    pub words: &'static [&'static str],
    /// Words and what they are here: `-name` is `--name`.
    pub synonyms: &'static [(&'static str, &'static str)],
    /// Letters that are another option here: the `h` of grep(1) is `--no-filename`.
    pub letter_synonyms: &'static [(u8, &'static str)],
    /// A letter that changes nothing here, but before a number is an option of its own.
    pub before_number: Option<u8>,
    /// Whether `-5` is `-n5`.
    pub number_is_lines: bool,
}

impl Habits {
    /// None.
    pub const NONE: Habits = Habits {
        letters: "",
        words: &[],
        synonyms: &[],
        letter_synonyms: &[],
        before_number: None,
        number_is_lines: false,
    };
}

/// One inspection, its arguments validated.
pub trait Inspect: std::fmt::Debug + Send + Sync {
    /// Makes it: prints what it found, complains of what it could not, and says whether what was asked for is there. The
    /// error is why it cannot be made at all.
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, String>;

    /// Whether its answer is a JSON document, asked for or not.
    fn is_document(&self) -> bool {
        false
    }
}
