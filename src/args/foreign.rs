//! Words of other programs and what to write instead: users come from curl, wget, pg_isready,
//! netstat, top.

/// What to do about a word of another program.
#[derive(Debug, Clone, Copy)]
pub enum Hint {
    /// Write this instead.
    Use(&'static str),
    /// Leave it out, for this reason.
    LeaveOut(&'static str),
    /// Anything else, in a sentence.
    Say(&'static str),
    /// Write the target as in the command's first example.
    Example,
}

/// Words and what to do about them. `redis://` is any URL of that scheme; `--host` is also a
/// client's `-h`.
pub type Row = (&'static [&'static str], Hint);

/// The words of other programs that a command recognizes.
#[derive(Clone, Copy)]
pub struct Foreign {
    /// Options and operands of other programs. The command has none of them itself; a test verifies
    /// this.
    pub rows: &'static [&'static [Row]],
    /// What to do about this unexpected value of this argument; of none, if it is a surplus operand.
    pub value: fn(&str, &[u8]) -> Option<String>,
}

impl Foreign {
    /// No words.
    pub const NONE: Foreign = Foreign::rows(&[]);

    /// Only these rows; the first one with a word applies.
    pub const fn rows(rows: &'static [&'static [Row]]) -> Self {
        Foreign { rows, value: |_, _| None }
    }
}
