//! Operands and options as the commands define them: constants that help, the reading of words and
//! clap share.

/// An operand or option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// `timeout` for `--timeout`; in capitals for an operand.
    pub name: &'static str,
    /// `t` for `-t`.
    pub short: Option<char>,
    /// The name of its value in help; empty for an option without one.
    pub value: &'static str,
    /// One line for the help text.
    pub help: &'static str,
    /// What follows it.
    pub takes: Takes,
    /// The Cargo feature that it needs, and whether this build has it.
    needs: Option<Feature>,
}

/// A Cargo feature that an option needs.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    is_here: bool,
    /// Whether another container can stand in for it.
    #[cfg_attr(feature = "inspect", allow(dead_code, reason = "only builds without it point to another"))]
    is_inspect: bool,
}

impl Feature {
    /// TLS.
    pub const TLS: Feature = Feature { is_here: cfg!(feature = "tls"), is_inspect: false };
    /// Connections to other machines.
    pub const REMOTE: Feature = Feature { is_here: cfg!(feature = "remote"), is_inspect: false };
    /// The inspections.
    pub const INSPECT: Feature = Feature { is_here: cfg!(feature = "inspect"), is_inspect: true };
}

/// What follows an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It is an operand: required or not, and one word or many.
    Operand { required: bool, many: bool },
    /// One value.
    One,
    /// A value each time it is given.
    Each,
    /// Nothing.
    Nothing,
    /// Nothing: it requests help.
    Help,
    /// Nothing: it requests the version.
    Version,
    /// Nothing: it is refused.
    #[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "no check has one"))]
    Refused,
}

/// An option with one value.
pub const fn option(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, short: None, value, help, takes: Takes::One, needs: None }
}

/// An option with a value that may be given several times.
pub const fn option_list(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Each, ..option(name, value, help) }
}

/// An option without a value.
pub const fn flag(name: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Nothing, ..option(name, "", help) }
}

/// A required operand.
pub const fn operand(name: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Operand { required: true, many: false }, ..option(name, name, help) }
}

/// A required operand of one or more words.
#[cfg(feature = "inspect")]
pub const fn operands(name: &'static str, help: &'static str) -> Opt {
    Opt { takes: Takes::Operand { required: true, many: true }, ..option(name, name, help) }
}

/// The same after letters of options that need no dash, as in tar(1): `usage` is `cf - PATH`.
#[cfg(feature = "inspect")]
pub const fn operands_behind_letters(usage: &'static str, name: &'static str, help: &'static str) -> Opt {
    Opt { value: usage, ..operands(name, help) }
}

/// An option that other programs of the command's name have, and why it is refused here. Help does
/// not list it.
#[cfg(feature = "inspect")]
pub const fn refused(name: &'static str, why: &'static str) -> Opt {
    Opt { takes: Takes::Refused, ..option(name, "", why) }
}

/// `--help`, `-h`
pub const HELP: Opt = Opt { takes: Takes::Help, ..flag("help", "print this help") }.short('h');
/// `--version`, `-V`
pub const VERSION: Opt =
    Opt { takes: Takes::Version, ..flag("version", "print version, features and target") }.short('V');

impl Opt {
    /// The option with this short form.
    pub const fn short(self, short: char) -> Opt {
        Opt { short: Some(short), ..self }
    }

    /// The option, in builds with this feature only.
    pub const fn needs(self, feature: Feature) -> Opt {
        Opt { needs: Some(feature), ..self }
    }

    /// Whether only other builds have it. Then help does not list it, and it is unknown here.
    pub fn is_elsewhere(&self) -> bool {
        self.needs.is_some_and(|feature| !feature.is_here)
    }

    /// Whether it needs the inspections.
    #[cfg(not(feature = "inspect"))]
    pub fn is_of_inspections(&self) -> bool {
        self.needs.is_some_and(|feature| feature.is_inspect)
    }

    /// The option, without its short form if that is one of these letters.
    #[cfg(feature = "inspect")]
    pub fn unless_short(self, letters: &str) -> Opt {
        Opt { short: self.short.filter(|&short| !letters.contains(short)), ..self }
    }

    /// The operand, but not required.
    pub const fn optional(self) -> Opt {
        let many = matches!(self.takes, Takes::Operand { many: true, .. });
        Opt { takes: Takes::Operand { required: false, many }, ..self }
    }

    /// Whether it is the operand that names what a check connects to.
    pub fn is_target(&self) -> bool {
        is_target(self.name)
    }

    /// Whether it is an operand.
    pub fn is_operand(&self) -> bool {
        matches!(self.takes, Takes::Operand { .. })
    }

    /// The operand as help shows it: `TARGET`, `[NAME]`, `PATH...`.
    pub fn placeholder(&self) -> String {
        let dots = if self.is_many() { "..." } else { "" };
        match self.takes {
            Takes::Operand { required: false, .. } => format!("[{}{dots}]", self.value),
            _ => format!("{}{dots}", self.value),
        }
    }

    /// Whether the command refuses it.
    pub fn is_refused(&self) -> bool {
        self.takes == Takes::Refused
    }

    /// Whether it is a required operand.
    pub fn is_required(&self) -> bool {
        matches!(self.takes, Takes::Operand { required: true, .. })
    }

    /// Whether it may be several words.
    pub fn is_many(&self) -> bool {
        matches!(self.takes, Takes::Operand { many: true, .. })
    }

    /// Whether letters of options without a dash may precede it.
    #[cfg(feature = "inspect")]
    pub fn is_behind_letters(&self) -> bool {
        self.is_operand() && self.value != self.name
    }

    /// Whether it is an option with a value.
    pub fn takes_value(&self) -> bool {
        matches!(self.takes, Takes::One | Takes::Each)
    }

    /// Whether this word is its name: `--timeout` or `-t`.
    pub fn is_called(&self, word: &str) -> bool {
        match word.strip_prefix("--") {
            Some(name) => !self.is_operand() && name == self.name,
            None => word.strip_prefix('-').is_some_and(|letter| {
                self.short.is_some_and(|short| letter == short.encode_utf8(&mut [0; 4]))
            }),
        }
    }
}

/// Whether an argument of this name is the operand that names what a check connects to.
pub fn is_target(name: &str) -> bool {
    name == "TARGET"
}

/// Whether an argument of this name is an operand.
pub fn is_operand(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}
