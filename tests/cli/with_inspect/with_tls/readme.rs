//! The manual, README.md and docs/: each block marked as runnable prints what it shows, and so does
//! the picture of README.
//!
//! A block that begins with "```console runnable" is run line by line in a network namespace of its
//! own. A few servers listen on the ports that the manual mentions, and the working directory has
//! the files that it mentions.

use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use regex_lite::Regex;

use crate::support::command::binary;
use crate::support::network::in_own_network;
use crate::support::server::folder;
use crate::support::skip::has_ipv6;
use crate::support::times::timeless;

/// The minimum number of blocks: a block that is not found is not tested.
const MIN_BLOCKS: usize = 8;

/// A command, and its expected output.
type Step = (String, String);

/// The runnable blocks of a text.
fn blocks(text: &str) -> Vec<Vec<Step>> {
    let mut blocks = Vec::new();
    for block in text.split("```console runnable\n").skip(1) {
        let (block, _) = block.split_once("\n```").unwrap();
        let mut steps: Vec<Step> = Vec::new();
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push((command.to_owned(), String::new()));
            } else {
                let (_, printed) = steps.last_mut().expect("a block begins with a command");
                printed.push_str(line);
                printed.push('\n');
            }
        }
        blocks.push(steps);
    }
    blocks
}

/// The text of all pages that may have such blocks.
fn manual() -> String {
    let pages = fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let pages = pages.chain([PathBuf::from("README.md")]);
    pages.map(|page| fs::read_to_string(page).unwrap()).collect()
}

/// Removes values that differ from run to run, and empty lines at the end.
fn comparable(text: &str) -> String {
    static MILLISECONDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"_ms": [0-9.]+"#).unwrap());
    MILLISECONDS.replace_all(timeless(text).trim_end(), "_ms\": <T>").into_owned()
}

/// Sends this answer to every client that has sent something.
fn serve(port: u16, answer: &'static [u8]) {
    for address in ["127.0.0.1", "[::1]"] {
        let listener = TcpListener::bind(format!("{address}:{port}")).unwrap();
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                // One request fits into one read.
                if connection.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                    let _ = connection.write_all(answer);
                }
            }
        });
    }
}

#[test]
fn runnable_blocks_print_what_they_show() {
    if !has_ipv6() {
        return;
    }
    let blocks = blocks(&manual());
    assert!(blocks.len() >= MIN_BLOCKS, "{} runnable blocks", blocks.len());
    in_own_network(move || {
        serve(8080, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 17\r\n\r\ndb: no connection");
        serve(8081, b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"status\":\"DOWN\"}");
        serve(6379, b"+PONG\r\n");
        // SETTINGS, their acknowledgement, and HEADERS with :status 200 that end the stream.
        serve(8082, b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88");
        let place = folder();
        symlink(fs::canonicalize(binary()).unwrap(), place.join("porthole")).unwrap();
        fs::write(place.join("config.yaml"), "port: 8080\nlog: info\n").unwrap();
        for (command, printed) in blocks.iter().flatten() {
            let output = Command::new("/bin/sh")
                .args(["-c", &format!("{command} 2>&1")])
                .current_dir(&place)
                .env_clear()
                .env("PATH", format!("{}:/usr/bin:/bin", place.display()))
                .output()
                .unwrap();
            let found = String::from_utf8(output.stdout).unwrap();
            assert_eq!(comparable(&found), comparable(printed), "$ {command}");
        }
        fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn the_picture_shows_a_real_run() {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+(\.\d+)?").unwrap());
    if !has_ipv6() {
        return;
    }
    in_own_network(|| {
        let place = folder();
        let (service, picture) = (place.join("service"), place.join("terminal.svg"));
        let mut compiler = Command::new("rustc");
        compiler.args(["--edition", "2024", "examples/service/main.rs", "-o"]);
        assert!(compiler.arg(&service).status().unwrap().success());
        let mut script = Command::new("scripts/picture.sh");
        let output = script.args([binary().as_ref(), service.as_path(), &picture]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let [fresh, committed] = [picture, PathBuf::from("docs/terminal.svg")]
            .map(|path| NUMBER.replace_all(&fs::read_to_string(path).unwrap(), "<N>").into_owned());
        assert_eq!(fresh, committed, "scripts/picture.sh makes another picture");
        fs::remove_dir_all(place).unwrap();
    });
}
