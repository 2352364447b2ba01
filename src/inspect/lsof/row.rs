//! A row of the list: an open file and the process that holds it.

use nix::sys::stat::FileStat;

use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::procfs::process::Process;
use crate::report::Column;
use crate::table::{Cell, Mark};
use crate::units::{show_number, show_short_size};

/// An open file, as it is listed.
pub struct Open<'a> {
    /// The number of its descriptor, or `cwd`, `root`, `exe`, `mem`.
    pub fd: &'a str,
    /// Its access mode: `r`, `w`, or `u` for both.
    pub mode: &'static str,
    pub kind: &'static str,
    pub size: Size,
    pub offset: Option<u64>,
    /// The space allocated for it, in bytes.
    pub held: Option<u64>,
    pub deleted: bool,
    pub name: Vec<u8>,
    /// The mark of its name.
    pub mark: Mark,
}

/// The size of an open file.
#[derive(Clone, Copy)]
pub enum Size {
    /// It has none.
    None,
    /// It cannot be read.
    Unknown,
    /// In bytes.
    Bytes(u64),
}

/// The process that holds an open file.
pub struct Holder {
    pub process: Process,
    pub user: Vec<u8>,
    /// `None` if it is unknown.
    pub uid: Option<u32>,
}

/// An open file and the process that holds it.
pub struct Row<'a> {
    pub holder: &'a Holder,
    pub open: Open<'a>,
}

type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    /// The columns; the extra ones are for deleted files.
    pub const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::new(
            "PID",
            |row| show_number(row.holder.process.pid.into()).into(),
            "pid",
            |row| Some(Fact::Count(row.holder.process.pid.into())),
        )
        .numbers(),
        C::new(
            "PROCESS",
            |row| row.holder.process.name.as_slice().into(),
            "process",
            |row| Some(row.holder.process.name.clone().into()),
        ),
        C::json("uid", |row| Some(row.holder.uid.map(u64::from).into())),
        C::new(
            "USER",
            |row| row.holder.user.as_slice().into(),
            "user",
            |row| Some(row.holder.user.clone().into()),
        ),
        C::new(
            "FD",
            |row| [row.open.fd, row.open.mode].concat().into(),
            "fd",
            |row| Some(Fact::Text(row.open.fd.to_owned())),
        ),
        C::json("mode", |row| (!row.open.mode.is_empty()).then(|| Fact::Text(row.open.mode.to_owned()))),
        C::new(
            "TYPE",
            |row| row.open.kind.into(),
            "file_type",
            |row| Some(Fact::Text(row.open.kind.to_owned())),
        ),
        C::new("SIZE", Row::size, "size", Row::size_fact).numbers(),
        C::json("offset", |row| row.open.offset.map(Fact::Count)),
        C::new(
            "HELD",
            |row| row.open.held.map_or_else(|| "?".into(), |held| show_short_size(held).into()),
            "held",
            |row| row.open.deleted.then(|| row.open.held.into()),
        )
        .numbers()
        .extra(),
        C::json("deleted", |row| Some(row.open.deleted.into())),
        C::new(
            "NAME",
            |row| Cell::from(row.open.name.as_slice()).marked(row.open.mark),
            "name",
            |row| Some(row.open.name.clone().into()),
        )
        .cut(0),
    ];

    fn size(&self) -> Cell {
        match self.open.size {
            Size::None => "-".into(),
            Size::Unknown => "?".into(),
            Size::Bytes(size) => show_short_size(size).into(),
        }
    }

    fn size_fact(&self) -> Option<Fact> {
        match self.open.size {
            Size::None => None,
            Size::Unknown => Some(Fact::Null),
            Size::Bytes(size) => Some(Fact::Count(size)),
        }
    }
}

/// The name of the file type in lsof(8).
pub fn type_name(meta: &FileStat) -> &'static str {
    FileType::of_mode(meta.st_mode).lsof_name()
}

/// The space allocated for a file: st_blocks of stat(3type) counts blocks of 512 bytes.
pub fn held(meta: &FileStat) -> u64 {
    meta.st_blocks.cast_unsigned().saturating_mul(512)
}

/// Returns offset and flags of a file in fdinfo: `pos:\t0\nflags:\t0100002\n…`, the flags in octal.
pub fn parse_info(info: &[u8]) -> (Option<u64>, Option<u32>) {
    let mut found = (None, None);
    for line in info.split(|&b| b == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Some(offset) = line.strip_prefix("pos:") {
            found.0 = offset.trim_ascii().parse().ok();
        } else if let Some(flags) = line.strip_prefix("flags:") {
            found.1 = u32::from_str_radix(flags.trim_ascii(), 8).ok();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_and_flags() {
        assert_eq!(parse_info(b"pos:\t4096\nflags:\t0100002\nmnt_id:\t15\n"), (Some(4096), Some(0o100_002)));
        assert_eq!(parse_info(b"flags:\t02000000\n"), (None, Some(0o2_000_000)));
        assert_eq!(parse_info(b"pos:\nflags:\t9\n\xff\nx"), (None, None));
    }
}
