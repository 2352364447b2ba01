//! `porthole ps`.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::command::{binary, copy_program, for_other_users, output, porthole};
use crate::support::processes::{Made, Proc, Sleeper, printed};
use crate::support::skip::skip;

/// A small fabricated system: init, a server with two workers, one of them a zombie, and a kernel
/// thread whose parent is missing.
fn world() -> Proc {
    let page: u64 = printed(&["getconf", "PAGESIZE"]).parse().unwrap();
    let proc = Proc::new();
    proc.file("uptime", "200000.50 1.00\n");
    let made = Made { name: b"init", ppid: 0, ..Made::default() };
    proc.process(1, &made, b"/sbin/init\0");
    let made = Made {
        name: b"nginx",
        session: 7,
        group: (7, 7),
        ticks: 9_000_000,
        threads: 4,
        start: 2_000_050,
        pages: 1_228_800_u64.div_ceil(page),
        ..Made::default()
    };
    proc.process(7, &made, b"nginx: master process\0-g\0daemon off;\0\0\0\0");
    proc.process(
        12,
        &Made { name: b"worker", ppid: 7, nice: 5, ..Made::default() },
        b"worker\0--token\0hunter2\0",
    );
    let made = Made { name: b"a) Z (\x1b\n", state: 'Z', ppid: 7, start: 19_996_000, ..Made::default() };
    proc.process(10, &made, b"");
    proc.process(13, &Made { name: b"kworker/0:1", state: 'I', nice: -20, ppid: 2, ..Made::default() }, b"");
    proc.file("self/x", "").file("sys/x", "").file("4194305/stat", "");
    proc
}

/// The table with the name of the current user.
fn with_user(table: &str) -> String {
    with(&printed(&["id", "-un"]), table)
}

fn with(user: &str, table: &str) -> String {
    let width = user.len().max(4);
    table.replace("<USER>", &format!("{:<width$}", "USER")).replace("<me>", &format!("{user:<width$}"))
}

#[test]
fn processes_are_listed_with_secrets_masked() {
    let proc = world();
    porthole(["ps", "--proc", proc.path()]).healthy(&with_user(
        r"PID  PPID  <USER>  STAT     ELAPSED    CPU   RSS  COMMAND
  1     0  <me>  Ss    2-07:33:20   0.0%     0  /sbin/init
  7     1  <me>  Ssl+  2-02:00:00  50.0%  1.2M  nginx: master process -g daemon off;
 10     7  <me>  Z          00:40   0.0%     0  [a) Z (\x1b\n] <defunct>
 12     7  <me>  SN    2-07:33:20   0.0%     0  worker --token <7 bytes>
 13     2  <me>  I<    2-07:33:20   0.0%     0  [kworker/0:1]",
    ));
    porthole(["ps", "worker", "--reveal-all", "--proc", proc.path()]).healthy(&with_user(
        "PID  PPID  <USER>  STAT     ELAPSED   CPU  RSS  COMMAND
 12     7  <me>  SN    2-07:33:20  0.0%    0  worker --token hunter2",
    ));
    // Its root directory is missing, so the names of its users are unknown.
    porthole(["ps", "-p", "13", "--proc", proc.path()]).healthy(&with(
        &printed(&["id", "-u"]),
        "PID  PPID  <USER>  STAT     ELAPSED   CPU  RSS  COMMAND
 13     2  <me>  I<    2-07:33:20  0.0%    0  [kworker/0:1]",
    ));
}

#[test]
fn the_tree_of_processes_is_drawn() {
    let proc = world();
    porthole(["ps", "--tree", "--proc", proc.path()]).healthy(&with_user(
        r"PID  PPID  <USER>  STAT     ELAPSED    CPU   RSS  COMMAND
  1     0  <me>  Ss    2-07:33:20   0.0%     0  /sbin/init
  7     1  <me>  Ssl+  2-02:00:00  50.0%  1.2M  └─ nginx: master process -g daemon off;
 10     7  <me>  Z          00:40   0.0%     0     ├─ [a) Z (\x1b\n] <defunct>
 12     7  <me>  SN    2-07:33:20   0.0%     0     └─ worker --token <7 bytes>
 13     2  <me>  I<    2-07:33:20   0.0%     0  [kworker/0:1]",
    ));
}

