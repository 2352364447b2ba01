//! `porthole top`, compared with what /proc counts over the same time.

mod terminal;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::limits::v2;
use crate::support::command::{binary, porthole};
use crate::support::elsewhere::{Proc, write};
use crate::support::processes::{Sleeper, printed};

/// The JSON documents of a run, one a line.
#[track_caller]
fn documents(words: &[&str]) -> Vec<Value> {
    let ran = porthole([&["top", "--json"], words].concat()).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The entry of this process.
fn of(document: &Value, pid: u32) -> &Value {
    document["processes"].as_array().unwrap().iter().find(|entry| entry["pid"] == pid).unwrap()
}

/// The CPU time that a process has used, in milliseconds.
fn cpu(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 1000.0 / printed(&["getconf", "CLK_TCK"]).parse::<f64>().unwrap()
}

#[test]
fn cpu_time_is_what_the_kernel_counts() {
    let mut command = Command::new("sh");
    let busy = Sleeper::start(command.args(["-c", "while :; do :; done"]), "sh -c while");
    let idle = Sleeper::called("porthole idle", &[]);
    let before = cpu(busy.pid());
    let found = documents(&["-n", "3"]);
    let used = cpu(busy.pid()) - before;
    assert_eq!(found.len(), 3);
    let ours: f64 = found
        .iter()
        .map(|document| {
            let interval = document["interval_ms"].as_f64().unwrap();
            assert!(interval >= 1000.0, "{interval}");
            interval * of(document, busy.pid())["cpu_percent"].as_f64().unwrap() / 100.0
        })
        .sum();
    // Starting and ending takes some time too; percentages are rounded down to a tenth.
    assert!(ours > used / 4.0 && ours <= used + 10.0 && used > 50.0, "{ours} of {used} ms");
    for document in &found {
        let idle = of(document, idle.pid());
        assert_eq!((&idle["cpu_percent"], &idle["args"][0]), (&json!(0.0), &json!("porthole idle")));
        let shares: Vec<f64> = document["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["cpu_percent"].as_f64().unwrap())
            .collect();
        assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
    }
    let theirs = printed(&["ps", "-o", "rss=,nlwp=,euser=", "-p", &idle.pid().to_string()]);
    let row = of(&found[2], idle.pid());
    let rss = row["rss"].as_u64().unwrap() / 1024;
    let ours = format!("{rss} {} {}", row["threads"], row["user"].as_str().unwrap());
    assert_eq!(ours, theirs.split_whitespace().collect::<Vec<_>>().join(" "));
    // As text, and of one process.
    let pid = busy.pid().to_string();
    let ran = porthole(["top", "-bn1", "-d", "0.2", "-p", &pid]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((lines.len(), lines[4]), (7, ""), "{}", ran.story());
    let titles: Vec<&str> = lines[5].split_whitespace().collect();
    assert_eq!(titles, ["PID", "USER", "CPU", "RSS", "THREADS", "COMMAND"]);
    assert!(lines[6].starts_with(&pid) && lines[6].ends_with("  sh -c while :; do :; done"), "{}", lines[6]);
    let pids = |row: &&str| row.split_whitespace().next().unwrap().parse::<u32>().ok();
    assert_eq!(lines[1..4].iter().map(pids).collect::<Vec<_>>(), [None, None, None]);
}

/// A fabricated container, with a process that used so many ticks.
fn container() -> Proc {
    let proc = v2();
    set_ticks(&proc, 1000);
    write(&proc.0.join("7/cmdline"), b"/app\0--password\0hunter2\0");
    proc
}

fn set_ticks(proc: &Proc, ticks: u32) {
    let stat = format!("7 (app) S 1 7 7 0 -1 0 1 2 3 4 {ticks} 0 5 6 20 0 3 0 5 8192 256 1\n");
    write(&proc.0.join("7/stat"), stat.as_bytes());
}

#[test]
fn the_use_of_limits_is_above() {
    let proc = container();
    let page: u64 = printed(&["getconf", "PAGESIZE"]).parse().unwrap();
    let rss = if page == 4096 { "1.0M" } else { " 16M" };
    let user = printed(&["id", "-un"]);
    let (title, user) = (format!("{:<1$}", "USER", user.len().max(4)), format!("{user:<4}"));
    let table = format!(
        "\
RESOURCE    USE    LIMIT  OF LIMIT
memory     100M     512M  [#########-] 93% !
cpu       0 CPU  0.5 CPU  [----------] 0%
pids         20       20  [##########] 100% !

PID  {title}   CPU   RSS  THREADS  COMMAND
  7  {user}  0.0%  {rss}        3  /app --password <7 bytes>"
    );
    porthole(["top", "--every", "100ms", "--proc", proc.path()]).healthy(&table);
    let twice = format!("{table}\n\n{table}");
    porthole(["top", "-n2", "--every", "100ms", "--proc", proc.path()]).healthy(&twice);
}

/// The second document is that of an interval in which CPU time was used.
#[test]
fn cpu_is_that_of_the_last_interval() {
    let proc = container();
    let mut child = Command::new(binary())
        .args(["top", "--json", "-n", "2", "--every", "2s", "--proc", proc.path()])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(first["cpu"], json!({"use": 0, "limit": 0.5}));
    assert_eq!(first["memory"], json!({"use": 104_857_600, "limit": 536_870_912}));
    assert_eq!(first["pids"], json!({"use": 20, "limit": 20}));
    assert_eq!(first["processes"][0]["cpu_percent"], 0.0);
    set_ticks(&proc, 1150);
    let stat = "usage_usec 5300000\nnr_periods 200\nnr_throttled 50\nthrottled_usec 1500000\n";
    write(&proc.0.join("groups/pod/app/cpu.stat"), stat.as_bytes());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let second: Value = serde_json::from_str(&rest).unwrap();
    let interval = second["interval_ms"].as_f64().unwrap();
    // 1.5 s of the process, with 100 ticks a second, and 0.8 s of the container.
    let close = |value: &Value, expected: f64| (value.as_f64().unwrap() / expected - 1.0).abs() < 0.02;
    assert!(close(&second["processes"][0]["cpu_percent"], 150_000.0 / interval), "{rest}");
    assert!(close(&second["cpu"]["use"], 800.0 / interval), "{rest}");
}

#[test]
fn what_cannot_be_read_is_said_once() {
    let proc = container();
    fs::remove_file(proc.0.join("groups/pod/app/memory.current")).unwrap();
    fs::remove_file(proc.0.join("7/cgroup")).unwrap();
    let ran = porthole(["top", "-n2", "--every", "100ms", "--proc", proc.path()]).run();
    let error = format!("porthole: top: {}/self/cgroup: no such file or directory\n", proc.path());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), error.as_str()), "{}", ran.story());
    assert_eq!(ran.stdout.matches("memory      ?      ?\n").count(), 2, "{}", ran.story());
    porthole(["top", "--proc", "/none"]).run().is(
        1,
        "",
        "porthole: top: /none/self/cgroup: no such file or directory\nporthole: top: /none: no proc is mounted there",
    );
    porthole(["top", "-p", "4000000"]).refused("top: pid 4000000: no such process");
}

#[test]
fn a_process_that_ends_is_normal() {
    let mut sleeper = Sleeper::called("porthole sleeper", &[]);
    let pid = sleeper.pid().to_string();
    sleeper.end();
    let found = documents(&["--every", "100ms", "-p", &pid]);
    assert_eq!(
        (&found[0]["processes"][0]["state"], &found[0]["processes"][0]["rss"]),
        (&json!("Z"), &json!(0))
    );
    drop(sleeper);
    let ran = porthole(["top", "-p", &pid]).run();
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
}

#[test]
fn wrong_usage_of_top_is_refused() {
    let interval = "a duration such as 500ms or 2s, at least 100ms and at most 1h";
    for (words, message) in [
        (
            &["top", "-n", "0"][..],
            "top: --iterations: expected a whole number, at least 1, got '0'".to_owned(),
        ),
        (&["top", "--every", "50ms"], format!("top: --every: expected {interval}, got '50ms'")),
        (&["top", "-d", "2h"], format!("top: --every: expected {interval}, got '2h'")),
        (&["top", "x"], "top: unexpected argument 'x'; see porthole top --help".to_owned()),
    ] {
        porthole(words).refused(&message);
    }
}
