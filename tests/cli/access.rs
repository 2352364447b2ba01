//! `porthole access`, compared with what really happens to that user.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{chown, lchown, symlink};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::place::Place;
use crate::support::processes::{Proc, Sleeper};
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
    let denied = "owner 0:0 mode 0400 does not let others read";
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
        "no: 65532:5 may not read {secret}: {root}/app: owner 0:0 mode 0700 does not let others search\n"
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
    let denied = "owner 0:0 mode 0640 does not let the group write";
    assert_eq!(
        json,
        json!({"path": path, "uid": 7, "gid": 8, "groups": [0, 9], "wanted": ["write"], "allowed": false,
            "reason": format!("7:8 may not write {path}: {path}: {denied}"), "components": json["components"]})
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
        \"$2\" access $path $how | tail -1; done; done; mount -o remount,bind,nodev \"$1\" && ! true <null && \
        \"$2\" access null | tail -1";
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
         no: 0:0 may not execute null: {at}/null: is a character device, which cannot be executed\n\
         no: 0:0 may not read null: {at}/null: is a character device on a mount with nodev\n"
    );
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), expected.as_str()), "{}", ran.story());
}

#[test]
fn access_control_lists_decide() {
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
        // An id that comes twice has what it has last.
        let listed = Command::new("setfacl").args(["-m", &list.join(","), &path]).output();
        if !listed.is_ok_and(|output| output.status.success()) {
            return skip("setfacl(1) is not there, or this file system has no access control lists");
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
        let theirs = really(&setpriv, &paths);
        same(&paths, &theirs, &ours(&[program], &words, &paths), &format!("{uid}:{gid} {groups}"));
    }
    for capabilities in ["-all", "-all,+dac_read_search", "-all,+dac_override"] {
        let sets = [format!("--bounding-set={capabilities}"), format!("--inh-caps={capabilities}")];
        let theirs = really(&[&sets[0], &sets[1]], &paths);
        let says = ours(&["setpriv", &sets[0], &sets[1], program], &[], &paths);
        same(&paths, &theirs, &says, capabilities);
    }
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn entries_of_an_access_control_list_in_words() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o640);
    let listed = Command::new("setfacl").args(["-m", "u:65532:rw,g:5:-,m::r", &path]).output();
    if !listed.is_ok_and(|output| output.status.success()) {
        return skip("setfacl(1) is not there, or this file system has no access control lists");
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

#[test]
fn a_file_on_the_way() {
    let Some(place) = place() else { return };
    let path = place.file("db", "");
    place.mode("db", 0o644);
    let below = format!("{path}/x");
    for ids in [&["--uid", "65532"][..], &[]] {
        let ran = porthole([&["access", &below], ids].concat()).run();
        let end = format!("may not read {below}: {path}: is a regular file, not a directory\n");
        assert!(ran.status == Some(1) && ran.stdout.ends_with(&end), "{}", ran.story());
    }
    assert_eq!(fs::read(below).unwrap_err().raw_os_error(), Some(nix::errno::Errno::ENOTDIR as i32));
}

#[test]
fn a_slash_at_the_end_of_a_link_asks_for_a_folder() {
    let Some(place) = place() else { return };
    place.file("f", "");
    fs::create_dir(place.path("d")).unwrap();
    place.mode("d", 0o755);
    for (name, to) in
        [("sl", "f/"), ("again", "sl"), ("slashes", "again//"), ("to", "d/"), ("into", "d/../f")]
    {
        symlink(to, place.path(name)).unwrap();
    }
    let file = place.path("f");
    for (name, is_there) in
        [("sl", false), ("again", false), ("slashes", false), ("to", true), ("into", true)]
    {
        let path = place.path(name);
        assert_eq!(fs::metadata(&path).is_ok(), is_there, "{name}");
        let ran = porthole(["access", &path]).run();
        assert_eq!(ran.status == Some(0), is_there, "{}", ran.story());
        assert!(
            is_there || ran.stdout.ends_with(&format!("no: {file}: not a directory\n")),
            "{}",
            ran.story()
        );
    }
}

#[test]
fn a_path_that_is_longer_than_any_may_be() {
    if Place::for_inspection().is_none() {
        return;
    }
    for (length, is_there) in [(4095, true), (4096, false), (5000, false)] {
        let path = "/".repeat(length);
        assert_eq!(fs::metadata(&path).is_ok(), is_there);
        let ran = porthole(["access", &path]).run();
        assert_eq!(ran.status == Some(0), is_there, "{length}");
        assert!(is_there || ran.stdout.contains("name too long"), "{length}: {}", &ran.stdout[length..]);
    }
}

#[test]
fn openat2_that_is_refused() {
    let Some(_place) = Place::for_inspection() else { return };
    let sleeper = Sleeper::called("sleeper", &[]);
    let pid = sleeper.pid().to_string();
    let program = binary();
    for command in ["ls", "access"] {
        // As a seccomp profile does that is older than the call.
        let mut strace = Command::new("strace");
        strace.args([
            // The thread as well that asks.
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=openat2:error=EPERM",
            &program,
            command,
            "-p",
            &pid,
            "/",
        ]);
        if strace.output().is_err() {
            return skip("strace is not installed");
        }
        let ran = output(&mut strace);
        let why = "/: openat2(2) is not available (it needs Linux 5.6 and a seccomp profile that allows it: a newer \
            engine's, or one of your own); without it, another process's files cannot be told apart from our own\n";
        assert_eq!(ran.status, Some(1), "{}", ran.story());
        assert!(ran.stderr.ends_with(&format!("porthole: {command}: {why}")), "{}", ran.story());
    }
}

#[test]
fn a_status_that_does_not_tell_who() {
    let Some(_place) = Place::for_inspection() else { return };
    let proc = Proc::new();
    proc.file("7/status", "");
    symlink("/", std::path::Path::new(proc.path()).join("7/root")).unwrap();
    let status = format!("{}/7/status", proc.path());
    let why = format!("{status}: has no Uid line");
    for ids in [&[][..], &["--uid", "0"]] {
        let words = [&["access", "/", "-p", "7", "--proc", proc.path()], ids].concat();
        porthole(&words).refused(&format!("access: {why}"));
    }
    porthole(["access", "/", "-p", "7", "--uid", "7", "--proc", proc.path()]).run().is(
        0,
        "MODE        OWNER  GROUP  NAME  GRANTS\n\
         drwxr-xr-x  root   root   /     list\n\
         yes: 7:0 may list /",
        "",
    );
}

#[test]
fn without_proc_the_ids_that_are_given_will_do() {
    let Some(place) = place() else { return };
    let file = place.file("file", "");
    place.mode("file", 0o640);
    fs::create_dir(place.path("shared")).unwrap();
    place.mode("shared", 0o1777);
    let link = place.path("shared/link");
    symlink(&file, &link).unwrap();
    lchown(&link, Some(70_001), None).unwrap();
    let allowed = |path: &str, ids: &[&str]| {
        let ran = porthole([&["access", path, "--json", "--proc", "/nonexistent"], ids].concat()).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        (json["allowed"].clone(), json["reason"].as_str().unwrap().to_owned())
    };
    let other = ["--uid", "65532", "--gid", "65532"];
    assert_eq!(allowed(&file, &other).0, json!(false));
    assert_eq!(allowed(&file, &["--uid", "65532", "--groups", "0"]).0, json!(true));
    // What proc would tell is not guessed.
    let (known, why) = allowed(&link, &["--uid", "65532"]);
    assert!(known.is_null(), "{why}");
    assert!(why.contains("cannot tell whether") && why.ends_with("(fs.protected_symlinks)"), "{why}");
    if Command::new("setfacl").args(["-m", "u:65532:r", &file]).status().is_ok_and(|status| status.success())
    {
        assert_eq!(allowed(&file, &other).0, json!(true));
    }
    for ids in [&[][..], &["--gid", "7"], &["--uid", "0"]] {
        let words = [&["access", &file, "--proc", "/nonexistent"], ids].concat();
        porthole(&words).refused("access: /nonexistent/self/status: no such file or directory");
    }
}

#[test]
fn files_that_ptrace_guards() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let sleeper = Sleeper::called("sleeper", &[]);
    let pid = sleeper.pid();
    let last = |path: &str, words: &[&str]| {
        let ran = porthole([&["access", path, "--json"], words].concat()).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(ran.status == Some(0), json["allowed"] == json!(true), "{}", ran.story());
        (json["allowed"].clone(), json["reason"].as_str().unwrap().to_owned())
    };
    let maps = format!("/proc/{pid}/maps");
    let other = ["--uid", "65532", "--gid", "65532"];
    let why = format!(
        "cannot tell whether 65532:65532 may read {maps}: {maps}: belongs to a process, so ptrace(2) decides too: try it as \
         that user (docker exec --user, setpriv)"
    );
    assert_eq!(last(&maps, &other), (Value::Null, why));
    let ids = ["--reuid=65532", "--regid=65532", "--clear-groups", "cat", &maps];
    assert_ne!(output(Command::new("setpriv").args(ids)).status, Some(0));
    assert_eq!(last(&maps, &[]).0, Value::Null);
    // Its mode denies, whatever else does.
    let (allowed, why) = last(&format!("/proc/{pid}/environ"), &other);
    assert!(allowed == json!(false) && why.ends_with("mode 0400 does not let others read"), "{why}");
    for link in ["exe", "cwd", "root"]
        .map(|name| format!("/proc/{pid}/{name}"))
        .into_iter()
        .chain(["/proc/self/fd/0".to_owned()])
    {
        let (allowed, why) = last(&link, &["--exec"]);
        assert!(allowed.is_null() && why.ends_with("(docker exec --user, setpriv)"), "{why}");
    }
    // What is the asker's own, and what is of no process.
    for path in ["/proc/self/maps", "/proc/self/environ", "/proc/mounts", "/proc/version"] {
        assert_eq!(last(path, &[]).0, json!(true), "{path}");
    }
    for words in [&other[..], &["-p", &pid.to_string()]] {
        assert_eq!(last("/proc/self/status", words).0, Value::Null);
        assert_eq!(last("/proc/version", words).0, json!(true));
    }
    assert_eq!(last(&maps, &["-p", &pid.to_string()]).0, json!(true));
    drop(place);
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn settings_of_the_kernel_have_rules_of_their_own() {
    let Some(_place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let program = programs.join("porthole");
    let program = program.to_str().unwrap();
    let paths: Vec<String> = [
        "kernel/ostype",
        "kernel/cad_pid",
        "kernel/hostname",
        "vm/drop_caches",
        "net/ipv4/route/flush",
        "net/ipv4/ip_forward",
        "net/ipv4",
    ]
    .map(|name| format!("/proc/sys/{name}"))
    .into_iter()
    .filter(|path| fs::metadata(path).is_ok())
    .collect();
    let ids = ["--reuid=65532", "--regid=65532", "--clear-groups"];
    same(&paths, &really(&[], &paths), &ours(&[program], &[], &paths), "root");
    let other = ["--uid", "65532", "--gid", "65532"];
    same(&paths, &really(&ids, &paths), &ours(&[program], &other, &paths), "65532");
    let ids = ["--reuid=65532", "--regid=65532", "--groups=0"];
    let member = ["--uid", "65532", "--gid", "65532", "--groups", "0"];
    same(&paths, &really(&ids, &paths), &ours(&[program], &member, &paths), "of root's group");
    let sets = ["--bounding-set=-all", "--inh-caps=-all"];
    let before = ["setpriv", sets[0], sets[1], program];
    same(&paths, &really(&sets, &paths), &ours(&before, &[], &paths), "root without capabilities");
    let admin = ["--reuid=65532", "--clear-groups", "--inh-caps=+net_admin", "--ambient-caps=+net_admin"];
    let before = [&["setpriv"], &admin[..], &[program]].concat();
    same(&paths, &really(&admin, &paths), &ours(&before, &[], &paths), "an administrator of the network");
    let ran = porthole(["access", "/proc/sys/kernel/ostype", "--write"]).run();
    let why = "mode 0444 of a kernel setting does not let the owner write, whatever its capabilities\n";
    assert!(ran.stdout.ends_with(why), "{}", ran.story());
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn the_log_of_the_kernel_takes_a_capability() {
    let Some(place) = place() else { return };
    // The last word on each: yes, no, or that it cannot be told.
    let said = |status: &str, restricts: Option<&str>, path: &str| {
        let proc = Proc::new();
        proc.file("7/status", status);
        symlink("/", format!("{}/7/root", proc.path())).unwrap();
        if let Some(restricts) = restricts {
            proc.file("sys/kernel/dmesg_restrict", restricts);
        }
        let ran = porthole(["access", path, "--json", "-p", "7", "--proc", proc.path()]).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        (json["allowed"].clone(), json["reason"].as_str().unwrap().to_owned())
    };
    let ids = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t0\nCapBnd:\t000001ffffffffff\nCapEff:\t";
    let (without, with) = (format!("{ids}000001fbffffffff\n"), format!("{ids}000001ffffffffff\n"));
    let path = place.path("kmsg");
    let made = Command::new("mknod").args(["-m", "644", &path, "c", "1", "11"]).status();
    if made.unwrap().success() && !fs::File::open(&path).is_err_and(|why| why.raw_os_error() == Some(13)) {
        for (status, restricts, allowed) in [
            (&without, Some("1\n"), json!(false)),
            (&without, Some("0\n"), json!(true)),
            (&without, None, Value::Null),
            (&with, Some("1\n"), json!(true)),
            (&with, None, json!(true)),
        ] {
            let (found, why) = said(status, restricts, &path);
            assert_eq!(found, allowed, "{why}");
        }
    } else {
        skip("no device can be made here");
    }
    assert_eq!(said(&with, None, "/proc/kmsg").0, json!(true));
    let (allowed, why) = said(&without, Some("0\n"), "/proc/kmsg");
    assert_eq!(allowed, json!(false));
    assert!(why.ends_with("/proc/kmsg: is the kernel's log, which requires CAP_SYSLOG (syslog(2))"), "{why}");
}

#[test]
fn root_with_what_the_bounding_set_leaves() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o600);
    chown(&path, Some(70_001), Some(70_001)).unwrap();
    let program = binary();
    for (left, expected) in [("-all", "---"), ("-all,+dac_read_search", "r--"), ("-all,+dac_override", "rw-")]
    {
        let sets = [format!("--bounding-set={left}"), format!("--inh-caps={left}")];
        let paths = std::slice::from_ref(&path);
        assert_eq!(really(&[&sets[0], &sets[1]], paths), [expected]);
        assert_eq!(ours(&["setpriv", &sets[0], &sets[1], &program], &["--uid", "0"], paths), [expected]);
    }
    let ran = output(Command::new("setpriv").args([
        "--bounding-set=-all",
        &program,
        "access",
        &path,
        "--uid",
        "0",
    ]));
    let denied = "owner 70001:70001 mode 0600 does not let others read, and CAP_DAC_OVERRIDE is not in the bounding set\n";
    assert!(ran.stdout.ends_with(denied), "{}", ran.story());
    // A process that only does without it: nothing is wrong with that set.
    let proc = Proc::new();
    let ids = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t00000000a80425fb\n";
    proc.file("7/status", ids);
    symlink("/", format!("{}/7/root", proc.path())).unwrap();
    let ran = porthole(["access", &path, "-p", "7", "--proc", proc.path()]).run();
    assert!(ran.stdout.ends_with("mode 0600 does not let others read\n"), "{}", ran.story());
}

#[test]
fn owners_that_a_user_namespace_hides() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let program = programs.join("porthole");
    for (name, uid, mode) in [
        ("theirs", 70_001, 0o600),
        ("shared", 70_001, 0o644),
        ("nobodys", 100_001, 0o600),
        ("roots", 0, 0o600),
    ] {
        let path = place.file(name, "");
        chown(path, Some(uid), Some(uid)).unwrap();
        place.mode(name, mode);
    }
    // Root is 0 and nobody is 100001 outside.
    let script = "echo; read line; cd \"$1\"; for id in 65534 0; do for path in theirs shared nobodys roots; do \
        setpriv --reuid $id --regid $id --clear-groups test -r $path && echo may || echo may not; \
        setpriv --reuid $id --regid $id --clear-groups \"$2\" access $path 2>&1 | tail -1; \
        done; done";
    let mut command = Command::new("unshare");
    command.args(["--user", "sh", "-c", script, "sh", &place.path("")]).arg(&program);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    if line.is_empty() {
        child.wait().unwrap();
        return skip("no user namespace can be had here");
    }
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", child.id()), "0 0 1\n65534 100001 1\n").unwrap();
    }
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    let at = place.path("");
    let at = at.trim_end_matches('/');
    let hidden = |path: &str, ids: &str| {
        format!(
            "porthole: access: cannot tell whether {ids} may read {path}: {at}/{path}: belongs to user or group 65534, which our user \
             namespace shows for all unmapped ids (user_namespaces(7))\n"
        )
    };
    let expected = [
        "may not\n",
        &hidden("theirs", "65534:65534"),
        &format!("may\nyes: 65534:65534 may read {at}/shared\n"),
        "may\n",
        &hidden("nobodys", "65534:65534"),
        &format!(
            "may not\nno: 65534:65534 may not read roots: {at}/roots: owner 0:0 mode 0600 does not let others read\n"
        ),
        "may not\n",
        &hidden("theirs", "0:0"),
        &format!("may\nyes: 0:0 may read {at}/shared\n"),
        "may\n",
        &hidden("nobodys", "0:0"),
        &format!("may\nyes: 0:0 may read {at}/roots\n"),
    ];
    assert_eq!(said, expected.concat());
    fs::remove_dir_all(programs).unwrap();
}