/// The pids of the processes in the order of the table or of the JSON document.
fn sorted(words: &[&str], proc: &Proc) -> Vec<u64> {
    let ran = porthole([&["ps", "--proc", proc.path()], words].concat()).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    if words.contains(&"--json") {
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        return json["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["pid"].as_u64().unwrap())
            .collect();
    }
    ran.stdout.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn processes_are_sorted_on_request() {
    let proc = Proc::new();
    proc.file("uptime", "200000.50 1.00\n");
    for (pid, ppid, ticks, start, pages) in
        [(1, 0, 10, 0, 5), (7, 1, 900_000, 2_000_000, 90), (10, 7, 0, 9000, 5), (12, 7, 800_000, 500, 70)]
    {
        proc.process(pid, &Made { ppid, ticks, start, pages, ..Made::default() }, b"x\0");
    }
    for (key, expected) in [
        ("cpu", [7, 12, 1, 10]),
        ("-cpu", [7, 12, 1, 10]),
        ("rss", [7, 12, 1, 10]),
        ("+rss", [1, 10, 12, 7]),
        ("elapsed", [1, 12, 10, 7]),
        ("pid", [1, 7, 10, 12]),
        ("-pid", [12, 10, 7, 1]),
    ] {
        assert_eq!(sorted(&["--sort", key], &proc), expected, "{key}");
        assert_eq!(sorted(&["--json", &format!("--sort={key}")], &proc), expected, "{key}");
    }
    assert_eq!(sorted(&[], &proc), [1, 7, 10, 12]);
    // In a tree, siblings.
    assert_eq!(sorted(&["--tree", "--sort", "rss"], &proc), [1, 7, 12, 10]);
    assert_eq!(sorted(&["--tree"], &proc), [1, 7, 10, 12]);
    porthole(["ps", "--sort", "time"]).refused("ps: --sort: expected cpu, rss, elapsed or pid, got 'time'");
}

#[test]
fn json_has_all_values_of_a_process() {
    let proc = world();
    let ran = porthole(["ps", "--json", "--proc", proc.path()]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["processes"].as_array().unwrap().len(), 5);
    let mut nginx = json["processes"][1].clone();
    let rss = nginx["rss"].take().as_u64().unwrap();
    assert!((1_228_800..1_228_800 + 65_536).contains(&rss));
    nginx.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "uid" | "user" | "rss"));
    assert_eq!(
        nginx,
        json!({"pid": 7, "ppid": 1, "process": "nginx", "state": "S", "stat": "Ssl+", "zombie": false, "threads": 4,
            "elapsed_ms": 180_000_000, "cpu_ms": 90_000_000, "cpu_percent": 50.0,
            "args": ["nginx: master process", "-g", "daemon off;"]})
    );
    assert_eq!(json["processes"][2]["zombie"], true);
    assert_eq!(json["processes"][2]["process"], "a) Z (\u{1b}\n");
    assert_eq!(json["processes"][3]["args"], json!(["worker", "--token", "<7 bytes>"]));
}

/// For a moment between the end of a process and the removal of its directory, its files can be
/// read.
#[test]
fn a_process_that_has_just_ended_is_left_out() {
    let proc = world();
    proc.file(
        "9/stat",
        "9 (true) X 0 -1 -1 0 -1 4227084 72 0 0 0 0 0 0 0 20 0 0 0 7221 0 0 18446744073709551615 0\n",
    );
    let ran = porthole(["ps", "--json", "--proc", proc.path()]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, json["processes"].as_array().unwrap().len()), (Some(0), 5), "{}", ran.story());
    let gone = format!("ps: {}/9/stat: the process is gone", proc.path());
    porthole(["ps", "-p", "9", "--proc", proc.path()]).refused(&gone);
}

#[test]
fn a_process_that_does_not_exist_is_an_error() {
    let proc = world();
    porthole(["ps", "redis", "--proc", proc.path()]).refused("ps: redis: no such process");
    porthole(["ps", "-p", "99", "--proc", proc.path()]).refused("ps: pid 99: no such process");
    porthole(["ps", "--proc", "/none"]).refused("ps: /none: no proc is mounted there");
    porthole(["ps", ""]).refused("ps: NAME: expected the name of a process, got ''");
    porthole(["ps", "a", "b"]).refused("ps: unexpected argument 'b'; see porthole ps --help");
    let ran = porthole(["ps", "redis", "--json", "--proc", proc.path()]).run();
    ran.has(
        1,
        &json!({"processes": [], "errors": ["redis: no such process"]}),
        "porthole: ps: redis: no such process",
    );
}

