//! Commands on a file system that does not answer end in time.

mod slow;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::{porthole, until_within};
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};

/// No command waits long for user names, which are only a convenience.
#[test]
fn users_are_numbers_if_the_file_system_of_etc_does_not_answer() {
    let script = format!(
        "{DEAD_AND_ALIVE}\nmkdir \"$1/alive/x\"; exec 4<>/dev/fuse\n\
        mount -i -t fuse -o fd=4,rootmode=40000,user_id=0,group_id=0 dead /etc"
    );
    let Some(elsewhere) = Elsewhere::mounted(&script) else { return };
    let (pid, alive) = (elsewhere.pid(), elsewhere.path("alive"));
    let commands: [&[&str]; 10] = [
        &["ps"],
        &["top"],
        &["ps", "--json"],
        &["id"],
        &["ss", "-a"],
        &["ls", &alive],
        &["stat", &alive],
        &["lsof"],
        &["access", &alive],
        &["tar", "cf", "-", &alive],
    ];
    let why = "/etc/passwd: the file system does not answer, so users and groups are shown as numbers";
    std::thread::scope(|scope| {
        for words in commands {
            let pid = &pid;
            scope.spawn(move || {
                let ran =
                    until_within(Duration::from_secs(9), || porthole([words, &["-p", pid]].concat()).run());
                let error = format!("porthole: {}: {why}\n", words[0]);
                assert!(ran.status == Some(0) && !ran.stdout.is_empty(), "{}", ran.story());
                assert_eq!(ran.stderr.matches(&error).count(), 1, "{}", ran.story());
                if words.contains(&"--json") {
                    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
                    assert_eq!(document["errors"], json!([why]));
                    assert_eq!(document["processes"][0]["user"], "0");
                }
            });
        }
    });
}
