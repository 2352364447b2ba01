//! The headers of archives: the crate tar reads back what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::inspect::tar::header::Member;
use porthole::inspect::tar::names::{leading, trimmed};

fuzz_target!(|input: (&[u8], &[u8], u32, u64, i64, u16)| {
    let (name, link, ids, size, modified, mode) = input;
    // The crate adds the size to its place in the archive.
    let size = size >> 2;
    trimmed(name);
    assert!(leading(name) <= name.len());
    // A name has no NUL, and is not empty. The crate ends an extended header at a newline in a name.
    let name: Vec<u8> = name.iter().copied().filter(|&b| b != 0 && b != b'\n').take(600).collect();
    let link: Vec<u8> = link.iter().copied().filter(|&b| b != 0 && b != b'\n').take(600).collect();
    if name.is_empty() || name.ends_with(b"/") {
        return;
    }
    let (kind, size) = if link.is_empty() { (b'0', size) } else { (b'2', 0) };
    let member = Member {
        name: &name,
        kind,
        mode: u32::from(mode) & 0o7777,
        uid: ids,
        gid: ids ^ 1,
        size,
        modified,
        link: &link,
        user: b"root",
        group: b"",
        device: (0, 0),
        whole_size: None,
    };
    let header = member.header();
    assert_eq!(header.len() % 512, 0);
    let mut archive = tar::Archive::new(&header[..]);
    let entry = archive.entries().unwrap().next().expect("an entry").expect("a valid header");
    assert_eq!(&*entry.path_bytes(), &name[..]);
    assert_eq!(entry.link_name_bytes().as_deref().unwrap_or_default(), &link[..]);
    assert_eq!(entry.header().mode().unwrap(), member.mode);
    assert_eq!(entry.size(), size);
});
