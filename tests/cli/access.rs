//! `porthole access`, compared with what really happens to that user.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::place::Place;
use crate::support::skip::{is_root, skip, skip_by_design};

/// A place that only root can fill with files of others.
fn place() -> Option<Place> {
    let place = Place::for_inspection()?;
    if !is_root() {
        skip("only root can give files to other users");
        return None;
    }
    place.mode("", 0o755);
    Some(place)
}

#[test]
fn every_component_with_the_one_that_denies() {
    let Some(place) = place() else { return };
    fs::create_dir_all(place.path("app/config")).unwrap();
    place.file("app/config/secret", "");
    symlink("app/config/secret", place.path("link")).unwrap();
    let (root, secret) = (place.path(""), place.path("app/config/secret"));
    let root = root.trim_end_matches('/');
    place.mode("app/config/secret", 0o400);
    let ran = porthole(["access", &place.path("link"), "--uid", "65532", "--gid", "65532"]).run();
    let denied = "owner 0:0 mode 0400 gives others no read";
    let last = format!("no: 65532:65532 may not read {root}/link: {secret}: {denied}");
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert_eq!(lines[0], ["MODE", "OWNER", "GROUP", "NAME", "GRANTS"]);
    assert_eq!(lines[1], ["drwxr-xr-x", "root", "root", "/", "search"]);
    let at = lines.iter().position(|line| line[0].starts_with('l')).unwrap();
    assert_eq!(
        lines[at],
        ["lrwxrwxrwx", "root", "root", &format!("{root}/link"), "->", "app/config/secret", "follow"]
    );
    assert_eq!(lines[at + 1], ["drwxr-xr-x", "root", "root", &format!("{root}/app"), "search"]);
    assert_eq!(lines[at + 3][4..], format!("DENIED: {denied}").split(' ').collect::<Vec<_>>());
    assert!(ran.stdout.ends_with(&format!("{last}\n")), "{}", ran.story());

    chown(&secret, Some(65_532), None).unwrap();
    let ran = porthole(["access", &secret, "--uid", "65532"]).run();
    assert!(
        ran.status == Some(0) && ran.stdout.ends_with(&format!("yes: 65532:0 may read {secret}\n")),
        "{}",
        ran.story()
    );
    place.mode("app", 0o700);
    let ran = porthole(["access", &secret, "--uid", "65532", "--gid", "5"]).run();
    let denied = format!(
        "no: 65532:5 may not read {secret}: {root}/app: owner 0:0 mode 0700 gives others no search\n"
    );
    assert!(ran.stdout.ends_with(&denied), "{}", ran.story());
    let none = place.path("app/none");
    let ran = porthole(["access", &none]).run();
    assert!(
        ran.status == Some(1) && ran.stdout.ends_with(&format!("no: {none}: no such file or directory\n"))
    );
}

#[test]
fn as_json() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o640);
    let words = ["access", &path, "--uid", "7", "--gid", "8", "--groups", "0,9", "--write", "--json"];
    let ran = porthole(words).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    let denied = "owner 0:0 mode 0640 gives the group no write";
    assert_eq!(
        json,
        json!({"path": path, "uid": 7, "gid": 8, "groups": [0, 9], "wanted": ["write"], "allowed": false,
            "reason": format!("7:8 may not write {path}: {path}: {denied}"), "components": json["components"], "notes": []})
    );
    let last = json["components"].as_array().unwrap().last().unwrap();
    assert_eq!(
        *last,
        json!({"path": path, "type": "file", "mode": "0640", "uid": 0, "user": "root", "gid": 0, "group": "root",
            "granted": false, "reason": denied})
    );
}

/// Numbers that look random and are the same each time: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

const IDS: [u32; 4] = [0, 70_001, 70_002, 70_003];

/// A tree of random modes, owners and links; every path in it, and some that lead out of it and back.
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
            // More often than not something is granted, or little would be reached.
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

/// What test(1) says as this user: `r`, `w`, `x` for each path, or `-`.
fn really(setpriv: &[&str], paths: &[String]) -> Vec<String> {
    let script = "for p; do a=; for o in r w x; do if test -$o \"$p\"; then a=$a$o; else a=$a-; fi; done; echo $a; done";
    let mut command = Command::new("setpriv");
    let ran = output(command.args(setpriv).args(["/bin/sh", "-c", script, "sh"]).args(paths));
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    ran.stdout.lines().map(str::to_owned).collect()
}

/// What we say of the same.
fn ours(before: &[&str], words: &[&str], paths: &[String]) -> Vec<String> {
    let asked = |path: &String, option: &[&str]| {
        let all = [before, &["access", path], words, option].concat();
        output(Command::new(all[0]).args(&all[1..])).status == Some(0)
    };
    let one = |path: &String| {
        let bits = [("r", &[][..]), ("w", &["--write"]), ("x", &["--exec"])];
        bits.map(|(letter, option)| if asked(path, option) { letter } else { "-" }).concat()
    };
    paths.iter().map(one).collect()
}

#[track_caller]
fn same(paths: &[String], theirs: &[String], ours: &[String], who: &str) {
    for ((path, theirs), ours) in paths.iter().zip(theirs).zip(ours) {
        let listing = output(Command::new("namei").args(["-lx", path])).stdout;
        assert_eq!(ours, theirs, "{who}: {path}\n{listing}");
    }
    // A comparison of nothing but refusals would not say much.
    assert!(theirs.iter().any(|access| access.contains('r')), "{who}");
}

