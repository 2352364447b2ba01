//! The files that a process has mapped although they were deleted. proc_pid_maps(5)

/// A mapped file that was deleted, according to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped<'a> {
    /// The range of addresses, which is its name in `map_files`.
    pub range: &'a str,
    /// Its device and inode, which tell whether two ranges map the same file.
    pub file: (&'a str, u64),
    /// Its path with ` (deleted)` at its end, which may be part of the name of an existing file.
    pub path: &'a [u8],
}

/// Returns the mapped files of `maps` whose names end with ` (deleted)`, each once. Malformed rows
/// are skipped.
pub fn deleted(maps: &[u8]) -> Vec<Mapped<'_>> {
    let mut found: Vec<Mapped<'_>> = Vec::new();
    for line in maps.split(|&b| b == b'\n').filter(|line| line.ends_with(b" (deleted)")) {
        if let Some(mapped) = parse(line)
            // The ranges of a file are adjacent.
            && found.iter().rev().take(16).all(|known| known.file != mapped.file)
        {
            found.push(mapped);
        }
    }
    found
}

/// `7f2c9a400000-7f2c9a428000 r--p 00000000 fe:00 1234   /usr/lib/libc.so.6 (deleted)`
fn parse(line: &[u8]) -> Option<Mapped<'_>> {
    let mut fields = line.splitn(6, |&b| b == b' ');
    let mut next = || std::str::from_utf8(fields.next()?).ok();
    let (range, _permissions, _offset, device) = (next()?, next()?, next()?, next()?);
    let inode = next()?.parse().ok()?;
    let path = fields.next()?.trim_ascii_start();
    (range.contains('-') && !path.is_empty()).then_some(Mapped { range, file: (device, inode), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-pid-maps-deleted");

    #[test]
    fn each_deleted_file_once() {
        let found = deleted(MAPS);
        let paths: Vec<_> = found.iter().map(|mapped| String::from_utf8_lossy(mapped.path)).collect();
        assert_eq!(
            paths,
            ["/memfd:secret (deleted)", "/tmp/ph-fix/lib with space.so (deleted)", "/dev/zero (deleted)"]
        );
        assert_eq!((found[1].file, found[1].range), (("fe:00", 10_371_225), "7f8adddbb000-7f8adddbd000"));
    }

    #[test]
    fn malformed_rows_are_skipped() {
        for maps in [
            &b""[..],
            b" (deleted)",
            b"x (deleted)",
            b"1-2 r 0 0:0 x /a (deleted)",
            b"1-2 r 0 0:0 7 (deleted)",
            b"\xff-\xff \n",
        ] {
            assert_eq!(deleted(maps).iter().filter(|mapped| mapped.path.starts_with(b"/")).count(), 0);
        }
    }
}
