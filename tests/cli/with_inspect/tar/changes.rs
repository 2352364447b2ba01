//! Files that change while they are read.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::{READERS, output_given};
use crate::support::command::binary;
use crate::support::place::Place;

/// Runs `porthole tar` of one file, and calls `change` once the header has been written.
fn archive_during(place: &Place, name: &str, change: impl FnOnce(&File)) -> (Vec<u8>, String, Option<i32>) {
    let file = File::options().read(true).append(true).open(place.path(name)).unwrap();
    let mut command = Command::new(binary());
    command.args(["tar", "cf", "-", name]).current_dir(&place.0).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut bytes = vec![0; 1024];
    stdout.read_exact(&mut bytes).unwrap();
    change(&file);
    stdout.read_to_end(&mut bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    (bytes, String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn files_that_change_while_they_are_read_keep_the_archive_intact() {
    let place = Place::new();
    let content = vec![b'x'; 4 << 20];
    let unpacked = |bytes: &[u8]| {
        let place = Place::new();
        output_given(READERS[0], &place.0, bytes);
        output_given(READERS[1], &place.0, bytes);
        fs::read(place.path("log")).unwrap()
    };
    place.file("log", &content);
    let (bytes, stderr, status) =
        archive_during(&place, "log", |mut log| log.write_all(b"a line more\n").unwrap());
    assert_eq!(
        (stderr.as_str(), status),
        ("porthole: tar: log: grew while it was read: the archive has the first 4 MiB\n", Some(0))
    );
    assert!(unpacked(&bytes) == content);
    place.file("log", &content);
    let (bytes, stderr, status) = archive_during(&place, "log", |log| log.set_len(1 << 20).unwrap());
    assert_eq!(
        (stderr.as_str(), status),
        (
            "porthole: tar: log: shrank while it was read: the archive has zeros in place of its last 3 MiB\n",
            Some(1)
        )
    );
    let found = unpacked(&bytes);
    assert!(found.len() == 4 << 20 && found[..1 << 20] == content[..1 << 20]);
    assert!(found[1 << 20..].iter().all(|&b| b == 0));
}
