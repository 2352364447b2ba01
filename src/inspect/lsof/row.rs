//! A row of the list: an open file and whose it is.

use nix::sys::stat::FileStat;

use crate::outcome::Fact;
use crate::procfs::process::Process;
use crate::report::Column;
use crate::table::{Cell, Mark};
use crate::units::show_short_size;
use crate::view::root;

/// An open file, as it is listed.
pub struct Open<'a> {
    /// Its number, or what else it is to the process: `cwd`, `root`, `exe`, `mem`.
    pub fd: &'a str,
    /// How it may be used: `r`, `w`, `u` for both.
    pub mode: &'static str,
    pub kind: &'static str,
    /// `None` if it has none, `Some(None)` if that is not known.
    pub size: Option<Option<u64>>,
    pub offset: Option<u64>,
    /// What it takes of its file system, in bytes.
    pub held: Option<u64>,
    pub deleted: bool,
    pub name: Vec<u8>,
    /// The mark of its name.
    pub mark: Mark,
}

/// Whose file.
pub struct Holder {
    pub process: Process,
    pub user: Vec<u8>,
    /// Nothing where it is not known.
    pub uid: Option<u32>,
}

/// An open file and whose it is.
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
            |row| row.holder.process.pid.to_string().into(),
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
        C::new("TYPE", |row| row.open.kind.into(), "type", |row| Some(Fact::Text(row.open.kind.to_owned()))),
        C::new("SIZE", Row::size, "size", |row| row.open.size.map(Fact::from)).numbers(),
        C::json("offset", |row| row.open.offset.map(Fact::Count)),
        C::new(
            "HELD",
            |row| row.open.held.map_or("?".into(), |held| show_short_size(held).into()),
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
            Some(Some(size)) => show_short_size(size).into(),
            Some(None) => "?".into(),
            None => "-".into(),
        }
    }
}

/// As lsof(8) calls the types.
pub fn type_name(meta: &FileStat) -> &'static str {
    match root::kind(meta.st_mode).0 {
        '-' => "REG",
        'd' => "DIR",
        'l' => "LINK",
        'p' => "FIFO",
        's' => "sock",
        'b' => "BLK",
        'c' => "CHR",
        _ => "anon",
    }
}

/// What a file takes of its file system: st_blocks of stat(3type) counts 512 bytes each.
pub fn held(meta: &FileStat) -> u64 {
    meta.st_blocks.cast_unsigned().saturating_mul(512)
}

/// Offset and flags: `pos:\t0\nflags:\t0100002\n…`, the flags in octal.
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
