//! Owners, and the ids and capabilities of the user in question.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{chown, lchown, symlink};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{by_kernel, by_porthole, place};
use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::place::Place;
use crate::support::processes::Proc;
use crate::support::skip::skip;

#[test]
fn a_status_without_a_uid_line_is_an_error() {
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
fn ids_on_the_command_line_suffice_without_proc() {
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
    // Anything that needs proc is unknown, not guessed.
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
fn root_keeps_only_the_capabilities_in_its_bounding_set() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o600);
    chown(&path, Some(70_001), Some(70_001)).unwrap();
    let program = binary();
    for (left, expected) in [("-all", "---"), ("-all,+dac_read_search", "r--"), ("-all,+dac_override", "rw-")]
    {
        let sets = [format!("--bounding-set={left}"), format!("--inh-caps={left}")];
        let paths = std::slice::from_ref(&path);
        assert_eq!(by_kernel(&[&sets[0], &sets[1]], paths), [expected]);
        assert_eq!(
            by_porthole(&["setpriv", &sets[0], &sets[1], &program], &["--uid", "0"], paths),
            [expected]
        );
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
    // The process has dropped the capability itself: the bounding set is not to blame.
    let proc = Proc::new();
    let ids = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t00000000a80425fb\n";
    proc.file("7/status", ids);
    symlink("/", format!("{}/7/root", proc.path())).unwrap();
    let ran = porthole(["access", &path, "-p", "7", "--proc", proc.path()]).run();
    assert!(ran.stdout.ends_with("mode 0600 does not let others read\n"), "{}", ran.story());
}

#[test]
fn owners_hidden_by_a_user_namespace_are_unknown() {
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
    // Outside, root is uid 0 and nobody is uid 100001.
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
        return skip("cannot create a user namespace here");
    }
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", child.id()), "0 0 1\n65534 100001 1\n").unwrap();
    }
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut printed = String::new();
    out.read_to_string(&mut printed).unwrap();
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
    assert_eq!(printed, expected.concat());
    fs::remove_dir_all(programs).unwrap();
}

/// A user namespace without a map shows every id as nobody, so nothing can be told from them.
#[test]
fn a_user_namespace_without_a_map_hides_all_owners() {
    let place = Place::new();
    let path = place.file("file", "");
    place.mode("file", 0o600);
    let mut command = Command::new("unshare");
    let ran = output(command.arg("--user").arg(binary()).args(["access", &path, "-p", "self"]));
    if ran.stderr.starts_with("unshare: ") {
        return skip("cannot create a user namespace here");
    }
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    assert!(!ran.stdout.contains("yes:") && ran.stderr.contains("cannot tell whether "), "{}", ran.story());
}