#[test]
fn a_malformed_stat_is_reported_and_the_others_are_listed() {
    let proc = world();
    proc.file("14/stat", "14 (cut) S 1 2").file("15/x", "").file("16", "");
    std::fs::create_dir_all(format!("{}/17/stat", proc.path())).unwrap();
    let ran = porthole(["ps", "--proc", proc.path()]).run();
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    let stat = |pid: u32, why: &str| format!("porthole: ps: {}/{pid}/stat: {why}\n", proc.path());
    assert_eq!(ran.stderr, stat(14, "malformed process state") + &stat(17, "is a directory"));
    assert!(
        ran.stdout.contains(&with_user("\n 14     ?  <me>  ?              ?      ?     ?  ?\n")),
        "{}",
        ran.story()
    );
    assert!(!ran.stdout.contains("\n 15 "), "{}", ran.story());
}

#[test]
fn without_the_uptime_only_times_are_unknown() {
    let proc = Proc::new();
    proc.process(1, &Made { ppid: 0, ..Made::default() }, b"/sbin/init\0");
    porthole(["ps", "--proc", proc.path()]).run().is(
        0,
        &with_user("PID  PPID  <USER>  STAT  ELAPSED  CPU  RSS  COMMAND\n  1     0  <me>  Ss          ?    ?    0  /sbin/init"),
        &format!("porthole: ps: {}/uptime: no such file or directory: start and CPU times are unknown", proc.path()),
    );
}

#[test]
fn long_command_lines_are_cut() {
    let proc = Proc::new();
    proc.file("uptime", "1.00 1.00\n");
    for pid in 1..400 {
        proc.process(pid, &Made::default(), &b"\x1b".repeat(100_000));
    }
    let ran = porthole(["ps", "--proc", proc.path()]).in_little_memory().run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 400);
    assert!(ran.stdout.lines().skip(1).all(|line| line.ends_with("\\x1b…")));
}

/// A zombie is also red if colors are wanted, and lines are cut to the width of the terminal.
#[test]
fn a_terminal_gets_colors_and_lines_of_its_width() {
    let proc = world();
    let command = format!("stty cols 70; exec {} ps --proc {}", binary(), proc.path());
    let shown = |no_color: &str| {
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).env("NO_COLOR", no_color).stdin(Stdio::null());
        output(&mut script)
    };
    let ran = shown("");
    assert!(ran.stdout.contains("  \x1b[31mZ\x1b[0m  "), "{}", ran.story());
    assert!(ran.stdout.contains("  \x1b[31m[a) Z (\\x1b\\n] <defun…\x1b[0m\r\n"), "{}", ran.story());
    let ran = shown("1");
    assert!(!ran.stdout.contains('\x1b'), "{}", ran.story());
    assert_eq!(ran.stdout.lines().map(|line| line.chars().count()).max(), Some(70), "{}", ran.story());
}

/// Compared with procps.
#[test]
fn a_real_process_is_shown_as_by_ps() {
    if Command::new("ps").arg("--version").output().is_err() {
        skip("ps (procps) is not installed");
        return;
    }
    let mut sleeper = Sleeper::called("porthole sleeper", &[]);
    let pid = sleeper.pid().to_string();
    let theirs = |columns: &str| printed(&["ps", "-ww", "-o", columns, "-p", &pid]);
    for _ in 0..2 {
        let ran = porthole(["ps", "--json", "-p", &pid]).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        let ours = &json["processes"][0];
        let text = |key: &str| ours[key].as_str().map_or_else(|| ours[key].to_string(), ToOwned::to_owned);
        for (key, column) in [("ppid", "ppid="), ("uid", "euid="), ("stat", "stat=")] {
            assert_eq!(text(key), theirs(column).trim(), "{column}");
        }
        let rss: u64 = theirs("rss=").trim().parse().unwrap();
        assert_eq!(ours["rss"].as_u64().unwrap(), rss * 1024);
        let ran = porthole(["ps", "-p", &pid]).run();
        assert!(ran.stdout.ends_with(&format!("  {}\n", theirs("args="))), "{}", ran.story());
        // A second time as a zombie: its root directory is gone, and with it the names of users.
        if text("stat").starts_with('Z') {
            return;
        }
        sleeper.end();
    }
    panic!("never became a zombie");
}

#[test]
fn porthole_is_not_among_the_processes_of_its_name() {
    let binary = binary();
    let name = std::path::Path::new(&binary).file_name().unwrap().to_str().unwrap().to_owned();
    let ran = porthole(["ps", "--json"]).run();
    assert!(ran.stdout.contains(&format!("\"args\": [\"{binary}\", \"ps\"")), "{}", ran.story());
    // Other tests run porthole too, but none with this argument.
    let ran = porthole(["ps", &name, "--json", "--reveal-all"]).run();
    assert!(!ran.stdout.contains(&format!("\"ps\", \"{name}\"")), "{}", ran.story());
}

