//! The result of parsing the arguments.

use crate::check::Plan;
#[cfg(feature = "inspect")]
use crate::inspection::Inspection;
use crate::outcome::Conclusion;

/// What the arguments request.
#[derive(Debug)]
pub enum Action {
    /// Run checks.
    Check(Plan),
    /// Run an inspection.
    #[cfg(feature = "inspect")]
    Inspect(Inspection),
    /// Print this text, and exit accordingly.
    Print(String, Conclusion),
}
