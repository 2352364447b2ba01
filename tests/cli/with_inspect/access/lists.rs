//! Access control lists: acl(5).

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use super::{IDS, Random, assert_same, by_kernel, by_porthole, place};
use crate::support::command::{for_other_users, porthole};
use crate::support::skip::skip;

#[test]
#[ignore = "slow: run by make test"]
fn access_control_lists_are_judged_as_by_the_kernel() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let program = programs.join("porthole");
    let program = program.to_str().unwrap();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut paths = Vec::new();
    for number in 0..40 {
        let path = place.path(&format!("n{number}"));
        if number % 4 == 0 {
            fs::create_dir(&path).unwrap();
        } else {
            fs::write(&path, "#!/bin/true\n").unwrap();
        }
        chown(&path, Some(random.pick(&IDS)), Some(random.pick(&IDS))).unwrap();
        let mut list: Vec<String> =
            ["u:", "g:", "o:"].map(|kind| format!("{kind}:{}", random.below(8))).into();
        for _ in 0..random.below(4) {
            list.push(format!("{}:{}:{}", random.pick(&["u", "g"]), random.pick(&IDS), random.below(8)));
        }
        if random.below(2) == 0 {
            list.push(format!("m::{}", random.below(8)));
        }
        // If an id is listed twice, its last entry counts.
        let listed = Command::new("setfacl").args(["-m", &list.join(","), &path]).output();
        if !listed.is_ok_and(|output| output.status.success()) {
            return skip("setfacl(1) is not installed, or this file system has no access control lists");
        }
        paths.push(path);
    }
    for (uid, gid, groups) in [("70001", "70001", ""), ("70002", "70003", "70001"), ("65532", "0", "70002")] {
        let ids = [format!("--reuid={uid}"), format!("--regid={gid}"), format!("--groups={groups}")];
        let none = groups.is_empty();
        let setpriv =
            [ids[0].as_str(), ids[1].as_str(), if none { "--clear-groups" } else { ids[2].as_str() }];
        let mut words = vec!["--uid", uid, "--gid", gid];
        if !none {
            words.extend(["--groups", groups]);
        }
        let theirs = by_kernel(&setpriv, &paths);
        assert_same(
            &paths,
            &theirs,
            &by_porthole(&[program], &words, &paths),
            &format!("{uid}:{gid} {groups}"),
        );
    }
    for capabilities in ["-all", "-all,+dac_read_search", "-all,+dac_override"] {
        let sets = [format!("--bounding-set={capabilities}"), format!("--inh-caps={capabilities}")];
        let theirs = by_kernel(&[&sets[0], &sets[1]], &paths);
        let answers = by_porthole(&["setpriv", &sets[0], &sets[1], program], &[], &paths);
        assert_same(&paths, &theirs, &answers, capabilities);
    }
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn the_deciding_entry_of_an_access_control_list_is_named() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o640);
    let listed = Command::new("setfacl").args(["-m", "u:65532:rw,g:5:-,m::r", &path]).output();
    if !listed.is_ok_and(|output| output.status.success()) {
        return skip("setfacl(1) is not installed, or this file system has no access control lists");
    }
    let last = |words: &[&str]| {
        let ran = porthole([&["access", &path, "--uid"], words].concat()).run();
        assert_eq!(ran.stderr, "", "{}", ran.story());
        let rows: Vec<&str> = ran.stdout.lines().rev().take(2).collect();
        (ran.status, rows[1].rsplit_once("  ").unwrap().1.to_owned())
    };
    let no = |why: &str| (Some(1), format!("DENIED: owner 0:0 mode 0640 does not let {why}"));
    let yes = |what: &str| (Some(0), what.to_owned());
    assert_eq!(last(&["65532"]), yes("read"));
    let why = "user:65532 of its access control list (mask r--) write";
    assert_eq!(last(&["65532", "--write"]), no(why));
    let why = "group:5 of its access control list (mask r--) read";
    assert_eq!(last(&["7", "--gid", "5"]), no(why));
    assert_eq!(last(&["7", "--gid", "7"]), no("others read"));
    assert_eq!(last(&["7", "--gid", "7", "--groups", "0,5"]), yes("read"));
}
