//! The id maps of a user namespace: `/proc/PID/uid_map` and `gid_map`. user_namespaces(7)

use super::handle::Handle;

/// How much of such a file is read, in bytes. The kernel accepts at most a page.
const MAX_MAP_BYTES: usize = 64 << 10;

/// Reads the rows of one map.
pub fn ranges(process: &Handle, name: &str) -> Vec<[u64; 3]> {
    parse(&process.read(name, MAX_MAP_BYTES).unwrap_or_default())
}

/// Parses the rows of a map: the start of a range inside and outside, and its length.
pub fn parse(text: &[u8]) -> Vec<[u64; 3]> {
    let row = |line: &[u8]| {
        let mut numbers = std::str::from_utf8(line).ok()?.split_ascii_whitespace().map(str::parse);
        Some([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
    };
    text.split(|&b| b == b'\n').filter_map(row).collect()
}

/// Whether the process is in a user namespace that has no map yet: every id is shown as nobody.
pub fn is_unmapped(process: &Handle) -> bool {
    process.read("uid_map", MAX_MAP_BYTES).is_ok_and(|text| text.is_empty())
}

/// Whether a map is not the identity map of all ids, which the initial user namespace has.
pub fn is_mapped(map: &[[u64; 3]]) -> bool {
    !map.is_empty() && map != [[0, 0, u64::from(u32::MAX)]]
}
