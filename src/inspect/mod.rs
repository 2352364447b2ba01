//! The inspections: a look inside without a shell.
//!
//! A new command is one file with its [`Command`], one line in the list below, and one test file. Each reads facts
//! below a root or a proc mount, both of which a test can make up, and hands them to the [`Answer`].

mod content;
mod watch;

use std::path::PathBuf;

use crate::cli::{Given, Opt, UsageError};
use crate::outcome::Conclusion;
use crate::report::Answer;
use crate::view::target::Target;

/// Declares each command's module and lists its [`Command`] in its group, so that a new command is one line.
macro_rules! commands {
    ($($heading:literal { $($name:ident,)* })*) => {
        $($(mod $name;)*)*
        /// Every command, by groups, in the order in which help lists them.
        pub const GROUPS: &[(&str, &[Command])] = &[$(($heading, &[$($name::COMMAND,)*]),)*];
    };
}

commands! {
    "To look inside" {
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
    "To have it explained" {
        doctor,
        report,
    }
    "To carry it in and out" {
        install,
        tar,
    }
}

/// The options of every inspection that a command does without, and why.
const WITHOUT: [(&str, &str, &str); 3] = [
    ("install", "pid", "a file is written in our own view alone"),
    ("install", "proc", "the program that is copied is the one that runs"),
    ("tar", "json", "an archive is no JSON document"),
];

/// Why this option of every inspection cannot be used with this command, if so.
pub fn without(command: &str, option: &str) -> Option<&'static str> {
    let found = WITHOUT.iter().find(|(of, name, _)| (*of, *name) == (command, option));
    found.map(|&(_, _, why)| why)
}

/// What the control groups that we are in lack, as `doctor` has it, a sentence each: for whoever asks why a check failed.
pub fn lacking(proc: &std::path::Path) -> Vec<String> {
    doctor::lacking(proc)
}

/// Every command.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().flat_map(|(_, commands)| *commands)
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

/// What is to be looked at, and how the answer is printed: plain data.
#[derive(Debug)]
pub struct Inspection {
    /// The command's name.
    pub name: &'static str,
    /// What it does.
    pub inspect: Box<dyn Inspect>,
    /// The process whose view is taken; our own where it is none.
    pub pid: Option<u32>,
    /// Where proc is mounted.
    pub proc: PathBuf,
    /// As JSON.
    pub json: bool,
    /// Whether the environment allows colours.
    pub colour: bool,
}

impl Inspection {
    /// Where its answer goes.
    fn answer(&self) -> Answer {
        Answer::new(self.name, self.json || self.inspect.is_document(), self.colour)
    }
}

/// Makes an inspection and prints its answer.
pub fn run(inspection: Inspection) -> Conclusion {
    crate::sys::fail_past_file_size();
    watch::run(inspection)
}

/// See [`run`]; however long it takes.
fn made(inspection: &Inspection) -> Conclusion {
    let mut answer = inspection.answer();
    let target = Target::new(&inspection.proc, inspection.pid);
    let found = target.and_then(|target| inspection.inspect.run(&target, &mut answer));
    let found = found.unwrap_or_else(|why| {
        answer.complain(&why);
        false
    });
    answer.finish(found)
}
