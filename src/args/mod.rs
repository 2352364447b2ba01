//! Arguments: what an operand or option is, what was given, and the error if that is wrong.
//!
//! There is one reading of words ([`Words`]). Faults are found in it, and it tells clap of the
//! options that were given; clap then yields their values ([`read`]). clap's types end in this room
//! and in `commands`.

mod foreign;
mod given;
mod option;
mod read;
mod words;

use std::fmt;

pub use self::foreign::{Foreign, Hint, Row};
pub use self::given::{Given, Text, without_user_info};
pub use self::option::{Feature, HELP, Opt, Takes, VERSION, flag, is_operand, operand, option, option_list};
#[cfg(feature = "inspect")]
pub use self::option::{operands, operands_behind_letters, refused};
pub use self::read::{Fault, Matches, read};
#[cfg(test)]
pub use self::read::{assert_agrees_with_clap, told};
#[cfg(feature = "inspect")]
pub use self::words::takes_next;
pub use self::words::{Token, Typed, Value, Words, split_value, with_letter};

/// The message, after its name, for a command, an option or TLS that only another build has.
pub const MISSING: &str = " is not in this build; the full build of porthole has it";

/// Wrong usage: which argument is wrong, what was expected, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
