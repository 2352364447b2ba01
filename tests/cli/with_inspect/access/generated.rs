//! Generated trees: porthole gives the kernel's answer for every user.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use super::{IDS, Random, assert_same, by_kernel, by_porthole, place};
use crate::support::command::for_other_users;
use crate::support::place::Place;

/// Creates a tree with random modes, owners and links. Returns every path in it, and some that lead
/// out of it and back in.
fn generate(place: &Place, random: &mut Random) -> Vec<String> {
    let mut folders = vec![String::new()];
    let mut paths = Vec::new();
    for number in 0..40 {
        let above = folders[usize::try_from(random.below(folders.len() as u64)).unwrap()].clone();
        let name = format!("{above}n{number}");
        let path = place.path(&name);
        match random.below(5) {
            0 | 1 => {
                fs::create_dir(&path).unwrap();
                folders.push(format!("{name}/"));
            }
            2 if !paths.is_empty() => {
                let to: &String = &paths[usize::try_from(random.below(paths.len() as u64)).unwrap()];
                symlink(to, &path).unwrap();
            }
            _ => fs::write(&path, "#!/bin/true\n").unwrap(),
        }
        lchown(&path, Some(random.pick(&IDS)), Some(random.pick(&IDS))).unwrap();
        paths.push(path);
    }
    for path in &paths {
        if !fs::symlink_metadata(path).unwrap().is_symlink() {
            // Access is granted more often than not; otherwise little of the tree could be reached.
            let mode = random.pick(&[0o755, 0o750, 0o1777, 0o711, 0o777])
                & !(random.below(0o1000) & random.below(0o1000));
            let mode = u32::try_from(mode).unwrap();
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
    }
    let around: Vec<String> =
        folders.iter().skip(1).map(|name| place.path(&format!("{name}../{name}."))).collect();
    paths.extend(around.into_iter().filter(|path| fs::metadata(path).is_ok()));
    paths
}

#[test]
#[ignore = "slow: run by make test"]
fn generated_trees_are_judged_as_by_the_kernel() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let program = programs.join("porthole");
    let program = program.to_str().unwrap();
    let paths = generate(&place, &mut Random(0x9e37_79b9_7f4a_7c15));
    for (uid, gid, groups) in [("70001", "70001", ""), ("70002", "70003", "70001"), ("65532", "0", "")] {
        let ids = [format!("--reuid={uid}"), format!("--regid={gid}"), format!("--groups={groups}")];
        let mut setpriv: Vec<&str> = ids.iter().map(String::as_str).collect();
        if groups.is_empty() {
            setpriv[2] = "--clear-groups";
        }
        let theirs = by_kernel(&setpriv, &paths);
        let who = format!("{uid}:{gid} {groups}");
        assert!(theirs.iter().any(|access| access == "---"), "{who}");
        let mut words = vec!["--uid", uid, "--gid", gid];
        if !groups.is_empty() {
            words.extend(["--groups", groups]);
        }
        assert_same(&paths, &theirs, &by_porthole(&[program], &words, &paths), &who);
    }
    // With the caller's own ids and capabilities: root with none, and root with a single one.
    for capabilities in ["-all", "-all,+dac_read_search", "-all,+dac_override"] {
        let sets = [format!("--bounding-set={capabilities}"), format!("--inh-caps={capabilities}")];
        let setpriv = [sets[0].as_str(), sets[1].as_str()];
        let theirs = by_kernel(&setpriv, &paths);
        let before = ["setpriv", &sets[0], &sets[1], program];
        let answers: Vec<String> = by_porthole(&before, &[], &paths);
        assert_same(&paths, &theirs, &answers, capabilities);
    }
    // Root, unrestricted.
    let theirs = by_kernel(&["--clear-groups"], &paths);
    assert_eq!(by_porthole(&[program], &["--uid", "0"], &paths), theirs);
    fs::remove_dir_all(programs).unwrap();
}
