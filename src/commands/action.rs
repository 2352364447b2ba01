//! What the arguments ask for: the end of parsing.

use crate::check::Plan;
#[cfg(feature = "inspect")]
use crate::inspection::Inspection;
use crate::outcome::Conclusion;

/// What the arguments ask for.
#[derive(Debug)]
pub enum Action {
    /// To make checks.
    Check(Plan),
    /// To look at something.
    #[cfg(feature = "inspect")]
    Inspect(Inspection),
    /// To print this text.
    Print(String, Conclusion),
}
