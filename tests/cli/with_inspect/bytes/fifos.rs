//! Files that never end, or have not ended yet.

mod slow;

use std::fs::{self, File};
use std::process::Command;

use super::Place;
use crate::support::command::binary;

#[test]
fn the_output_file_is_not_searched() {
    let place = Place::new();
    place.file("x", "needle\n");
    let out = File::create(place.0.join("out")).unwrap();
    let status =
        Command::new(binary()).args(["grep", "-r", "needle"]).arg(&place.0).stdout(out).output().unwrap();
    let message = format!("porthole: grep: {}: is also the output\n", place.path("out"));
    assert_eq!(
        (String::from_utf8_lossy(&status.stderr).into_owned(), status.status.code()),
        (message, Some(1))
    );
    assert_eq!(fs::read_to_string(place.0.join("out")).unwrap().lines().count(), 1);
}
