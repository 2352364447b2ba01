//! Files of every type, name and size.

mod slow;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use super::{READERS, archive, names, output_given, tar_in};
use crate::support::command::binary;
use crate::support::place::Place;
use crate::support::skip::{is_root, skip};

/// Each file below a directory: its type, metadata and content, by path.
fn tree(folder: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, top: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let kind = meta.file_type();
            let content = match () {
                () if kind.is_file() => {
                    let content = fs::read(&path).unwrap();
                    let mut hash = DefaultHasher::new();
                    hash.write(&content);
                    format!("{} bytes, hash {:x}", content.len(), hash.finish())
                }
                () if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
                () => format!("device {:x}", meta.rdev()),
            };
            // Not every reader sets the time of a link.
            let time = if kind.is_symlink() { 0 } else { meta.mtime() };
            let name = path.strip_prefix(top).unwrap().to_owned();
            let line = format!(
                "{:o} {}:{} {time} {content} {}",
                meta.mode(),
                meta.uid(),
                meta.gid(),
                if kind.is_dir() { 0 } else { meta.nlink() }
            );
            if kind.is_dir() {
                walk(&path, top, files);
            }
            files.insert(name, line);
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, folder, &mut files);
    files
}

/// Asserts that each reader unpacks the archive of this directory to an identical tree.
#[track_caller]
fn assert_unpacked_unchanged(folder: &Path) {
    let expected = tree(folder);
    assert!(!expected.is_empty());
    let bytes = archive(folder, &["cf", "-", "."]);
    for reader in READERS {
        let place = Place::new();
        output_given(reader, &place.0, &bytes);
        let found = tree(&place.0);
        for (name, line) in &expected {
            assert_eq!(found.get(name), Some(line), "{} by {}", name.display(), reader[0]);
        }
        assert_eq!(found.len(), expected.len(), "{}", reader[0]);
    }
}

