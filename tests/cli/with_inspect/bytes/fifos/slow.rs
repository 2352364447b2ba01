//! What takes too long for plain `cargo test`: make test runs it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::Place;
use crate::support::command::binary;

/// `cat --special` of a FIFO, once it waits for what comes.
fn cat_of_fifo(fifo: &str) -> std::process::Child {
    let mut cat = Command::new(binary());
    cat.args(["cat", "--special", fifo]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cat = cat.spawn().unwrap();
    let held = format!("/proc/{}/fd", cat.id());
    let has_it = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_link(entry.unwrap().path()).is_ok_and(|path| path == Path::new(fifo))
    };
    while !fs::read_dir(&held).unwrap().any(has_it) {
        std::thread::yield_now();
    }
    cat
}

#[test]
#[ignore = "slow: run by make test"]
fn a_fifo_is_waited_for_but_not_for_ever() {
    let place = Place::new();
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // What is written comes out at once, and the end is the end.
    let mut cat = cat_of_fifo(&fifo);
    let mut out = cat.stdout.take().unwrap();
    let mut writer = File::options().write(true).open(&fifo).unwrap();
    for byte in [b'a', b'b'] {
        writer.write_all(&[byte]).unwrap();
        let mut came = [0];
        out.read_exact(&mut came).unwrap();
        assert_eq!(came, [byte]);
    }
    drop(writer);
    let ended = cat.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{ended:?}");
    // Neither a writer that says nothing is waited for, nor one that never comes.
    let why = format!("porthole: cat: {fifo}: no data within 10 s\n");
    let alone = cat_of_fifo(&fifo);
    let other = place.path("other");
    assert!(Command::new("mkfifo").arg(&other).status().unwrap().success());
    let beside = cat_of_fifo(&other);
    let writer = File::options().write(true).open(&other).unwrap();
    for (cat, why) in [(alone, &why), (beside, &why.replace(&fifo, &other))] {
        let ended = cat.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0), "{ended:?}");
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), *why);
    }
    drop(writer);
}
