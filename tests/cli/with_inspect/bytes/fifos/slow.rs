//! Tests too slow for plain `cargo test`; `make test` runs them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::Place;
use crate::support::command::binary;

/// Starts `cat --special` of a FIFO, and waits until it has opened it.
fn cat_of_fifo(fifo: &str) -> std::process::Child {
    let mut cat = Command::new(binary());
    cat.args(["cat", "--special", fifo]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cat = cat.spawn().unwrap();
    let descriptors = format!("/proc/{}/fd", cat.id());
    let is_fifo = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_link(entry.unwrap().path()).is_ok_and(|path| path == Path::new(fifo))
    };
    while !fs::read_dir(&descriptors).unwrap().any(is_fifo) {
        std::thread::yield_now();
    }
    cat
}

#[test]
#[ignore = "slow: run by make test"]
fn cat_times_out_on_a_fifo_without_data() {
    let place = Place::new();
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Each byte is printed as it is written, and closing the FIFO ends the output.
    let mut cat = cat_of_fifo(&fifo);
    let mut out = cat.stdout.take().unwrap();
    let mut writer = File::options().write(true).open(&fifo).unwrap();
    for byte in [b'a', b'b'] {
        writer.write_all(&[byte]).unwrap();
        let mut read = [0];
        out.read_exact(&mut read).unwrap();
        assert_eq!(read, [byte]);
    }
    drop(writer);
    let ended = cat.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{ended:?}");
    // Times out if the writer sends nothing, and if there is no writer.
    let why = format!("porthole: cat: {fifo}: no data within 10 s\n");
    let without_writer = cat_of_fifo(&fifo);
    let other = place.path("other");
    assert!(Command::new("mkfifo").arg(&other).status().unwrap().success());
    let with_silent_writer = cat_of_fifo(&other);
    let writer = File::options().write(true).open(&other).unwrap();
    for (cat, why) in [(without_writer, &why), (with_silent_writer, &why.replace(&fifo, &other))] {
        let ended = cat.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0), "{ended:?}");
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), *why);
    }
    drop(writer);
}