#[test]
fn the_user_is_the_one_that_the_process_runs_as() {
    let Some(folder) = for_other_users() else { return };
    // Without read permission the process is not dumpable, and root owns its files in proc.
    let program = folder.join("sleeper");
    copy_program("/bin/sleep", &program);
    std::os::unix::fs::chown(&program, Some(0), Some(0)).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let sleeper = Sleeper::owned(&program, 65_532, 65_532);
    let pid = sleeper.pid().to_string();
    let ran = porthole(["ps", "-p", &pid, "--json"]).run();
    assert!(ran.stdout.contains("\"uid\": 65532, "), "{}", ran.story());
    drop(sleeper);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn hidden_processes_are_mentioned() {
    let Some(folder) = for_other_users() else { return };
    let hidden = "processes of other users are hidden here (hidepid of proc(5)): run as their user, or as root with the \
                  capability SYS_PTRACE";
    let there = "the process is hidden: /proc is mounted with HIDEPID=2: run as its user, or as root with the capability \
                 SYS_PTRACE";
    for (options, arguments, status, stderr) in [
        ("hidepid=2", &["ps"][..], 0, hidden.to_owned()),
        ("hidepid=1", &["ps"], 0, hidden.to_owned()),
        ("hidepid=2", &["ps", "no-such"], 1, format!("no-such: no such process visible; {hidden}")),
        (
            "subset=pid",
            &["ps"],
            0,
            "/proc/uptime: no such file or directory (subset=pid of proc(5)): start and CPU times are unknown"
                .to_owned(),
        ),
        ("hidepid=2", &["lsof"], 1, hidden.to_owned()),
        ("hidepid=4", &["lsof"], 1, hidden.to_owned()),
        ("hidepid=2", &["lsof", "--json"], 1, hidden.to_owned()),
        ("hidepid=2", &["ps", "-p", "1"], 1, format!("/proc/1/stat: {there}")),
        ("hidepid=2", &["env", "-p", "1"], 1, format!("/proc/1/environ: {there}")),
        ("hidepid=4", &["env", "-p", "1"], 1, "pid 1: no such process, or hidden: /proc is mounted with HIDEPID=4".to_owned()),
        ("hidepid=2", &["env", "-p", "4000000"], 1, "pid 4000000: no such process, or hidden: /proc is mounted with HIDEPID=2".to_owned()),
    ] {
        let script = format!(
            "mount -t proc -o {options} proc /proc || exit 77
            exec setpriv --reuid 65532 --regid 65532 --clear-groups \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "sh", "-c", "sleep 600 & \"$@\"; status=$?; kill $!; exit $status"]);
        command.args(["sh", "sh", "-c", &script, "sh"]).arg(folder.join("porthole")).args(arguments);
        let ran = output(&mut command);
        if ran.status == Some(77) || ran.stderr.starts_with("unshare: ") {
            skip(&format!("cannot create a mount namespace here: {}", ran.stderr));
            break;
        }
        assert_eq!(ran.status, Some(status), "{}", ran.story());
        // Since Linux 5.8 the option is shown by name.
        let message = ran.stderr.replace("hidepid=invisible", "HIDEPID=2").replace("hidepid=ptraceable", "HIDEPID=4");
        let message = message.replace("with hidepid=", "with HIDEPID=");
        assert_eq!(message, format!("porthole: {}: {stderr}\n", arguments[0]), "{}", ran.story());
        assert_eq!(options == "hidepid=1", ran.stdout.contains("  root   ?  "), "{}", ran.story());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A fabricated proc may contain anything; opening a FIFO must not block.
#[test]
fn a_fifo_in_proc_does_not_block() {
    let proc = Proc::new();
    proc.file("self/nothing", "").file("7/nothing", "");
    for name in ["stat", "status", "cmdline", "mountinfo", "environ", "net", "limits", "cgroup"] {
        for folder in ["self", "7"] {
            let path = format!("{}/{folder}/{name}", proc.path());
            nix::unistd::mkfifo(path.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
    }
    nix::unistd::mkfifo(format!("{}/uptime", proc.path()).as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for command in ["ps", "top", "env", "mounts", "df", "ss", "lsof", "id", "limits"] {
        for of in [&[][..], &["-p", "7"]] {
            let arguments = [&[command, "--proc", proc.path()][..], of].concat();
            porthole(arguments).run().within(std::time::Duration::from_secs(30));
        }
    }
}

#[test]
fn a_long_name_is_not_repeated_in_full() {
    let ran = porthole(["ps", &"x".repeat(120 << 10)]).run();
    assert!(ran.status == Some(1) && ran.stderr.len() < 200, "{}", ran.story());
}