/// Takes the flags of chattr(1) away again, so that what has them can be removed.
struct Unflagged(String);

impl Drop for Unflagged {
    fn drop(&mut self) {
        let _ = Command::new("chattr").args(["-ia", &self.0]).output();
    }
}

#[test]
fn flags_that_deny_writing() {
    let Some(place) = place() else { return };
    fs::create_dir(place.path("folder")).unwrap();
    let folder = place.path("folder");
    let file = place.file("file", "");
    let mut kept = Vec::new();
    for (path, flag, why) in [
        (&file, "+i", Some("is immutable for all users (chattr +i)")),
        (&file, "+a", Some("is append-only (chattr +a): it opens only with O_APPEND")),
        (&folder, "+i", Some("is immutable for all users (chattr +i)")),
        (&folder, "+a", None),
    ] {
        kept.push(Unflagged(path.clone()));
        if !Command::new("chattr").args([flag, path]).output().is_ok_and(|ran| ran.status.success()) {
            return skip("chattr(1) is not there, or this file system has no such flags");
        }
        let ran = porthole(["access", path, "--write"]).run();
        let really = if *path == file {
            fs::OpenOptions::new().write(true).open(path).map(drop)
        } else {
            fs::write(format!("{path}/new"), "")
        };
        assert_eq!(really.is_ok(), why.is_none(), "{flag} {path}");
        assert_eq!(ran.status == Some(0), why.is_none(), "{}", ran.story());
        let end = why.map_or_else(|| format!("write {path}\n"), |why| format!("{path}: {why}\n"));
        assert!(ran.stdout.ends_with(&end), "{}", ran.story());
        assert_eq!(porthole(["access", path]).run().status, Some(0));
        kept.clear();
    }
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
    let complaint =
        format!("{path}: permission denied: porthole cannot look further, even if the user can; run as root");
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
