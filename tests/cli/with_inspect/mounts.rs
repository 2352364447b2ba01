//! `porthole mounts`.

use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::{for_other_users, output, porthole};
use crate::support::elsewhere::{Elsewhere, Proc};
use crate::support::skip::skip;

const MOUNTINFO: &[u8] = b"\
    1 0 0:2 / / ro,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u\n\
    not a mount\n\
    2 1 0:21 / /proc rw,nosuid - proc proc rw\n\
    3 1 254:0 /var/lib/a\\040b /data rw,relatime shared:1 - ext4 /dev/vda ro,discard\n\
    4 3 0:40 / /data/\xff\\033 rw - tmpfs  rw,size=64k\n\
    5 1 0:41 / /stacked rw - tmpfs lower rw\n\
    6 5 0:42 / /stacked rw - tmpfs upper rw\n";

#[test]
fn all_mounts_are_listed() {
    let proc = Proc::new(&[("mountinfo", MOUNTINFO)]);
    let table = "\
MOUNT           TYPE     SOURCE                  OPTIONS
/               overlay  overlay                 ro,relatime,lowerdir=/l,upperdir=/u
/proc           proc     proc                    rw,nosuid
/data           ext4     /dev/vda[/var/lib/a b]  ro,relatime,discard
/data/\\xff\\x1b  tmpfs                            rw,size=64k
/stacked        tmpfs    lower                   rw
/stacked        tmpfs    upper                   rw";
    let odd = "porthole: mounts: mountinfo: malformed lines ignored: 1";
    for words in [&["mounts"][..], &["mounts", "-p", "7"]] {
        porthole(words.iter().chain(&["--proc", proc.path()])).run().is(1, table, odd);
    }
}

#[test]
fn a_password_in_a_source_is_masked() {
    let mountinfo = b"\
        1 0 0:2 / / rw - fuse curlftpfs#ftp://bob:hunter2@ftp.example/ rw\n\
        2 1 0:3 /a /dav rw - fuse https://bob:hunter2@dav.example/x rw\n\
        3 1 0:4 / /key rw - nfs nas:/key=a rw\n\
        4 1 0:5 / /q rw - fuse https://u:hunter2@h/share?token=hunter2&a=1 rw\n\
        5 1 0:6 / /smb rw - cifs //u:hunter2@h/share?password=hunter2 rw,vers=3.1,password=hunter2\n\
        6 1 0:7 / /ov rw - overlay ov,password=hunter2 rw,secret=hunter2,lowerdir=/l\n";
    let proc = Proc::new(&[("mountinfo", mountinfo)]);
    let table = "\
MOUNT  TYPE     SOURCE                                           OPTIONS
/      fuse     curlftpfs#ftp://bob:<7 bytes>@ftp.example/       rw
/dav   fuse     https://bob:<7 bytes>@dav.example/x[/a]          rw
/key   nfs      nas:/key=a                                       rw
/q     fuse     https://u:<7 bytes>@h/share?token=<7 bytes>&a=1  rw
/smb   cifs     //u:<7 bytes>@h/share?password=<7 bytes>         rw,vers=3.1,password=<7 bytes>
/ov    overlay  ov,password=<7 bytes>                            rw,secret=<7 bytes>,lowerdir=/l";
    porthole(["mounts", "--proc", proc.path()]).run().is(0, table, "");
    for words in [&["mounts", "--json"][..], &["df"], &["df", "--json"], &["report"]] {
        let ran = porthole(words.iter().chain(&["--proc", proc.path()])).run();
        assert!(!ran.stdout.contains("hunter2"), "{}", ran.story());
        assert!(ran.stdout.contains("ftp://bob:<7 bytes>@ftp.example/"), "{}", ran.story());
    }
}

#[test]
fn the_topmost_mount_of_a_path_is_shown() {
    let proc = Proc::new(&[]);
    let folder = proc.0.join("x");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let info = format!(
        "1 0 0:2 / / rw - overlay overlay rw\n2 1 0:3 / {folder} rw - tmpfs lower rw\n3 2 0:4 /sub {folder} ro - tmpfs upper rw\n"
    );
    std::fs::write(proc.0.join("7/mountinfo"), info).unwrap();
    let json = porthole(["mounts", folder, "--json", "--proc", proc.path()]).run();
    let json = json.content();
    let mount = json!({"mount_point": folder, "filesystem": "tmpfs", "source": "upper", "root": "/sub", "device": "0:4",
        "read_only": true, "options": ["ro"], "id": 3, "parent": 2});
    assert_eq!(json, json!({"mounts": [mount]}));
    porthole(["mounts", "/none/x"]).refused("mounts: /none/x: no such file or directory");
    porthole(["mounts", "a", "b"]).refused("mounts: unexpected argument 'b'; see porthole mounts --help");
}

/// The rows of the JSON document.
fn rows(words: &[&str]) -> Vec<Value> {
    let ran = porthole(words).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    json["mounts"].as_array().unwrap().clone()
}

