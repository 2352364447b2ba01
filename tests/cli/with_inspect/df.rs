//! `porthole df`.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::{for_other_users, output, porthole};
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere, Proc, write};

fn rows(stdout: &str) -> Vec<Value> {
    let json: Value = serde_json::from_str(stdout).unwrap();
    json["filesystems"].as_array().unwrap().clone()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn usage_is_that_of_df() {
    let script = r#"
        mount -t tmpfs -o size=1m,nr_inodes=100 base "$1"
        mkdir "$1/full" "$1/ro" "$1/inodes" "$1/bind" "$1/hidden" "$1/proc" "$1/many"
        mount -t tmpfs -o size=1m,nr_inodes=100 full "$1/full"
        head -c 1000000 /dev/zero >"$1/full/file"
        mount -t tmpfs -o size=64k,nr_inodes=100,ro ro "$1/ro"
        mount -t tmpfs -o size=1m,nr_inodes=20 inodes "$1/inodes"
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do : >"$1/inodes/$i"; done
        mount --bind "$1/full" "$1/bind"
        mkdir "$1/hidden/below"
        mount -t tmpfs below "$1/hidden/below"
        mount -t tmpfs lower "$1/hidden"
        mount -t tmpfs -o size=1m,nr_inodes=100 above "$1/hidden"
        mount -t proc proc "$1/proc""#;
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let (pid, folder) = (elsewhere.pid(), elsewhere.path("").trim_end_matches('/').to_owned());
    let ran = porthole(["df", "-p", &pid, "--json"]).run();
    // A container engine's mounts may disappear while the test runs.
    let is_of_engine = |text: &str| text.contains("/docker/");
    assert!(ran.stderr.lines().all(is_of_engine), "{}", ran.story());
    assert!(ran.status == Some(0) || !ran.stderr.is_empty(), "{}", ran.story());
    let found = rows(&ran.stdout);
    let df = output(Command::new("nsenter").args(["-m", "-t", &pid, "df", "-P", "-k"]));
    // The usage of the machine's own disks may change meanwhile; that of the test's own mounts does
    // not.
    let expected: BTreeSet<String> = df
        .stdout
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            if fields[5].starts_with(&folder) {
                fields.join(" ")
            } else {
                format!("{} {}", fields[1], fields[5])
            }
        })
        .filter(|row| !is_of_engine(row))
        .collect();
    let found_rows: BTreeSet<String> = found
        .iter()
        .map(|row| {
            let (point, kib) =
                (row["mount_point"].as_str().unwrap(), |name: &str| row[name].as_u64().unwrap() / 1024);
            let size = kib("size");
            if point.starts_with(&folder) {
                let source = row["source"].as_str().unwrap();
                let percent = &row["use_percent"];
                format!("{source} {size} {} {} {percent}% {point}", kib("use"), kib("available"))
            } else {
                format!("{size} {point}")
            }
        })
        .filter(|row| !is_of_engine(row))
        .collect();
    assert_eq!(found_rows, expected);
    let of = |name: &str| {
        let path = elsewhere.path(name);
        found.iter().find(|row| row["mount_point"] == json!(path)).unwrap()
    };
    assert_eq!((&of("full")["full"], &of("full")["read_only"]), (&json!(true), &json!(false)));
    assert_eq!((&of("ro")["full"], &of("ro")["read_only"]), (&json!(false), &json!(true)));
    let inodes = of("inodes");
    assert_eq!(
        (&inodes["inodes"], &inodes["inodes_use"], &inodes["full"]),
        (&json!(20), &json!(20), &json!(true))
    );
    assert_eq!((&inodes["inodes_use_percent"], &inodes["inodes_available"]), (&json!(100), &json!(0)));
    // As a table. Mounts named on the command line are always listed.
    let names = ["full", "ro", "inodes", "hidden", "proc", "bind"].map(|name| elsewhere.path(name));
    let words = ["df", "-p", &pid].into_iter().chain(names.iter().map(String::as_str));
    let table = format!(
        "\
SOURCE  TYPE   SIZE  USED  AVAIL  USE%  IUSE%  STATE  MOUNT
full    tmpfs  1.0M  980K    44K   96%     2%  full   {folder}/full
ro      tmpfs   64K     0    64K    0%     1%  ro     {folder}/ro
inodes  tmpfs  1.0M     0   1.0M    0%   100%  full   {folder}/inodes
above   tmpfs  1.0M     0   1.0M    0%     1%         {folder}/hidden
proc    proc      0     0      0     -      -         {folder}/proc
full    tmpfs  1.0M  980K    44K   96%     2%  full   {folder}/bind"
    );
    porthole(words).run().is(0, &table, "");
    // A mount that cannot be examined is listed all the same.
    let Some(other) = for_other_users() else { return };
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(other.join("porthole"));
    let ran = output(command.args(["df", "-p", &pid]));
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    let squeezed: Vec<String> =
        ran.stdout.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(squeezed.contains(&format!("ro tmpfs ? ? ? ? ? ro {folder}/ro")), "{}", ran.story());
    let denied = format!("porthole: df: /proc/{pid}/root: permission denied: its uid is 0, ours is 65532: ");
    assert!(ran.stderr.starts_with(&denied) && ran.stderr.lines().count() == 1, "{}", ran.story());
    std::fs::remove_dir_all(other).unwrap();
}

