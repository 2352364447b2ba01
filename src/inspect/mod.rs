//! The inspections: a look inside without a shell.
//!
//! A new command is one file with its [`Command`], one line in `list.rs`, and one test file. Each
//! reads facts below a root or a proc mount, both of which a test can fabricate, and passes them to
//! the [`Answer`].

mod list;

use std::ffi::OsString;
use std::time::Duration;

pub use self::list::ELSEWHERE;
pub(crate) use self::list::inspections;
use crate::args::{Given, Opt, UsageError, read};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::report::Answer;
use crate::secrets::Secrets;
use crate::view::target::Target;

/// Declares the modules of the commands that are in this room, and lists each [`Command`].
macro_rules! commands {
    (inspection { $($shows:ident,)* } diagnosis $diagnosis:tt copying { $($copies:ident,)* }) => {
        $(pub mod $shows;)*
        $(pub mod $copies;)*
        /// What shows something, in the order in which help lists it.
        pub const SHOWING: &[Command] = &[$($shows::COMMAND,)*];
        /// What copies something in or out.
        pub const COPYING: &[Command] = &[$($copies::COMMAND,)*];
    };
}

inspections!(commands);

/// A command, and its part of the command line.
pub struct Command {
    /// Its name: `ps`.
    pub name: &'static str,
    /// One line for the list of commands.
    pub summary: &'static str,
    /// Its operands and options, in the order of the help text, without those of every inspection.
    pub options: &'static [&'static [Opt]],
    /// Turns the given arguments into an inspection that can run.
    pub plan: fn(&mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError>,
    /// Sample invocations for the help text.
    pub examples: &'static str,
    /// Its other properties.
    pub properties: Properties,
}

impl Command {
    /// Parses these arguments, none of which is an option of every inspection.
    pub fn planned(&self, words: &[OsString]) -> Result<Box<dyn Inspect>, UsageError> {
        let options: Vec<&Opt> = self.options.iter().copied().flatten().collect();
        let wrong = |_| UsageError(format!("{}: the arguments cannot be read", self.name));
        let matches = read(&options, words).map_err(wrong)?;
        let mut secrets = Secrets::default();
        // No argument names a file, so the deadline never matters.
        let deadline = Deadline::after(Duration::ZERO);
        (self.plan)(&mut Given::new(self.name, &matches, None, deadline, &mut secrets, |_, _, _| None))
    }
}

/// What is true of a command, besides what it does.
#[derive(Debug, Clone, Copy)]
pub struct Properties {
    /// What it shows if no process is named.
    pub scope: Scope,
    /// Whether it asks file systems that may not answer, without a deadline for each call. Then it
    /// is watched, and abandoned when it makes no progress.
    pub is_watched: bool,
    /// The options of every inspection that it lacks, each with the reason.
    pub lacks: &'static [(&'static str, &'static str)],
    /// What users of the program of the same name type.
    pub habits: Habits,
}

impl Properties {
    /// No special properties.
    pub const PLAIN: Properties =
        Properties { scope: Scope::Processes, is_watched: false, lacks: &[], habits: Habits::NONE };
    /// Those of a command that shows files, and is watched.
    pub const WATCHED: Properties = Properties { scope: Scope::Files, is_watched: true, ..Properties::PLAIN };

    /// Those of a command that shows what is of a process, under this heading.
    pub const fn of_process(heading: Option<&'static str>) -> Self {
        Properties { scope: Scope::Application(heading), ..Properties::PLAIN }
    }

    /// The reason if it lacks this option of every inspection.
    pub fn lacks(&self, option: &str) -> Option<&'static str> {
        self.lacks.iter().find(|(name, _)| *name == option).map(|&(_, why)| why)
    }
}

/// What a command shows if no process is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What is of the application, under a heading such as `limits`; `None` if the answer names the
    /// process itself.
    Application(Option<&'static str>),
    /// The files that porthole sees.
    Files,
    /// The network that porthole is in.
    Network,
    /// All processes, or nothing that is of one.
    Processes,
}

/// Arguments that the program of the same name takes, and users type by habit.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Letters of options that change nothing here: `l` in `ls -l`.
    pub letters: &'static str,
    /// Words that change nothing here: `aux` in `ps aux`.
    pub words: &'static [&'static str],
    /// Words and their equivalents here: `-name` is `--name`.
    pub synonyms: &'static [(&'static str, &'static str)],
    /// Letters of other options here: `h` of grep(1) is `--no-filename`.
    pub letter_synonyms: &'static [(u8, &'static str)],
    /// A letter that changes nothing here, unless a process ID or `self` follows: then it is an option.
    pub before_pid: Option<u8>,
    /// The letter that a number lacks: with `n`, `-5` is `-n5`.
    pub number_is: Option<char>,
}

impl Habits {
    /// No habits.
    pub const NONE: Habits = Habits {
        letters: "",
        words: &[],
        synonyms: &[],
        letter_synonyms: &[],
        before_pid: None,
        number_is: None,
    };
}

/// An inspection with validated arguments.
pub trait Inspect: std::fmt::Debug + Send + Sync {
    /// Runs it: prints what it finds, reports what it cannot read, and returns whether what was
    /// requested exists. The error is why it cannot run at all.
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error>;

    /// Whether its answer is a JSON document even without `--json`.
    fn is_document(&self) -> bool {
        false
    }
}
