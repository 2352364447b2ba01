//! The inspections: a look inside without a shell.
//!
//! A new command is one file with its [`Command`], one line in the list below, and one test file. Each reads facts
//! below a root or a proc mount, both of which a test can make up, and hands them to the [`Answer`].

mod target;

use clap::Arg;

use crate::cli::{Given, UsageError};
use crate::outcome::Conclusion;
use crate::report::Answer;

pub use self::target::Target;

/// Declares each command's module and lists its [`Command`], so that a new command is one line.
macro_rules! commands {
    ($($name:ident,)*) => {
        $(mod $name;)*
        /// Every command, in the order in which help lists them.
        pub const COMMANDS: &[Command] = &[$($name::COMMAND,)*];
    };
}

commands! {
}

/// A command: its place on the command line.
pub struct Command {
    /// Its name: `ps`.
    pub name: &'static str,
    /// One line for the list of commands.
    pub summary: &'static str,
    /// The operands and options, as clap knows them, besides `--json`, `--pid`, `--proc`.
    pub arguments: fn() -> Vec<Arg>,
    /// From what was given to an inspection that can run.
    pub plan: fn(&mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError>,
    /// A few invocations for the help text.
    pub examples: &'static str,
}

/// One inspection, its arguments validated.
pub trait Inspect: std::fmt::Debug {
    /// Makes it: prints what it found, complains of what it could not, and says whether what was asked for is there.
    fn run(&self, target: &Target, answer: &mut Answer) -> bool;
}