#[test]
fn a_missing_path_is_an_error() {
    let ran = porthole(["df", "/none", "/proc", "--json"]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    assert_eq!(ran.stderr, "porthole: df: /none: no such file or directory\n");
    assert_eq!(json["errors"], json!(["/none: no such file or directory"]));
    let proc = &json["filesystems"][0];
    assert_eq!(
        (&proc["mount_point"], &proc["size"], &proc["use_percent"]),
        (&json!("/proc"), &json!(0), &Value::Null)
    );
    porthole(["df", "/none"]).refused("df: /none: no such file or directory");
}

#[test]
fn a_missing_mount_point_is_an_error_and_the_others_are_listed() {
    let proc = Proc::new(&[]);
    let point = proc.0.join("disk");
    write(&point.join("file"), b"");
    let point = point.to_str().unwrap();
    let mountinfo = format!(
        "1 0 0:1 / /none rw - ext4 gone rw\n2 1 0:2 / {point} ro - ext4 /dev/x rw\n3 1 0:2 / {point}/file rw - ext4 /dev/x rw\n\
        4 1 0:3 / {point}/file/y rw - sysfs z rw\n"
    );
    write(&proc.0.join("7/mountinfo"), mountinfo.as_bytes());
    let ran = porthole(["df", "--json", "--proc", proc.path()]).run();
    assert_eq!(
        (ran.status, ran.stderr.as_str()),
        (Some(1), "porthole: df: /none: no such file or directory\n")
    );
    let found = rows(&ran.stdout);
    let row = |row: &Value| (row["mount_point"].clone(), row["size"].is_u64(), row["read_only"].clone());
    assert_eq!(
        found.iter().map(row).collect::<Vec<_>>(),
        [(json!("/none"), false, json!(false)), (json!(point), true, json!(true))]
    );
}

#[test]
fn a_file_system_that_does_not_answer_is_reported() {
    let Some(elsewhere) = Elsewhere::mounted(DEAD_AND_ALIVE) else { return };
    let (pid, dead) = (elsewhere.pid(), elsewhere.path("dead"));
    let ran = porthole(["df", "-p", &pid]).run().within(Duration::from_secs(20));
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    // A container engine's mounts may disappear meanwhile.
    let folder = elsewhere.path("");
    let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(&folder)).collect();
    assert_eq!(errors, [format!("porthole: df: {dead}: the file system does not answer")]);
    let row = |name: &str| {
        let path = elsewhere.path(name);
        let line = ran.stdout.lines().find(|line| line.ends_with(&path)).unwrap();
        line.split_ascii_whitespace().take(4).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("dead"), "dead fuse ? ?");
    assert!(row("alive").starts_with("alive tmpfs "), "{}", row("alive"));
    porthole(["df", &dead, "-p", &pid]).run().within(Duration::from_secs(20)).is(
        1,
        "",
        &format!("porthole: df: {dead}: the file system does not answer"),
    );
}

#[test]
#[ignore = "slow: run by make test"]
fn checking_thousands_of_mounts_is_bounded_in_time() {
    let mounts = (2..20_000).map(|n| format!("{n} 1 0:{n} / /none/{n} rw - ext4 gone rw\n"));
    let proc = Proc::new(&[("mountinfo", mounts.collect::<String>().as_bytes())]);
    let ran = porthole(["df", "--json", "--proc", proc.path()]).run().within(Duration::from_secs(30));
    let last = ran.stderr.lines().last().unwrap();
    // A fast machine may have checked them all in time.
    let cut = last.ends_with(" of 19998 mounts not checked: timed out after 5 s");
    assert!(cut || last == "porthole: df: /none/19999: no such file or directory", "{last}");
    assert_eq!(rows(&ran.stdout).len() == 19_998, !cut);
}
