//! A row of the list: an open file and whose it is.

use nix::sys::stat::FileStat;

use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::procfs::process::Process;
use crate::table::{Align, Table};

/// An open file, as it is listed.
pub struct Open<'a> {
    /// Its number, or what else it is to the process: `cwd`, `root`, `exe`, `mem`.
    pub fd: &'a str,
    /// How it may be used: `r`, `w`, `u` for both.
    pub mode: &'static str,
    pub kind: &'static str,
    /// Nothing where it has none.
    pub size: Option<Fact>,
    pub offset: Option<u64>,
    /// What it takes of its file system, in bytes.
    pub held: Option<u64>,
    pub deleted: bool,
    pub name: Vec<u8>,
}

/// Whose file.
pub struct Holder {
    pub process: Process,
    pub user: Vec<u8>,
    /// Nothing where it is not known.
    pub uid: Option<u32>,
}

/// The columns of the table, of which the first alone has headings.
pub fn columns(deleted: bool, headed: bool) -> Table {
    let mut columns = vec![("PID", Align::Right), ("PROCESS", Align::Left), ("USER", Align::Left)];
    columns.extend([("FD", Align::Left), ("TYPE", Align::Left), ("SIZE", Align::Right)]);
    if deleted {
        columns.push(("HELD", Align::Right));
    }
    columns.push(("NAME", Align::Left));
    if !headed {
        for (name, _) in &mut columns {
            *name = "";
        }
    }
    Table::new(&columns)
}

/// As lsof(8) calls the types.
pub fn type_name(meta: &FileStat) -> &'static str {
    FileType::of_mode(meta.st_mode).lsof_name()
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

/// The row for programs.
pub fn fact(holder: &Holder, open: Open<'_>) -> Fact {
    let mut entries = vec![
        ("pid", Fact::Count(u64::from(holder.process.pid))),
        ("process", Fact::Bytes(holder.process.name.clone())),
        ("uid", holder.uid.map_or(Fact::Null, |uid| Fact::Count(uid.into()))),
        ("user", Fact::Bytes(holder.user.clone())),
        ("fd", Fact::Text(open.fd.to_owned())),
    ];
    if !open.mode.is_empty() {
        entries.push(("mode", Fact::Text(open.mode.to_owned())));
    }
    entries.push(("type", Fact::Text(open.kind.to_owned())));
    entries.extend(open.size.map(|size| ("size", size)));
    entries.extend(open.offset.map(|offset| ("offset", Fact::Count(offset))));
    if open.deleted {
        entries.push(("held", open.held.map_or(Fact::Null, Fact::Count)));
    }
    entries.push(("deleted", Fact::Bool(open.deleted)));
    entries.push(("name", Fact::Bytes(open.name)));
    Fact::Object(entries)
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
