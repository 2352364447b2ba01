//! Files with holes: lseek(2), SEEK_DATA and SEEK_HOLE. The archive has a map of the parts between
//! the holes, and then the parts: GNU tar's manual, "PAX Format, Version 1.0".

use std::fs::File;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use super::header::padding;
use crate::view::root::Meta;

/// How much the holes have to save, in bytes: not every program that unpacks archives supports
/// them.
const MIN_SAVING: u64 = 1 << 20;
/// The most parts of one file. The rest of the file becomes one more.
const MAX_PARTS: usize = 10_000;

/// Returns the parts of a file between its holes, each with its offset and length. `None` if
/// leaving out the holes saves too little.
pub fn parts(file: &File, meta: &Meta) -> Option<Vec<(u64, u64)>> {
    let size = u64::try_from(meta.st_size).ok()?;
    // st_blocks counts 512 bytes: stat(3type).
    let held = u64::try_from(meta.st_blocks).ok()?.saturating_mul(512);
    if held.saturating_add(MIN_SAVING) > size {
        return None;
    }
    let mut parts = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match seek(file, at, Whence::SeekData) {
            Ok(start) => start,
            // Only a hole follows.
            Err(Errno::ENXIO) => break,
            Err(_) => return None,
        };
        let end = if parts.len() < MAX_PARTS { seek(file, start, Whence::SeekHole).ok()? } else { size };
        if start < size {
            parts.push((start, end.min(size).saturating_sub(start)));
        }
        // If the file shrinks, the offsets may go back; the loop still moves forward.
        at = end.max(at + 1);
    }
    let kept: u64 = parts.iter().map(|(_, length)| length).sum();
    // If the file ends in a hole, an empty part marks its end.
    if parts.last().is_none_or(|(start, length)| start + length < size) {
        parts.push((size, 0));
    }
    (kept + MIN_SAVING <= size).then_some(parts)
}

/// Returns the map, padded to the end of its last block.
pub fn map(parts: &[(u64, u64)]) -> Vec<u8> {
    let mut text = format!("{}\n", parts.len());
    for (start, length) in parts {
        for number in [start, length] {
            text.push_str(&number.to_string());
            text.push('\n');
        }
    }
    let mut map = text.into_bytes();
    map.resize(map.len() + padding(map.len() as u64), 0);
    map
}

fn seek(file: &File, from: u64, whence: Whence) -> Result<u64, Errno> {
    let from = i64::try_from(from).map_err(|_| Errno::EOVERFLOW)?;
    lseek(file.as_fd(), from, whence).map(i64::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_of_the_parts() {
        let map = map(&[(0, 10), (4096, 512), (1 << 40, 0)]);
        let text = b"3\n0\n10\n4096\n512\n1099511627776\n0\n";
        assert_eq!((&map[..text.len()], map.len()), (&text[..], 512));
        assert!(map[text.len()..].iter().all(|&b| b == 0));
        assert_eq!(super::map(&[(1_000_000_000, 1_000_000_000); 24]).len(), 1024);
    }
}
