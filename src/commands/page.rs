//! A command, of whatever kind, as help shows it and as its words are read.

use std::ffi::{OsStr, OsString};

#[cfg(feature = "inspect")]
use super::find_inspection;
use super::run::RUN;
use super::{find_kind, wrong};
#[cfg(feature = "inspect")]
use crate::args::{HELP, VERSION, flag, option};
use crate::args::{Matches, Opt, UsageError, read};
use crate::check::Kind;
#[cfg(feature = "inspect")]
use crate::inspect::{Command, Properties};

/// The options common to all inspections.
#[cfg(feature = "inspect")]
const INSPECTION: &[Opt] = &[
    option("pid", "PID", "inspect this process: its files, environment, sockets, limits; self is porthole")
        .short('p'),
    option("proc", "DIR", "use the proc file system mounted here (/proc)"),
    flag("json", "print the result as JSON"),
    HELP,
    VERSION,
];

/// A command: a check or an inspection.
pub(super) struct Page {
    pub name: &'static str,
    pub summary: &'static str,
    pub options: &'static [&'static [Opt]],
    /// The options that it shares with others.
    pub common: &'static [Opt],
    pub examples: &'static str,
    /// Its other properties.
    #[cfg(feature = "inspect")]
    pub properties: Properties,
}

impl Page {
    pub fn of(kind: &'static Kind) -> Self {
        let Kind { name, summary, options, examples, .. } = *kind;
        Page {
            name,
            summary,
            options,
            common: RUN,
            examples,
            #[cfg(feature = "inspect")]
            properties: Properties::PLAIN,
        }
    }

    #[cfg(feature = "inspect")]
    pub fn inspection(command: &'static Command) -> Self {
        let Command { name, summary, options, examples, properties, .. } = *command;
        Page { name, summary, options, common: INSPECTION, examples, properties }
    }

    /// The page of the command of this name; `None` if there is no such command.
    pub fn named(name: &OsStr) -> Option<Self> {
        #[cfg(feature = "inspect")]
        if let Some(command) = find_inspection(name) {
            return Some(Page::inspection(command));
        }
        find_kind(name).map(Page::of)
    }

    /// Its own options, then those that it shares.
    pub fn all_options(&self) -> impl Iterator<Item = &'static Opt> + use<> {
        self.options.iter().copied().flatten().chain(self.common)
    }

    /// The shared options as help lists them: without those that it lacks, and without letters that
    /// are habits.
    pub fn shared_options(&self) -> Vec<Opt> {
        #[cfg(feature = "inspect")]
        {
            let lacks = |option: &&Opt| self.properties.lacks(option.name).is_some();
            let kept = self.common.iter().filter(|option| !lacks(option));
            // `ls -h` and `df -h` do not request help.
            kept.map(|option| option.unless_short(self.properties.habits.letters)).collect()
        }
        #[cfg(not(feature = "inspect"))]
        self.common.to_vec()
    }

    /// Whether it is a check.
    pub fn is_check(&self) -> bool {
        std::ptr::eq(self.common, RUN)
    }

    /// Whether this letter is a habit that changes nothing here.
    #[cfg(feature = "inspect")]
    pub fn is_habit(&self, letter: char) -> bool {
        self.properties.habits.letters.contains(letter)
    }

    /// Reads the words that follow the command's name.
    pub fn read(&self, words: &[OsString]) -> Result<Matches, UsageError> {
        // Room for all of them: a check has no more.
        let mut options: Vec<&Opt> = Vec::with_capacity(48);
        options.extend(self.all_options());
        read(&options, words).map_err(|fault| wrong::error(self.name, &options, words, fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{assert_agrees_with_clap, told};
    use crate::check::KINDS;
    #[cfg(feature = "inspect")]
    use crate::commands::inspections;

    fn pages() -> Vec<Page> {
        let pages = KINDS.iter().map(Page::of);
        #[cfg(feature = "inspect")]
        let pages = pages.chain(inspections().map(Page::inspection));
        pages.collect()
    }

    #[test]
    fn the_definitions_are_sound() {
        for page in pages() {
            let options: Vec<&Opt> = page.all_options().collect();
            let bare = clap::Command::new(page.name).disable_help_flag(true);
            bare.args(told(&options)).debug_assert();
        }
    }

    /// Builds without the inspections take their names from the list.
    #[cfg(feature = "inspect")]
    #[test]
    fn the_list_has_the_names_of_the_commands() {
        macro_rules! names {
            ($($group:ident { $($name:ident,)* })*) => { [$($(stringify!($name),)*)*] };
        }
        let names: Vec<&str> = inspections().map(|command| command.name).collect();
        assert_eq!(crate::inspect::inspections!(names), *names);
    }

    /// Command lines of three words, of which one is an option of the command.
    #[test]
    fn clap_agrees_about_the_options_of_each_command() {
        let mut accepted = 0;
        for page in pages() {
            let options: Vec<&Opt> = page.all_options().collect();
            for option in &options {
                let forms = [
                    Some(format!("--{}", option.name)),
                    Some(format!("--{}=1", option.name)),
                    option.short.map(|short| format!("-{short}")),
                    option.short.map(|short| format!("-{short}1")),
                ];
                for form in forms.into_iter().flatten() {
                    for others in [["x", "--json"], ["x", "y"], ["--", "x"], ["-p", "--proc"], ["-q", "-t1"]]
                    {
                        for at in 0..=others.len() {
                            let mut words = others.map(OsString::from).to_vec();
                            words.insert(at, form.clone().into());
                            accepted += usize::from(assert_agrees_with_clap(&options, &words));
                        }
                    }
                }
            }
        }
        assert!(accepted > 500, "{accepted}");
    }
}
