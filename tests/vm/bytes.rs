//! Files as busybox and the kernel's own tools see them.

use std::fs;
use std::process::{Command, Stdio};

use crate::guest::command;
use crate::support::command::porthole;
use crate::support::server::folder;

#[test]
fn sha256sum_is_that_of_busybox() {
    let folder = folder();
    for (name, size) in [("empty", 0), ("one", 1), ("block", 64), ("page", 16_384), ("large", 3_000_001)] {
        let path = folder.join(name);
        let bytes: Vec<u8> =
            (0..size).map(|at: u32| at.to_le_bytes()[usize::from(at.is_multiple_of(7))]).collect();
        fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        let ran = porthole(["sha256sum", path]).run();
        assert_eq!(ran.stdout, command(&["/bin/busybox", "sha256sum", path]), "{}", ran.story());
    }
}

#[test]
fn an_archive_is_unpacked_by_busybox() {
    let folder = folder();
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("below")).unwrap();
    fs::write(tree.join("below/file"), vec![b'x'; 70_000]).unwrap();
    std::os::unix::fs::symlink("below/file", tree.join("link")).unwrap();
    let name = "n".repeat(120);
    fs::write(tree.join(&name), "long").unwrap();
    let archive = fs::File::create(folder.join("archive.tar")).unwrap();
    let status = Command::new("/bin/porthole")
        .args(["tar", "cf", "-", "tree"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(archive)
        .status()
        .unwrap();
    assert!(status.success());
    let out = folder.join("out");
    fs::create_dir(&out).unwrap();
    let (archive, out_text) = (folder.join("archive.tar"), out.to_str().unwrap());
    command(&["/bin/busybox", "tar", "xf", archive.to_str().unwrap(), "-C", out_text]);
    command(&["/bin/busybox", "diff", "-r", tree.to_str().unwrap(), &format!("{out_text}/tree")]);
    assert_eq!(fs::read_link(out.join("tree/link")).unwrap().to_str(), Some("below/file"));
}
