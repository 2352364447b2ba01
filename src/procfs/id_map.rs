//! How a user namespace maps its ids: `/proc/PID/uid_map` and `gid_map`. user_namespaces(7)

use super::handle::Handle;

/// The most of such a file that is read, in bytes: a page is what the kernel takes.
const MAX_MAP_BYTES: usize = 64 << 10;

/// The rows of one of the two: where a range begins inside and outside, and its length. user_namespaces(7)
pub fn ranges(process: &Handle, name: &str) -> Vec<[u64; 3]> {
    let text = process.read(name, MAX_MAP_BYTES).unwrap_or_default();
    let row = |line: &[u8]| {
        let mut numbers = std::str::from_utf8(line).ok()?.split_ascii_whitespace().map(str::parse);
        Some([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
    };
    text.split(|&b| b == b'\n').filter_map(row).collect()
}

/// Whether it is another map than that of all ids to themselves, which the first user namespace has.
pub fn is_mapped(map: &[[u64; 3]]) -> bool {
    !map.is_empty() && map != [[0, 0, u64::from(u32::MAX)]]
}