#[test]
fn the_mounts_of_another_process_are_those_of_findmnt() {
    let script = r#"
        mount -t tmpfs base "$1"
        mkdir "$1/a b	\\c" "$1/bind" "$1/stacked" "$1/dir"
        mount -t tmpfs -o ro 'the source' "$1/a b	\\c"
        mount --bind "$1/dir" "$1/bind"
        mount -t tmpfs lower "$1/stacked"
        mount -t tmpfs upper "$1/stacked"
        ln -s "$1/stacked" "$1/link""#;
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let pid = elsewhere.pid();
    // Compared with findmnt, run in the mount namespace of the process.
    let columns = "ID,PARENT,TARGET,FSTYPE,SOURCE,MAJ:MIN";
    let findmnt =
        output(Command::new("nsenter").args(["-m", "-t", &pid]).args(["findmnt", "-J", "-l", "-o", columns]));
    let expected: Value = serde_json::from_str(&findmnt.stdout).unwrap();
    let expected = expected["filesystems"].as_array().unwrap();
    let found = rows(&["mounts", "-p", &pid, "--json"]);
    assert_eq!(found.len(), expected.len());
    for mount in &found {
        let text = |name: &str| mount[name].as_str().unwrap().to_owned();
        let source = match text("root").as_str() {
            "/" => text("source"),
            root => format!("{}[{root}]", text("source")),
        };
        let row = json!({"id": mount["id"], "parent": mount["parent"], "target": mount["mount_point"],
            "fstype": mount["filesystem"], "source": source, "maj:min": mount["device"]});
        let other = expected.iter().find(|row| row["id"] == mount["id"]).unwrap();
        assert_eq!(row, *other);
    }
    // A link is resolved as the process sees it, and the topmost of stacked mounts counts.
    for name in ["link", "stacked"] {
        let found = rows(&["mounts", &elsewhere.path(name), "-p", &pid, "--json"]);
        assert_eq!((found.len(), &found[0]["source"]), (1, &json!("upper")), "{name}");
    }
    let found = rows(&["mounts", &elsewhere.path("bind"), "-p", &pid, "--json"]);
    assert_eq!(found[0]["mount_point"], json!(elsewhere.path("bind")));
    let path = elsewhere.path("a b\t\\c");
    let shown = path.replace('\\', "\\\\").replace('\t', "\\t");
    let table = porthole(["mounts", &path, "-p", &pid]).run();
    assert!(table.stdout.contains(&format!("\n{shown}  tmpfs  the source  ro,")), "{}", table.story());
    // None of these mounts exist in porthole's own namespace.
    porthole(["mounts", &elsewhere.path("link")])
        .refused(&format!("mounts: {}: no such file or directory", elsewhere.path("link")));
    // Any user may read the mounts of a process, but not its files.
    let Some(folder) = for_other_users() else { return };
    let as_other = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(folder.join("porthole"));
        output(command.args(words))
    };
    let ran = as_other(&["mounts", "-p", &pid]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    assert!(ran.stdout.contains("the source"), "{}", ran.story());
    let denied = format!(
        "/proc/{pid}/root: permission denied: its uid is 0, ours is 65532: run as 0:0, or as root with the \
         capability SYS_PTRACE"
    );
    let ran = as_other(&["mounts", "/", "-p", &pid]);
    assert!(ran.stdout.is_empty() && ran.status == Some(1), "{}", ran.story());
    assert!(ran.stderr.starts_with(&format!("porthole: mounts: {denied}")), "{}", ran.story());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_mount_of_a_path_is_that_of_findmnt() {
    let folder = crate::support::server::folder();
    let link = folder.join("link");
    symlink("/proc/self", &link).unwrap();
    let link = link.to_str().unwrap();
    for path in ["/", "/proc/1", "/dev/null", "/usr/bin/env", "/sys/..", link, "."] {
        let findmnt = Command::new("findmnt").args(["-n", "-o", "ID", "-T", path]).output();
        let Ok(findmnt) = findmnt else {
            skip("findmnt is not installed");
            break;
        };
        let id: u64 = String::from_utf8(findmnt.stdout).unwrap().trim().parse().unwrap();
        assert_eq!(rows(&["mounts", path, "--json"])[0]["id"], json!(id), "{path}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_namespace_is_on_no_mount() {
    let why = "is a namespace, which is on no mount (nsfs)";
    porthole(["mounts", "/proc/self/ns/net"]).refused(&format!("mounts: /proc/self/ns/net: {why}"));
}

#[test]
fn a_zombie_has_no_mounts() {
    let mut child = Command::new("/bin/true").spawn().unwrap();
    let pid = child.id();
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    while !stat().contains(") Z ") {
        std::thread::yield_now();
    }
    for command in ["mounts", "df"] {
        porthole([command, "-p", &pid.to_string()]).refused(&format!(
            "{command}: pid {pid} (true) is a zombie: it has ended and no longer has mountinfo"
        ));
    }
    child.wait().unwrap();
    porthole(["mounts", "-p", &pid.to_string()]).refused(&format!("mounts: pid {pid}: no such process"));
    let none = crate::support::server::folder();
    let none = none.to_str().unwrap();
    let ran = porthole(["mounts", "--proc", none]).run();
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("self/mountinfo: no such file or directory"), "{}", ran.story());
    std::fs::remove_dir(none).unwrap();
}

#[test]
fn a_root_directory_that_is_not_a_mount_point_is_explained() {
    if !crate::support::skip::is_root() {
        skip("only root can change the root directory");
        return;
    }
    // A program and its libraries are usually all below /usr.
    let mut child = Command::new("chroot").args(["/usr", "sleep", "600"]).spawn().unwrap();
    let pid = child.id().to_string();
    let comm = format!("/proc/{pid}/comm");
    while std::fs::read_to_string(&comm).unwrap() != "sleep\n" {
        if child.try_wait().unwrap().is_some() {
            skip("no program runs with /usr as its root directory");
            return;
        }
        std::thread::yield_now();
    }
    let why = "its mount is not among those that the process sees: its root directory is below (chroot(2)), or a link of proc leads to \
               what is in another mount namespace or, as a pipe, on no mount";
    porthole(["mounts", "/", "-p", &pid]).refused(&format!("mounts: /: {why}"));
    let ran = porthole(["df", "/", "-p", &pid]).run();
    let row = ran.stdout.lines().nth(1).unwrap();
    assert!(ran.status == Some(0) && row.starts_with("?       ?"), "{}", ran.story());
    child.kill().unwrap();
    child.wait().unwrap();
}
