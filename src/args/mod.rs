//! Arguments: what an operand or option is, what was given, and the error where that is wrong.
//!
//! clap is the tokenizer: it is told only of the options that the words mention (see [`tokenize`]). Its types end in this
//! room and in `commands`.

mod foreign;
mod given;
mod option;
mod read;
mod words;

use std::fmt;

pub use self::foreign::{Foreign, Hint, Row};
pub use self::given::{Given, Text, given_value, is_given, without_user_info};
pub use self::option::{Feature, HELP, Opt, Takes, VERSION, flag, operand, option, option_list};
#[cfg(feature = "inspect")]
pub use self::option::{operands, operands_behind_letters, refused};
pub use self::read::{Fault, read};
#[cfg(test)]
pub use self::read::{assert_agrees_with_clap, told};
#[cfg(feature = "inspect")]
pub use self::words::takes_next;
pub use self::words::{Token, Typed, Value, Words, split_value, with_letter};

/// What is said of a command or option, or of TLS, that another build has.
pub const MISSING: &str = " is not in this build; the full build of porthole has it";

/// Wrong usage: which argument, what was expected, what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