fn mkfifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn files_of_every_type_are_archived() {
    let place = Place::new();
    for folder in ["a/b/c", "empty", "closed"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for (at, size) in [0, 1, 511, 512, 513, 131_071, 131_072, 131_073, 300_000].into_iter().enumerate() {
        let name = format!("a/{size}");
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        place.file(&name, content);
        place.mode(&name, 0o600 + u32::try_from(at).unwrap());
    }
    place.mode("a/1", 0o4751);
    place.mode("empty", 0o1777);
    place.mode("closed", 0o2700);
    symlink("a/1", place.path("link")).unwrap();
    symlink("/none/at all", place.path("a/b/dangling")).unwrap();
    symlink("..", place.path("a/b/c/up")).unwrap();
    symlink("x".repeat(100), place.path("a/full")).unwrap();
    symlink("y/".repeat(500), place.path("a/long")).unwrap();
    fs::hard_link(place.path("a/513"), place.path("a/b/second")).unwrap();
    fs::hard_link(place.path("a/513"), place.path("third")).unwrap();
    mkfifo(&place.path("a/fifo"));
    if is_root() {
        lchown(place.path("link"), Some(65_532), Some(50)).unwrap();
        chown(place.path("a/513"), Some(2_097_152), Some(3_000_000_000)).unwrap();
        chown(place.path("a/b"), Some(1), Some(2_097_151)).unwrap();
        for words in ["null c 1 3", "disk b 259 70000"] {
            let words: Vec<&str> = words.split(' ').collect();
            let status = Command::new("mknod").arg(place.path(words[0])).args(&words[1..]).status().unwrap();
            assert!(status.success());
        }
    }
    for (name, seconds) in [("a/0", 1_000_000_000), ("a/1", 0), ("a/511", 8_589_934_592), ("a/512", -86_400)]
    {
        let time = Duration::from_secs(i64::unsigned_abs(seconds));
        let time = if seconds < 0 { UNIX_EPOCH - time } else { UNIX_EPOCH + time };
        File::open(place.path(name)).unwrap().set_modified(time).unwrap();
    }
    // Last, because creating entries changes the time of a directory.
    for folder in ["a", "empty", "closed", "a/b/c", "a/b"] {
        let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::open(place.path(folder)).unwrap().set_modified(time).unwrap();
    }
    assert_unpacked_unchanged(&place.0);
}

#[test]
fn long_and_odd_names_are_archived() {
    let place = Place::new();
    let names: Vec<Vec<u8>> = vec![
        vec![b'a'; 97],
        vec![b'b'; 98],
        vec![b'c'; 99],
        vec![b'd'; 255],
        [vec![b'e'; 150], b"/".to_vec(), vec![b'e'; 100]].concat(),
        [vec![b'f'; 154], b"/".to_vec(), vec![b'f'; 101]].concat(),
        [vec![b'g'; 200], b"/".to_vec(), vec![b'g'; 200]].concat(),
        b"new\nline".to_vec(),
        b"esc\x1b[2J".to_vec(),
        b"\xff\xfe".to_vec(),
        [vec![b'h'; 150], b"\xe9".to_vec()].concat(),
        [vec![b'i'; 120], "\nä=1\n".into()].concat(),
        "ünïcødé".into(),
        b" - ".to_vec(),
        b"--help".to_vec(),
        b"back\\slash".to_vec(),
    ];
    for name in &names {
        let path = place.0.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        if !name.contains(&b'/') {
            fs::create_dir(place.0.join(OsStr::from_bytes(&[&name[..name.len().min(250)], b".d"].concat())))
                .unwrap();
        }
        fs::hard_link(&path, place.0.join(OsStr::from_bytes(&[&name[..1], b"link"].concat()))).ok();
    }
    assert_unpacked_unchanged(&place.0);
    // Deeper than the longest path that a system call accepts.
    let script = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(60):\n os.mkdir('d' * 100)\n os.chdir('d' * 100)\n\
                  open('file', 'w').write('deep')\n";
    assert!(Command::new("python3").args(["-c", script, &place.path("")]).status().unwrap().success());
    let found = self::names(&archive(&place.0, &["cf", "-", &"d".repeat(100)]));
    assert_eq!(found.iter().map(String::len).max(), Some(60 * 101 + 4));
}

#[test]
fn holes_are_not_stored() {
    let place = Place::new();
    let sparse = |name: &str, size: u64, parts: &[(u64, usize)]| {
        use std::os::unix::fs::FileExt as _;
        let file = File::create(place.path(name)).unwrap();
        file.set_len(size).unwrap();
        for (at, length) in parts {
            file.write_all_at(&vec![b'x'; *length], *at).unwrap();
        }
    };
    sparse("hole", 16 << 20, &[]);
    sparse("ends", 16 << 20, &[(0, 10), ((16 << 20) - 10, 10)]);
    sparse("middle", (8 << 20) + 7, &[(4 << 20, 100_000)]);
    sparse("small", 500_000, &[(400_000, 3)]);
    // More data ranges than are kept separate.
    let many: Vec<(u64, usize)> = (0..10_300).map(|at| (at * 8_192 + 4_096, 5)).collect();
    sparse("many", 88 << 20, &many);
    let long = "n".repeat(150);
    sparse(&long, 8 << 20, &[(1 << 20, 1)]);
    fs::hard_link(place.path("middle"), place.path("same")).unwrap();
    if fs::metadata(place.path("hole")).unwrap().blocks() > 1000 {
        return skip("this file system has no holes");
    }
    assert_unpacked_unchanged(&place.0);
    let bytes = archive(&place.0, &["cf", "-", "."]);
    assert!(bytes.len() < 56 << 20, "{}", bytes.len());
    // 10 GiB that cost almost no time and memory.
    sparse("huge", 10 << 30, &[(9 << 30, 3)]);
    let bytes = archive(&place.0, &["cf", "-", "huge"]);
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let listed = output_given(&["tar", "-tvf"], Path::new("-"), &bytes);
    assert!(listed.contains(" 10737418240 "), "{listed}");
    let unpacked = Place::new();
    output_given(READERS[0], &unpacked.0, &bytes);
    let meta = fs::metadata(unpacked.path("huge")).unwrap();
    assert!(meta.len() == 10 << 30 && meta.blocks() < 1000, "{meta:?}");
}

#[test]
fn files_in_proc_are_archived_if_named() {
    let place = Place::new();
    let output = tar_in(Path::new("/proc/self"), &["cf", "-", "cmdline", "net/dev"]);
    output_given(READERS[0], &place.0, &output.stdout);
    let line = fs::read(place.path("cmdline")).unwrap();
    assert!(line.ends_with(b"\0tar\0cf\0-\0cmdline\0net/dev\0"), "{}", String::from_utf8_lossy(&line));
    assert!(fs::read(place.path("net/dev")).unwrap().len() > 100);
    // Their sizes are 0.
    let place = Place::new();
    let output = tar_in(Path::new("/proc/sys/kernel"), &["cf", "-", "random"]);
    output_given(READERS[0], &place.0, &output.stdout);
    assert_eq!(fs::read(place.path("random/boot_id")).unwrap().len(), 37);
    // Its size is that of the whole address space.
    let output = tar_in(Path::new("/proc"), &["cf", "-", "kcore"]);
    assert!(output.stdout.len() < 1 << 20 && output.status.code() == Some(1), "{}", output.stdout.len());
}

/// To a pipe they are not copied: splice(2).
#[test]
fn a_large_file_gives_the_same_archive_in_a_pipe_and_in_a_file() {
    let place = Place::new();
    let content: Vec<u8> = (0..1_000_003_u32).flat_map(u32::to_le_bytes).collect();
    fs::create_dir(place.path("t")).unwrap();
    place.file("t/large", &content);
    place.file("t/small", "x");
    place.file("t/empty", "");
    let piped = archive(&place.0, &["cf", "-", "t"]);
    let mut command = Command::new(binary());
    command.args(["tar", "cf", "-", "t"]).current_dir(&place.0);
    let file = place.path("archive");
    assert!(command.stdout(File::create(&file).unwrap()).status().unwrap().success());
    assert!(fs::read(file).unwrap() == piped);
    for reader in READERS {
        let unpacked = Place::new();
        output_given(reader, &unpacked.0, &piped);
        assert!(fs::read(unpacked.path("t/large")).unwrap() == content);
        assert_eq!(fs::read(unpacked.path("t/empty")).unwrap(), b"");
    }
}