#[test]
fn generated_trees_as_other_users() {
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
        let theirs = really(&setpriv, &paths);
        let who = format!("{uid}:{gid} {groups}");
        assert!(theirs.iter().any(|access| access == "---"), "{who}");
        let mut words = vec!["--uid", uid, "--gid", gid];
        if !groups.is_empty() {
            words.extend(["--groups", groups]);
        }
        same(&paths, &theirs, &ours(&[program], &words, &paths), &who);
    }
    // By its own ids and capabilities: root with none, and with one that only reads.
    for capabilities in ["-all", "-all,+dac_read_search", "-all,+dac_override"] {
        let sets = [format!("--bounding-set={capabilities}"), format!("--inh-caps={capabilities}")];
        let setpriv = [sets[0].as_str(), sets[1].as_str()];
        let theirs = really(&setpriv, &paths);
        let before = ["setpriv", &sets[0], &sets[1], program];
        let says: Vec<String> = ours(&before, &[], &paths);
        same(&paths, &theirs, &says, capabilities);
    }
    // As root without a doubt.
    let theirs = really(&["--clear-groups"], &paths);
    assert_eq!(ours(&[program], &["--uid", "0"], &paths), theirs);
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn links_in_sticky_folders() {
    let Some(place) = place() else { return };
    fs::create_dir(place.path("shared")).unwrap();
    place.mode("shared", 0o1777);
    let file = place.file("file", "");
    place.mode("file", 0o644);
    let link = place.path("shared/link");
    symlink(&file, &link).unwrap();
    lchown(&link, Some(70_001), None).unwrap();
    for (uid, expected) in [("70001", "r--"), ("70002", "---")] {
        let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
        let theirs = really(&[&ids[0], &ids[1], "--clear-groups"], std::slice::from_ref(&link));
        let program = binary();
        let ours = ours(&[&program], &["--uid", uid, "--gid", uid], std::slice::from_ref(&link));
        assert_eq!(ours, theirs);
        if fs::read("/proc/sys/fs/protected_symlinks").unwrap().trim_ascii() == b"1" {
            assert_eq!(ours, [expected]);
        }
    }
}

#[test]
fn mounts_that_deny() {
    let Some(place) = place() else { return };
    let script = "mount -t tmpfs -o ro,noexec none \"$1\" && mount -o remount,rw,noexec \"$1\" && cp /bin/true \"$1/file\" && \
        chmod 755 \"$1/file\" && mkdir -m 755 \"$1/folder\" && mknod -m 666 \"$1/null\" c 1 3 && \
        mount -o remount,ro,noexec \"$1\" || exit 77; cd \"$1\"; for path in file folder null; do for how in --write --exec; do \
        \"$2\" access $path $how | tail -1; done; done";
    let mut command = Command::new("unshare");
    let program = binary();
    let root = place.path("");
    let ran = output(command.args(["-m", "sh", "-c", script, "sh", &root, &program]));
    if ran.status == Some(77) {
        return skip_by_design("no file system can be mounted here");
    }
    let at = root.trim_end_matches('/');
    let expected = format!(
        "no: 0:0 may not write file: {at}/file: is on a read-only mount\n\
         no: 0:0 may not execute file: {at}/file: is on a mount with noexec\n\
         no: 0:0 may not write folder: {at}/folder: is on a read-only mount\n\
         yes: 0:0 may search {at}/folder\n\
         yes: 0:0 may write {at}/null\n\
         no: 0:0 may not execute null: {at}/null: is a character device, which cannot be executed"
    );
    ran.is(0, &expected, "");
}

#[test]
fn an_access_control_list_is_named() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o640);
    let listed = Command::new("setfacl").args(["-m", "u:65532:r", &path]).output();
    if !listed.is_ok_and(|output| output.status.success()) {
        return skip("setfacl(1) is not there, or this file system has no access control lists");
    }
    let ran = porthole(["access", &path, "--uid", "65532", "--gid", "65532"]).run();
    let note =
        format!("porthole: access: {path}: has an access control list; the verdict is by its mode alone\n");
    assert_eq!((ran.status, &ran.stderr), (Some(1), &note), "{}", ran.story());
}

#[test]
fn what_we_may_not_look_at_is_no_verdict() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    fs::create_dir(place.path("closed")).unwrap();
    let path = place.file("closed/file", "");
    place.mode("closed", 0o700);
    chown(place.path("closed"), Some(70_001), None).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
    let ran = output(command.args(["access", &path, "--uid", "70001", "--json"]));
    let complaint = format!("{path}: permission denied: we may not look further, whoever may; run as root");
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&json["allowed"], &json["errors"]), (&Value::Null, &json!([complaint])), "{}", ran.story());
    assert_eq!(
        (ran.status, ran.stderr.as_str()),
        (Some(1), format!("porthole: access: {complaint}\n").as_str())
    );
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn wrong_usage() {
    let Some(_place) = Place::for_inspection() else { return };
    porthole(["access", "/", "--uid", "root"])
        .refused("access: --uid: expected a number from 0 to 4294967294, got 'root'");
    porthole(["access", "/", "--groups", "1,x"])
        .refused("access: --groups: expected numbers with commas between, such as 5,20, got '1,x'");
}
