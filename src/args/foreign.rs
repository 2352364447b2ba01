//! The words of other programs, and what to write here: people come from curl, wget, pg_isready, netstat, top.

/// What to do about a word of another program.
#[derive(Debug, Clone, Copy)]
pub enum Hint {
    /// Write this instead.
    Use(&'static str),
    /// Leave it out, for this reason.
    LeaveOut(&'static str),
    /// Something else.
    Say(&'static str),
}

/// Words, and what to do about them. `redis://` stands for every URL of that scheme, `--host` for the `-h` of a client too.
pub type Row = (&'static [&'static str], Hint);

/// What a command knows of the words of other programs.
#[derive(Clone, Copy)]
pub struct Foreign {
    /// Options and operands of other programs that the command does not have. A test holds that.
    pub rows: &'static [&'static [Row]],
    /// What to do about this value of this argument, which is not what was expected of it.
    pub value: fn(&str, &[u8]) -> Option<String>,
}

impl Foreign {
    /// It knows none.
    pub const NONE: Foreign = Foreign::rows(&[]);

    /// These rows alone; the first that has a word counts.
    pub const fn rows(rows: &'static [&'static [Row]]) -> Self {
        Foreign { rows, value: |_, _| None }
    }
}
