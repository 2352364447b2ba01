//! Tests too slow for plain `cargo test`; `make test` runs them.

use std::process::Command;

use crate::support::command::porthole;
use crate::support::place::Place;
use crate::support::skip::skip;

#[test]
#[ignore = "slow: run by make test"]
fn ten_thousand_nested_directories_are_searched_in_little_memory() {
    let place = Place::new();
    // Some directories also have a file, so that work remains on the way back up.
    let script = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(10000):\n os.mkdir('d')\n \
        if i % 500 == 499: open('f', 'w').close()\n os.chdir('d')\n";
    let python = Command::new("python3").args(["-c", script, &place.path("")]).status();
    if !python.is_ok_and(|status| status.success()) {
        return skip("python3, which makes a path too long for mkdir(1), is not installed");
    }
    let run =
        |words: &[&str]| porthole([&["find", &place.path("")], words].concat()).in_little_memory().run();
    let ran = run(&["--name", "f"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let mut lengths: Vec<usize> = ran.stdout.lines().map(str::len).collect();
    lengths.sort_unstable();
    let expected: Vec<usize> = (1..=20).map(|at| place.path("").len() + 2 * (500 * at - 1) + 1).collect();
    assert_eq!(lengths, expected);
    let ran = run(&["--type", "d", "--max-depth", "400"]);
    assert_eq!((ran.status, ran.stdout.lines().count()), (Some(0), 401));
}
